//! The life of a target: scrape, send, wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use weir_pipeline::targets::{LastScrape, TargetInfo, TargetStatus};
use weir_pipeline::units::Span;
use weir_pipeline::{Batch, Context, Next, STALE, Tenant, Write};

use super::deliver::Delivery;
use super::failure::{Failure, Reason};
use super::fetch::{Fetch, Fetched};
use super::job::Job;
use super::page::{Counts, Page, Read};
use super::report::Report;
use super::schedule::Schedule;
use super::staleness::Last;
use super::target::Target;
use super::telemetry::Telemetry;
use crate::random::Random;

/// After how long, in milliseconds, what is said of metrics is sent again.
const SAID_AGAIN: i64 = 10 * 60 * 1000;

/// Scrapes one target.
pub(super) struct Worker<F> {
    job: Arc<Job>,
    target: Target,
    fetch: F,
    context: Context,
    next: Next<Write>,
    telemetry: Arc<Telemetry>,
    tenant: Tenant,
    report: Report,
    random: Random,
    last: Option<Last>,
    /// Whether the last scrape succeeded; nothing before the first.
    up: Option<bool>,
    said: Said,
    /// Whether the target is still one of its job.
    wanted: watch::Receiver<bool>,
    /// Whether the job has more targets than it may have.
    over: Arc<AtomicBool>,
    /// What others see of the target.
    status: TargetStatus,
}

/// When what is said of metrics was sent last, and whether that is still true.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    /// What the rest of the pipeline took last, and when.
    sent: Option<(u64, i64)>,
    /// What the last body says.
    now: u64,
}

/// What a worker shares with all others.
pub(super) type Parts = (Context, Next<Write>, Arc<Telemetry>, Tenant);

// === impl Worker ===

impl<F: Fetch> Worker<F> {
    pub(super) fn new(job: Arc<Job>, target: Target, fetch: F, (context, next, telemetry, tenant): Parts) -> Self {
        let (report, random) = (Report::new(&target), Random::new(target.hash()));
        let (last, up, said, wanted) = (None, None, Said::default(), watch::channel(true).1);
        let status = context.targets().pool(&context.pipeline, &job.job_name).add(info(&target));
        let over = Arc::default();
        Self {
            job,
            target,
            fetch,
            context,
            next,
            telemetry,
            tenant,
            report,
            random,
            last,
            up,
            said,
            wanted,
            over,
            status,
        }
    }

    /// Scrapes so long as `wanted` says, and fails while the pool has more targets than it may have.
    pub(super) fn of_pool(self, wanted: watch::Receiver<bool>, over: Arc<AtomicBool>) -> Self {
        Self { wanted, over, ..self }
    }

    /// Scrapes until the program stops, or until the target is not wanted when a scrape is due: its series end there. What
    /// was sent by then is waited for.
    pub(super) async fn run(mut self) {
        let (clock, shutdown) = (self.context.clock.clone(), self.context.shutdown.clone());
        let interval = self.target.interval;
        let schedule = Schedule::new(interval, self.target.hash());
        let mut due = schedule.first(clock.now());
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                // A clock that was set back must not make it wait for long.
                () = sleep(until(due, clock.now()).min(interval)) => {}
            }
            let at = schedule.timestamp(due, clock.now());
            if !*self.wanted.borrow() {
                return self.end(at).await;
            }
            let batch = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                batch = self.scrape(at) => batch,
            };
            due = schedule.next(due, clock.now());
            // A target that used up the interval leaves some time to say so.
            self.deliver(batch, at, until(due, clock.now()).max(interval / 10)).await;
        }
    }

    /// One scrape: what is to be sent.
    pub(super) async fn scrape(&mut self, at: i64) -> Batch {
        let (start, limit) = (Instant::now(), self.target.timeout);
        let fetched = timeout(limit, self.fetch()).await.unwrap_or_else(|_| {
            let limit = Span::from_millis(limit.as_millis() as u64);
            Err(Failure::new(Reason::Timeout, format!("expected an answer within {limit}")))
        });
        let (read, counts) = match &fetched {
            Ok(fetched) => {
                let mut page =
                    Page::new(&self.target, &self.job, (&self.tenant, at), self.last.as_ref(), self.said.wanted(at));
                let read = page.read(&fetched.body, fetched.format);
                let counts = page.counts;
                (read.map(|()| page.finish()), counts)
            }
            Err(failure) => (Err(failure.clone()), Counts::default()),
        };
        let took = start.elapsed();
        self.telemetry.scraped(&self.job.job_name, took, counts, read.as_ref().err());
        self.tell(read.as_ref().err());
        self.status.scraped(LastScrape { at, took, error: read.as_ref().err().map(ToString::to_string) });
        match read {
            Ok(Read { mut out, rows, said }) => {
                self.said.now = said;
                self.report.append(&mut out, at, true, took, counts);
                let batch = out.build();
                self.last = Some(Last::new(batch.clone(), rows));
                batch
            }
            Err(_) => self.down(at, took, counts),
        }
    }

    async fn fetch(&self) -> Result<Fetched, Failure> {
        if self.over.load(Ordering::Relaxed) {
            let limit = self.job.target_limit;
            return Err(Failure::new(Reason::TargetLimit, format!("expected at most {limit} targets of the job")));
        }
        self.fetch.fetch(&self.target, &self.job).await
    }

    /// What a scrape that failed leaves: the end of all series, and the report.
    fn down(&mut self, at: i64, took: Duration, counts: Counts) -> Batch {
        // What was read by then is not written, so nothing was added.
        let counts = Counts { added: 0, ..counts };
        let mut out = Batch::builder(self.tenant.clone());
        if let Some(last) = &mut self.last {
            for labels in last.end() {
                out.series(labels).sample(at, STALE);
            }
        }
        self.report.append(&mut out, at, false, took, counts);
        out.build()
    }

    /// Says at `at` that all series of the target end.
    async fn end(&mut self, at: i64) {
        // Where nothing was said nothing ends.
        if self.up.is_some() {
            let mut out = Batch::builder(self.tenant.clone());
            for labels in self.last.iter_mut().flat_map(Last::end) {
                out.series(labels).sample(at, STALE);
            }
            self.report.end(&mut out, at);
            self.deliver(out.build(), at, self.target.interval).await;
        }
    }

    /// Logs what is new: that the target is down, for whatever reason, or up again.
    fn tell(&mut self, failure: Option<&Failure>) {
        let (job, target) = (&self.job.job_name, &self.target.uri);
        match (failure, self.up) {
            (Some(failure), Some(false)) => tracing::debug!(%job, %target, %failure, "a target is still down"),
            (Some(failure), _) => tracing::info!(%job, %target, %failure, "a target is down"),
            (None, Some(false)) => tracing::info!(%job, %target, "a target is up again"),
            (None, _) => {}
        }
        self.up = Some(failure.is_none());
    }

    /// Sends `batch`, for at most `limit`.
    async fn deliver(&mut self, batch: Batch, at: i64, limit: Duration) {
        let (job, samples, said) = (&self.job.job_name, batch.sample_count() as u64, !batch.metadata().is_empty());
        let until = Instant::now() + limit;
        let shutdown = &self.context.shutdown;
        let delivery = Delivery { next: &self.next, shutdown, until, random: &mut self.random };
        match delivery.send(batch).await {
            Ok((_, attempts)) => {
                self.telemetry.delivered(job, samples, attempts);
                if said {
                    self.said.sent = Some((self.said.now, at));
                }
            }
            Err(lost) => {
                let (error, target) = (&lost.error, &self.target.uri);
                self.telemetry.lost(job, samples, lost.attempts, error.kind().as_str());
                tracing::warn!(%job, %target, samples, error = error.report(), "a scrape is lost");
            }
        }
    }
}

/// What others see of a target before its first scrape.
fn info(target: &Target) -> TargetInfo {
    TargetInfo {
        discovered: target.found.clone(),
        labels: target.own(""),
        url: target.uri.to_string(),
        interval: target.interval,
        timeout: target.timeout,
    }
}

fn until(due: i64, now: i64) -> Duration {
    Duration::from_millis(due.saturating_sub(now).max(0).unsigned_abs())
}

// === impl Said ===

impl Said {
    /// Whether to send what is said of metrics along with the scrape at `at`.
    fn wanted(self, at: i64) -> bool {
        self.sent.is_none_or(|(said, sent)| said != self.now || at.saturating_sub(sent) >= SAID_AGAIN)
    }
}

#[cfg(test)]
mod tests;

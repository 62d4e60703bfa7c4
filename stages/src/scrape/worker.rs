//! The life of a target: scrape, send, wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use weir_pipeline::targets::{LastScrape, TargetInfo, TargetStatus};
use weir_pipeline::units::Span;
use weir_pipeline::{Batch, Context, Departure, Next, STALE, Tenant, Write};

use super::deliver::Delivery;
use super::failure::{Failure, Reason};
use super::fetch::{Fetch, Fetched};
use super::heritage::{Left, Past, Said};
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

/// How long what is under way may take where the source is told to go at a reload.
const LAST: Duration = Duration::from_secs(5);

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
    past: Past,
    /// Whether the target is still one of its job.
    wanted: watch::Receiver<bool>,
    /// Whether the job has more targets than it may have.
    over: Arc<AtomicBool>,
    /// What others see of the target.
    status: TargetStatus,
}

/// What a worker shares with all others.
pub(super) type Parts = (Context, Next<Write>, Arc<Telemetry>, Tenant);

// === impl Worker ===

impl<F: Fetch> Worker<F> {
    pub(super) fn new(job: Arc<Job>, target: Target, fetch: F, (context, next, telemetry, tenant): Parts) -> Self {
        let (report, random) = (Report::new(&target), Random::new(target.hash()));
        let (past, wanted) = (Past::default(), watch::channel(true).1);
        let status = context.targets().pool(&context.pipeline, &job.job_name).add(info(&target));
        let over = Arc::default();
        Self { job, target, fetch, context, next, telemetry, tenant, report, random, past, wanted, over, status }
    }

    /// Scrapes so long as `wanted` says, and fails while the pool has more targets than it may have.
    pub(super) fn of_pool(self, wanted: watch::Receiver<bool>, over: Arc<AtomicBool>) -> Self {
        Self { wanted, over, ..self }
    }

    /// Goes on where another one stopped.
    pub(super) fn after(self, past: Past) -> Self {
        if let Some(shown) = &past.shown {
            self.status.scraped(shown.clone());
        }
        Self { past, ..self }
    }

    /// Scrapes until the program stops, or until the target is not wanted when a scrape is due: its series end there, or
    /// where the pipeline is no more. What was sent by then is waited for. Returns what is left for who comes after this.
    pub(super) async fn run(mut self) -> Option<Left> {
        let (clock, shutdown) = (self.context.clock.clone(), self.context.shutdown.clone());
        let interval = self.target.interval;
        let schedule = Schedule::new(interval, self.target.hash());
        let mut due = self.past.first_due(schedule, clock.now());
        if let Some((batch, at)) = self.past.unsent.take() {
            self.deliver(batch, at, until(due, clock.now()).max(interval / 10)).await;
        }
        loop {
            self.past.due = Some((schedule, due));
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return self.leave().await,
                // A clock that was set back must not make it wait for long.
                () = sleep(until(due, clock.now()).min(interval)) => {}
            }
            let at = schedule.timestamp(due, clock.now());
            if !*self.wanted.borrow() {
                self.end(at, interval).await;
                // What it could not say is still to be said.
                return self.past.unsent.is_some().then(|| self.left());
            }
            let batch = tokio::select! {
                biased;
                () = shutdown.cancelled() => return self.leave().await,
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
                let (last, said) = (self.past.last.as_ref(), self.past.said.wanted(at));
                let mut page = Page::new(&self.target, &self.job, (&self.tenant, at), last, said);
                let read = page.read(&fetched.body, fetched.format);
                let counts = page.counts;
                (read.map(|()| page.finish()), counts)
            }
            Err(failure) => (Err(failure.clone()), Counts::default()),
        };
        let took = start.elapsed();
        self.telemetry.scraped(&self.job.job_name, took, counts, read.as_ref().err());
        self.tell(read.as_ref().err());
        let shown = LastScrape { at, took, error: read.as_ref().err().map(ToString::to_string) };
        self.status.scraped(shown.clone());
        self.past.shown = Some(shown);
        match read {
            Ok(Read { mut out, rows, said }) => {
                self.past.said.now = said;
                self.report.append(&mut out, at, true, took, counts);
                let batch = out.build();
                self.past.last = Some(Last::new(batch.clone(), rows));
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
        if let Some(last) = &mut self.past.last {
            for labels in last.end() {
                out.series(labels).sample(at, STALE);
            }
        }
        self.report.append(&mut out, at, false, took, counts);
        out.build()
    }

    /// Says at `at` that all series of the target end, for at most `limit`.
    async fn end(&mut self, at: i64, limit: Duration) {
        // Where nothing was said nothing ends.
        if self.past.up.take().is_some() {
            let mut out = Batch::builder(self.tenant.clone());
            for labels in self.past.last.iter_mut().flat_map(Last::end) {
                out.series(labels).sample(at, STALE);
            }
            self.report.end(&mut out, at);
            self.deliver(out.build(), at, limit).await;
        }
    }

    /// Goes, as it was told.
    async fn leave(mut self) -> Option<Left> {
        match self.context.departure() {
            Departure::Stop => None,
            Departure::Replaced => Some(self.left()),
            Departure::Removed => {
                let last = self.past.shown.as_ref().map_or(i64::MIN, |last| last.at.saturating_add(1));
                self.end(self.context.clock.now().max(last), LAST).await;
                None
            }
        }
    }

    fn left(self) -> Left {
        let Self { job, target, tenant, past, .. } = self;
        Left { job, target, tenant, past }
    }

    /// Logs what is new: that the target is down, for whatever reason, or up again.
    fn tell(&mut self, failure: Option<&Failure>) {
        let (job, target) = (&self.job.job_name, &self.target.uri);
        match (failure, self.past.up) {
            (Some(failure), Some(false)) => tracing::debug!(%job, %target, %failure, "a target is still down"),
            (Some(failure), _) => tracing::info!(%job, %target, %failure, "a target is down"),
            (None, Some(false)) => tracing::info!(%job, %target, "a target is up again"),
            (None, _) => {}
        }
        self.past.up = Some(failure.is_none());
    }

    /// Sends `batch`, for at most `limit`. What can't be sent before another one takes over is left to that.
    async fn deliver(&mut self, batch: Batch, at: i64, limit: Duration) {
        let (job, samples, said) = (&self.job.job_name, batch.sample_count() as u64, !batch.metadata().is_empty());
        let until = Instant::now() + limit;
        let shutdown = &self.context.shutdown;
        let delivery = Delivery { next: &self.next, shutdown, until, random: &mut self.random };
        let sent = tokio::select! {
            biased;
            sent = delivery.send(batch.clone()) => sent,
            () = handed_over(&self.context) => {
                self.past.unsent = Some((batch, at));
                return;
            }
        };
        match sent {
            Ok((_, attempts)) => {
                self.telemetry.delivered(job, samples, attempts);
                if said {
                    self.past.said.sent = Some((self.past.said.now, at));
                }
            }
            Err(lost) if lost.error.kind().is_retryable() && self.is_replaced() => {
                self.past.unsent = Some((batch, at));
            }
            Err(lost) => {
                let (error, target) = (&lost.error, &self.target.uri);
                self.telemetry.lost(job, samples, lost.attempts, error.kind().as_str());
                tracing::warn!(%job, %target, samples, error = error.report(), "a scrape is lost");
            }
        }
    }

    /// Whether another one takes over.
    fn is_replaced(&self) -> bool {
        self.context.shutdown.is_cancelled() && self.context.departure() == Departure::Replaced
    }
}

/// Waits until another one takes over and has waited for long enough.
async fn handed_over(context: &Context) {
    context.shutdown.cancelled().await;
    match context.departure() {
        Departure::Replaced => sleep(LAST).await,
        _ => std::future::pending().await,
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

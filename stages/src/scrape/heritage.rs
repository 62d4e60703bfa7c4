//! What a source leaves for the one that takes its place at a reload, so that targets that stay go on as if nothing had
//! happened.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::sync::watch;
use weir_pipeline::targets::LastScrape;
use weir_pipeline::{Batch, LabelSet, Tenant};

use super::discover::Found;
use super::failure::{Failure, Reason};
use super::fetch::{Fetch, Fetched};
use super::job::Job;
use super::schedule::Schedule;
use super::staleness::Last;
use super::target::Target;
use super::worker::{Parts, Worker};

/// What all jobs of a source leave, by their names.
#[derive(Default)]
pub(super) struct Heritage(pub(super) HashMap<String, JobLeft>);

/// What a job leaves.
#[derive(Default)]
pub(super) struct JobLeft {
    pub(super) targets: Vec<Left>,
    /// What was found in its lists.
    pub(super) found: Vec<Found>,
}

/// What a target leaves.
pub(super) struct Left {
    pub(super) job: Arc<Job>,
    pub(super) target: Target,
    pub(super) tenant: Tenant,
    pub(super) past: Past,
}

/// What is known of a target from its scrapes so far.
#[derive(Default)]
pub(super) struct Past {
    /// The series of the last scrape that succeeded.
    pub(super) last: Option<Last>,
    /// Whether the last scrape succeeded; nothing before the first.
    pub(super) up: Option<bool>,
    pub(super) said: Said,
    /// When it was to be scraped next, and by which schedule.
    pub(super) due: Option<(Schedule, i64)>,
    /// How the last scrape went.
    pub(super) shown: Option<LastScrape>,
    /// A batch that the rest of the pipeline has not taken yet, and its time.
    pub(super) unsent: Option<(Batch, i64)>,
}

/// When what is said of metrics was sent last, and whether that is still true.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Said {
    /// What the rest of the pipeline took last, and when.
    pub(super) sent: Option<(u64, i64)>,
    /// What the last body says.
    pub(super) now: u64,
}

/// Targets that nobody has taken on yet.
#[derive(Default)]
pub(super) struct Waiting {
    by_hash: HashMap<u64, Left>,
    /// The hashes of those with these labels.
    by_labels: BTreeMap<LabelSet, Vec<u64>>,
}

/// Answers for targets that are not scraped any more.
struct Nowhere;

// === impl Heritage ===

impl Heritage {
    /// What the job of this name left, as far as it is this tenant's.
    pub(super) fn take(&mut self, job: &str, tenant: &Tenant) -> JobLeft {
        let Some(left) = self.0.get_mut(job) else { return JobLeft::default() };
        let (own, others) = std::mem::take(&mut left.targets).into_iter().partition(|left| left.tenant == *tenant);
        left.targets = others;
        JobLeft { targets: own, found: std::mem::take(&mut left.found) }
    }

    /// The targets that no job has taken.
    pub(super) fn into_rest(self) -> impl Iterator<Item = Left> {
        self.0.into_values().flat_map(|left| left.targets)
    }
}

// === impl Left ===

impl Left {
    /// Says at the target's next time that its series end. Returns what is left where that could not be said yet.
    pub(super) async fn end(self, (context, next, telemetry, _): Parts) -> (String, JobLeft) {
        let Self { job, target, tenant, past } = self;
        let name = job.job_name.clone();
        let worker = Worker::new(job, target, Nowhere, (context, next, telemetry, tenant)).after(past);
        let left = worker.of_pool(watch::channel(false).1, Arc::default()).run().await;
        (name, JobLeft { targets: left.into_iter().collect(), found: Vec::new() })
    }
}

// === impl JobLeft ===

impl JobLeft {
    /// Both.
    pub(super) fn extend(&mut self, other: Self) {
        self.targets.extend(other.targets);
        self.found.extend(other.found);
    }
}

// === impl Nowhere ===

impl Fetch for Nowhere {
    async fn fetch(&self, _: &Target, _: &Job) -> Result<Fetched, Failure> {
        Err(Failure::new(Reason::Connect, "the target's job is no more"))
    }
}

// === impl Past ===

impl Past {
    /// When to scrape first by `schedule`, where it is `now`.
    pub(super) fn first_due(&self, schedule: Schedule, now: i64) -> i64 {
        match self.due {
            // What came due meanwhile is made up for.
            Some((known, due)) if known == schedule => schedule.resume(due, now),
            _ => schedule.first(now.max(self.shown.as_ref().map_or(now, |last| last.at.saturating_add(1)))),
        }
    }
}

// === impl Waiting ===

impl Waiting {
    pub(super) fn new(left: Vec<Left>) -> Self {
        let mut waiting = Self::default();
        for left in left {
            let hash = left.target.hash();
            waiting.by_labels.entry(left.target.own("")).or_default().push(hash);
            waiting.by_hash.insert(hash, left);
        }
        waiting
    }

    /// The past of a target: its own, or that of one that is not there any more and gave its series the same labels.
    /// `is_found` says of a hash whether that target is there.
    pub(super) fn take(&mut self, target: &Target, is_found: impl Fn(u64) -> bool) -> Past {
        if self.by_hash.is_empty() {
            return Past::default();
        }
        if let Some(left) = self.by_hash.remove(&target.hash()) {
            return left.past;
        }
        let alike = self.by_labels.get(&target.own(""));
        let free =
            alike.into_iter().flatten().find(|hash| self.by_hash.contains_key(hash) && !is_found(**hash)).copied();
        free.and_then(|hash| self.by_hash.remove(&hash)).map(|left| left.past).unwrap_or_default()
    }

    /// All that are left.
    pub(super) fn drain(&mut self) -> Vec<Left> {
        self.by_labels.clear();
        self.by_hash.drain().map(|(_, left)| left).collect()
    }
}

#[cfg(test)]
mod tests;

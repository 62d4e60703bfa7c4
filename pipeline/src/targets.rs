//! What is scraped, and how that goes: filled by those who scrape, shown by the API.
//!
//! Shape: pools, one for each job of a pipeline; a pool has active targets, each with the outcome of its last scrape, and
//! some of those that relabelling dropped. A target is there as long as its [`TargetStatus`] lives, so that whoever scrapes
//! it has nothing to take back.
//!
//! Source: `TargetDiscovery` of `web/api/v1/api.go` of Prometheus 3.14.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::labels::LabelSet;

/// How many dropped targets of a pool are kept, as `keep_dropped_targets` of Prometheus can bound them; of the rest only
/// the number is.
pub const MAX_DROPPED: usize = 1000;

/// The targets of the whole program, by pool. A clone is the same.
#[derive(Clone, Default)]
pub struct Targets(Arc<Mutex<BTreeMap<Key, Entry>>>);

/// The name of a job, and the pipeline that has it.
type Key = (String, String);

/// A pool as kept.
#[derive(Default)]
struct Entry {
    /// How many handles there are.
    handles: usize,
    /// The number of the next target.
    next: u64,
    active: BTreeMap<u64, Active>,
    dropped: Vec<LabelSet>,
    dropped_count: usize,
}

/// The targets of one job. It is there until this is dropped, and its targets are.
pub struct TargetPool {
    targets: Targets,
    key: Key,
}

/// An active target, from its start to its end. Dropping it takes the target out.
pub struct TargetStatus {
    pool: Arc<TargetPool>,
    number: u64,
}

/// What is known of a target before its first scrape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetInfo {
    /// The labels before relabelling: `__address__`, `__scheme__`, `__meta_…` and the like.
    pub discovered: LabelSet,
    /// The labels that its samples get.
    pub labels: LabelSet,
    /// What is asked for, as a URL, without secrets.
    pub url: String,
    /// How often it is scraped.
    pub interval: Duration,
    /// How long a scrape may take.
    pub timeout: Duration,
}

/// The outcome of a scrape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastScrape {
    /// When it began, in milliseconds since the Unix epoch.
    pub at: i64,
    /// How long it took.
    pub took: Duration,
    /// Why it failed, without secrets; `None` where it did not.
    pub error: Option<String>,
}

/// An active target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Active {
    /// What it is.
    pub info: TargetInfo,
    /// How its last scrape went; `None` before the first.
    pub last: Option<LastScrape>,
}

/// The targets of one job, as of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// The name of the job.
    pub name: String,
    /// The pipeline that has it.
    pub pipeline: String,
    /// In the order in which they were added.
    pub active: Vec<Active>,
    /// The discovered labels of targets that relabelling dropped, at most [`MAX_DROPPED`].
    pub dropped: Vec<LabelSet>,
    /// How many were dropped.
    pub dropped_count: usize,
}

// === impl Targets ===

impl Targets {
    /// The pool of a job of a pipeline.
    pub fn pool(&self, pipeline: &str, job: &str) -> Arc<TargetPool> {
        let key = (job.to_owned(), pipeline.to_owned());
        self.lock().entry(key.clone()).or_default().handles += 1;
        Arc::new(TargetPool { targets: self.clone(), key })
    }

    /// All pools, sorted by name.
    pub fn pools(&self) -> Vec<Pool> {
        let pool = |((name, pipeline), entry): (&Key, &Entry)| Pool {
            name: name.clone(),
            pipeline: pipeline.clone(),
            active: entry.active.values().cloned().collect(),
            dropped: entry.dropped.clone(),
            dropped_count: entry.dropped_count,
        };
        self.lock().iter().map(pool).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Targets({} pools)", self.lock().len())
    }
}

// === impl TargetPool ===

impl TargetPool {
    /// Adds an active target.
    pub fn add(self: &Arc<Self>, info: TargetInfo) -> TargetStatus {
        let mut all = self.targets.lock();
        let entry = all.entry(self.key.clone()).or_default();
        let number = entry.next;
        entry.next += 1;
        entry.active.insert(number, Active { info, last: None });
        TargetStatus { pool: self.clone(), number }
    }

    /// Says which targets relabelling dropped, in the place of what was said before.
    pub fn set_dropped(&self, discovered: impl IntoIterator<Item = LabelSet>) {
        let (mut dropped, mut count) = (Vec::new(), 0);
        for labels in discovered {
            count += 1;
            if dropped.len() < MAX_DROPPED {
                dropped.push(labels);
            }
        }
        if let Some(entry) = self.targets.lock().get_mut(&self.key) {
            (entry.dropped, entry.dropped_count) = (dropped, count);
        }
    }
}

impl Drop for TargetPool {
    fn drop(&mut self) {
        let mut all = self.targets.lock();
        if let Some(entry) = all.get_mut(&self.key) {
            entry.handles -= 1;
            if entry.handles == 0 {
                all.remove(&self.key);
            }
        }
    }
}

// === impl TargetStatus ===

impl TargetStatus {
    /// Says how a scrape went.
    pub fn scraped(&self, last: LastScrape) {
        let mut all = self.pool.targets.lock();
        let entry = all.get_mut(&self.pool.key);
        if let Some(active) = entry.and_then(|entry| entry.active.get_mut(&self.number)) {
            active.last = Some(last);
        }
    }
}

impl Drop for TargetStatus {
    fn drop(&mut self) {
        if let Some(entry) = self.pool.targets.lock().get_mut(&self.pool.key) {
            entry.active.remove(&self.number);
        }
    }
}

#[cfg(test)]
mod tests;

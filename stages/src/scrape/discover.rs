//! Where targets are listed that are not in the pipeline's own file: in other files, and on servers.

mod file;
mod http;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use weir_pipeline::Result;

use super::job::{Group, Job};
use super::telemetry::Telemetry;

pub use file::FileSd;
pub use http::HttpSd;

/// What was found: the groups of each of the job's lists, those of its own file first.
pub(super) struct Board {
    lists: Mutex<Vec<List>>,
    changed: Notify,
}

/// A list of a board.
#[derive(Default)]
struct List {
    /// Where it comes from; empty for that of the job's own file.
    from: String,
    groups: Vec<Group>,
    /// Whether it was looked at.
    is_known: bool,
}

/// What was found in a list.
pub(super) struct Found {
    from: String,
    groups: Vec<Group>,
}

/// One list of a board.
#[derive(Clone)]
struct Slot {
    board: Arc<Board>,
    place: usize,
}

/// Targets as a list has them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    #[serde(default)]
    targets: Vec<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

/// Whom discovery tells.
#[derive(Clone)]
struct Tells {
    job: String,
    telemetry: Arc<Telemetry>,
}

/// Begins to look for the targets of `job`, and keeps the board up to date.
///
/// # Errors
/// A list can't be asked for at all.
pub(super) fn discover(job: &Job, board: &Arc<Board>, telemetry: &Arc<Telemetry>) -> Result<JoinSet<()>> {
    let mut tasks = JoinSet::new();
    let tells = Tells { job: job.job_name.clone(), telemetry: telemetry.clone() };
    // The first list is that of the job's own file.
    let mut slots = (1..).map(|place| Slot { board: board.clone(), place });
    for files in &job.file_sd_configs {
        if let Some(slot) = slots.next() {
            tasks.spawn(files.clone().follow(slot, tells.clone()));
        }
    }
    for server in &job.http_sd_configs {
        if let Some(slot) = slots.next() {
            tasks.spawn(server.clone().follow(slot, tells.clone())?);
        }
    }
    Ok(tasks)
}

// === impl Board ===

impl Board {
    /// The lists of a job, in which this was found before.
    pub(super) fn new(job: &Job, found: Vec<Found>) -> Self {
        let own = List { groups: job.static_configs.clone(), is_known: true, ..List::default() };
        let files = job.file_sd_configs.iter().map(FileSd::origin);
        let servers = job.http_sd_configs.iter().map(HttpSd::origin);
        let mut found: HashMap<String, Vec<Group>> = found.into_iter().map(|list| (list.from, list.groups)).collect();
        let list = |from: String| {
            let before = found.remove(&from);
            List { from, is_known: before.is_some(), groups: before.unwrap_or_default() }
        };
        let lists = [own].into_iter().chain(files.chain(servers).map(list)).collect();
        Self { lists: Mutex::new(lists), changed: Notify::new() }
    }

    /// All groups that are found now.
    pub(super) fn groups(&self) -> Vec<Group> {
        self.lists().iter().flat_map(|list| list.groups.iter().cloned()).collect()
    }

    /// Whether each list was looked at.
    pub(super) fn is_complete(&self) -> bool {
        self.lists().iter().all(|list| list.is_known)
    }

    /// What was found in lists that are not the job's own.
    pub(super) fn found(&self) -> Vec<Found> {
        let lists = self.lists();
        let known = lists.iter().skip(1).filter(|list| list.is_known);
        known.map(|list| Found { from: list.from.clone(), groups: list.groups.clone() }).collect()
    }

    fn lists(&self) -> MutexGuard<'_, Vec<List>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something else is found. Cancel safe.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}

// === impl Slot ===

impl Slot {
    /// These groups are found now.
    fn set(&self, groups: Vec<Group>) {
        if let Some(list) = self.board.lists().get_mut(self.place)
            && !(list.is_known && list.groups == groups)
        {
            (list.groups, list.is_known) = (groups, true);
            self.board.changed.notify_one();
        }
    }

    /// The list can't be had: what was found before counts, if anything was.
    fn keep(&self) {
        self.set(self.groups());
    }

    /// What was found before.
    fn groups(&self) -> Vec<Group> {
        self.board.lists().get(self.place).map(|list| list.groups.clone()).unwrap_or_default()
    }
}

// === impl Listed ===

impl Listed {
    /// The group, which says in the label `name` where it was found.
    fn group(self, name: &str, place: &str) -> Group {
        let Self { targets, mut labels } = self;
        labels.insert(name.to_owned(), place.to_owned());
        Group { targets, labels }
    }
}

#[cfg(test)]
mod tests;

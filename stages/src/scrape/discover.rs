//! Where targets are listed that are not in the pipeline's own file: in other files, and on servers.

mod file;
mod http;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

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
    lists: Mutex<Vec<Vec<Group>>>,
    changed: Notify,
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
    pub(super) fn new(job: &Job) -> Self {
        let lists = 1 + job.file_sd_configs.len() + job.http_sd_configs.len();
        let mut lists = vec![Vec::new(); lists];
        if let Some(own) = lists.first_mut() {
            own.clone_from(&job.static_configs);
        }
        Self { lists: Mutex::new(lists), changed: Notify::new() }
    }

    /// All groups that are found now.
    pub(super) fn groups(&self) -> Vec<Group> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner).concat()
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
        let mut lists = self.board.lists.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = lists.get_mut(self.place).filter(|list| **list != groups) {
            *list = groups;
            self.board.changed.notify_one();
        }
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

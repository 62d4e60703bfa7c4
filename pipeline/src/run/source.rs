//! The runs of sources: each is a task, until its source returns.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::TaskTracker;

use super::pipe::Pipe;
use super::{ABORT, GRACE};
use crate::context::{Context, Departure, Resources};
use crate::error::{Error, Kind, Place, Result};

/// How often a source is tried again whose address another one is about to leave, and for how long.
const AGAIN: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(10));

/// The sources that run.
#[derive(Default)]
pub(super) struct Sources {
    tasks: JoinSet<(u64, Result<()>)>,
    runs: BTreeMap<u64, Run>,
    next: u64,
}

/// A source that runs.
struct Run {
    place: Place,
    listens: bool,
    /// The part of the program that it is.
    context: Context,
    /// Empty once it has returned.
    here: TaskTracker,
    abort: AbortHandle,
    /// Whether it was told to go: its end is none of the program's.
    leaves: bool,
}

/// A source that was told to go.
pub(super) struct Leaving {
    pub(super) run: u64,
    place: Place,
    here: TaskTracker,
    abort: AbortHandle,
}

/// How a source ended.
pub(super) struct Ended {
    pub(super) run: u64,
    /// Its error, where it was not told to go.
    pub(super) error: Option<Error>,
}

// === impl Sources ===

impl Sources {
    /// Starts the source of a pipeline. Where it can't be had, it is tried again as long as one of those that leave is still
    /// there, which may have its address.
    pub(super) fn start(
        &mut self,
        pipe: &dyn Pipe,
        root: &Context,
        resources: &Resources,
        leaving: Vec<TaskTracker>,
    ) -> u64 {
        let (run, place, here) = (self.next, pipe.place(), TaskTracker::new());
        self.next += 1;
        here.close();
        let part = root.part(resources.clone());
        let (context, source, token) = (part.at(pipe.name(), place.clone()), pipe.source(), here.token());
        let abort = self.tasks.spawn(async move {
            let _here = token;
            let until = Instant::now() + AGAIN.1;
            loop {
                // Asked first: one that left meanwhile may have left the address.
                let may_come = Instant::now() < until && leaving.iter().any(|source| !source.is_empty());
                // A source that panics ends like one that fails: named, and in order.
                let ended = AssertUnwindSafe(async { source(context.clone()).await }).catch_unwind().await;
                let result = ended.unwrap_or_else(|panic| Err(Error::internal(format!("panicked: {}", said(&*panic)))));
                let is_taken = matches!(&result, Err(e) if matches!(e.kind(), Kind::Unavailable { .. }));
                if !(is_taken && may_come && !context.shutdown.is_cancelled()) {
                    return (run, result);
                }
                sleep(AGAIN.0).await;
            }
        });
        let listens = pipe.listens();
        self.runs.insert(run, Run { place, listens, context: part, here, abort, leaves: false });
        run
    }

    /// Tells sources to go; `heirs` are the places that others take.
    pub(super) fn dismiss(&mut self, runs: &BTreeSet<u64>, heirs: &BTreeSet<Place>) -> Vec<Leaving> {
        let mut leaving = Vec::new();
        for (id, run) in self.runs.iter_mut().filter(|(id, _)| runs.contains(*id)) {
            run.leaves = true;
            let is_replaced = heirs.contains(&run.place);
            run.context.dismiss(if is_replaced { Departure::Replaced } else { Departure::Removed });
            run.context.forget_listener(&run.place);
            let (place, here, abort) = (run.place.clone(), run.here.clone(), run.abort.clone());
            leaving.push(Leaving { run: *id, place, here, abort });
        }
        leaving
    }

    /// Whether a source is there, and accepts connections.
    pub(super) fn listens(&self, run: u64) -> bool {
        self.runs.get(&run).is_some_and(|run| run.listens)
    }

    /// The places of sources that accept connections, of these or of all that stay.
    pub(super) fn listening(&self, of: Option<&BTreeSet<u64>>) -> Vec<Place> {
        let runs = self.runs.iter().filter(|(id, run)| run.listens && of.map_or(!run.leaves, |of| of.contains(*id)));
        runs.map(|(_, run)| run.place.clone()).collect()
    }

    /// What can be named by those that stay.
    pub(super) fn set_resources(&self, resources: &Resources) {
        self.runs.values().filter(|run| !run.leaves).for_each(|run| run.context.resources().become_as(resources));
    }

    /// Waits until a source ends; `None` where there is none. Cancel safe.
    pub(super) async fn ended(&mut self) -> Option<Ended> {
        loop {
            let (id, result) = match self.tasks.join_next().await? {
                Ok(ended) => ended,
                // A task fails only where it is aborted: whoever did that says so.
                Err(aborted) => {
                    self.runs.retain(|_, run| run.abort.id() != aborted.id());
                    continue;
                }
            };
            let Some(run) = self.runs.remove(&id) else { continue };
            let error = result.err().map(|e| e.at(&run.place));
            if let Some(error) = error.as_ref().filter(|_| run.leaves) {
                tracing::warn!(error = error.report(), "a source that was told to go");
            }
            return Some(Ended { run: id, error: error.filter(|_| !run.leaves) });
        }
    }

    /// The places of sources that have not returned.
    pub(super) fn live(&self) -> Vec<Place> {
        self.runs.values().map(|run| run.place.clone()).collect()
    }

    /// Drops all that have not returned, but for one that never yields.
    pub(super) async fn abort(&mut self) {
        self.runs.clear();
        self.tasks.abort_all();
        let _ = timeout(ABORT, async { while self.tasks.join_next().await.is_some() {} }).await;
    }
}

/// What a panic says.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

// === impl Leaving ===

impl Leaving {
    /// Empty once it has returned.
    pub(super) fn here(&self) -> TaskTracker {
        self.here.clone()
    }

    /// Waits until it has returned, for as long as it may take; then it is dropped.
    pub(super) async fn left(&self) {
        if timeout(GRACE, self.here.wait()).await.is_err() {
            tracing::warn!(place = %self.place, "a source that was told to go did not drain within {GRACE:?}");
            self.abort.abort();
            let _ = timeout(ABORT, self.here.wait()).await;
        }
    }
}

//! `shard`: sends each series to the replica set that its partition belongs to.
//!
//! ```yaml
//! shard: { ring: central }
//! ```
//!
//! Shape: one branch per replica set of the ring. A batch is split by series, each of which goes to exactly one branch; a
//! batch that belongs to one branch passes untouched. What is said of metrics goes to every branch that gets samples.
//!
//! Errors: those of the branches. Where one branch fails the request fails, also if others have written their part: sent
//! again, that part is merged. An error that may pass comes before one that will not.
//!
//! Order: above `replicate`, which writes to the members of the set. Ready when all branches are: any batch may need any of
//! them. When the ring changes, new batches go by the new layout, and those under way end by the old one.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as TaskContext, Poll, ready};

use futures_util::FutureExt;
use futures_util::future::join_all;
use serde::Deserialize;
use tower::Service;
use weir_pipeline::units::Ref;
use weir_pipeline::{Ack, Batch, Context, Error, Fanout, Next, Reply, Rest, Result, Write};

use crate::ring::{Layout, OpenRing, ReplicaSet};

/// Sends each series to the replica set that its partition belongs to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// The ring.
    pub ring: Ref<OpenRing>,
}

/// What all clones share.
struct Shared {
    ring: Arc<OpenRing>,
    rest: Rest<Write>,
    context: Context,
    state: Mutex<State>,
}

/// The branches, and the layout that was looked at last: that of the branches, or one that could not be followed.
struct State {
    branches: Arc<Branches>,
    seen: Arc<Layout>,
}

/// The branches of one layout, in the order of its sets.
struct Branches {
    layout: Arc<Layout>,
    nexts: Vec<Next<Write>>,
}

/// The branches as one service. A clone has handles of its own.
struct Sharded {
    shared: Arc<Shared>,
    branches: Arc<Branches>,
    /// For each branch a handle, and whether it is ready.
    handles: Vec<(Next<Write>, bool)>,
}

// === impl Shard ===

impl Fanout<Write> for Shard {
    const NAME: &'static str = "shard";

    fn split(self, context: &Context, rest: Rest<Write>) -> Result<Next<Write>> {
        let ring = context.resource::<OpenRing>(self.ring.name())?;
        let seen = ring.current();
        let branches = Arc::new(Branches::new(seen.clone(), None, context, &rest)?);
        let state = Mutex::new(State { branches: branches.clone(), seen });
        let shared = Shared { ring, rest, context: context.clone(), state };
        Ok(Next::new(Sharded::new(Arc::new(shared), branches)))
    }
}

// === impl Shared ===

impl Shared {
    /// The branches of the ring's current layout. Where they can't be built those before stay, and that is said.
    fn current(&self) -> Arc<Branches> {
        let layout = self.ring.current();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&state.seen, &layout) {
            state.seen = layout.clone();
            let epoch = layout.epoch();
            match Branches::new(layout, Some(&state.branches), &self.context, &self.rest) {
                Ok(branches) => state.branches = Arc::new(branches),
                Err(error) => tracing::error!(epoch, error = error.report(), "the ring's change can't be followed"),
            }
        }
        state.branches.clone()
    }
}

// === impl Branches ===

impl Branches {
    /// The branches of `layout`, of which those that were there `before` go on.
    fn new(layout: Arc<Layout>, before: Option<&Self>, context: &Context, rest: &Rest<Write>) -> Result<Self> {
        let branch = |set: &Arc<ReplicaSet>| {
            let known = before.and_then(|before| {
                let same = before.layout.sets().iter().position(|other| other == set)?;
                before.nexts.get(same).cloned()
            });
            known.map_or_else(|| rest.branch(&context.with(set.clone()), &set.name), Ok)
        };
        let nexts = layout.sets().iter().map(branch).collect::<Result<_>>()?;
        Ok(Self { layout, nexts })
    }

    /// The branch of each series.
    fn route(&self, batch: &Batch) -> Vec<usize> {
        let set = |id| self.layout.set_of(self.layout.partition_of(batch.tenant(), id));
        batch.iter().map(|series| set(series.id)).collect()
    }
}

// === impl Sharded ===

impl Sharded {
    fn new(shared: Arc<Shared>, branches: Arc<Branches>) -> Self {
        let handles = branches.nexts.iter().map(|next| (next.clone(), false)).collect();
        Self { shared, branches, handles }
    }
}

impl Clone for Sharded {
    fn clone(&self) -> Self {
        Self::new(self.shared.clone(), self.branches.clone())
    }
}

impl Service<Batch> for Sharded {
    type Response = Ack;
    type Error = Error;
    type Future = Reply<Write>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<()>> {
        let current = self.shared.current();
        if !Arc::ptr_eq(&current, &self.branches) {
            *self = Self::new(self.shared.clone(), current);
        }
        for (next, is_ready) in self.handles.iter_mut().filter(|(_, is_ready)| !is_ready) {
            ready!(next.poll_ready(cx))?;
            *is_ready = true;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, batch: Batch) -> Reply<Write> {
        let route = self.branches.route(&batch);
        let first = route.first().copied().unwrap_or(0);
        let mut handles: Vec<_> = self.handles.iter_mut().map(|(next, is_ready)| (next, is_ready)).collect();
        if route.iter().all(|set| *set == first) {
            let Some((next, is_ready)) = handles.get_mut(first) else {
                return std::future::ready(Err(Error::internal("expected a ring with a replica set"))).boxed();
            };
            **is_ready = false;
            return next.call(batch);
        }
        let replies: Vec<_> = batch
            .split(&route, handles.len())
            .into_iter()
            .zip(handles)
            .filter(|(part, _)| !part.is_empty())
            .map(|(part, (next, is_ready))| {
                *is_ready = false;
                next.call(part)
            })
            .collect();
        async move { merge(join_all(replies).await) }.boxed()
    }
}

/// The ack of all branches, or the error of one.
pub(crate) fn merge(results: Vec<Result<Ack>>) -> Result<Ack> {
    let mut ack = Ack::default();
    let mut failed: Option<Error> = None;
    for result in results {
        match result {
            Ok(part) => ack.merge(part),
            Err(error) if error.kind().is_retryable() => return Err(error),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    failed.map_or(Ok(ack), Err)
}

#[cfg(test)]
mod tests;

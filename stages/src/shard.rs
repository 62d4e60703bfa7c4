//! `shard`: sends each series to the replica set that its partition belongs to.
//!
//! ```yaml
//! shard: { ring: central }
//! ```
//!
//! Shape: one branch per replica set of the ring. A batch is split by series, each of which goes to exactly one branch; a
//! batch that belongs to one branch passes untouched. What is said of metrics goes to every branch that gets samples.
//!
//! With a ring of shuffle shards a tenant's series go to the branches of its shard alone.
//!
//! With `fail_over: true` a part whose set has no quorum (it is unavailable, or timed out, and not for this tenant alone) goes to
//! other sets of the tenant's shard instead, each series to the one where its partition scores next, and the ack is theirs; the set is left alone for five seconds
//! then, after which one request finds out whether it is back. This is sound, as queries hear enough members of every set of the
//! shard, whatever series it keeps: a sample is found where any set has acknowledged it. What was written elsewhere stays there;
//! the sets that are left must bear the load. Default `false`: the sender is told to come back.
//!
//! Errors: those of the branches. Where one branch fails the request fails, also if others have written their part: sent
//! again, that part is merged. An error that may pass comes before one that will not.
//!
//! Order: above `replicate`, which writes to the members of the set. Ready when all branches are, but for those that are left alone:
//! any batch may need any of them. When the ring changes, new batches go by the new layout, and those under way end by the old one.

mod branches;
mod health;

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as TaskContext, Poll, ready};

use futures_util::FutureExt;
use futures_util::future::join_all;
use serde::Deserialize;
use tower::Service;
use weir_pipeline::units::Ref;
use weir_pipeline::{Ack, Batch, Context, Error, Fanout, Next, Reply, Rest, Result, Write};

use crate::ring::{Layout, OpenRing};
use branches::{Branch, Branches, Telemetry};

/// Sends each series to the replica set that its partition belongs to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// The ring.
    pub ring: Ref<OpenRing>,
    /// Whether another set takes what a set can't that has no quorum. Default `false`.
    #[serde(default)]
    pub fail_over: bool,
}

/// What all clones share.
struct Shared {
    ring: Arc<OpenRing>,
    rest: Rest<Write>,
    context: Context,
    fail_over: bool,
    telemetry: Telemetry,
    state: Mutex<State>,
}

/// The branches, and the layout that was looked at last: that of the branches, or one that could not be followed.
struct State {
    branches: Arc<Branches>,
    seen: Arc<Layout>,
}

/// The branches as one service. A clone has handles of its own.
struct Sharded {
    shared: Arc<Shared>,
    branches: Arc<Branches>,
    /// For each branch a handle, and whether it is ready.
    handles: Vec<(Branch, bool)>,
}

// === impl Shard ===

impl Fanout<Write> for Shard {
    const NAME: &'static str = "shard";

    fn split(self, context: &Context, rest: Rest<Write>) -> Result<Next<Write>> {
        let ring = context.resource::<OpenRing>(self.ring.name())?;
        let seen = ring.current();
        let branches = Arc::new(Branches::new(seen.clone(), None, &ring, (context, &rest))?);
        let state = Mutex::new(State { branches: branches.clone(), seen });
        let (fail_over, telemetry) = (self.fail_over, Telemetry::new(context));
        let shared = Shared { ring, rest, context: context.clone(), fail_over, telemetry, state };
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
            match Branches::new(layout, Some(&state.branches), &self.ring, (&self.context, &self.rest)) {
                Ok(branches) => state.branches = Arc::new(branches),
                Err(error) => tracing::error!(epoch, error = error.report(), "the ring's change can't be followed"),
            }
        }
        state.branches.clone()
    }
}

// === impl Sharded ===

impl Sharded {
    fn new(shared: Arc<Shared>, branches: Arc<Branches>) -> Self {
        let handles = branches.all().iter().map(|branch| (branch.clone(), false)).collect();
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
        let fail_over = self.shared.fail_over;
        for (branch, is_ready) in self.handles.iter_mut().filter(|(_, is_ready)| !is_ready) {
            if fail_over && !branch.health.is_open() {
                continue;
            }
            ready!(branch.next.poll_ready(cx))?;
            *is_ready = true;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, batch: Batch) -> Reply<Write> {
        let (branches, fail_over) = (self.branches.clone(), self.shared.fail_over);
        let (route, first) = branches.route(&batch, |set| !fail_over || branches.is_open(set));
        if route.iter().all(|set| *set == first) {
            return self.send(first, batch);
        }
        let parts = batch.split(&route, self.handles.len()).into_iter().enumerate();
        let replies: Vec<_> =
            parts.filter(|(_, part)| !part.is_empty()).map(|(set, part)| self.send(set, part)).collect();
        async move { merge(join_all(replies).await) }.boxed()
    }
}

impl Sharded {
    /// Sends a part of a batch to a set.
    fn send(&mut self, set: usize, part: Batch) -> Reply<Write> {
        let Some((branch, is_ready)) = self.handles.get_mut(set) else {
            return std::future::ready(Err(Error::internal("expected a ring with a replica set"))).boxed();
        };
        let mut send = |branch: &mut Branch, part| {
            if std::mem::take(is_ready) {
                return branch.next.call(part);
            }
            // It was left alone when it was to become ready.
            let next = branch.next.clone();
            async move { next.send(part).await }.boxed()
        };
        if !self.shared.fail_over {
            return send(branch, part);
        }
        branch.health.asked();
        let reply = send(branch, part.clone());
        self.branches.clone().carry(set, part, reply, self.shared.telemetry.clone()).boxed()
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

//! The branches of one layout: where each series goes, and where else where that fails.

use std::sync::Arc;

use futures_util::future::join_all;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use weir_pipeline::{Ack, Batch, Context, Error, Next, Reply, Rest, Result, Write};

use super::health::{Health, is_failure};
use super::merge;
use crate::ring::{Layout, OpenRing, ReplicaSet};

/// The branches of one layout, in the order of its sets.
pub(super) struct Branches {
    layout: Arc<Layout>,
    branches: Vec<Branch>,
}

/// The way to one set. A clone is the same.
#[derive(Clone)]
pub(super) struct Branch {
    pub(super) next: Next<Write>,
    pub(super) health: Arc<Health>,
}

/// What is told of sets that fail.
#[derive(Clone, Debug)]
pub(super) struct Telemetry {
    pipeline: Arc<str>,
    failed_over: Family<Of, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    pipeline: Arc<str>,
    set: String,
}

// === impl Branches ===

impl Branches {
    /// The branches of `layout`, of which those that were there `before` go on.
    pub(super) fn new(
        layout: Arc<Layout>,
        before: Option<&Self>,
        ring: &Arc<OpenRing>,
        (context, rest): (&Context, &Rest<Write>),
    ) -> Result<Self> {
        let branch = |set: &Arc<ReplicaSet>| {
            let known = before.and_then(|before| {
                let same = before.layout.sets().iter().position(|other| other == set)?;
                before.branches.get(same).cloned()
            });
            let new = || {
                let next = rest.branch(&context.with(ring.clone()).with(set.clone()), &set.name)?;
                Ok(Branch { next, health: Arc::default() })
            };
            known.map_or_else(new, Ok)
        };
        let branches = layout.sets().iter().map(branch).collect::<Result<_>>()?;
        Ok(Self { layout, branches })
    }

    pub(super) fn all(&self) -> &[Branch] {
        &self.branches
    }

    /// The place of each series' branch; where that must not be, of another one, if there is any. What has no series goes to
    /// `.1`.
    pub(super) fn route(&self, batch: &Batch, may: impl Fn(usize) -> bool) -> (Vec<usize>, usize) {
        let shard = self.layout.shard_of(batch.tenant());
        let place = |id| {
            let partition = self.layout.partition_of(batch.tenant(), id);
            let set = shard.set_of(partition);
            if may(set) { set } else { shard.other_of(partition, &may).unwrap_or(set) }
        };
        let route: Vec<usize> = batch.iter().map(|series| place(series.id)).collect();
        let first = route.first().copied().or_else(|| shard.sets().first().copied()).unwrap_or(0);
        (route, first)
    }

    /// Whether the set at a place takes what is sent to it, as far as is known.
    pub(super) fn is_open(&self, set: usize) -> bool {
        self.branches.get(set).is_some_and(|branch| branch.health.is_open())
    }

    /// Waits for the reply of a set to a part of a batch; where it fails others of the tenant's shard get that part.
    pub(super) async fn carry(
        self: Arc<Self>,
        set: usize,
        part: Batch,
        reply: Reply<Write>,
        telemetry: Telemetry,
    ) -> Result<Ack> {
        let result = self.told(set, reply.await);
        let Err(error) = result else { return result };
        if !is_failure(&error) {
            return Err(error);
        }
        let (route, first) = self.route(&part, |other| other != set && self.is_open(other));
        if first == set || route.contains(&set) {
            return Err(error);
        }
        let parts =
            part.split(&route, self.branches.len()).into_iter().enumerate().filter(|(_, part)| !part.is_empty());
        let sent = parts.map(|(other, part)| self.send(other, part));
        // The first error comes first: the sender is to come back for this set.
        let ack = merge(join_all(sent).await).map_err(|_| error)?;
        telemetry.failed_over(self.layout.sets().get(set), part.sample_count() as u64);
        Ok(ack)
    }

    async fn send(&self, set: usize, part: Batch) -> Result<Ack> {
        let Some(branch) = self.branches.get(set) else {
            return Err(Error::internal("expected a set for each part"));
        };
        self.told(set, branch.next.send(part).await)
    }

    /// Notes what a set said.
    fn told(&self, set: usize, result: Result<Ack>) -> Result<Ack> {
        if let Some(branch) = self.branches.get(set) {
            branch.health.told(result.as_ref().err());
        }
        result
    }
}

// === impl Telemetry ===

impl Telemetry {
    pub(super) fn new(context: &Context) -> Self {
        let failed_over = context.metrics.register(
            "weir_shard_failed_over_samples",
            "Samples that another set took, since their own had no quorum",
            Family::default(),
        );
        Self { pipeline: context.pipeline.clone(), failed_over }
    }

    fn failed_over(&self, set: Option<&Arc<ReplicaSet>>, samples: u64) {
        let set = set.map(|set| set.name.clone()).unwrap_or_default();
        self.failed_over.get_or_create(&Of { pipeline: self.pipeline.clone(), set }).inc_by(samples);
    }
}

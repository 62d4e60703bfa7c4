//! What `replicate` tells of the members.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use weir_pipeline::Context;

/// What `replicate` tells of all members.
pub(super) struct Telemetry {
    pipeline: Arc<str>,
    up: Family<Who, Gauge>,
    failures: Family<Who, Counter>,
    pending: Family<Who, Gauge>,
    missed: Family<Missed, Counter>,
    handed_off: Family<Who, Counter>,
}

/// What `replicate` tells of one member.
pub(super) struct Seen {
    who: Who,
    up: Gauge,
    failures: Counter,
    pending: Gauge,
    missed: Family<Missed, Counter>,
    handed_off: Family<Who, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Who {
    pipeline: Arc<str>,
    member: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Missed {
    pipeline: Arc<str>,
    member: Arc<str>,
    reason: &'static str,
}

// === impl Telemetry ===

impl Telemetry {
    pub(super) fn new(context: &Context) -> Self {
        let m = &context.metrics;
        Self {
            pipeline: context.pipeline.clone(),
            up: m.register("weir_replicate_member_up", "Whether the member answered last time", Family::default()),
            failures: m.register(
                "weir_replicate_member_failures",
                "Writes to the member that failed and are repeated",
                Family::default(),
            ),
            pending: m.register(
                "weir_replicate_pending_bytes",
                "Batches that are acknowledged and still wait for the member",
                Family::default(),
            ),
            missed: m.register(
                "weir_replicate_missed_samples",
                "Samples that a quorum has and this member did not get",
                Family::default(),
            ),
            handed_off: m.register(
                "weir_replicate_handed_off_samples",
                "Samples that another member keeps for this one",
                Family::default(),
            ),
        }
    }

    pub(super) fn member(&self, name: &str) -> Seen {
        let who = Who { pipeline: self.pipeline.clone(), member: name.into() };
        let seen = Seen {
            up: self.up.get_or_create_owned(&who),
            failures: self.failures.get_or_create_owned(&who),
            pending: self.pending.get_or_create_owned(&who),
            missed: self.missed.clone(),
            handed_off: self.handed_off.clone(),
            who,
        };
        seen.up.set(1);
        seen
    }
}

// === impl Seen ===

impl Seen {
    pub(super) fn up(&self, up: bool) {
        self.up.set(up.into());
    }

    pub(super) fn failed(&self) {
        self.failures.inc();
    }

    /// So many bytes more, or less, wait for the member.
    pub(super) fn pending(&self, bytes: i64) {
        self.pending.inc_by(bytes);
    }

    pub(super) fn handed_off(&self, samples: u64) {
        self.handed_off.get_or_create(&self.who).inc_by(samples);
    }

    pub(super) fn missed(&self, reason: &'static str, samples: u64) {
        let Who { pipeline, member } = self.who.clone();
        self.missed.get_or_create(&Missed { pipeline, member, reason }).inc_by(samples);
    }
}

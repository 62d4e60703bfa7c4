//! What a ring tells of itself.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use weir_pipeline::Context;

use super::Layout;

/// What a ring tells of itself.
pub(super) struct Telemetry {
    ring: String,
    epoch: Family<Which, Gauge>,
    members: Family<Which, Gauge>,
    reloads: Family<By, Counter>,
    lookups: Family<By, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Which {
    ring: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct By {
    ring: String,
    result: &'static str,
}

// === impl Telemetry ===

impl Telemetry {
    pub(super) fn new(context: &Context) -> Self {
        let m = &context.metrics;
        // `resources.central.ring`.
        let ring = context.place.split('.').nth(1).unwrap_or_default().to_owned();
        Self {
            ring,
            epoch: m.register("weir_ring_epoch", "The number of the membership that is followed", Family::default()),
            members: m.register("weir_ring_members", "Members, also those that keep nothing", Family::default()),
            reloads: m.register("weir_ring_reloads", "Changes of the file, by result", Family::default()),
            lookups: m.register("weir_ring_lookups", "Lookups of the members' names, by result", Family::default()),
        }
    }

    pub(super) fn follows(&self, layout: &Layout) {
        let which = Which { ring: self.ring.clone() };
        self.epoch.get_or_create(&which).set(i64::try_from(layout.epoch()).unwrap_or(i64::MAX));
        self.members.get_or_create(&which).set(layout.members().len() as i64);
        for member in layout.spare() {
            tracing::warn!(ring = self.ring, member = member.name, "a member completes no set, and keeps nothing");
        }
    }

    /// Changes of the file.
    pub(super) fn reload(&self, result: &'static str) -> Counter {
        self.reloads.get_or_create_owned(&By { ring: self.ring.clone(), result })
    }

    /// Lookups of names: `ok`, `wrong` where they say nothing that makes a ring, `error` where no server tells.
    pub(super) fn lookup(&self, result: &'static str) -> Counter {
        self.lookups.get_or_create_owned(&By { ring: self.ring.clone(), result })
    }
}

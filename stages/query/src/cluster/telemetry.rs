//! What a cluster tells of itself.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use weir_pipeline::Context;

/// The buckets of durations, in seconds.
const DURATIONS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// What a cluster tells of itself. A clone is the same.
#[derive(Clone)]
pub(super) struct Telemetry {
    cluster: String,
    requests: Family<Request, Counter>,
    duration: Histogram,
    hedges: Counter,
    pub(super) partial: Counter,
    samples: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Which {
    cluster: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    cluster: String,
    member: String,
    result: &'static str,
}

// === impl Telemetry ===

impl Telemetry {
    pub(super) fn new(context: &Context) -> Self {
        let m = &context.metrics;
        // `resources.all.cluster`.
        let cluster = context.place.split('.').nth(1).unwrap_or_default().to_owned();
        let which = Which { cluster: cluster.clone() };
        let counter =
            |name, help| m.register(name, help, Family::<Which, Counter>::default()).get_or_create_owned(&which);
        let histogram: fn() -> Histogram = || Histogram::new(DURATIONS);
        let durations = Family::<Which, Histogram, fn() -> Histogram>::new_with_constructor(histogram);
        let durations =
            m.register("weir_cluster_read_duration_seconds", "From a member's question to its end", durations);
        Self {
            requests: m.register("weir_cluster_reads", "Questions to members, by how they ended", Family::default()),
            duration: durations.get_or_create_owned(&which),
            hedges: counter("weir_cluster_hedged_reads", "Questions to members because others failed or were slow"),
            partial: counter("weir_cluster_partial_answers", "Answers for which too few members could be heard"),
            samples: counter("weir_cluster_samples", "Samples that members sent, those of replicas included"),
            cluster,
        }
    }

    /// A member's answer ended well.
    pub(super) fn heard(&self, member: &str, samples: u64, took: Duration) {
        self.count(member, "ok");
        self.samples.inc_by(samples);
        self.duration.observe(took.as_secs_f64());
    }

    /// A member's answer did not end well.
    pub(super) fn failed(&self, member: &str) {
        self.count(member, "error");
    }

    pub(super) fn hedged(&self) {
        self.hedges.inc();
    }

    fn count(&self, member: &str, result: &'static str) {
        self.requests
            .get_or_create(&Request { cluster: self.cluster.clone(), member: member.to_owned(), result })
            .inc();
    }
}

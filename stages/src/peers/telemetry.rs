//! What `peers` tells of itself.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use weir_pipeline::Context;

/// The buckets of durations, in seconds.
const DURATIONS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// What `peers` tells of itself.
pub(super) struct Telemetry {
    pipeline: Arc<str>,
    requests: Family<Code, Counter>,
    duration: Histogram,
    samples: Counter,
    bytes: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Pipeline {
    pipeline: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Code {
    pipeline: Arc<str>,
    code: u16,
}

// === impl Telemetry ===

impl Telemetry {
    pub(super) fn new(context: &Context) -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(DURATIONS);
        let m = &context.metrics;
        let who = Pipeline { pipeline: context.pipeline.clone() };
        let counter =
            |name, help| m.register(name, help, Family::<Pipeline, Counter>::default()).get_or_create_owned(&who);
        let durations = Family::<Pipeline, Histogram, fn() -> Histogram>::new_with_constructor(histogram);
        let durations =
            m.register("weir_peers_request_duration_seconds", "From a batch's headers to its ack", durations);
        Self {
            requests: m.register(
                "weir_peers_requests",
                "Batches of other nodes, by the reply's status",
                Family::default(),
            ),
            duration: durations.get_or_create_owned(&who),
            samples: counter("weir_peers_samples", "Samples of other nodes sent down the pipeline"),
            bytes: counter("weir_peers_body_bytes", "Bytes of messages of other nodes"),
            pipeline: context.pipeline.clone(),
        }
    }

    pub(super) fn replied(&self, code: u16, took: Duration) {
        self.requests.get_or_create(&Code { pipeline: self.pipeline.clone(), code }).inc();
        self.duration.observe(took.as_secs_f64());
    }

    pub(super) fn read(&self, bytes: u64) {
        self.bytes.inc_by(bytes);
    }

    pub(super) fn decoded(&self, samples: u64) {
        self.samples.inc_by(samples);
    }
}

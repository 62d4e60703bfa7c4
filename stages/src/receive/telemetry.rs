//! What `receive` tells of itself.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use weir_pipeline::Context;

use crate::remote_write::{Decoded, Reason};

/// The buckets of durations, in seconds.
const DURATIONS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// What `receive` tells of itself.
pub(super) struct Telemetry {
    pipeline: Arc<str>,
    requests: Family<Code, Counter>,
    duration: Family<Pipeline, Histogram>,
    samples: Family<Protocol, Counter>,
    rejected: Family<Refusal, Counter>,
    invalid_labels: Family<Pipeline, Counter>,
    exemplars: Family<Refusal, Counter>,
    bytes: Family<Pipeline, Counter>,
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

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Protocol {
    pipeline: Arc<str>,
    protocol: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refusal {
    pipeline: Arc<str>,
    reason: &'static str,
}

// === impl Telemetry ===

impl Telemetry {
    pub(super) fn new(context: &Context) -> Self {
        let duration: fn() -> Histogram = || Histogram::new(DURATIONS);
        let m = &context.metrics;
        Self {
            pipeline: context.pipeline.clone(),
            requests: m.register("weir_receive_requests", "Requests, by the reply's status", Family::default()),
            duration: m.register(
                "weir_receive_request_duration_seconds",
                "From a request's headers to its reply",
                Family::new_with_constructor(duration),
            ),
            samples: m.register("weir_receive_samples", "Samples sent down the pipeline", Family::default()),
            rejected: m.register(
                "weir_receive_rejected_samples",
                "Samples and histograms that did not enter the pipeline",
                Family::default(),
            ),
            invalid_labels: m.register(
                "prometheus_api_remote_write_invalid_labels_samples",
                "Samples of series with invalid labels",
                Family::default(),
            ),
            exemplars: m.register("weir_receive_dropped_exemplars", "Exemplars left out", Family::default()),
            bytes: m.register("weir_receive_body_bytes", "Bytes of request bodies, compressed", Family::default()),
        }
    }

    pub(super) fn replied(&self, code: u16, took: Duration) {
        let pipeline = self.pipeline.clone();
        self.requests.get_or_create(&Code { pipeline: pipeline.clone(), code }).inc();
        self.duration.get_or_create(&Pipeline { pipeline }).observe(took.as_secs_f64());
    }

    pub(super) fn read(&self, bytes: u64) {
        self.bytes.get_or_create(&Pipeline { pipeline: self.pipeline.clone() }).inc_by(bytes);
    }

    pub(super) fn decoded(&self, decoded: &Decoded, protocol: &'static str) {
        let protocol = Protocol { pipeline: self.pipeline.clone(), protocol };
        self.samples.get_or_create(&protocol).inc_by(decoded.batch.sample_count() as u64);
        for count in decoded.refused.counts() {
            self.rejected.get_or_create(&self.refusal(count.reason.as_str())).inc_by(count.samples);
        }
        let invalid = decoded.refused.samples(Reason::InvalidLabels);
        if invalid > 0 {
            self.invalid_labels.get_or_create(&Pipeline { pipeline: self.pipeline.clone() }).inc_by(invalid);
        }
        if decoded.dropped_exemplars > 0 {
            let reason = self.refusal("invalid_exemplar");
            self.exemplars.get_or_create(&reason).inc_by(decoded.dropped_exemplars);
        }
    }

    fn refusal(&self, reason: &'static str) -> Refusal {
        Refusal { pipeline: self.pipeline.clone(), reason }
    }
}

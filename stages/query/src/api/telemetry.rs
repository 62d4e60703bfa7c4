//! What `api` tells of itself.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use weir_pipeline::Context;

/// The buckets of durations, in seconds.
const DURATIONS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 120.0];

/// What `api` tells of itself.
pub(super) struct Telemetry {
    pipeline: Arc<str>,
    requests: Family<Code, Counter>,
    duration: Family<Endpoint, Histogram>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Endpoint {
    pipeline: Arc<str>,
    handler: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Code {
    pipeline: Arc<str>,
    handler: &'static str,
    code: u16,
}

// === impl Telemetry ===

impl Telemetry {
    pub(super) fn new(context: &Context) -> Self {
        let duration: fn() -> Histogram = || Histogram::new(DURATIONS);
        let m = &context.metrics;
        Self {
            pipeline: context.pipeline.clone(),
            requests: m.register("weir_api_requests", "Requests, by the reply's status", Family::default()),
            duration: m.register(
                "weir_api_request_duration_seconds",
                "From a request's headers to its reply",
                Family::new_with_constructor(duration),
            ),
        }
    }

    pub(super) fn replied(&self, handler: &'static str, code: u16, took: Duration) {
        let pipeline = self.pipeline.clone();
        self.requests.get_or_create(&Code { pipeline: pipeline.clone(), handler, code }).inc();
        self.duration.get_or_create(&Endpoint { pipeline, handler }).observe(took.as_secs_f64());
    }
}

//! What `readers` tells of itself.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use weir_pipeline::Context;

/// What `readers` tells of itself.
#[derive(Clone)]
pub(super) struct Telemetry {
    pipeline: Arc<str>,
    requests: Family<Code, Counter>,
    /// Answers that ended with an error after they had begun.
    pub(super) broken: Counter,
    pub(super) samples: Counter,
    pub(super) bytes: Counter,
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
        let m = &context.metrics;
        let who = Pipeline { pipeline: context.pipeline.clone() };
        let counter =
            |name, help| m.register(name, help, Family::<Pipeline, Counter>::default()).get_or_create_owned(&who);
        Self {
            requests: m.register(
                "weir_readers_requests",
                "Questions of other nodes, by the status with which their answers began",
                Family::default(),
            ),
            broken: counter("weir_readers_broken_answers", "Answers that ended with an error after they had begun"),
            samples: counter("weir_readers_samples", "Samples sent to other nodes"),
            bytes: counter("weir_readers_body_bytes", "Bytes of answers to other nodes"),
            pipeline: context.pipeline.clone(),
        }
    }

    pub(super) fn began(&self, code: u16) {
        self.requests.get_or_create(&Code { pipeline: self.pipeline.clone(), code }).inc();
    }
}

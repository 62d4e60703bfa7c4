//! What `exec` tells of itself.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use weir_pipeline::Context;

use super::fault::Fault;

/// What a stage tells of its program.
pub(super) struct Telemetry {
    at: At,
    running: Gauge,
    restarts: Counter,
    batches: Counter,
    failures: Family<Failed, Counter>,
    duration: Histogram,
}

/// A program that runs.
pub(super) struct Running(Gauge);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct At {
    pipeline: Arc<str>,
    place: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failed {
    pipeline: Arc<str>,
    place: Arc<str>,
    reason: &'static str,
}

// === impl Telemetry ===

impl Telemetry {
    pub(super) fn new(context: &Context) -> Self {
        let m = &context.metrics;
        let at = At { pipeline: context.pipeline.clone(), place: context.place.clone() };
        let counter =
            |name: &str, help: &str| m.register(name, help, Family::<At, Counter>::default()).get_or_create_owned(&at);
        let running: Family<At, Gauge> =
            m.register("weir_exec_running", "How many programs of the stage run", Family::default());
        let histogram: fn() -> Histogram = || Histogram::new(exponential_buckets(0.000_1, 4.0, 11));
        let duration = m.register(
            "weir_exec_duration_seconds",
            "How long the program took for a batch that it answered",
            Family::<At, Histogram, fn() -> Histogram>::new_with_constructor(histogram),
        );
        Self {
            running: running.get_or_create_owned(&at),
            duration: duration.get_or_create_owned(&at),
            restarts: counter("weir_exec_restarts", "How often the program was started again"),
            batches: counter("weir_exec_batches", "Batches that the program answered"),
            failures: m.register(
                "weir_exec_failures",
                "Failures of the program, by reason: start, ended, timeout, or answer, which was none",
                Family::default(),
            ),
            at,
        }
    }

    /// Counts a program as one that runs until what it returns is dropped. It is not the first where it runs `again`.
    pub(super) fn started(&self, again: bool) -> Running {
        self.running.inc();
        if again {
            self.restarts.inc();
        }
        Running(self.running.clone())
    }

    pub(super) fn answered(&self, after: Duration) {
        self.batches.inc();
        self.duration.observe(after.as_secs_f64());
    }

    pub(super) fn failed(&self, fault: &Fault) {
        let At { pipeline, place } = self.at.clone();
        self.failures.get_or_create(&Failed { pipeline, place, reason: fault.reason() }).inc();
    }
}

// === impl Running ===

impl Drop for Running {
    fn drop(&mut self) {
        self.0.dec();
    }
}

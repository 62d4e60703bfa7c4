//! What the sink `remote_write` tells of itself.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use weir_pipeline::Context;

use super::Version;
use crate::outbound::Url;

/// The buckets of durations, in seconds.
const DURATIONS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// What the sink tells of itself. The label `url` has no query.
pub(super) struct Telemetry {
    at: Remote,
    requests: Family<Code, Counter>,
    duration: Histogram,
    bytes: Counter,
    samples: Counter,
    fallbacks: Counter,
    splits: Counter,
    newest: Gauge<f64, AtomicU64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Remote {
    pipeline: Arc<str>,
    url: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Code {
    pipeline: Arc<str>,
    url: Arc<str>,
    protocol: &'static str,
    code: u16,
}

// === impl Telemetry ===

impl Telemetry {
    pub(super) fn new(context: &Context, url: &Url) -> Self {
        let m = &context.metrics;
        let at = Remote { pipeline: context.pipeline.clone(), url: url.to_string().into() };
        let counter = |name: &str, help: &str| {
            m.register(name, help, Family::<Remote, Counter>::default()).get_or_create_owned(&at)
        };
        let durations: fn() -> Histogram = || Histogram::new(DURATIONS);
        let duration = m.register(
            "weir_remote_write_request_duration_seconds",
            "From a request to its reply",
            Family::<Remote, Histogram, fn() -> Histogram>::new_with_constructor(durations),
        );
        let newest = m.register(
            "weir_remote_write_newest_timestamp_seconds",
            "The time of the newest sample that was written",
            Family::<Remote, Gauge<f64, AtomicU64>>::default(),
        );
        Self {
            requests: m.register(
                "weir_remote_write_requests",
                "Requests, by the status of the reply; 0 where there was none",
                Family::default(),
            ),
            duration: duration.get_or_create_owned(&at),
            bytes: counter("weir_remote_write_body_bytes", "Bytes of request bodies, compressed"),
            samples: counter("weir_remote_write_samples", "Samples that were written"),
            fallbacks: counter("weir_remote_write_fallbacks", "How often a server did not know 2.0 and was sent 1.0"),
            splits: counter("weir_remote_write_splits", "How often a request was too large and was sent in halves"),
            newest: newest.get_or_create_owned(&at),
            at,
        }
    }

    pub(super) fn sent(&self, version: Version, code: u16, took: Duration, bytes: u64) {
        let Remote { pipeline, url } = self.at.clone();
        self.requests.get_or_create(&Code { pipeline, url, protocol: version.as_str(), code }).inc();
        self.duration.observe(took.as_secs_f64());
        self.bytes.inc_by(bytes);
    }

    pub(super) fn fell_back(&self) {
        self.fallbacks.inc();
    }

    pub(super) fn split(&self) {
        self.splits.inc();
    }

    /// So many samples are written, the newest of that time in milliseconds.
    pub(super) fn written(&self, samples: u64, newest: Option<i64>) {
        self.samples.inc_by(samples);
        if let Some(newest) = newest {
            let seconds = newest as f64 / 1000.0;
            if seconds > self.newest.get() {
                self.newest.set(seconds);
            }
        }
    }
}

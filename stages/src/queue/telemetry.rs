//! What `queue` tells of itself.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use weir_pipeline::{Context, Error};

/// What a queue tells of itself. A clone is the same.
#[derive(Clone)]
pub(super) struct Telemetry {
    at: Queue,
    bytes: Gauge,
    limit: Gauge,
    accepted: Counter,
    sent: Counter,
    full: Counter,
    replayed: Counter,
    damaged: Counter,
    lost: Family<Lost, Counter>,
    retries: Family<Retry, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Queue {
    pipeline: Arc<str>,
    place: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Lost {
    pipeline: Arc<str>,
    place: Arc<str>,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Retry {
    pipeline: Arc<str>,
    place: Arc<str>,
    kind: &'static str,
}

// === impl Telemetry ===

impl Telemetry {
    pub(super) fn new(context: &Context) -> Self {
        let m = &context.metrics;
        let at = Queue { pipeline: context.pipeline.clone(), place: context.place.clone() };
        let counter = |name: &str, help: &str| {
            m.register(name, help, Family::<Queue, Counter>::default()).get_or_create_owned(&at)
        };
        let gauge =
            |name: &str, help: &str| m.register(name, help, Family::<Queue, Gauge>::default()).get_or_create_owned(&at);
        Self {
            bytes: gauge("weir_queue_bytes", "What batches take that wait or are under way"),
            limit: gauge("weir_queue_limit_bytes", "What batches may take"),
            accepted: counter("weir_queue_accepted_samples", "Samples that the queue took"),
            sent: counter("weir_queue_sent_samples", "Samples for which the rest of the pipeline has an answer"),
            full: counter("weir_queue_full", "Batches for which there was no room"),
            replayed: counter("weir_queue_replayed_samples", "Samples that were on disk at the start"),
            damaged: counter(
                "weir_queue_damaged_bytes",
                "Bytes on disk that can't be read, half written ones included",
            ),
            lost: m.register(
                "weir_queue_lost_samples",
                "Samples that the queue had accepted and that the rest of the pipeline will never take",
                Family::default(),
            ),
            retries: m.register("weir_queue_retries", "Requests that failed and are repeated", Family::default()),
            at,
        }
    }

    /// The queue may take so many bytes.
    pub(super) fn limit(&self, bytes: u64) {
        self.limit.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// So many bytes more, or less, wait or are under way.
    pub(super) fn waiting(&self, bytes: i64) {
        self.bytes.inc_by(bytes);
    }

    pub(super) fn accepted(&self, samples: u64) {
        self.accepted.inc_by(samples);
    }

    pub(super) fn sent(&self, samples: u64) {
        self.sent.inc_by(samples);
    }

    pub(super) fn full(&self) {
        self.full.inc();
    }

    pub(super) fn replayed(&self, samples: u64) {
        self.replayed.inc_by(samples);
    }

    pub(super) fn damaged(&self, bytes: u64) {
        self.damaged.inc_by(bytes);
    }

    pub(super) fn lost(&self, samples: u64, reason: &'static str) {
        let Queue { pipeline, place } = self.at.clone();
        self.lost.get_or_create(&Lost { pipeline, place, reason }).inc_by(samples);
    }

    pub(super) fn retried(&self, error: &Error) {
        let (Queue { pipeline, place }, kind) = (self.at.clone(), error.kind().as_str());
        self.retries.get_or_create(&Retry { pipeline, place, kind }).inc();
    }
}

//! What the cache tells of itself.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use weir_pipeline::Context;

/// What became of a range query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// All of it was kept.
    Hit,
    /// Some of it was kept.
    Partial,
    /// Nothing of it was kept, or what was may have changed.
    Miss,
    /// It is none that is kept.
    Bypass,
}

/// What the cache tells of itself.
pub(super) struct Telemetry {
    at: At,
    requests: Family<Request, Counter>,
    bytes: Gauge,
    evicted: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct At {
    pipeline: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    pipeline: Arc<str>,
    result: &'static str,
}

// === impl Telemetry ===

impl Telemetry {
    pub(super) fn new(context: &Context) -> Self {
        let (m, at) = (&context.metrics, At { pipeline: context.pipeline.clone() });
        let evicted = "Results that went to make room for others";
        let evicted = m.register("weir_cache_evicted_results", evicted, Family::<At, Counter>::default());
        let bytes = m.register("weir_cache_bytes", "What kept results take in memory", Family::<At, Gauge>::default());
        let help = "Range queries, by how much of their result was kept: hit, partial, miss, or bypass, which is not to be kept";
        Self {
            requests: m.register("weir_cache_requests", help, Family::default()),
            bytes: bytes.get_or_create_owned(&at),
            evicted: evicted.get_or_create_owned(&at),
            at,
        }
    }

    pub(super) fn count(&self, used: Use) {
        let result = match used {
            Use::Hit => "hit",
            Use::Partial => "partial",
            Use::Miss => "miss",
            Use::Bypass => "bypass",
        };
        self.requests.get_or_create(&Request { pipeline: self.at.pipeline.clone(), result }).inc();
    }

    pub(super) fn evicted(&self) {
        self.evicted.inc();
    }

    pub(super) fn holds(&self, bytes: usize) {
        self.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}

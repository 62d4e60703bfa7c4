//! What `api` tells of itself.

use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use weir_pipeline::Context;

/// The buckets of durations, in seconds.
const DURATIONS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 120.0];

/// What `api` tells of itself. Names are those of Thanos where the meaning is.
pub(super) struct Telemetry {
    pipeline: Arc<str>,
    requests: Family<Code, Counter>,
    duration: Family<Endpoint, Histogram>,
    inflight: Gauge,
    working: Gauge,
    remote_reads: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Pipeline {
    pipeline: Arc<str>,
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
    method: &'static str,
    code: u16,
}

/// Something that is under way until this is dropped.
pub(super) struct UnderWay(Gauge);

// === impl Telemetry ===

impl Telemetry {
    /// `most` questions are worked on at once.
    pub(super) fn new(context: &Context, most: usize) -> Self {
        let duration: fn() -> Histogram = || Histogram::new(DURATIONS);
        let m = &context.metrics;
        let who = Pipeline { pipeline: context.pipeline.clone() };
        let gauge = |name, help| m.register(name, help, Family::<Pipeline, Gauge>::default()).get_or_create_owned(&who);
        gauge("thanos_query_concurrent_gate_queries_max", "How many questions are worked on at once").set(most as i64);
        Self {
            pipeline: context.pipeline.clone(),
            requests: m.register("http_requests", "Requests to the API, by the reply's status", Family::default()),
            duration: m.register(
                "http_request_duration_seconds",
                "From a request's headers to those of its reply",
                Family::new_with_constructor(duration),
            ),
            inflight: gauge("http_inflight_requests", "Requests to the API that have no reply yet"),
            working: gauge("thanos_query_concurrent_gate_queries_in_flight", "Questions that are worked on"),
            remote_reads: gauge("prometheus_remote_read_handler_queries", "Remote reads under way, or that wait"),
        }
    }

    /// Counts a request as under way.
    pub(super) fn asked(&self) -> UnderWay {
        UnderWay::of(&self.inflight)
    }

    /// Counts a question as worked on.
    pub(super) fn working(&self) -> UnderWay {
        UnderWay::of(&self.working)
    }

    /// Counts a remote read as under way.
    pub(super) fn reading(&self) -> UnderWay {
        UnderWay::of(&self.remote_reads)
    }

    pub(super) fn replied(&self, handler: &'static str, method: &Method, code: u16, took: Duration) {
        let pipeline = self.pipeline.clone();
        // A method that nobody knows must not make a series.
        let known =
            ["get", "post", "head", "options"].into_iter().find(|known| method.as_str().eq_ignore_ascii_case(known));
        let labels = Code { pipeline: pipeline.clone(), handler, method: known.unwrap_or("other"), code };
        self.requests.get_or_create(&labels).inc();
        self.duration.get_or_create(&Endpoint { pipeline, handler }).observe(took.as_secs_f64());
    }
}

// === impl UnderWay ===

impl UnderWay {
    fn of(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.dec();
    }
}

//! What a listener tells of itself.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use weir_pipeline::Context;

/// What a listener tells of itself. A clone is the same.
#[derive(Clone, Debug)]
pub(super) struct Telemetry {
    pipeline: Arc<str>,
    listener: Arc<str>,
    connections: Gauge,
    tls_failures: Counter,
    unauthorized: Family<Why, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Listener {
    pipeline: Arc<str>,
    listener: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Why {
    pipeline: Arc<str>,
    listener: Arc<str>,
    reason: &'static str,
}

/// A connection that is open.
pub(super) struct Open(Gauge);

// === impl Telemetry ===

impl Telemetry {
    pub(super) fn new(context: &Context) -> Self {
        let m = &context.metrics;
        let pipeline = context.pipeline.clone();
        let listener: Arc<str> = context.place.rsplit('.').next().unwrap_or_default().into();
        let labels = Listener { pipeline: pipeline.clone(), listener: listener.clone() };
        let connections: Family<Listener, Gauge> =
            m.register("weir_http_connections", "Connections that are open", Family::default());
        let tls_failures: Family<Listener, Counter> =
            m.register("weir_http_tls_failures", "Connections that did not get their TLS", Family::default());
        Self {
            pipeline,
            listener,
            connections: connections.get_or_create_owned(&labels),
            tls_failures: tls_failures.get_or_create_owned(&labels),
            unauthorized: m.register(
                "weir_http_unauthorized",
                "Requests refused because of who asks, by what is wrong with the credentials",
                Family::default(),
            ),
        }
    }

    /// Counts a connection as open until what it returns is dropped.
    pub(super) fn open(&self) -> Open {
        self.connections.inc();
        Open(self.connections.clone())
    }

    pub(super) fn tls_failed(&self) {
        self.tls_failures.inc();
    }

    pub(super) fn unauthorized(&self, reason: &'static str) {
        let (pipeline, listener) = (self.pipeline.clone(), self.listener.clone());
        self.unauthorized.get_or_create(&Why { pipeline, listener, reason }).inc();
    }
}

// === impl Open ===

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

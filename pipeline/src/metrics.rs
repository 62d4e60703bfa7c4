//! Weir's own metrics: one registry, served as OpenMetrics text.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::{Metric, Registry};

/// The media type of [`Metrics::encode`].
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Where metrics are registered. A clone shares the registry.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Mutex<Registry>>);

// === impl Metrics ===

impl Metrics {
    /// Registers `metric` and returns it: metrics are handles that share their values. Names are full (`weir_…`),
    /// counters without their `_total`.
    pub fn register<M: Metric + Clone>(&self, name: &str, help: &str, metric: M) -> M {
        self.with(|registry| registry.register(name, help, metric.clone()));
        metric
    }

    /// All metrics as OpenMetrics text.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        self.with(|registry| {
            if encode(&mut text, registry).is_err() {
                text.clear();
            }
        });
        text
    }

    fn with<T>(&self, f: impl FnOnce(&mut Registry) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

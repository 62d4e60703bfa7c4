//! What the program says of its pipeline files.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::gauge::Gauge;

use crate::metrics::Metrics;

/// Whether the files could be loaded, and when they were.
pub(super) struct Telemetry {
    successful: Gauge,
    at: Gauge<f64, AtomicU64>,
}

// === impl Telemetry ===

impl Telemetry {
    pub(super) fn new(metrics: &Metrics) -> Self {
        Self {
            successful: metrics.register(
                "prometheus_config_last_reload_successful",
                "Whether the pipeline files were loaded when they were read last",
                Gauge::default(),
            ),
            at: metrics.register(
                "prometheus_config_last_reload_success_timestamp_seconds",
                "When the pipeline files were loaded last",
                Gauge::default(),
            ),
        }
    }

    /// Notes whether the files were loaded, at `now` in milliseconds since the Unix epoch.
    pub(super) fn reloaded(&self, successful: bool, now: i64) {
        self.successful.set(i64::from(successful));
        if successful {
            self.at.set(now as f64 / 1000.0);
        }
    }
}

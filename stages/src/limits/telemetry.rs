//! What limits tell of themselves.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use weir_pipeline::{Context, Tenant};

/// So many tenants are counted by name.
const NAMED: usize = 100;

/// What limits tell of themselves.
pub(super) struct Telemetry {
    at: At,
    hits: Family<Hit, Counter>,
    active: Gauge,
    reloads: Family<At, Counter>,
    failures: Family<At, Counter>,
    /// The tenants that are counted by name.
    named: Mutex<HashSet<Tenant>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct At {
    pipeline: Arc<str>,
    place: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Hit {
    pipeline: Arc<str>,
    limit: &'static str,
    tenant: String,
}

// === impl Telemetry ===

impl Telemetry {
    pub(super) fn new(context: &Context) -> Self {
        let m = &context.metrics;
        let at = At { pipeline: context.pipeline.clone(), place: context.place.clone() };
        let active: Family<At, Gauge> =
            m.register("weir_limit_active_series", "Active series of all tenants", Family::default());
        Self {
            hits: m.register(
                "weir_limits_hits",
                "How often a limit was hit, by limit and tenant: once for each request, however much of it. Tenants beyond the \
                 first hundred have no name",
                Family::default(),
            ),
            active: active.get_or_create_owned(&at),
            reloads: m.register(
                "thanos_receive_limits_config_reload",
                "How often a changed file of limits was read",
                Family::default(),
            ),
            failures: m.register(
                "thanos_receive_limits_config_reload_err",
                "How often a changed file of limits could not be used",
                Family::default(),
            ),
            named: Mutex::default(),
            at,
        }
    }

    /// Says that a file is watched, so that the first failure is a rise.
    pub(super) fn watches(&self) {
        drop(self.reloads.get_or_create(&self.at));
        drop(self.failures.get_or_create(&self.at));
    }

    pub(super) fn reloaded(&self, good: bool) {
        self.reloads.get_or_create(&self.at).inc();
        if !good {
            self.failures.get_or_create(&self.at).inc();
        }
    }

    pub(super) fn active(&self, change: i64) {
        self.active.inc_by(change);
    }

    pub(super) fn hit(&self, pipeline: &Arc<str>, tenant: &Tenant, limit: &'static str) {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        let is_named = named.contains(tenant) || named.len() < NAMED && named.insert(tenant.clone());
        drop(named);
        let tenant = if is_named { tenant.to_string() } else { String::new() };
        self.hits.get_or_create(&Hit { pipeline: pipeline.clone(), limit, tenant }).inc();
    }
}

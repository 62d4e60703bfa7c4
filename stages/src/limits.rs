//! `limits`: what each tenant may send, for all pipelines that name it.
//!
//! ```yaml
//! tenants:
//!   limits:
//!     default: { samples_per_second: 50000, series: 500000 }
//!     tenants:
//!       team-a: { samples_per_second: 500000, series: 5000000 }
//! ```
//!
//! All settings: `limits: { default: { samples_per_second: 0, burst: 1000000, series: 10000000, labels: 0,
//! label_name: 0, label_value: 0, request_bytes: 0, request_series: 0, request_samples: 0, head_bytes: 0, retention: 0s,
//! max_past: 0s }, tenants: { team-a: { … } }, global: { samples_per_second: 0, burst: 1000000, series: 0 }, active_for: 1h }`, or
//! with `file: limits.yaml, poll: 5s` in place of `default`, `tenants` and `global`, which the file then has. 0 is no limit.
//!
//! Shape: [`receive`](crate::receive) with `limits: tenants` holds requests to `request_bytes`, `request_series` and
//! `request_samples`; the stage [`limit`](crate::limit) with `limits: tenants` holds batches to rates, series and labels; a store
//! with `limits: tenants` to `head_bytes`, `retention` and `max_past`: these hold nowhere else, so that they do nothing where no store
//! names the resource. What a tenant has sent, and which of its series are
//! active, is counted once for all who name the resource, and goes on when pipelines change. `global` is what all tenants may do
//! together, beside what each may; the other limits of all are settings of `receive` and of the store. A tenant that `tenants`
//! names has the limits of `default`, but for those that are said of it.
//!
//! A file is looked at every `poll`, and counts from then on; nothing that was counted is lost. What is wrong with it changes
//! nothing, and is logged with its place, and counted.
//!
//! Errors: a request that is too large gets 413. A tenant that sends too much gets 429 with `Retry-After`; where all tenants
//! together do, 503. A Prometheus sends again what gets 503, but drops what gets 429, unless `queue_config` in its `remote_write`
//! says `retry_on_http_429: true`: have senders say that before a rate is set, which is why there is none by default. Of series
//! beyond `series`, be it the tenant's or that of all, the samples are rejected, and those that are active go on.
//! How often a limit was hit, and by which tenant, says `weir_limits_hits_total`: by name for the first hundred tenants that hit
//! one, since their names are chosen by who sends.
//!
//! Routers: rates and active series are counted by each process for itself. N routers that share the load of a tenant let N times
//! its limit through, and whether they share it evenly is up to who spreads it: set a part of what all may take, where that matters.
//!
//! Source: the limits of Thanos Receive (`--receive.limits-config-file`), and of a tenant in Mimir and Cortex.

mod bounds;
mod telemetry;
mod tenants;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde::Deserialize;
use weir_pipeline::units::Span;
use weir_pipeline::{Context, Error, Resource, Result, Tenant};

pub use bounds::{Bounds, Global, Overrides};
pub(crate) use tenants::Held;

use telemetry::Telemetry;
use tenants::Tenants;

/// What each tenant may send.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Limits {
    from: From,
    active_for: Span,
}

/// What a pipeline file says, or the file that is watched, which has the first three.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    /// What a tenant may send. Default: what is said of each limit.
    #[serde(default)]
    default: Option<Bounds>,
    /// What some tenants may send, by their names. Default none.
    #[serde(default)]
    tenants: BTreeMap<Tenant, Overrides>,
    /// What all tenants may send together. Default: no limit.
    #[serde(default)]
    global: Option<Global>,
    /// A YAML file with `default`, `tenants` and `global`, which is watched. Default none.
    #[serde(default)]
    file: Option<PathBuf>,
    /// How often the file is looked at; above 0. Default `5s`.
    #[serde(default)]
    poll: Option<Span>,
    /// How long a series is active after its last sample; above 0. Default `1h`.
    #[serde(default)]
    active_for: Option<Span>,
}

/// Where the limits are.
#[derive(Clone, Debug)]
enum From {
    Here(Arc<Known>),
    File { path: PathBuf, poll: Duration },
}

/// Limits as they are now.
#[derive(Clone, Debug, Default, PartialEq)]
struct Known {
    default: Arc<Bounds>,
    tenants: BTreeMap<Tenant, Arc<Bounds>>,
    global: Global,
}

/// Limits, and what was sent of what they allow.
pub struct OpenLimits {
    known: RwLock<Arc<Known>>,
    tenants: Tenants,
    telemetry: Telemetry,
}

/// So much is active so long where nothing else is said.
pub(crate) fn default_active() -> Span {
    Span::from_secs(3600)
}

// === impl Limits ===

impl TryFrom<Fields> for Limits {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let active_for = fields.active_for.unwrap_or(default_active());
        for (name, span) in [("poll", fields.poll), ("active_for", fields.active_for)] {
            if let Some(span) = span.filter(|span| span.get().is_zero()) {
                return Err(format!("expected `{name}` above 0, got `{span}`"));
            }
        }
        let from = match &fields.file {
            None if fields.poll.is_some() => return Err("expected `poll` only with `file`".into()),
            None => From::Here(Arc::new(fields.known()?)),
            Some(_) if fields.says_limits() => {
                return Err("expected `default`, `tenants` and `global` in the file, not beside `file`".into());
            }
            Some(path) => From::File { path: path.clone(), poll: fields.poll.unwrap_or(Span::from_secs(5)).get() },
        };
        Ok(Self { from, active_for })
    }
}

impl Resource for Limits {
    const NAME: &'static str = "limits";
    type Opened = OpenLimits;

    async fn open(self, context: &Context) -> Result<Arc<OpenLimits>> {
        let telemetry = Telemetry::new(context);
        let active_for = self.active_for.as_millis();
        match self.from {
            From::Here(known) => Ok(Arc::new(OpenLimits::new(known, active_for, telemetry))),
            From::File { path, poll } => {
                let (known, seen) = watch::first(&path).await.map_err(Error::invalid)?;
                telemetry.watches();
                let limits = Arc::new(OpenLimits::new(known, active_for, telemetry));
                let watching = watch::run(path, poll, seen, Arc::downgrade(&limits), context.shutdown.clone());
                tokio::spawn(watching);
                Ok(limits)
            }
        }
    }
}

// === impl Fields ===

impl Fields {
    fn says_limits(&self) -> bool {
        self.default.is_some() || !self.tenants.is_empty() || self.global.is_some()
    }

    /// The limits of the file that is watched.
    fn in_file(self) -> Result<Known, String> {
        if self.file.is_some() || self.poll.is_some() || self.active_for.is_some() {
            return Err("expected `file`, `poll` and `active_for` in the settings, not in the file".into());
        }
        self.known()
    }

    /// The limits that are said.
    fn known(self) -> Result<Known, String> {
        let default = self.default.unwrap_or_default();
        default.check("default")?;
        let mut own = BTreeMap::new();
        for (tenant, overrides) in self.tenants {
            let bounds = overrides.over(&default);
            bounds.check(tenant.as_str())?;
            own.insert(tenant, Arc::new(bounds));
        }
        let global = self.global.unwrap_or_default();
        global.check()?;
        Ok(Known { default: Arc::new(default), tenants: own, global })
    }
}

// === impl OpenLimits ===

impl OpenLimits {
    /// The same limits for each tenant, with counts of their own.
    pub(crate) fn same(bounds: Bounds, active_for: Span, context: &Context) -> Self {
        let known = Known { default: Arc::new(bounds), ..Known::default() };
        Self::new(Arc::new(known), active_for.as_millis(), Telemetry::new(context))
    }

    fn new(known: Arc<Known>, active_for: i64, telemetry: Telemetry) -> Self {
        Self { known: RwLock::new(known), tenants: Tenants::new(active_for), telemetry }
    }

    /// What a tenant may send now.
    pub fn of(&self, tenant: &Tenant) -> Arc<Bounds> {
        let known = self.known();
        known.tenants.get(tenant).unwrap_or(&known.default).clone()
    }

    /// Looks at `tenant` with `look`, and takes `samples` off what may be sent.
    ///
    /// # Errors
    /// `Overloaded` where the tenant sends too much, with the time after which it may go on; `Unavailable` where all together
    /// do, or where there are too many tenants. Nothing is taken then.
    pub(crate) fn spend<T>(
        &self,
        tenant: &Tenant,
        samples: u64,
        now: i64,
        look: impl FnOnce(&mut Held<'_>, &Global) -> T,
    ) -> Result<T> {
        let (bounds, global) = (self.of(tenant), self.known().global);
        match self.tenants.sweep(now) {
            0 => {}
            ended => self.telemetry.active(-(ended as i64)),
        }
        self.tenants.with(tenant, now, |held| {
            self.tenants.spend_of_all(samples, now, global.rate())?;
            if let Err(error) = held.spend(samples, now, bounds.rate(), tenant) {
                self.tenants.give_back(samples);
                return Err(error);
            }
            let looked = look(held, &global);
            self.telemetry.active(held.changed());
            Ok(looked)
        })
    }

    /// Counts that a tenant came up against a limit of the pipeline.
    pub fn hit(&self, pipeline: &Arc<str>, tenant: &Tenant, limit: &'static str) {
        self.telemetry.hit(pipeline, tenant, limit);
    }

    fn known(&self) -> Arc<Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, known: Arc<Known>) {
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
    }
}

#[cfg(test)]
mod tests;

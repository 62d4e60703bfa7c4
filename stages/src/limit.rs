//! `limit`: holds each tenant to so many samples a second, so many series, and labels of some size.
//!
//! ```yaml
//! limit: { samples_per_second: 50000, series: 1000000, labels: 64 }
//! ```
//!
//! All settings: `limit: { samples_per_second: 50000, burst: 500000, series: 1000000, active_for: 1h, labels: 64, label_name: 1KiB,
//! label_value: 16KiB, action: reject }`. What is not given is not limited. Or `limit: { limits: tenants, action: reject }`: then
//! the resource [`limits`](crate::limits) has the limits, of each tenant its own, and they may change while it runs.
//!
//! Shape: what keeps to the limits goes on untouched. A series is active for `active_for` after its last sample, up to twice as
//! long; those beyond `series` are refused, those that are active go on.
//!
//! Errors: a batch that comes before its tenant may send so much more is overloaded as a whole, with a time to come back: 429,
//! which senders may drop. A batch that is larger than `burst` waits for a whole burst. Samples of series that are refused are
//! rejected, or dropped with `action: drop`, for one of the reasons `label_limit`, `label_name_length`, `label_value_length` and
//! `series_limit`, in that order, and last `global_series_limit`, where the resource has a limit for all. What was refused is
//! counted in `weir_limits_hits_total`, by limit and tenant. What is sent is counted by this process alone: N routers let N times
//! the rates and series through.
//!
//! Order: below what changes labels, above what costs something. Memory: some 50 bytes for each active series.
//!
//! Source: the limits of a tenant in Mimir and Cortex.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use futures_util::FutureExt;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use serde::Deserialize;
use tower::Service;
use weir_pipeline::ack::Counts;
use weir_pipeline::units::{Bytes, Ref, Span, above_zero};
use weir_pipeline::{Ack, Batch, Clock, Context, Error, Kind, Labels, Next, Outcome, Reply, Result, Stage, Write};

use crate::limits::{Bounds, OpenLimits, default_active};

/// Holds each tenant to limits.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Limit(Fields);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    /// The resource that has the limits, in place of all below but `action`. Default none.
    #[serde(default)]
    limits: Option<Ref<OpenLimits>>,
    /// So many samples a second of a tenant, on average. Default: no limit.
    #[serde(default)]
    samples_per_second: Option<NonZeroU64>,
    /// So many at once. Default: ten seconds' worth.
    #[serde(default)]
    burst: Option<NonZeroU64>,
    /// So many active series of a tenant. Default: no limit.
    #[serde(default)]
    series: Option<NonZeroU64>,
    /// How long a series is active after its last sample. Default `1h`.
    #[serde(default = "default_active", deserialize_with = "above_zero")]
    active_for: Span,
    /// So many labels of a series, its name included. Default: no limit.
    #[serde(default)]
    labels: Option<NonZeroU64>,
    /// The longest name of a label. Default: no limit.
    #[serde(default)]
    label_name: Option<Bytes>,
    /// The longest value of a label. Default: no limit.
    #[serde(default)]
    label_value: Option<Bytes>,
    /// What becomes of series that are refused: `reject` tells the sender, `drop` does not. Default `reject`.
    #[serde(default)]
    action: Action,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    #[default]
    Reject,
    Drop,
}

/// The limits in front of the rest.
#[derive(Clone)]
struct Limited {
    next: Next<Write>,
    shared: Arc<Shared>,
}

struct Shared {
    limits: Arc<OpenLimits>,
    action: Action,
    pipeline: Arc<str>,
    clock: Clock,
    overloaded: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct At {
    pipeline: Arc<str>,
    place: Arc<str>,
}

/// Series that are refused: why, how much they have, and what one of them is called.
type Refused = (&'static str, Counts, String);

// === impl Limit ===

impl TryFrom<Fields> for Limit {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let Fields { limits, samples_per_second, burst, series, labels, label_name, label_value, .. } = &fields;
        let numbers = [samples_per_second, burst, series, labels].iter().any(|limit| limit.is_some());
        let any = numbers || label_name.is_some() || label_value.is_some();
        if limits.is_some() && any {
            return Err("expected either `limits` or limits of its own, got both".into());
        }
        if burst.is_some() && samples_per_second.is_none() {
            return Err("expected `samples_per_second` beside `burst`".into());
        }
        if limits.is_none() && !any {
            let all = "`samples_per_second`, `series`, `labels`, `label_name` or `label_value`";
            return Err(format!("expected a limit: {all}, or the resource `limits`"));
        }
        Ok(Self(fields))
    }
}

impl Stage<Write> for Limit {
    const NAME: &'static str = "limit";

    fn wrap(self, context: &Context, next: Next<Write>) -> Result<Next<Write>> {
        let at = At { pipeline: context.pipeline.clone(), place: context.place.clone() };
        let overloaded = context.metrics.register(
            "weir_limit_overloaded_batches",
            "Batches that came before their tenant may send so much more",
            Family::<At, Counter>::default(),
        );
        let limits = match &self.0.limits {
            Some(named) => context.resource::<OpenLimits>(named.name())?,
            None => Arc::new(OpenLimits::same(self.0.bounds(), self.0.active_for, context)),
        };
        let shared = Shared {
            limits,
            action: self.0.action,
            pipeline: context.pipeline.clone(),
            clock: context.clock.clone(),
            overloaded: overloaded.get_or_create_owned(&at),
        };
        Ok(Next::new(Limited { next, shared: Arc::new(shared) }))
    }
}

// === impl Fields ===

impl Fields {
    fn bounds(&self) -> Bounds {
        let number = |limit: Option<NonZeroU64>| limit.map_or(0, NonZeroU64::get);
        let none = Bounds::none();
        Bounds {
            samples_per_second: number(self.samples_per_second),
            burst: self.burst.map(NonZeroU64::get),
            series: number(self.series),
            labels: number(self.labels),
            label_name: self.label_name.unwrap_or(none.label_name),
            label_value: self.label_value.unwrap_or(none.label_value),
            ..none
        }
    }
}

// === impl Limited ===

impl Service<Batch> for Limited {
    type Response = Ack;
    type Error = Error;
    type Future = Reply<Write>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<()>> {
        self.next.poll_ready(cx)
    }

    fn call(&mut self, batch: Batch) -> Reply<Write> {
        let mut next = self.next.take();
        match self.shared.hold(&batch) {
            Err(error) => std::future::ready(Err(error)).boxed(),
            Ok((left, ack)) if left.is_empty() && left.exemplar_count() == 0 && !batch.is_empty() => {
                std::future::ready(Ok(ack)).boxed()
            }
            Ok((left, mut ack)) => async move {
                ack.merge(next.call(left).await?);
                Ok(ack)
            }
            .boxed(),
        }
    }
}

// === impl Shared ===

impl Shared {
    /// What keeps to the limits, and what became of the samples that do not.
    fn hold(&self, batch: &Batch) -> Result<(Batch, Ack)> {
        let (samples, now, tenant) = (batch.sample_count() as u64, self.clock.now(), batch.tenant());
        let bounds = self.limits.of(tenant);
        let mut refused: Vec<Refused> = Vec::new();
        let held = self.limits.spend(tenant, samples, now, |held, global| {
            batch.filter(|series| {
                let beyond = || held.refuses(series.id, bounds.series, global.series);
                let Some(reason) = bounds.refuses(series.labels).or_else(beyond) else { return true };
                let own = Counts::of_series(&series);
                match refused.iter_mut().find(|(known, ..)| *known == reason) {
                    Some((_, counts, _)) => *counts = counts.and(own),
                    None => refused.push((reason, own, shown(series.labels))),
                }
                false
            })
        });
        let left = held.inspect_err(|error| match error.kind() {
            Kind::Overloaded { .. } => {
                self.overloaded.inc();
                self.limits.hit(&self.pipeline, tenant, "samples_per_second");
            }
            _ => self.limits.hit(&self.pipeline, tenant, "global_samples_per_second"),
        })?;
        let mut ack = Ack::default();
        for (reason, counts, series) in refused {
            self.limits.hit(&self.pipeline, tenant, reason);
            match self.action {
                Action::Drop => ack.add(Outcome::Dropped, reason, counts.samples()),
                Action::Reject => ack.reject_all(reason, format!("{series} and others are beyond a limit"), counts),
            }
        }
        Ok((left, ack))
    }
}

/// As much of a series as a message can bear.
fn shown(labels: Labels<'_>) -> String {
    labels.to_string().chars().take(200).collect()
}

#[cfg(test)]
mod tests;

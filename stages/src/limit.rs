//! `limit`: holds each tenant to so many samples a second, so many series, and labels of some size.
//!
//! ```yaml
//! limit: { samples_per_second: 50000, series: 1000000, labels: 64 }
//! ```
//!
//! All settings: `limit: { samples_per_second: 50000, burst: 500000, series: 1000000, active_for: 1h, labels: 64, label_name: 1KiB,
//! label_value: 16KiB, action: reject }`. What is not given is not limited.
//!
//! Shape: what keeps to the limits goes on untouched. A series is active for `active_for` after its last sample, up to twice as
//! long; those beyond `series` are refused, those that are active go on.
//!
//! Errors: a batch that comes before its tenant may send so much more is overloaded as a whole, with a time to come back: 429,
//! which senders may drop. A batch that is larger than `burst` waits for a whole burst. Samples of series that are refused are
//! rejected, or dropped with `action: drop`, for one of the reasons `label_limit`, `label_name_length`, `label_value_length` and
//! `series_limit`, in that order.
//!
//! Order: below what changes labels, above what costs something. Memory: some 50 bytes for each active series.
//!
//! Source: the limits of a tenant in Mimir and Cortex.

mod tenants;

use std::num::NonZeroU64;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use futures_util::FutureExt;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use serde::Deserialize;
use tower::Service;
use weir_pipeline::units::{Bytes, Span, above_zero};
use weir_pipeline::{Ack, Batch, Clock, Context, Error, Labels, Next, Outcome, Reply, Result, Stage, Write};

use tenants::Tenants;

/// Holds each tenant to limits.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Limit(Fields);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
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
    limits: Fields,
    tenants: Tenants,
    clock: Clock,
    overloaded: Counter,
    active: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct At {
    pipeline: Arc<str>,
    place: Arc<str>,
}

/// Why a series is refused.
type Reason = &'static str;

fn default_active() -> Span {
    Span::from_secs(3600)
}

// === impl Limit ===

impl TryFrom<Fields> for Limit {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        if fields.burst.is_some() && fields.samples_per_second.is_none() {
            return Err("expected `samples_per_second` beside `burst`".into());
        }
        let Fields { samples_per_second, series, labels, label_name, label_value, .. } = &fields;
        let numbers = [samples_per_second, series, labels].iter().any(|limit| limit.is_some());
        if !numbers && label_name.is_none() && label_value.is_none() {
            let all = "`samples_per_second`, `series`, `labels`, `label_name` or `label_value`";
            return Err(format!("expected a limit: {all}"));
        }
        Ok(Self(fields))
    }
}

impl Stage<Write> for Limit {
    const NAME: &'static str = "limit";

    fn wrap(self, context: &Context, next: Next<Write>) -> Result<Next<Write>> {
        let at = At { pipeline: context.pipeline.clone(), place: context.place.clone() };
        let m = &context.metrics;
        let overloaded = m.register(
            "weir_limit_overloaded_batches",
            "Batches that came before their tenant may send so much more",
            Family::<At, Counter>::default(),
        );
        let active =
            m.register("weir_limit_active_series", "Active series of all tenants", Family::<At, Gauge>::default());
        let rate = self.0.samples_per_second.map(|rate| {
            let rate = rate.get();
            (rate, self.0.burst.map_or(rate.saturating_mul(10), NonZeroU64::get))
        });
        let shared = Shared {
            tenants: Tenants::new(rate, self.0.series.map(NonZeroU64::get), self.0.active_for.as_millis()),
            limits: self.0,
            clock: context.clock.clone(),
            overloaded: overloaded.get_or_create_owned(&at),
            active: active.get_or_create_owned(&at),
        };
        Ok(Next::new(Limited { next, shared: Arc::new(shared) }))
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
        let (samples, now) = (batch.sample_count() as u64, self.clock.now());
        let mut refused: Vec<(Reason, u64, String)> = Vec::new();
        let left = self.tenants.with(batch.tenant(), now, |tenant| {
            tenant.spend(samples, now, batch.tenant()).inspect_err(|_| _ = self.overloaded.inc())?;
            let left = batch.filter(|series| {
                let reason = self.refuses(series.labels).or_else(|| tenant.refuses(series.id));
                let Some(reason) = reason else { return true };
                let samples = series.sample_count() as u64;
                match refused.iter_mut().find(|(known, ..)| *known == reason) {
                    Some((_, count, _)) => *count += samples,
                    None => refused.push((reason, samples, shown(series.labels))),
                }
                false
            });
            self.active.inc_by(tenant.changed());
            Ok(left)
        })?;
        let mut ack = Ack::default();
        for (reason, samples, series) in refused {
            match self.limits.action {
                Action::Drop => ack.add(Outcome::Dropped, reason, samples),
                Action::Reject => ack.reject(reason, format!("{series} and others are beyond a limit"), samples),
            }
        }
        Ok((left, ack))
    }

    /// Why a series with these labels is refused, whoever sends it.
    fn refuses(&self, labels: Labels<'_>) -> Option<Reason> {
        let Fields { labels: most, label_name, label_value, .. } = &self.limits;
        if most.is_some_and(|most| labels.iter().count() as u64 > most.get()) {
            return Some("label_limit");
        }
        let longer = |text: &str, limit: &Option<Bytes>| limit.is_some_and(|limit| text.len() as u64 > limit.get());
        if label_name.is_some() && labels.iter().any(|(name, _)| longer(name, label_name)) {
            return Some("label_name_length");
        }
        let too_long = label_value.is_some() && labels.iter().any(|(_, value)| longer(value, label_value));
        too_long.then_some("label_value_length")
    }
}

/// As much of a series as a message can bear.
fn shown(labels: Labels<'_>) -> String {
    labels.to_string().chars().take(200).collect()
}

#[cfg(test)]
mod tests;

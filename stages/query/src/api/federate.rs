//! `federate`: the last sample of each series that is selected, for another Prometheus to scrape.
//!
//! Shape: `GET /federate?match[]=…`, within five minutes before now or `lookback_delta`; as text, and where the client likes
//! that better in OpenMetrics or in protobuf. Sorted by metric, kind and labels, each sample with its own time; a series
//! without `instance` has an empty one, so that it does not get that of the scrape. Series that have ended are left out.
//! Native histograms are in protobuf alone, which has a form for them; those with custom buckets are classic histograms in
//! each.
//!
//! Errors: as plain text. What would be partial is an error, unless `partial_response=true`.
//!
//! Source: `web/federate.go` of Prometheus 3.14.

pub(in crate::api) mod protobuf;
mod text;

use std::collections::BTreeMap;

use futures_util::StreamExt;
use hyper::Request;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};
use weir_pipeline::batch::Series;
use weir_pipeline::histogram::ResetHint;
use weir_pipeline::labels::METRIC;
use weir_pipeline::query::Value;
use weir_pipeline::{Ask, Batch, Data, Histogram, LabelSet, is_stale, metrics};

use super::accept::{self, Exposition};
use super::answer::stream;
use super::params;
use super::reply::{Refusal, Reply};
use super::service::{Service, tenant};

/// How far to look back, in milliseconds.
const LOOKBACK: i64 = 5 * 60 * 1000;

/// The last samples, in the order in which they are written.
type Last = BTreeMap<(Family, LabelSet), Sample>;

/// What one type stands before: a metric, as far as its samples are of one kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Family {
    metric: String,
    kind: Kind,
}

/// Of which kind samples are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Of which nobody knows more.
    Float,
    Histogram,
    GaugeHistogram,
}

/// The last sample of a series.
#[derive(Clone, Debug)]
struct Sample {
    /// When, in milliseconds since the Unix epoch.
    time: i64,
    value: Value,
    /// Since when it counts; 0 is unknown.
    start: i64,
}

// === impl Service ===

impl Service {
    /// Answers a scrape.
    pub(super) async fn federate(&self, request: Request<Incoming>) -> Result<Reply, Refusal> {
        let start = Instant::now();
        let until = start + self.settings.timeout.get();
        let encoding = accept::encoding(request.headers());
        let exposition = accept::exposition(request.headers(), &[Exposition::OpenMetrics, Exposition::Protobuf]);
        let tenant = tenant(request.headers(), &self.settings.default_tenant)?;
        let form = self.form_in_time(request, start).await?;
        let (selectors, options) = params::federate(&form)?;
        let now = self.context.clock.now();
        let lookback = options.lookback.map_or(LOOKBACK, |span| i64::try_from(span.as_millis()).unwrap_or(i64::MAX));
        let turn = self.turn(until).await?;
        let mut last = Last::new();
        for matchers in selectors {
            let ask = Ask::Samples {
                matchers,
                start: now.saturating_sub(lookback).saturating_add(1),
                end: now,
                labels_only: false,
                bucket: None,
            };
            let answer = self.pass(tenant.clone(), ask, options.clone(), until).await?;
            let Data::Samples(batches) = answer.data else { return Err(Refusal::internal("expected samples")) };
            let mut batches = batches.take().ok_or_else(|| Refusal::internal("expected samples that nobody took"))?;
            let late = |_| Refusal::timed_out("query timed out in expression evaluation");
            while let Some(batch) = timeout_at(until, batches.next()).await.map_err(late)? {
                add(&batch.map_err(|error| Refusal::of(&error, None))?, &mut last);
            }
        }
        let media = match exposition {
            Exposition::Text => metrics::TEXT,
            Exposition::OpenMetrics => metrics::OPENMETRICS,
            Exposition::Protobuf => protobuf::MEDIA,
        };
        stream(media, encoding, self.settings.timeout.get(), move |drain, out| {
            let _turn = turn;
            match exposition {
                Exposition::Text => text::write(&last, false, out, drain),
                Exposition::OpenMetrics => text::write(&last, true, out, drain),
                Exposition::Protobuf => protobuf::write(&last, out, drain),
            }
        })
    }
}

/// Adds the last samples of a batch's series, but of those that have ended.
fn add(batch: &Batch, last: &mut Last) {
    for series in batch.iter() {
        let metric = series.labels.metric();
        let Some(sample) = sample(&series).filter(|sample| !metric.is_empty() && !sample.is_stale()) else { continue };
        let family = Family { metric: metric.to_owned(), kind: sample.kind() };
        last.insert((family, series.labels.to_set()), sample);
    }
}

/// The last sample of a series.
fn sample(series: &Series<'_>) -> Option<Sample> {
    let float = series.timestamps.last().zip(series.values.last());
    match (float, series.histograms.last()) {
        (Some((time, value)), other) if other.is_none_or(|other| other.timestamp < *time) => {
            let start = series.start_timestamps.last().copied().unwrap_or(0);
            Some(Sample { time: *time, value: Value::Float(*value), start })
        }
        (_, Some(point)) => Some(Sample { time: point.timestamp, value: point.value(), start: point.start }),
        _ => None,
    }
}

/// Labels as a scrape is to find them: with an `instance`, and without the metric's name.
fn labels_of(labels: &LabelSet) -> impl Iterator<Item = (&str, &str)> {
    let labels = labels.as_labels();
    let instance = labels.get("instance").is_none().then_some(("instance", ""));
    labels.iter().filter(|(name, _)| *name != METRIC).chain(instance)
}

/// The buckets of a histogram with custom bounds as those of a classic one: up to which bound how many observations are.
/// All of them are in a last one up to infinity, which is not told here.
fn classic(histogram: &Histogram) -> Vec<(f64, f64)> {
    let mut counts = vec![0.0; histogram.custom.len()];
    let (mut index, mut rest) = (0i64, histogram.positive.counts.iter());
    for span in &histogram.positive.spans {
        index += i64::from(span.offset);
        for count in rest.by_ref().take(span.length as usize) {
            if let Some(place) = usize::try_from(index).ok().and_then(|at| counts.get_mut(at)) {
                *place += count;
            }
            index += 1;
        }
    }
    let mut below = 0.0;
    let up_to = |(bound, count): (&f64, f64)| {
        below += count;
        (*bound, below)
    };
    histogram.custom.iter().zip(counts).map(up_to).collect()
}

// === impl Sample ===

impl Sample {
    fn is_stale(&self) -> bool {
        match &self.value {
            Value::Float(float) => is_stale(*float),
            Value::Histogram(histogram) => histogram.is_stale(),
        }
    }

    fn kind(&self) -> Kind {
        match &self.value {
            Value::Float(_) => Kind::Float,
            Value::Histogram(histogram) if histogram.reset == ResetHint::Gauge => Kind::GaugeHistogram,
            Value::Histogram(_) => Kind::Histogram,
        }
    }
}

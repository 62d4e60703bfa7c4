//! Batches as lines, for sinks that people and small programs read.

use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use serde::Deserialize;
use serde_json::{Value, json};
use tower::service_fn;
use weir_pipeline::ack::reason;
use weir_pipeline::batch::Series;
use weir_pipeline::histogram::Buckets;
use weir_pipeline::{Ack, Batch, Error, HistogramPoint, Next, Outcome, Write, exposition, is_stale};

/// How batches are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Prometheus text 0.0.4, a line for each sample with its time, and what is said of metrics. It leaves out tenants. Native
    /// histograms, for which it has no notation, are dropped.
    #[default]
    Text,
    /// A JSON object for each series: `tenant`, `metric` with all labels, `values`, and `timestamps` in milliseconds. Values that
    /// JSON has no numbers for are the texts `NaN`, `+Inf`, `-Inf`, and `stale`. `histograms` are native ones, where there are
    /// any.
    Json,
}

/// A sink that writes batches to `out`, one after the other, each followed by `end`. Errors call it `name`.
pub(crate) fn sink<W: io::Write + Send + 'static>(
    format: Format,
    out: W,
    name: &str,
    end: fn(&mut W) -> io::Result<()>,
) -> Next<Write> {
    let (out, name): (_, Arc<str>) = (Arc::new(Mutex::new(out)), name.into());
    Next::new(service_fn(move |batch: Batch| {
        let (out, name) = (out.clone(), name.clone());
        async move {
            let (samples, histograms) = (batch.float_count() as u64, batch.histogram_count() as u64);
            let write = move || {
                let lines = format.lines(&batch);
                let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
                out.write_all(lines.as_bytes())?;
                end(&mut out)
            };
            let wrote = tokio::task::spawn_blocking(write).await.map_err(io::Error::other).flatten();
            wrote.map_err(|e| Error::unavailable(format!("expected to write to {name}")).with_source(e))?;
            Ok::<_, Error>(match format {
                Format::Text => Ack::written(samples).with(Outcome::Dropped, reason::HISTOGRAM_UNSUPPORTED, histograms),
                Format::Json => Ack::written(samples + histograms),
            })
        }
        .boxed()
    }))
}

// === impl Format ===

impl Format {
    /// The lines of a batch.
    pub(crate) fn lines(self, batch: &Batch) -> String {
        match self {
            Self::Text => exposition::write(batch),
            Self::Json => batch.iter().fold(String::new(), |mut out, series| {
                // Writing into a text can't fail.
                let _ = writeln!(out, "{}", object(batch, series));
                out
            }),
        }
    }
}

fn object(batch: &Batch, series: Series<'_>) -> Value {
    let metric: serde_json::Map<String, Value> =
        series.labels.iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
    let values: Vec<Value> = series.values.iter().map(|value| number(*value)).collect();
    let mut object = json!({
        "tenant": batch.tenant().as_str(),
        "metric": metric,
        "values": values,
        "timestamps": series.timestamps,
    });
    if !series.histograms.is_empty() {
        object["histograms"] = series.histograms.iter().map(histogram).collect();
    }
    object
}

/// A native histogram: its numbers, and its buckets as spans of them with their counts.
pub(crate) fn histogram(point: &HistogramPoint) -> Value {
    let of = &*point.histogram;
    let buckets = |buckets: &Buckets| {
        let spans: Vec<_> = buckets.spans.iter().map(|span| json!([span.offset, span.length])).collect();
        let counts: Vec<_> = buckets.counts.iter().map(|count| number(*count)).collect();
        json!({ "spans": spans, "counts": counts })
    };
    json!({
        "timestamp": point.timestamp,
        "schema": of.schema,
        "count": number(of.count),
        "sum": number(of.sum),
        "zero_threshold": number(of.zero_threshold),
        "zero_count": number(of.zero_count),
        "positive": buckets(&of.positive),
        "negative": buckets(&of.negative),
        "custom_bounds": of.custom.iter().map(|bound| number(*bound)).collect::<Vec<_>>(),
    })
}

fn number(value: f64) -> Value {
    let text = match value {
        v if is_stale(v) => "stale",
        v if v.is_nan() => "NaN",
        f64::INFINITY => "+Inf",
        f64::NEG_INFINITY => "-Inf",
        v => return Value::from(v),
    };
    Value::from(text)
}

#[cfg(test)]
mod tests;

//! What flows, as lines.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use weir_pipeline::batch::Series;
use weir_pipeline::samples::{number, text};
use weir_pipeline::tap::{Rate, Rates, Shown, Watch};
use weir_pipeline::{Batch, HistogramPoint, Selector, Tenant};

/// How long nothing is said where nothing flows: then an empty line shows whether the asker is still there.
const IDLE: Duration = Duration::from_secs(15);

/// How often rates are said.
const EVERY: Duration = Duration::from_secs(1);

/// How samples are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Format {
    /// As tests of pipeline files have them.
    #[default]
    Text,
    /// An object for each.
    Json,
}

/// What of that which flows is wanted.
#[derive(Default)]
pub(super) struct Wanted {
    /// One of these, where there are any.
    pub(super) selectors: Vec<Selector>,
    pub(super) tenant: Option<Tenant>,
    /// How many more; for ever where nothing is said.
    pub(super) left: Option<u64>,
    pub(super) format: Format,
}

/// Samples as lines, until `stop`.
pub(super) struct Lines {
    pub(super) watch: Watch,
    pub(super) wanted: Wanted,
    pub(super) stop: CancellationToken,
}

/// Rates as lines, until `stop`.
pub(super) struct Counting {
    rates: Rates,
    left: Option<u64>,
    since: Instant,
    stop: CancellationToken,
}

// === impl Lines ===

impl Lines {
    /// The next lines, and what follows them.
    pub(super) async fn next(mut self) -> Option<(Bytes, Self)> {
        loop {
            if self.wanted.left == Some(0) {
                return None;
            }
            let missed = self.watch.missed();
            if missed > 0 {
                return Some((self.wanted.not_shown(missed).into(), self));
            }
            let shown = tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                shown = self.watch.next() => shown?,
                () = sleep(IDLE) => return Some((Bytes::from_static(b"\n"), self)),
            };
            if let Some(lines) = self.wanted.lines(&shown) {
                return Some((lines.into(), self));
            }
        }
    }
}

// === impl Wanted ===

impl Wanted {
    /// What is wanted of a batch, as lines.
    fn lines(&mut self, shown: &Shown) -> Option<String> {
        if self.tenant.as_ref().is_some_and(|tenant| tenant != shown.batch.tenant()) {
            return None;
        }
        let selects = |series: &Series<'_>| self.selectors.iter().any(|selector| selector.selects(series.labels));
        let mut batch = match self.selectors.is_empty() {
            true => shown.batch.clone(),
            false => shown.batch.filter(|series| selects(&series)),
        };
        if let Some(left) = &mut self.left {
            batch = first(batch, *left);
            *left = left.saturating_sub(batch.sample_count() as u64);
        }
        if batch.is_empty() {
            return None;
        }
        Some(match self.format {
            Format::Text => {
                let count = batch.sample_count();
                let samples = if count == 1 { "sample" } else { "samples" };
                format!("# {}, tenant {}, {count} {samples}\n{}", shown.place, batch.tenant(), text(&batch))
            }
            Format::Json => batch.iter().flat_map(|series| objects(shown, series)).collect(),
        })
    }

    /// Says that there was no room for samples.
    fn not_shown(&self, samples: u64) -> String {
        match self.format {
            Format::Text => format!("# {samples} samples not shown\n"),
            Format::Json => format!("{}\n", json!({ "not_shown": samples })),
        }
    }
}

/// A line for each sample of a series.
fn objects(shown: &Shown, series: Series<'_>) -> Vec<String> {
    let labels: Map<String, Value> = series.labels.iter().map(|(n, v)| (n.to_owned(), v.into())).collect();
    let tenant = shown.batch.tenant().as_str();
    let samples = series.timestamps.iter().zip(series.values).enumerate();
    let object = |(i, (timestamp, value)): (usize, (&i64, &f64))| {
        let mut object = json!({
            "place": &*shown.place,
            "tenant": tenant,
            "labels": labels,
            "timestamp": timestamp,
            "value": number(*value),
        });
        if let Some(start) = series.start_timestamps.get(i).filter(|start| **start != 0) {
            object["start_timestamp"] = json!(start);
        }
        format!("{object}\n")
    };
    let histogram = |point: &HistogramPoint| {
        let histogram = crate::lines::histogram(point);
        let mut object = json!({ "place": &*shown.place, "tenant": tenant, "labels": labels, "histogram": histogram });
        object["timestamp"] = json!(point.timestamp);
        if point.start != 0 {
            object["start_timestamp"] = json!(point.start);
        }
        format!("{object}\n")
    };
    samples.map(object).chain(series.histograms.iter().map(histogram)).collect()
}

/// The first so many samples of a batch.
fn first(batch: Batch, count: u64) -> Batch {
    let mut left = usize::try_from(count).unwrap_or(usize::MAX);
    if batch.sample_count() <= left {
        return batch;
    }
    let mut out = Batch::builder(batch.tenant().clone());
    for series in batch.iter() {
        let taken = left.min(series.timestamps.len());
        let (timestamps, values) = (series.timestamps.get(..taken), series.values.get(..taken));
        let starts = series.start_timestamps.get(..taken).unwrap_or_default();
        let (timestamps, values) = (timestamps.unwrap_or_default(), values.unwrap_or_default());
        left -= taken;
        let histograms = series.histograms.get(..left.min(series.histograms.len())).unwrap_or_default();
        out.push_series(series.labels, Series { timestamps, values, start_timestamps: starts, histograms, ..series });
        left -= histograms.len();
        if left == 0 {
            break;
        }
    }
    out.build()
}

// === impl Counting ===

impl Counting {
    /// Rates, of which `left` are said, or all until `stop`.
    pub(super) fn new(rates: Rates, left: Option<u64>, stop: CancellationToken) -> Self {
        Self { rates, left, since: Instant::now(), stop }
    }

    /// The next line, and what follows it.
    pub(super) async fn next(mut self) -> Option<(Bytes, Self)> {
        if self.left == Some(0) {
            return None;
        }
        tokio::select! {
            biased;
            () = self.stop.cancelled() => return None,
            () = sleep(EVERY) => {}
        }
        let seconds = std::mem::replace(&mut self.since, Instant::now()).elapsed().as_secs_f64();
        let stages: Vec<Value> = self.rates.take().iter().map(stage).collect();
        self.left = self.left.map(|left| left.saturating_sub(1));
        let line = json!({ "seconds": seconds, "stages": stages });
        Some((format!("{line}\n").into(), self))
    }
}

fn stage(rate: &Rate) -> Value {
    let counted = rate.counted;
    json!({
        "pipeline": rate.pipeline,
        "stage": rate.stage,
        "batches": counted.batches,
        "samples": counted.samples,
        "series": counted.series,
        "bytes": counted.bytes,
        "dropped": counted.dropped,
        "errors": counted.errors,
    })
}

//! One tenant's samples, in compressed rows: the layout of an Arrow list.

mod builder;
mod column;

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::histogram::HistogramPoint;
use crate::labels::{Labels, SeriesId};
use crate::query::Exemplar;
use crate::tenant::Tenant;

use column::Column;

/// The bits of the NaN that marks the end of a series.
pub const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;

/// The NaN that marks the end of a series. Compare with [`is_stale`], never with `==`.
pub const STALE: f64 = f64::from_bits(STALE_BITS);

/// Whether `value` is the staleness marker, bit for bit.
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_BITS
}

/// One tenant's samples. A clone shares the buffers.
///
/// Shape: series `i` owns samples `offsets[i]..offsets[i + 1]` of `timestamps` (milliseconds since the Unix epoch) and
/// `values`; native histograms, which are samples too, and exemplars, which are not, stand beside them. A series may come
/// more than once; its samples may be in any order.
#[derive(Clone)]
pub struct Batch {
    tenant: Tenant,
    rows: Arc<Rows>,
    made: Arc<Mutex<Made>>,
}

/// What was made of a batch last, while somebody has it.
type Made = Option<Weak<dyn Any + Send + Sync>>;

/// The buffers of a batch. What is unused is empty.
#[derive(Default)]
struct Rows {
    /// The canonical encodings of all series, one after the other.
    labels: Vec<u8>,
    /// Where each encoding ends in `labels`.
    label_ends: Vec<u32>,
    ids: Vec<SeriesId>,
    /// One more than there are series; starts with 0.
    offsets: Vec<u32>,
    timestamps: Vec<i64>,
    values: Vec<f64>,
    /// Start timestamps, parallel to `timestamps`, 0 for unknown; empty where no sample has one.
    start_timestamps: Vec<i64>,
    histograms: Column<HistogramPoint>,
    exemplars: Column<Exemplar>,
    /// What is known of metrics, for those that said something.
    metadata: Vec<Metadata>,
}

/// The kind of a metric, as exposition formats and remote write name it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MetricKind {
    /// Not said.
    #[default]
    Unknown,
    /// Only grows, apart from resets.
    Counter,
    /// Goes up and down.
    Gauge,
    /// `_bucket`, `_sum` and `_count` series.
    Histogram,
    /// A histogram of current values.
    GaugeHistogram,
    /// `quantile`, `_sum` and `_count` series.
    Summary,
    /// Labels that describe.
    Info,
    /// One of several states.
    StateSet,
}

/// The kinds by their numbers in what is stored and sent.
const KINDS: [MetricKind; 8] = [
    MetricKind::Unknown,
    MetricKind::Counter,
    MetricKind::Gauge,
    MetricKind::Histogram,
    MetricKind::GaugeHistogram,
    MetricKind::Summary,
    MetricKind::Info,
    MetricKind::StateSet,
];

/// What the sender says of one metric family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The family's name.
    pub metric: String,
    /// Its kind.
    pub kind: MetricKind,
    /// The help text, empty where not said.
    pub help: String,
    /// The unit, empty where not said.
    pub unit: String,
}

/// One series of a batch, borrowed.
#[derive(Clone, Copy)]
pub struct Series<'a> {
    /// The id of `labels`.
    pub id: SeriesId,
    /// The label set.
    pub labels: Labels<'a>,
    /// Milliseconds since the Unix epoch.
    pub timestamps: &'a [i64],
    /// As long as `timestamps`.
    pub values: &'a [f64],
    /// As long as `timestamps`, or empty; 0 is unknown.
    pub start_timestamps: &'a [i64],
    /// Native histograms: samples beside those of `timestamps`.
    pub histograms: &'a [HistogramPoint],
    /// Observations that stand for others. They are no samples.
    pub exemplars: &'a [Exemplar],
}

/// Builds a batch series by series: labels first, then the samples of that series.
pub struct BatchBuilder {
    tenant: Tenant,
    rows: Rows,
}

// === impl Batch ===

impl Batch {
    /// An empty builder for `tenant`.
    pub fn builder(tenant: Tenant) -> BatchBuilder {
        BatchBuilder::new(tenant)
    }

    /// Whose samples these are.
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// The same samples, owned by `tenant`. Shares the buffers.
    #[must_use]
    pub fn with_tenant(&self, tenant: Tenant) -> Self {
        Self { tenant, rows: self.rows.clone(), made: Arc::default() }
    }

    /// What `make` makes of this batch, made once for all its clones while one of them has it. It keeps what was made last
    /// only: those who share a batch should make the same of it.
    pub fn shared<T: Send + Sync + 'static>(&self, make: impl FnOnce(&Self) -> T) -> Arc<T> {
        // Who waits here would have to make it otherwise.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Ok(made)) = made.as_ref().and_then(Weak::upgrade).map(Arc::downcast::<T>) {
            return made;
        }
        let new = Arc::new(make(self));
        let any: Arc<dyn Any + Send + Sync> = new.clone();
        *made = Some(Arc::downgrade(&any));
        new
    }

    /// How many series entries there are.
    pub fn series_count(&self) -> usize {
        self.rows.label_ends.len()
    }

    /// How many samples there are, floats and native histograms.
    pub fn sample_count(&self) -> usize {
        self.rows.sample_count()
    }

    /// How many of the samples are floats.
    pub fn float_count(&self) -> usize {
        self.rows.timestamps.len()
    }

    /// How many of the samples are native histograms.
    pub fn histogram_count(&self) -> usize {
        self.rows.histograms.all().len()
    }

    /// How many exemplars there are.
    pub fn exemplar_count(&self) -> usize {
        self.rows.exemplars.all().len()
    }

    /// The time of its earliest sample, in milliseconds since the Unix epoch.
    pub fn earliest(&self) -> Option<i64> {
        let histograms = self.rows.histograms.all().iter().map(|point| point.timestamp);
        self.rows.timestamps.iter().copied().chain(histograms).min()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.sample_count() == 0
    }

    /// Whether there is nothing to send on: no sample, no exemplar, and nothing is said of a metric.
    pub fn says_nothing(&self) -> bool {
        self.is_empty() && self.exemplar_count() == 0 && self.rows.metadata.is_empty()
    }

    /// What the buffers take, in bytes.
    pub fn byte_size(&self) -> usize {
        let rows = &*self.rows;
        rows.labels.len()
            + rows.label_ends.len() * (4 + 16 + 4)
            + rows.timestamps.len() * 16
            + rows.start_timestamps.len() * 8
            + rows.histograms.all().iter().map(HistogramPoint::byte_size).sum::<usize>()
            + rows.exemplars.all().iter().map(Exemplar::byte_size).sum::<usize>()
            + rows.metadata.iter().map(Metadata::byte_size).sum::<usize>()
    }

    /// The `i`-th series.
    ///
    /// # Panics
    /// Where `i` is not below [`Batch::series_count`].
    pub fn series(&self, i: usize) -> Series<'_> {
        let rows = &*self.rows;
        let labels = if i == 0 { 0 } else { rows.label_ends[i - 1] as usize }..rows.label_ends[i] as usize;
        let samples = rows.offsets[i] as usize..rows.offsets[i + 1] as usize;
        Series {
            id: rows.ids[i],
            labels: Labels::from_canonical(&rows.labels[labels]),
            timestamps: &rows.timestamps[samples.clone()],
            values: &rows.values[samples.clone()],
            start_timestamps: if rows.start_timestamps.is_empty() { &[] } else { &rows.start_timestamps[samples] },
            histograms: rows.histograms.of(i),
            exemplars: rows.exemplars.of(i),
        }
    }

    /// All series, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Series<'_>> {
        (0..self.series_count()).map(|i| self.series(i))
    }

    /// What is known of metrics.
    pub fn metadata(&self) -> &[Metadata] {
        &self.rows.metadata
    }

    /// A batch of those series for which `keep` holds. Shares the buffers where all are kept.
    #[must_use]
    pub fn filter(&self, mut keep: impl FnMut(Series<'_>) -> bool) -> Self {
        let kept: Vec<usize> = (0..self.series_count()).filter(|&i| keep(self.series(i))).collect();
        if kept.len() == self.series_count() {
            return self.clone();
        }
        let mut out = Self::builder(self.tenant.clone());
        for &i in &kept {
            let series = self.series(i);
            out.push_series(series.labels, series);
        }
        out.rows.metadata.clone_from(&self.rows.metadata);
        out.build()
    }

    /// `parts` batches, each with the series whose entry in `route` is its place, in their order. What is known of metrics
    /// goes to every part. A series whose entry is not below `parts` is in none.
    ///
    /// # Panics
    /// Where `route` is shorter than there are series.
    pub fn split(&self, route: &[usize], parts: usize) -> Vec<Self> {
        let mut out: Vec<_> = (0..parts).map(|_| Self::builder(self.tenant.clone())).collect();
        for (i, series) in self.iter().enumerate() {
            if let Some(part) = out.get_mut(route[i]) {
                part.push_series(series.labels, series);
            }
        }
        let build = |mut part: BatchBuilder| {
            part.rows.metadata.clone_from(&self.rows.metadata);
            part.build()
        };
        out.into_iter().map(build).collect()
    }
}

// === impl MetricKind ===

impl MetricKind {
    /// Its number in what is stored and sent.
    pub fn code(self) -> u8 {
        KINDS.iter().position(|kind| *kind == self).unwrap_or(0) as u8
    }

    /// The kind of a number; `None` where there is none.
    pub fn of(code: u8) -> Option<Self> {
        KINDS.get(usize::from(code)).copied()
    }

    /// Its name in OpenMetrics and in Prometheus' API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
        }
    }

    /// The kind of that name; `None` where there is none.
    pub fn named(name: &str) -> Option<Self> {
        KINDS.into_iter().find(|kind| kind.as_str() == name)
    }
}

// === impl Metadata ===

impl Metadata {
    /// What it takes, in bytes.
    pub fn byte_size(&self) -> usize {
        self.metric.len() + self.help.len() + self.unit.len() + 80
    }
}

// === impl Rows ===

impl Rows {
    fn sample_count(&self) -> usize {
        self.timestamps.len() + self.histograms.all().len()
    }
}

// === impl Series ===

impl Series<'_> {
    /// How many samples there are, floats and native histograms.
    pub fn sample_count(&self) -> usize {
        self.timestamps.len() + self.histograms.len()
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({}, {} series, {} samples)", self.tenant, self.series_count(), self.sample_count())
    }
}

#[cfg(test)]
mod tests;

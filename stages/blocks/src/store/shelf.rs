//! Where a store keeps its blocks, as the store sees it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use ulid::Ulid;
use weir_pipeline::batch::Metadata;
use weir_pipeline::{Error, HistogramPoint, Kind, Labels, Matcher, Result, SeriesExemplars, SeriesId, Tenant};

use crate::extras::{Extras, Summary};
use crate::lasts::Lasts;
use crate::starts;

/// Nothing beside samples.
static NO_EXTRAS: Extras = Extras::NONE;

/// Keeps blocks: immutable samples of one tenant and one UTC day.
#[async_trait]
pub trait Shelf: Send + Sync + 'static {
    /// Says which life of its store this is. Names of blocks tell which life they are of.
    fn begin(&self, life: u32);

    /// Writes a block of what `rows` has within `start..=end`, which lies within one UTC day. Durable, and listed from
    /// now on, when this returns; `None` where there is no sample.
    ///
    /// # Errors
    /// The bucket fails; nothing is listed.
    async fn write(&self, tenant: &Tenant, start: i64, end: i64, rows: Arc<dyn Rows>)
    -> Result<Option<Arc<dyn Block>>>;

    /// All blocks.
    ///
    /// # Errors
    /// The bucket fails.
    async fn list(&self) -> Result<Vec<(Tenant, Arc<dyn Block>)>>;

    /// Takes a block off the list, and removes it once no reader has it any more.
    ///
    /// # Errors
    /// The bucket fails.
    async fn remove(&self, tenant: &Tenant, block: Arc<dyn Block>) -> Result<()>;
}

/// Series to write, in block order, each once. They are read a few at a time, as often as the writer likes.
#[async_trait]
pub trait Rows: Send + Sync + 'static {
    /// How many series there are.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The labels of the `i`-th series.
    fn labels(&self, i: usize) -> Labels<'_>;

    /// The id of the `i`-th series.
    fn id(&self, i: usize) -> SeriesId;

    /// How many samples the `i`-th series has at most, to size reads by.
    fn samples(&self, i: usize) -> usize;

    /// When the oldest of the blocks was made that they are read from, in milliseconds since the Unix epoch; `None` where
    /// they are from no block.
    fn began(&self) -> Option<u64> {
        None
    }

    /// Whether any series may have native histograms: only such a block has places for them.
    fn have_histograms(&self) -> bool;

    /// Whether any series may have floats with starts: likewise.
    fn have_starts(&self) -> bool;

    /// What the series have beside samples.
    fn extras(&self) -> &Extras {
        &NO_EXTRAS
    }

    /// The samples of some series within `start..=end`: for each series rising timestamps, each once, be it of a float or of
    /// a histogram; empty lists where it has none there.
    ///
    /// # Errors
    /// What they are read from fails.
    async fn read(&self, range: Range<usize>, start: i64, end: i64) -> Result<Vec<Samples>>;
}

/// A block, opened to be read.
#[async_trait]
pub trait Block: Send + Sync + fmt::Debug + 'static {
    /// Its name. That of a block that was made later is greater, among those of one shelf since it was opened.
    fn id(&self) -> Ulid;

    /// The first timestamp.
    fn min_ts(&self) -> i64;

    /// The last timestamp.
    fn max_ts(&self) -> i64;

    /// How many samples there are.
    fn samples(&self) -> u64;

    /// How many bytes it takes in the bucket.
    fn bytes(&self) -> u64;

    /// Whether it may have native histograms.
    fn has_histograms(&self) -> bool;

    /// Whether it may have floats with starts.
    fn has_starts(&self) -> bool;

    /// What it has beside samples.
    fn extras(&self) -> Summary;

    /// The exemplars within `start..=end` of the series that satisfy all matchers, in block order.
    ///
    /// # Errors
    /// The bucket fails, or the block is damaged.
    async fn exemplars(&self, matchers: &[Matcher], start: i64, end: i64) -> Result<Vec<SeriesExemplars>>;

    /// What is said of the metrics of its series, sorted by the names of their families.
    ///
    /// # Errors
    /// The bucket fails, or the block is damaged.
    async fn metrics(&self) -> Result<Arc<[Arc<Metadata>]>>;

    /// The series that satisfy all matchers and may have samples within `start..=end`, in block order.
    ///
    /// # Errors
    /// The bucket fails, or the block is damaged.
    async fn select(&self, matchers: &[Matcher], start: i64, end: i64) -> Result<Vec<Row>>;

    /// The samples of some rows within `start..=end`, in the order of `rows`, which rises. A row without samples there
    /// gives empty lists.
    ///
    /// # Errors
    /// The bucket fails, or the block is damaged.
    async fn read(&self, rows: &[u32], start: i64, end: i64) -> Result<Vec<Samples>>;

    /// As [`read`](Self::read), where only the last floats before steps are wanted: others may be left out.
    ///
    /// # Errors
    /// The bucket fails, or the block is damaged.
    async fn read_lasts(&self, rows: &[u32], start: i64, end: i64, _: Lasts) -> Result<Vec<Samples>> {
        self.read(rows, start, end).await
    }
}

/// The samples of one row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// When the floats are, in milliseconds since the Unix epoch.
    pub timestamps: Vec<i64>,
    /// As long as `timestamps`.
    pub values: Vec<f64>,
    /// Since when each float counts, 0 for unknown: as long as `timestamps`, or empty where none is known.
    pub starts: Vec<i64>,
    /// Native histograms.
    pub histograms: Vec<HistogramPoint>,
}

/// A series of a block.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its place in the block.
    pub row: u32,
    /// Its id.
    pub id: SeriesId,
    /// Its labels, canonical.
    pub labels: Arc<[u8]>,
    /// How many samples it has, about.
    pub samples: u32,
    /// Whether there are native histograms among them.
    pub histograms: bool,
}

/// Whether an error of reading a block is one that waiting does not mend.
pub(crate) fn is_damage(error: &Error) -> bool {
    matches!(error.kind(), Kind::Internal | Kind::Unprocessable)
}

// === impl Samples ===

impl Samples {
    /// None, and room for so many floats.
    pub(crate) fn with_capacity(floats: usize) -> Self {
        let (timestamps, values) = (Vec::with_capacity(floats), Vec::with_capacity(floats));
        Self { timestamps, values, ..Self::default() }
    }

    /// The floats, to be added to.
    pub(crate) fn floats_mut(&mut self) -> (&mut Vec<i64>, &mut Vec<f64>, &mut Vec<i64>) {
        (&mut self.timestamps, &mut self.values, &mut self.starts)
    }

    /// Takes of what comes after these the last floats before steps, and empties it.
    pub(crate) fn take_lasts(&mut self, all: &mut Self, lasts: &Lasts) {
        let Self { timestamps, values, starts, histograms } = all;
        lasts.keep(timestamps, values, starts);
        let before = self.timestamps.len();
        self.timestamps.append(timestamps);
        self.values.append(values);
        starts::append(&mut self.starts, before, self.timestamps.len(), starts);
        starts.clear();
        self.histograms.append(histograms);
    }

    /// Those within `start..=end`.
    pub(crate) fn within(&self, start: i64, end: i64) -> Self {
        let (first, last) =
            (self.timestamps.partition_point(|t| *t < start), self.timestamps.partition_point(|t| *t <= end));
        let floats = first..last.max(first);
        let mut within = Self::with_capacity(floats.len());
        within.timestamps.extend_from_slice(&self.timestamps[floats.clone()]);
        within.values.extend_from_slice(&self.values[floats.clone()]);
        starts::append(&mut within.starts, 0, floats.len(), self.starts.get(floats).unwrap_or_default());
        let first = self.histograms.partition_point(|point| point.timestamp < start);
        let last = self.histograms.partition_point(|point| point.timestamp <= end);
        within.histograms.extend_from_slice(&self.histograms[first..last.max(first)]);
        within
    }

    /// What they take in memory, in bytes.
    pub(crate) fn byte_size(&self) -> usize {
        let lists = (self.timestamps.capacity() + self.values.capacity() + self.starts.capacity()) * 8;
        lists + self.histograms.iter().map(HistogramPoint::byte_size).sum::<usize>()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.timestamps.len() + self.histograms.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first and the last timestamp.
    pub fn times(&self) -> Option<(i64, i64)> {
        let histograms = (self.histograms.first(), self.histograms.last());
        let first = self.timestamps.first().copied().into_iter().chain(histograms.0.map(|point| point.timestamp)).min();
        let last = self.timestamps.last().copied().max(histograms.1.map(|point| point.timestamp));
        first.zip(last)
    }
}

impl FromIterator<(i64, f64)> for Samples {
    fn from_iter<I: IntoIterator<Item = (i64, f64)>>(floats: I) -> Self {
        let (timestamps, values) = floats.into_iter().unzip();
        Self { timestamps, values, ..Self::default() }
    }
}

//! Writes a block.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use weir_pipeline::{Error, Result};

use super::columns::Columns;
use super::schema::Beside;
use super::series::{Entry, SeriesFile};
use super::{WINDOW, extras, schema};
use crate::background::background;
use crate::extras::Summary;
use crate::store::shelf::{Rows, Samples};

/// The most bytes of a row group, before and after compression alike.
const ROW_GROUP_BYTES: usize = 128 << 20;
/// The most samples that are read and encoded at a time.
const SAMPLES_AT_A_TIME: usize = 256 << 10;
/// The most series that are read at a time.
const SERIES_AT_A_TIME: usize = 4096;

/// The two files of a block, and what they hold.
pub(super) struct Files {
    pub(super) series: Bytes,
    pub(super) samples: Bytes,
    pub(super) min_ts: i64,
    pub(super) max_ts: i64,
    pub(super) count: u64,
    /// How many series the series file has.
    pub(super) rows: u64,
    /// The labels that have columns of their own in it.
    pub(super) labels: Vec<String>,
    /// The version of their format.
    pub(super) format: u32,
    /// Whether the samples file has places for starts.
    pub(super) starts: bool,
    /// What the series file has beside series.
    pub(super) extras: Summary,
}

/// Encodes what `rows` has within `start..=end`; `None` where there is no sample. The work is done where it holds up nobody who
/// writes or asks.
pub(super) async fn write(rows: Arc<dyn Rows>, start: i64, end: i64) -> Result<Option<Files>> {
    if start.div_euclid(86_400_000) != end.div_euclid(86_400_000) {
        return Err(Error::internal(format!("expected a block within one UTC day, got {start}..={end}")));
    }
    let mut writer = Writer::new(rows.as_ref())?;
    let mut window = start.div_euclid(WINDOW) * WINDOW;
    while window <= end {
        let (from, to) = (window.max(start), (window + WINDOW - 1).min(end));
        writer = writer.window(rows.as_ref(), from, to).await?;
        window += WINDOW;
    }
    background(move || writer.finish(rows.as_ref())).await?
}

struct Writer {
    samples: ArrowWriter<Vec<u8>>,
    schema: SchemaRef,
    beside: Beside,
    entries: Vec<Entry>,
    /// How many row groups are complete.
    groups: usize,
    /// Whether the row group that is open has samples.
    open: bool,
}

// === impl Writer ===

impl Writer {
    fn new(rows: &dyn Rows) -> Result<Self> {
        let properties = schema::samples_properties();
        let beside = Beside { starts: rows.have_starts(), histograms: rows.have_histograms() };
        let schema = schema::samples(beside);
        let samples = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties)).map_err(broken)?;
        Ok(Self { samples, schema, beside, entries: vec![Entry::default(); rows.len()], groups: 0, open: false })
    }

    async fn window(mut self, rows: &dyn Rows, from: i64, to: i64) -> Result<Self> {
        let mut first = 0;
        while first < rows.len() {
            let (mut last, mut samples) = (first, 0);
            while last < rows.len() && last - first < SERIES_AT_A_TIME && (samples < SAMPLES_AT_A_TIME || last == first)
            {
                samples += rows.samples(last);
                last += 1;
            }
            let read = rows.read(first..last, from, to).await?;
            let is_last = last == rows.len();
            self = background(move || {
                self.add(first, &read)?;
                if is_last || self.samples.in_progress_size() > ROW_GROUP_BYTES {
                    self.close_group()?;
                }
                Ok(self)
            })
            .await??;
            first = last;
        }
        Ok(self)
    }

    fn close_group(&mut self) -> Result<()> {
        if self.open {
            self.samples.flush().map_err(broken)?;
            self.groups += 1;
            self.open = false;
        }
        Ok(())
    }

    /// Encodes the samples of the series from `first` on.
    fn add(&mut self, first: usize, read: &[Samples]) -> Result<()> {
        let count: usize = read.iter().map(Samples::len).sum();
        if count == 0 {
            return Ok(());
        }
        let mut columns = Columns::new(count, self.beside);
        for (i, samples) in read.iter().enumerate().filter(|(_, samples)| !samples.is_empty()) {
            let series = first + i;
            let reference = u32::try_from(series).map_err(|_| Error::internal("a block has more than 2^32 series"))?;
            columns.add(reference, samples);
            self.entries[series].add(self.groups, samples);
        }
        let batch = columns.finish().and_then(|columns| RecordBatch::try_new(self.schema.clone(), columns));
        let batch = batch.map_err(|e| Error::internal("samples do not fit their columns").with_source(e))?;
        self.open = true;
        self.samples.write(&batch).map_err(broken)
    }

    fn finish(mut self, rows: &dyn Rows) -> Result<Option<Files>> {
        let times = self.entries.iter().filter_map(|e| e.range);
        let Some(min_ts) = times.clone().map(|(min, _)| min).min() else { return Ok(None) };
        let max_ts = times.map(|(_, max)| max).max().unwrap_or(min_ts);
        let count = self.entries.iter().map(Entry::samples).sum();
        // Rows that may have had histograms may turn out to have none within the block: it is as any other that could have.
        let format = schema::format(self.beside.histograms);
        let summary = extras::summary(rows);
        for pair in schema::stamp(format).into_iter().chain(extras::stamp(summary)) {
            self.samples.append_key_value_metadata(pair);
        }
        let samples = self.samples.into_inner().map_err(broken)?;
        let file = SeriesFile { rows, entries: &self.entries, groups: self.groups, format, summary };
        let labels = file.promoted();
        let series = file.encode(&labels)?.into();
        let (samples, rows, starts) = (samples.into(), rows.len() as u64, self.beside.starts);
        Ok(Some(Files { series, samples, min_ts, max_ts, count, rows, labels, format, starts, extras: summary }))
    }
}

pub(super) fn broken(error: ParquetError) -> Error {
    Error::internal("a block can't be encoded").with_source(error)
}

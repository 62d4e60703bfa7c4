//! Writes a block.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Builder, Int8Builder, Int64Builder, RecordBatch, UInt32Builder};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use weir_pipeline::{Error, Result};

use super::series::{Entry, SeriesFile};
use super::{WINDOW, schema};
use crate::decimal;
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
}

/// Encodes what `rows` has within `start..=end`; `None` where there is no sample.
pub(super) async fn write(rows: &dyn Rows, start: i64, end: i64) -> Result<Option<Files>> {
    if start.div_euclid(86_400_000) != end.div_euclid(86_400_000) {
        return Err(Error::internal(format!("expected a block within one UTC day, got {start}..={end}")));
    }
    let mut writer = Writer::new(rows.len())?;
    let mut window = start.div_euclid(WINDOW) * WINDOW;
    while window <= end {
        let (from, to) = (window.max(start), (window + WINDOW - 1).min(end));
        writer.window(rows, from, to).await?;
        window += WINDOW;
    }
    writer.finish(rows)
}

struct Writer {
    samples: ArrowWriter<Vec<u8>>,
    entries: Vec<Entry>,
    /// How many row groups are complete.
    groups: usize,
    /// Whether the row group that is open has samples.
    open: bool,
}

// === impl Writer ===

impl Writer {
    fn new(series: usize) -> Result<Self> {
        let properties = schema::samples_properties();
        let samples = ArrowWriter::try_new(Vec::new(), schema::samples(), Some(properties)).map_err(broken)?;
        Ok(Self { samples, entries: vec![Entry::default(); series], groups: 0, open: false })
    }

    async fn window(&mut self, rows: &dyn Rows, from: i64, to: i64) -> Result<()> {
        let mut first = 0;
        while first < rows.len() {
            let (mut last, mut samples) = (first, 0);
            while last < rows.len() && last - first < SERIES_AT_A_TIME && (samples < SAMPLES_AT_A_TIME || last == first)
            {
                samples += rows.samples(last);
                last += 1;
            }
            let read = rows.read(first..last, from, to).await?;
            self.add(first, &read)?;
            first = last;
            if self.samples.in_progress_size() > ROW_GROUP_BYTES {
                self.close_group()?;
            }
        }
        self.close_group()
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
        let count: usize = read.iter().map(|(t, _)| t.len()).sum();
        if count == 0 {
            return Ok(());
        }
        let mut refs = UInt32Builder::with_capacity(count);
        let mut ts = Int64Builder::with_capacity(count);
        let mut mants = Int64Builder::with_capacity(count);
        let mut scales = Int8Builder::with_capacity(count);
        let mut vals = Float64Builder::with_capacity(count);
        for (i, (timestamps, values)) in read.iter().enumerate().filter(|(_, (t, _))| !t.is_empty()) {
            let series = first + i;
            let reference = u32::try_from(series).map_err(|_| Error::internal("a block has more than 2^32 series"))?;
            refs.append_value_n(reference, timestamps.len());
            ts.append_slice(timestamps);
            for (value, decimal) in values.iter().zip(decimal::Run::of(values).decimals) {
                mants.append_option(decimal.map(|d| d.mantissa));
                scales.append_option(decimal.map(|d| d.scale as i8));
                vals.append_option(decimal.is_none().then_some(*value));
            }
            self.entries[series].add(self.groups, timestamps);
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(refs.finish()),
            Arc::new(ts.finish()),
            Arc::new(mants.finish()),
            Arc::new(scales.finish()),
            Arc::new(vals.finish()),
        ];
        let batch = RecordBatch::try_new(schema::samples(), columns)
            .map_err(|e| Error::internal("samples do not fit their columns").with_source(e))?;
        self.open = true;
        self.samples.write(&batch).map_err(broken)
    }

    fn finish(mut self, rows: &dyn Rows) -> Result<Option<Files>> {
        let times = self.entries.iter().filter_map(|e| e.range);
        let Some(min_ts) = times.clone().map(|(min, _)| min).min() else { return Ok(None) };
        let max_ts = times.map(|(_, max)| max).max().unwrap_or(min_ts);
        let count = self.entries.iter().map(Entry::samples).sum();
        for pair in schema::stamp() {
            self.samples.append_key_value_metadata(pair);
        }
        let samples = self.samples.into_inner().map_err(broken)?;
        let file = SeriesFile { rows, entries: &self.entries, groups: self.groups };
        let labels = file.promoted();
        let series = file.encode(&labels)?.into();
        Ok(Some(Files { series, samples: samples.into(), min_ts, max_ts, count, rows: rows.len() as u64, labels }))
    }
}

pub(super) fn broken(error: ParquetError) -> Error {
    Error::internal("a block can't be encoded").with_source(error)
}

//! `MetricsScanExec`: the leaf of every plan. Reads the series that match, one row for each run of samples.
//!
//! Shape: all rows of a series are in one partition, one after the other. The partitions share one snapshot of the
//! source and have contiguous shares of its series. Batches are cut by bytes.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryBuilder, FixedSizeBinaryBuilder, Float64Array, Int64Array, ListArray};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use futures_util::{StreamExt, stream};
use tokio::sync::OnceCell;
use weir_pipeline::Matcher;

use super::context::{QueryContext, to_datafusion};
use super::source::{Run, Selected, Wanted};
use super::{Batches, Operator, Task, transform};

/// The id of a series.
pub(crate) const SERIES: &str = "series_id";
/// The times of a run.
pub(crate) const TIMESTAMPS: &str = "timestamps";
/// The values of a run.
pub(crate) const VALUES: &str = "values";

/// About how many bytes of samples a batch has.
const BATCH_BYTES: usize = 4 << 20;
/// The bytes of one sample.
const SAMPLE_BYTES: usize = 16;

/// What a scan reads.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scan {
    /// Which series.
    pub(crate) matchers: Vec<Matcher>,
    /// From, included.
    pub(crate) start: i64,
    /// To, included.
    pub(crate) end: i64,
}

/// The operator: what to read, and the snapshot once it is taken.
#[derive(Debug)]
pub(crate) struct MetricsScan {
    scan: Scan,
    partitions: usize,
    snapshot: Arc<OnceCell<Snapshot>>,
}

#[derive(Clone)]
struct Snapshot(Arc<dyn Selected>);

/// Reads one partition.
struct Reader {
    task: Task,
    selected: Arc<dyn Selected>,
    rest: Range<usize>,
    ready: VecDeque<RecordBatch>,
}

/// The schema of samples.
pub(crate) fn schema() -> SchemaRef {
    let list = |data_type| DataType::List(item(data_type));
    Arc::new(Schema::new(vec![
        Field::new(SERIES, DataType::FixedSizeBinary(16), false),
        Field::new(super::steps::LABELS, DataType::Binary, false),
        Field::new(TIMESTAMPS, list(DataType::Int64), false),
        Field::new(VALUES, list(DataType::Float64), false),
    ]))
}

fn item(data_type: DataType) -> FieldRef {
    Arc::new(Field::new("item", data_type, false))
}

// === impl Scan ===

impl fmt::Display for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, matcher) in self.matchers.iter().enumerate() {
            write!(f, "{}{matcher}", if i == 0 { "" } else { ", " })?;
        }
        write!(f, "}} from={} to={}", self.start, self.end)
    }
}

// === impl MetricsScan ===

impl MetricsScan {
    /// Reads `scan` in at least two partitions.
    pub(crate) fn new(scan: Scan, partitions: usize) -> Self {
        Self { scan, partitions: partitions.max(2), snapshot: Arc::default() }
    }
}

impl fmt::Display for MetricsScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} partitions={}", self.scan, self.partitions)
    }
}

impl Operator for MetricsScan {
    const NAME: &'static str = "MetricsScanExec";

    fn leaf_partitions(&self) -> usize {
        self.partitions
    }

    fn run(&self, partition: usize, _: Vec<SendableRecordBatchStream>, task: Task) -> Result<Batches> {
        let (scan, snapshot, partitions) = (self.scan.clone(), self.snapshot.clone(), self.partitions);
        Ok(transform::opened(async move {
            let select = async {
                let Scan { matchers, start, end } = &scan;
                let QueryContext { tenant, partial, .. } = &*task.query;
                let (start, end, partial) = (*start, *end, *partial);
                let wanted = Wanted { tenant, matchers, start, end, labels_only: false, partial };
                let selected = task.query.source.select(wanted).await?;
                task.query.incomplete(&*selected);
                Ok(Snapshot(selected))
            };
            let Snapshot(selected) = snapshot.get_or_try_init(|| select).await.map_err(to_datafusion)?.clone();
            let rest = share(&*selected, partition, partitions);
            let reader = Reader { task, selected, rest, ready: VecDeque::new() };
            let read = |mut reader: Reader| async move { Ok(reader.next().await?.map(|batch| (batch, reader))) };
            Ok(stream::try_unfold(reader, read).boxed())
        }))
    }
}

/// The share of one partition: contiguous, and with about as many samples as the others.
fn share(selected: &dyn Selected, partition: usize, partitions: usize) -> Range<usize> {
    let weight = |series| selected.samples_estimate(series) as u128 + 1;
    let total: u128 = (0..selected.len()).map(weight).sum();
    let bound = |partition: usize| {
        let (target, mut before) = (total * partition as u128 / partitions as u128, 0);
        (0..selected.len())
            .find(|&series| {
                let reached = before >= target;
                before += weight(series);
                reached
            })
            .unwrap_or(selected.len())
    };
    let end = if partition + 1 == partitions { selected.len() } else { bound(partition + 1) };
    bound(partition)..end
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} series", self.0.len())
    }
}

// === impl Reader ===

impl Reader {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                // What was handed on is the reader's to account for.
                self.task.memory.try_resize(self.ready.iter().map(RecordBatch::get_array_memory_size).sum())?;
                return Ok(Some(batch));
            }
            let Some((series, bytes)) = self.next_series() else { return Ok(None) };
            self.task.memory.try_resize(bytes)?;
            let mut runs = self.selected.read(series).await.map_err(to_datafusion)?;
            self.task.query.incomplete(&*self.selected);
            runs.retain(|run| !run.timestamps.is_empty());
            runs.sort_by_key(|run| run.series);
            let samples = runs.iter().map(|run| run.timestamps.len()).sum::<usize>();
            // The runs, and the batches made of them.
            self.task.memory.try_resize(2 * samples * SAMPLE_BYTES)?;
            self.task.query.count_samples(samples)?;
            self.make_batches(&runs)?;
        }
    }

    /// Takes series off the rest that together are about one batch.
    fn next_series(&mut self) -> Option<(Range<usize>, usize)> {
        let (start, mut bytes) = (self.rest.start, 0);
        while !self.rest.is_empty() {
            let more = self.selected.samples_estimate(self.rest.start) * SAMPLE_BYTES;
            if self.rest.start > start && bytes + more > BATCH_BYTES {
                break;
            }
            bytes += more;
            self.rest.start += 1;
        }
        (self.rest.start > start).then_some((start..self.rest.start, bytes))
    }

    fn make_batches(&mut self, runs: &[Run]) -> Result<()> {
        let mut rest = runs;
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = |run: &&Run| {
                bytes += run.timestamps.len() * SAMPLE_BYTES;
                bytes <= BATCH_BYTES
            };
            let (batch, after) = rest.split_at(rest.iter().take_while(fits).count().max(1));
            self.ready.push_back(self.batch(batch)?);
            rest = after;
        }
        Ok(())
    }

    fn batch(&self, runs: &[Run]) -> Result<RecordBatch> {
        let mut ids = FixedSizeBinaryBuilder::with_capacity(runs.len(), 16);
        let mut labels = BinaryBuilder::new();
        let samples = runs.iter().map(|run| run.timestamps.len()).sum();
        let (mut timestamps, mut values) = (Vec::with_capacity(samples), Vec::with_capacity(samples));
        for run in runs {
            ids.append_value(self.selected.id(run.series).0)?;
            labels.append_value(self.selected.labels(run.series).encoded());
            timestamps.extend_from_slice(&run.timestamps);
            values.extend_from_slice(&run.values);
        }
        let lengths = runs.iter().map(|run| run.timestamps.len());
        let samples = lists(lengths, timestamps, values)?;
        let mut columns: Vec<ArrayRef> = vec![Arc::new(ids.finish()), Arc::new(labels.finish())];
        columns.extend(samples);
        Ok(RecordBatch::try_new(self.task.schema.clone(), columns)?)
    }
}

/// The columns of times and values, of rows of these lengths.
pub(super) fn lists(
    lengths: impl Iterator<Item = usize> + Clone,
    timestamps: Vec<i64>,
    values: Vec<f64>,
) -> Result<[ArrayRef; 2]> {
    let offsets = OffsetBuffer::<i32>::from_lengths(lengths);
    let timestamps = Arc::new(Int64Array::new(ScalarBuffer::from(timestamps), None));
    let values = Arc::new(Float64Array::new(ScalarBuffer::from(values), None));
    let timestamps = ListArray::try_new(item(DataType::Int64), offsets.clone(), timestamps, None)?;
    let values = ListArray::try_new(item(DataType::Float64), offsets, values, None)?;
    Ok([Arc::new(timestamps), Arc::new(values)])
}

#[cfg(test)]
mod tests;

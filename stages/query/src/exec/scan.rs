//! `MetricsScanExec`: the leaf of every plan. Reads the series that match, one row for each run of samples; runs that follow
//! upon each other, such as those of one block and the next, are one row, so that nothing is left to merge.
//!
//! Shape: all rows of a series are in one partition, one after the other, in the order in which they begin. The partitions share one snapshot of the
//! source and have contiguous shares of its series. Batches are cut by bytes.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::execution::SendableRecordBatchStream;
use futures_util::{StreamExt, stream};
use tokio::sync::OwnedSemaphorePermit;
use weir_pipeline::Matcher;

use super::context::{QueryContext, to_datafusion};
use super::samples::{SAMPLE_BYTES, SamplesBuilder};
use super::source::{Lasts, Run, Selected, Wanted};
use super::steps::Steps;
use super::{Batches, Operator, Partition, Task, transform};
use crate::labels::labels_by;

/// About how many bytes of samples a batch has.
const BATCH_BYTES: usize = 4 << 20;

/// So many samples are read at once.
const FEW: usize = 50_000;

/// About how many bytes of samples are read at once, where there is memory for it: whoever reads a page of a block for few series
/// decodes it again for the next.
const READ_BYTES: usize = 2 * BATCH_BYTES;

/// About how many bytes of samples are read at once at least.
const LEAST_BYTES: usize = BATCH_BYTES / 4;

/// What a scan reads.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scan {
    /// Which series.
    pub(crate) matchers: Arc<[Matcher]>,
    /// From, included.
    pub(crate) start: i64,
    /// To, included.
    pub(crate) end: i64,
    /// Which labels of the series are needed, sorted; all where that is not said.
    pub(crate) labels: Option<Vec<String>>,
    /// Whether other scans of the query read just the same.
    pub(crate) shared: bool,
    /// The steps before each of which only the last sample counts; all samples where that is not said.
    pub(crate) lasts: Option<Steps>,
}

/// What the partitions of a scan share.
struct Snapshot(Arc<dyn Selected>);

/// Reads one partition.
struct Reader {
    task: Task,
    selected: Arc<dyn Selected>,
    labels: Option<Vec<String>>,
    lasts: Option<Lasts>,
    rest: Range<usize>,
    ready: VecDeque<RecordBatch>,
    /// What is taken of what scans may take beside what they need.
    ahead: Option<OwnedSemaphorePermit>,
}

// === impl Scan ===

impl fmt::Display for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, matcher) in self.matchers.iter().enumerate() {
            write!(f, "{}{matcher}", if i == 0 { "" } else { ", " })?;
        }
        write!(f, "}} from={} to={}", self.start, self.end)?;
        if let Some(labels) = &self.labels {
            write!(f, " labels=({})", labels.join(", "))?;
        }
        f.write_str(if self.shared { " shared" } else { "" })?;
        self.lasts.map_or(Ok(()), |steps| write!(f, " last before each of {steps}"))
    }
}

impl Operator for Scan {
    const NAME: &'static str = "MetricsScanExec";
    const ROWS: usize = 0;

    fn run(&self, partition: Partition, _: Vec<SendableRecordBatchStream>, task: Task) -> Result<Batches> {
        let scan = self.clone();
        Ok(transform::opened(async move {
            let cell = if scan.shared { task.query.snapshot(&scan.of_series()) } else { partition.shared };
            let snapshot = cell.get_or_try_init(|| scan.select(&task.query)).await?;
            let Some(Snapshot(selected)) = snapshot.downcast_ref() else {
                return Err(internal_datafusion_err!("expected the snapshot of a scan"));
            };
            let (selected, ready) = (selected.clone(), VecDeque::new());
            let rest = share(&*selected, partition.index, partition.count);
            // Who asks may hold up others with a little work, and not with more.
            if rest.clone().map(|series| selected.samples_estimate(series)).sum::<usize>() > FEW {
                tokio::task::yield_now().await;
            }
            let (labels, lasts) = (scan.labels, scan.lasts.map(Lasts::from));
            let reader = Reader { task, selected, labels, lasts, rest, ready, ahead: None };
            let read = |mut reader: Reader| async move { Ok(reader.next().await?.map(|batch| (batch, reader))) };
            Ok(stream::try_unfold(reader, read).boxed())
        }))
    }
}

impl Scan {
    /// Which series, and when, whatever is needed of their labels: what scans share.
    fn of_series(&self) -> String {
        Self { labels: None, lasts: None, ..self.clone() }.to_string()
    }

    /// The series, as one snapshot.
    async fn select(&self, query: &QueryContext) -> Result<Arc<dyn Any + Send + Sync>> {
        let Self { matchers, start, end, .. } = self;
        let QueryContext { tenant, partial, .. } = query;
        let (start, end, partial) = (*start, *end, *partial);
        let wanted = Wanted { tenant, matchers, start, end, labels_only: false, partial };
        let selected = query.source.select(wanted).await.map_err(to_datafusion)?;
        query.incomplete(&*selected);
        query.check_series(selected.len())?;
        Ok(Arc::new(Snapshot(selected)))
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

// === impl Reader ===

impl Reader {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                // What was handed on is the reader's to account for.
                self.task.memory.try_resize(self.ready.iter().map(RecordBatch::get_array_memory_size).sum())?;
                return Ok(Some(batch));
            }
            let Some(series) = self.next_share()? else { return Ok(None) };
            let runs = match self.lasts {
                Some(lasts) => self.selected.read_lasts(series, lasts).await,
                None => self.selected.read(series).await,
            };
            let mut runs = runs.map_err(to_datafusion)?;
            self.task.query.incomplete(&*self.selected);
            if let Some(lasts) = &self.lasts {
                // Not every source leaves out what it may.
                runs.iter_mut().for_each(|run| lasts.keep(&mut run.timestamps, &mut run.values, &mut run.starts));
            }
            runs.retain(|run| !run.timestamps.is_empty() || !run.histograms.is_empty());
            runs.sort_by_key(|run| (run.series, run.timestamps.first().copied()));
            // The runs, and the batches made of them.
            self.task.memory.try_resize(2 * runs.iter().map(run_bytes).sum::<usize>())?;
            self.task.query.count_samples(runs.iter().map(|r| r.timestamps.len() + r.histograms.len()).sum())?;
            self.make_batches(&runs)?;
        }
    }

    /// Takes series off the rest, whose samples and batches there is memory for: as many as are read at once, or fewer where others
    /// read, too.
    fn next_share(&mut self) -> Result<Option<Range<usize>>> {
        self.ahead = None;
        let (start, mut at_once) = (self.rest.start, READ_BYTES);
        while at_once > LEAST_BYTES {
            let Some((series, bytes)) = self.next_series(at_once) else { return Ok(None) };
            // What is read, and the batches made of it.
            self.ahead = self.task.query.read_ahead(2 * bytes);
            if self.ahead.is_some() && self.task.memory.try_resize(2 * bytes).is_ok() {
                return Ok(Some(series));
            }
            self.rest.start = start;
            at_once /= 2;
        }
        self.ahead = None;
        let Some((series, bytes)) = self.next_series(LEAST_BYTES) else { return Ok(None) };
        self.task.memory.try_resize(bytes)?;
        Ok(Some(series))
    }

    /// Takes series off the rest that together have about so many bytes of samples.
    fn next_series(&mut self, at_once: usize) -> Option<(Range<usize>, usize)> {
        let (start, mut bytes) = (self.rest.start, 0);
        while !self.rest.is_empty() {
            let samples = self.selected.samples_estimate(self.rest.start);
            // What is left out takes no memory, but time, in which nobody else has the thread.
            let more = self.lasts.map_or(samples, |lasts| lasts.at_most(samples).max(samples / 4)) * SAMPLE_BYTES;
            if self.rest.start > start && bytes + more > at_once {
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
            let (mut bytes, mut count) = (0, 0);
            for series in rest.chunk_by(|a, b| a.series == b.series) {
                bytes += series.iter().map(run_bytes).sum::<usize>();
                if count > 0 && bytes > BATCH_BYTES {
                    break;
                }
                count += series.len();
            }
            let (batch, after) = rest.split_at(count);
            self.ready.push_back(self.batch(batch)?);
            rest = after;
        }
        Ok(())
    }

    fn batch(&self, runs: &[Run]) -> Result<RecordBatch> {
        let mut out = SamplesBuilder::new(runs.len(), runs.iter().map(|run| run.timestamps.len()).sum());
        let mut needed = Vec::new();
        for row in runs.chunk_by(follows) {
            for run in row {
                out.floats(&run.timestamps, &run.values, &run.starts);
                run.histograms.iter().for_each(|point| out.histogram(point));
            }
            let Some(run) = row.first() else { continue };
            let all = self.selected.labels(run.series);
            let labels = match &self.labels {
                Some(names) => {
                    needed.clear();
                    labels_by(all, names, &mut needed);
                    &needed
                }
                None => all.encoded(),
            };
            out.end_row(self.selected.id(run.series).0, labels, false);
        }
        out.finish(self.task.schema.clone())
    }
}

/// Whether a run of floats is the other one continued.
fn follows(run: &Run, next: &Run) -> bool {
    run.series == next.series
        && run.histograms.is_empty()
        && next.histograms.is_empty()
        && run.timestamps.last() < next.timestamps.first()
}

fn run_bytes(run: &Run) -> usize {
    let histograms: usize = run.histograms.iter().map(|point| point.histogram.byte_size() + 16).sum();
    run.timestamps.len() * SAMPLE_BYTES + run.starts.len() * 8 + histograms
}

#[cfg(test)]
mod tests;

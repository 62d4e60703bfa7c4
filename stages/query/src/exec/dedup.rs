//! `DedupExec`: the series of replicated scrapers, which differ in a replica label only, as one each.
//!
//! Shape: samples in, samples out, a row for each series without its replica labels. The whole input is collected.
//! Histograms are united on their times: of those at one time, that of the first replica stays.

use std::collections::BTreeMap;
use std::fmt;

use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, exec_err};
use datafusion::execution::SendableRecordBatchStream;
use weir_pipeline::labels::encode_label;
use weir_pipeline::{HistogramPoint, Labels};

use super::samples::{SAMPLE_BYTES, Samples, SamplesBuilder};
use super::transform::{self, Transform};
use super::{Batches, Operator, Partition, Task};
use crate::labels::key_of;

mod pair;

use pair::{Merged, Replica};

/// Which labels replicas differ in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Dedup {
    /// Their names.
    pub(crate) labels: Vec<String>,
    /// Whether the samples are wanted as a counter's.
    pub(crate) counters: bool,
}

/// The samples of one replica.
#[derive(Default)]
struct Scraped {
    labels: Vec<u8>,
    timestamps: Vec<i64>,
    values: Vec<f64>,
    starts: Vec<i64>,
    histograms: Vec<HistogramPoint>,
}

struct Collecting {
    spec: Dedup,
    task: Task,
    /// The replicas of each series, by the labels that they share.
    series: BTreeMap<Vec<u8>, Vec<Scraped>>,
    finished: bool,
}

// === impl Dedup ===

impl fmt::Display for Dedup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.labels.join(", "), if self.counters { " counters" } else { "" })
    }
}

impl Operator for Dedup {
    const NAME: &'static str = "DedupExec";

    fn needs_single_partition(&self) -> bool {
        true
    }

    fn run(&self, _: Partition, inputs: Vec<SendableRecordBatchStream>, task: Task) -> Result<Batches> {
        let Some(input) = inputs.into_iter().next() else { return exec_err!("expected an input") };
        let spec = self.clone();
        Ok(transform::run(input, Collecting { spec, task, series: BTreeMap::new(), finished: false }))
    }
}

// === impl Collecting ===

impl Transform for Collecting {
    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let samples = Samples::try_new(&batch)?;
        for row in 0..samples.len() {
            let (labels, run) = (samples.labels(row), samples.row(row));
            let mut shared = Vec::with_capacity(labels.len());
            for (name, value) in Labels::from_canonical(labels) {
                if !self.spec.labels.iter().any(|replica| replica == name) {
                    encode_label(name, value, &mut shared);
                }
            }
            self.task.memory.try_grow(run.bytes() + 2 * labels.len() + 128)?;
            self.series.entry(shared).or_default().push(Scraped {
                labels: labels.to_vec(),
                timestamps: run.timestamps.to_vec(),
                values: run.values.to_vec(),
                starts: run.starts.to_vec(),
                histograms: run.histograms()?,
            });
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.finished = true;
        Ok(())
    }

    fn pull(&mut self) -> Result<Option<RecordBatch>> {
        if !self.finished || self.series.is_empty() {
            return Ok(None);
        }
        let (mut out, mut bytes) = (SamplesBuilder::new(0, 0), 0);
        while bytes < BATCH_BYTES
            && let Some((labels, mut replicas)) = self.series.pop_first()
        {
            // In the order of their labels, so that the same one leads in each query.
            replicas.sort_by(|a, b| a.labels.cmp(&b.labels));
            let floats: Vec<_> = replicas.iter().map(Scraped::floats).collect();
            let Merged { timestamps, values, starts } = pair::merge(&floats, self.spec.counters);
            bytes += timestamps.len() * SAMPLE_BYTES + size_of_val(&*starts) + labels.len();
            out.floats(&timestamps, &values, &starts);
            let mut histograms: Vec<_> = replicas.iter().flat_map(|replica| &replica.histograms).collect();
            histograms.sort_by_key(|point| point.timestamp);
            histograms.dedup_by_key(|point| point.timestamp);
            histograms.into_iter().for_each(|point| out.histogram(point));
            out.end_row(key_of(&labels), &labels, false);
        }
        out.finish(self.task.schema.clone()).map(Some)
    }
}

/// About how many bytes of samples a batch has.
const BATCH_BYTES: usize = 4 << 20;

// === impl Scraped ===

impl Scraped {
    fn floats(&self) -> Replica<'_> {
        Replica { timestamps: &self.timestamps, values: &self.values, starts: &self.starts }
    }
}

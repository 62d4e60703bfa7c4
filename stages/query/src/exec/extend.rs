//! `ExtendExec`: the samples of an `anchored` or `smoothed` range vector that is a whole query, with values at both ends of
//! the window.
//!
//! Shape: samples in, samples out.
//!
//! Errors: there are histograms.
//!
//! Source: `matrixSelector` of Prometheus' `promql/engine.go`.

use std::fmt;

use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, exec_err};
use datafusion::execution::SendableRecordBatchStream;
use weir_pipeline::Error;

use super::context::to_datafusion;
use super::samples::{Samples, SamplesBuilder};
use super::transform::{self, Transform};
use super::{Batches, Operator, Partition, Task};
use crate::functions::range::{Window, extend};
use crate::syntax::ast::Extension;

/// How a window is extended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Extend {
    /// What follows the selector.
    pub(crate) extension: Extension,
    /// Where the window begins, in milliseconds since the Unix epoch.
    pub(crate) start: i64,
    /// Where the window ends.
    pub(crate) end: i64,
}

struct Extending {
    spec: Extend,
    task: Task,
    ready: Option<RecordBatch>,
}

impl fmt::Display for Extend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from={} to={}", self.extension.as_str(), self.start, self.end)
    }
}

impl Operator for Extend {
    const NAME: &'static str = "ExtendExec";

    fn run(&self, _: Partition, inputs: Vec<SendableRecordBatchStream>, task: Task) -> Result<Batches> {
        let Some(input) = inputs.into_iter().next() else { return exec_err!("expected an input") };
        Ok(transform::run(input, Extending { spec: *self, task, ready: None }))
    }
}

impl Transform for Extending {
    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let samples = Samples::try_new(&batch)?;
        let mut out = SamplesBuilder::new(samples.len(), 0);
        for row in 0..samples.len() {
            let run = samples.row(row);
            if run.has_histograms() {
                let name = self.spec.extension.as_str();
                let text = format!("{name} modifier is not supported with histograms");
                return Err(to_datafusion(Error::unprocessable(text)));
            }
            let Extend { extension, start, end } = self.spec;
            let (timestamps, values) = (run.timestamps, run.values);
            let window = Window { timestamps, values, start, end, extension: Some(extension), ..Window::default() };
            let (timestamps, values): (Vec<_>, Vec<_>) = extend(&window).into_iter().unzip();
            out.floats(&timestamps, &values, &[]);
            out.end_row(samples.id(row), samples.labels(row), samples.drop_name(row));
        }
        self.ready = Some(out.finish(self.task.schema.clone())?);
        Ok(())
    }

    fn pull(&mut self) -> Result<Option<RecordBatch>> {
        Ok(self.ready.take())
    }
}

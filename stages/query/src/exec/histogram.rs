//! `HistogramExec`: what histograms tell of their observations: `histogram_quantile`, `histogram_quantiles`,
//! `histogram_fraction`.
//!
//! Shape: an instant vector of native histograms and of the buckets of classic ones in, an instant vector of floats
//! out. Buckets with the same labels but for `le` are one classic histogram. Where there is a native one of these
//! labels, too, there is neither.
//!
//! Source: `resetHistograms` of Prometheus' `promql/engine.go`, `funcHistogramQuantile` and its siblings in its
//! `promql/functions.go`.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, exec_err};
use datafusion::execution::SendableRecordBatchStream;
use weir_pipeline::labels::encode_label;
use weir_pipeline::{Histogram, Labels};

use super::gather::{At, Gathered, ambiguous, row_at};
use super::params::Param;
use super::steps::{Steps, VectorBatch, VectorBuilder, batch_rows};
use super::transform::{self, Transform};
use super::{Batches, Operator, Partition, Task};
use crate::annotations::{Evaluated, Forced, Note, Notes, Place};
use crate::functions::quantile::{Bucket, bucket_fraction, bucket_quantile};
use crate::syntax::ast::Span;
use weir_promql::histogram::{fraction, quantile};

mod several;

/// The label of a bucket's upper bound.
const LE: &str = "le";

/// What is asked of histograms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// The quantile that is the only number.
    Quantile,
    /// The quantiles that are the numbers, and the label that says which.
    Quantiles(String),
    /// The share of observations between the two numbers.
    Fraction,
}

/// What is asked of histograms, with which numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Histograms {
    /// What.
    pub(crate) question: Question,
    /// The numbers.
    pub(crate) args: Vec<Param>,
    /// Where each number stands in the query.
    pub(crate) arg_places: Vec<Place>,
    /// When.
    pub(crate) steps: Steps,
    /// Where the histograms stand in the query.
    pub(crate) span: Span,
}

/// One histogram: its labels, and the rows that it is made of.
struct Member {
    labels: Box<[u8]>,
    buckets: Vec<(f64, At)>,
    natives: Vec<At>,
}

/// A histogram at a step.
enum Observed {
    Classic(Vec<Bucket>),
    Native(Arc<Histogram>),
}

struct Collecting {
    spec: Histograms,
    task: Task,
    gathered: Gathered,
    index: HashMap<Box<[u8]>, usize>,
    members: Vec<Member>,
    /// Members whose rows may have the same labels in the end.
    groups: Option<std::vec::IntoIter<Vec<usize>>>,
    notes: Notes,
}

// === impl Histograms ===

impl fmt::Display for Histograms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.question {
            Question::Quantile => f.write_str("quantile")?,
            Question::Quantiles(label) => write!(f, "quantiles by {label}")?,
            Question::Fraction => f.write_str("fraction")?,
        }
        self.args.iter().try_for_each(|arg| write!(f, " {arg}"))
    }
}

impl Operator for Histograms {
    const NAME: &'static str = "HistogramExec";

    fn needs_single_partition(&self) -> bool {
        true
    }

    fn params(&self) -> &[Param] {
        &self.args
    }

    fn run(&self, _: Partition, inputs: Vec<SendableRecordBatchStream>, task: Task) -> Result<Batches> {
        let Some(input) = inputs.into_iter().next() else { return exec_err!("expected an input") };
        if self.question != Question::Fraction {
            self.check_quantiles(&task);
        }
        let collecting = Collecting {
            spec: self.clone(),
            task,
            gathered: Gathered::default(),
            index: HashMap::new(),
            members: Vec::new(),
            groups: None,
            notes: Notes::default(),
        };
        Ok(transform::run(input, collecting))
    }
}

impl Histograms {
    /// Warns of quantiles outside 0 to 1, whether there are histograms or not.
    fn check_quantiles(&self, task: &Task) {
        let steps = if task.params.are_constant() { 1 } else { self.steps.count };
        for (arg, place) in self.arg_places.iter().enumerate() {
            for quantile in (0..steps).map(|step| task.params.get(arg, step)) {
                if !(0.0..=1.0).contains(&quantile) {
                    task.query.annotate(|notes| notes.add(&Note::InvalidQuantile(quantile), "", *place));
                }
            }
        }
    }
}

/// The upper bound that a label says; `None` where it says none.
pub(crate) fn bound(le: &str) -> Option<f64> {
    let bound: f64 = le.parse().ok()?;
    // What is too large for a float is no bound, but what says that it is infinite is.
    let says_infinite = le.trim_start_matches(['+', '-']).starts_with(['i', 'I']);
    (bound.is_finite() || bound.is_nan() || says_infinite).then_some(bound)
}

/// The labels but one, encoded.
fn without(labels: Labels<'_>, name: &str) -> Vec<u8> {
    let mut own = Vec::with_capacity(labels.encoded().len());
    for (name, value) in labels.iter().filter(|(other, _)| *other != name) {
        encode_label(name, value, &mut own);
    }
    own
}

// === impl Collecting ===

impl Transform for Collecting {
    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let vector = VectorBatch::try_new(&batch)?;
        for row in 0..batch.num_rows() {
            let (labels, steps) = (Labels::from_canonical(vector.labels(row)), vector.steps.row(row));
            let at = (self.gathered.len(), row);
            if steps.has_histograms() {
                self.member(labels.encoded())?.natives.push(at);
            }
            if steps.iter().any(|value| value.is_some()) {
                self.bucket(labels, at)?;
            }
        }
        self.gathered.keep(batch, &self.task.memory)
    }

    fn finish(&mut self) -> Result<()> {
        self.index.clear();
        let groups: Vec<Vec<usize>> = match &self.spec.question {
            Question::Quantiles(label) => several::groups(self.members.iter().map(|member| &*member.labels), label),
            _ => (0..self.members.len()).map(|member| vec![member]).collect(),
        };
        self.task.memory.try_grow(groups.iter().map(|group| size_of_val(group.as_slice()) + 24).sum())?;
        self.groups = Some(groups.into_iter());
        Ok(())
    }

    fn pull(&mut self) -> Result<Option<RecordBatch>> {
        let Some(mut groups) = self.groups.take() else { return Ok(None) };
        let (steps, gathered) = (self.spec.steps.count, std::mem::take(&mut self.gathered));
        let columns = gathered.columns()?;
        let mut out = VectorBuilder::new(steps, 1);
        while out.rows() < batch_rows(steps)
            && let Some(group) = groups.next()
        {
            match &self.spec.question {
                Question::Quantiles(label) => self.quantiles(&label.clone(), &group, &columns, &mut out)?,
                _ => self.one(&group, &columns, &mut out)?,
            }
        }
        self.gathered = gathered;
        self.groups = Some(groups);
        Ok(if out.rows() > 0 { Some(out.finish(self.task.schema.clone())?) } else { None })
    }
}

impl Collecting {
    /// The histogram of these labels.
    fn member(&mut self, labels: &[u8]) -> Result<&mut Member> {
        let index = match self.index.get(labels) {
            Some(&index) => index,
            None => {
                self.task.memory.try_grow(2 * labels.len() + 160)?;
                self.index.insert(labels.into(), self.members.len());
                self.members.push(Member { labels: labels.into(), buckets: Vec::new(), natives: Vec::new() });
                self.members.len() - 1
            }
        };
        match self.members.get_mut(index) {
            Some(member) => Ok(member),
            None => exec_err!("expected a histogram"),
        }
    }

    fn bucket(&mut self, labels: Labels<'_>, at: At) -> Result<()> {
        let le = labels.get(LE).unwrap_or_default();
        let Some(bound) = bound(le) else {
            let note = Note::BadBucketLabel(le.to_owned());
            self.task.query.annotate(|notes| notes.add(&note, labels.metric(), self.spec.span));
            return Ok(());
        };
        self.task.memory.try_grow(32)?;
        self.member(&without(labels, LE))?.buckets.push((bound, at));
        Ok(())
    }

    /// The answers of one histogram, as one row.
    fn one(&mut self, group: &[usize], columns: &[VectorBatch<'_>], out: &mut VectorBuilder) -> Result<()> {
        for &index in group {
            let natives = self.natives(index, columns)?;
            for step in 0..self.spec.steps.count {
                let observed = self.observed(index, &natives, columns, step);
                let value = observed.map(|mut observed| self.answer(index, &mut observed, 0, step));
                out.row().put(value);
            }
            let Some(member) = self.members.get(index) else { continue };
            out.end_row(&member.labels, true);
        }
        Ok(())
    }

    /// The native histograms of a member, by step; nothing where there is none at any.
    fn natives(&self, index: usize, columns: &[VectorBatch<'_>]) -> Result<Vec<Option<Arc<Histogram>>>> {
        let Some(member) = self.members.get(index).filter(|member| !member.natives.is_empty()) else {
            return Ok(Vec::new());
        };
        let mut natives = vec![None; self.spec.steps.count];
        for row in member.natives.iter().filter_map(|at| row_at(columns, *at)) {
            for (step, histogram) in row.histograms()? {
                if natives.get_mut(step).is_some_and(|slot| slot.replace(histogram).is_some()) {
                    return Err(ambiguous());
                }
            }
        }
        Ok(natives)
    }

    /// The histogram at a step, unless there are two.
    fn observed(
        &self,
        index: usize,
        natives: &[Option<Arc<Histogram>>],
        columns: &[VectorBatch<'_>],
        step: usize,
    ) -> Option<Observed> {
        let member = self.members.get(index)?;
        let bucket = |&(bound, at): &(f64, At)| Some(Bucket { bound, count: row_at(columns, at)?.get(step)? });
        let buckets: Vec<Bucket> = member.buckets.iter().filter_map(bucket).collect();
        match natives.get(step).cloned().flatten() {
            Some(_) if !buckets.is_empty() => {
                self.note(index, &Note::MixedClassicNative);
                None
            }
            Some(native) => Some(Observed::Native(native)),
            None if buckets.is_empty() => None,
            None => Some(Observed::Classic(buckets)),
        }
    }

    /// What is asked of a histogram, with the number `arg` and those after.
    fn answer(&mut self, index: usize, observed: &mut Observed, arg: usize, step: usize) -> f64 {
        let number = self.task.params.get(arg, step);
        let is_fraction = self.spec.question == Question::Fraction;
        let upper = if is_fraction { self.task.params.get(arg + 1, step) } else { 0.0 };
        let (value, raised) = match observed {
            Observed::Classic(buckets) if is_fraction => (bucket_fraction(number, upper, buckets), None),
            Observed::Classic(buckets) => bucket_quantile(number, buckets),
            Observed::Native(native) if is_fraction => (fraction(number, upper, native, &mut self.notes), None),
            Observed::Native(native) => (quantile(number, native, &mut self.notes), None),
        };
        if let Some((least, greatest, diff)) = raised {
            let time = self.spec.steps.time(step);
            let Steps { start, step: length, count } = self.spec.steps;
            let evaluated = Evaluated { start, step: length, count };
            let forced = Forced { times: (time, time), buckets: (least, greatest), diff, evaluated };
            self.notes.push(Note::ForcedMonotonic(forced));
        }
        if !self.notes.is_empty() {
            let mut notes = std::mem::take(&mut self.notes);
            notes.drain().for_each(|note| self.note(index, &note));
        }
        value
    }

    fn note(&self, index: usize, note: &Note) {
        let metric = self.members.get(index).map_or("", |member| Labels::from_canonical(&member.labels).metric());
        self.task.query.annotate(|notes| notes.add(note, metric, self.spec.span));
    }
}

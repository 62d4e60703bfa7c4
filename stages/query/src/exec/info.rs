//! `InfoExec`: `info(v, {…})`. Adds to the labels of each series those of the info series that are about the same target:
//! they have the same `instance` and `job`.
//!
//! Shape: an instant vector, and another of info series whose values are when their samples are, in milliseconds since the
//! Unix epoch, in; the first vector under other labels out. Of info series that say the same metric and target the one
//! with the newest sample wins.
//!
//! Errors: info series are histograms, or have samples of one time, or differ in a label; two series have the same labels
//! then, and values at the same step.
//!
//! Source: Prometheus' `promql/info.go`.

use std::collections::{HashMap, HashSet};
use std::fmt;

use arrow::record_batch::RecordBatch;
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::execution::SendableRecordBatchStream;
use futures_util::{StreamExt, TryStreamExt, stream};
use weir_pipeline::labels::METRIC;
use weir_pipeline::{Error, LabelSet, Labels, LabelsBuilder, Matcher};

use super::context::to_datafusion;
use super::gather::Gathered;
use super::pace::Pace;
use super::steps::{STEPS, StepRow, VectorBatch, steps_of};
use super::{Batches, Operator, Partition, Task, transform};
use crate::labels::{in_error, labels_by};

/// The labels that say which target a series is about.
const IDENTIFYING: [&str; 2] = ["instance", "job"];

/// Which info series there are, and which of their labels are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Info {
    /// The conditions on the metric's name.
    pub(crate) names: Vec<Matcher>,
    /// The conditions on other labels. Without any all labels are wanted, or else those that are named here.
    pub(crate) data: Vec<Matcher>,
}

/// The info series of one metric and one target.
struct Target {
    metric: String,
    /// At each step the time of the newest sample, and which of the series has it.
    newest: Vec<Option<(f64, usize)>>,
}

/// Everything that was read.
struct Joined {
    spec: Info,
    task: Task,
    steps: usize,
    base: Gathered,
    /// The values of identifying labels, for each of them.
    wanted: [HashSet<String>; 2],
    /// At which steps the base has an element.
    seen: Vec<bool>,
    targets: HashMap<Vec<u8>, Vec<Target>>,
    /// The labels of the info series.
    series: Vec<LabelSet>,
    /// The first two info series of one target that have samples of one time, at each step.
    duplicates: Vec<Option<(usize, usize, f64)>>,
}

/// The steps at which a base series meets the same info series, and its labels there.
struct Meeting {
    series: Vec<usize>,
    labels: Option<LabelSet>,
    steps: Box<[bool]>,
}

// === impl Info ===

impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<_> = self.names.iter().chain(&self.data).map(ToString::to_string).collect();
        write!(f, "{{{}}}", all.join(", "))
    }
}

impl Operator for Info {
    const NAME: &'static str = "InfoExec";
    const ROWS: usize = 2;

    fn needs_single_partition(&self) -> bool {
        true
    }

    fn run(&self, _: Partition, inputs: Vec<SendableRecordBatchStream>, task: Task) -> Result<Batches> {
        let Ok([mut base, mut series]) = <[_; 2]>::try_from(inputs) else {
            return exec_err!("{} joins two instant vectors", Self::NAME);
        };
        let steps = steps_of(task.schema.field_with_name(STEPS)?.data_type())?;
        let mut joined = Joined::new(self.clone(), task, steps)?;
        Ok(transform::opened(async move {
            while let Some(batch) = base.try_next().await? {
                joined.add_base(batch)?;
            }
            while joined.is_identified()
                && let Some(batch) = series.try_next().await?
            {
                joined.add_series(&batch)?;
            }
            joined.check()?;
            let mut pace = Pace::new();
            for batch in 0..joined.base.len() {
                joined.join(batch)?;
                pace.rest().await;
            }
            let pull = |mut joined: Joined| async move {
                let batch = joined.base.pull(joined.steps, &joined.task.schema)?;
                Ok(batch.map(|batch| (batch, joined)))
            };
            Ok(stream::try_unfold(joined, pull).boxed())
        }))
    }
}

impl Info {
    /// Whether a series is an info series itself, and stays as it is.
    fn is_info(&self, labels: Labels<'_>) -> bool {
        self.names.iter().all(|matcher| matcher.matches(labels.metric()))
    }

    fn is_wanted(&self, name: &str) -> bool {
        name != METRIC && (self.data.is_empty() || self.data.iter().any(|matcher| matcher.name == name))
    }
}

/// The canonical encoding of the identifying labels.
fn identity(labels: Labels<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    labels_by(labels, &IDENTIFYING.map(str::to_owned), &mut out);
    out
}

fn has_value(row: &[bool], step: usize) -> bool {
    row.get(step) == Some(&true)
}

/// At which steps a row has a value of either kind.
fn present(row: StepRow<'_>) -> Result<Vec<bool>> {
    let mut present: Vec<bool> = row.iter().map(|value| value.is_some()).collect();
    if row.has_histograms() {
        for (step, _) in row.histograms()? {
            if let Some(present) = present.get_mut(step) {
                *present = true;
            }
        }
    }
    Ok(present)
}

fn fail<T>(text: String) -> Result<T, DataFusionError> {
    Err(to_datafusion(Error::unprocessable(text)))
}

// === impl Joined ===

impl Joined {
    fn new(spec: Info, task: Task, steps: usize) -> Result<Self> {
        task.memory.try_grow(steps * (1 + size_of::<Option<(usize, usize, f64)>>()))?;
        Ok(Self {
            spec,
            task,
            steps,
            base: Gathered::default(),
            wanted: Default::default(),
            seen: vec![false; steps],
            targets: HashMap::new(),
            series: Vec::new(),
            duplicates: vec![None; steps],
        })
    }

    fn add_base(&mut self, batch: RecordBatch) -> Result<()> {
        let vector = VectorBatch::try_new(&batch)?;
        for row in 0..batch.num_rows() {
            let labels = Labels::from_canonical(vector.labels(row));
            for (seen, present) in self.seen.iter_mut().zip(present(vector.steps.row(row))?) {
                *seen |= present;
            }
            if self.spec.is_info(labels) {
                continue;
            }
            for (name, wanted) in IDENTIFYING.iter().zip(&mut self.wanted) {
                if let Some(value) = labels.get(name).filter(|value| !wanted.contains(*value)) {
                    self.task.memory.try_grow(value.len() + 48)?;
                    wanted.insert(value.to_owned());
                }
            }
        }
        self.base.keep(batch, &self.task.memory)
    }

    /// Whether any series of the base says which target it is about.
    fn is_identified(&self) -> bool {
        self.wanted.iter().any(|wanted| !wanted.is_empty())
    }

    fn add_series(&mut self, batch: &RecordBatch) -> Result<()> {
        let vector = VectorBatch::try_new(batch)?;
        for row in 0..batch.num_rows() {
            let (labels, steps) = (Labels::from_canonical(vector.labels(row)), vector.steps.row(row));
            let about = |(name, wanted): (&&str, &HashSet<String>)| {
                wanted.is_empty() || labels.get(name).is_some_and(|value| wanted.contains(value))
            };
            if !IDENTIFYING.iter().zip(&self.wanted).all(about) {
                continue;
            }
            if steps.has_histograms() {
                return fail(format!("this should be an info metric, with float samples: {}", in_error(labels)));
            }
            self.add_info(labels, steps)?;
        }
        Ok(())
    }

    fn add_info(&mut self, labels: Labels<'_>, steps: StepRow<'_>) -> Result<()> {
        let (identity, metric) = (identity(labels), labels.metric());
        self.task.memory.try_grow(2 * labels.encoded().len() + identity.len() + 24 * self.steps + 160)?;
        let targets = self.targets.entry(identity).or_default();
        let place = targets.iter().position(|target| target.metric == metric).unwrap_or_else(|| {
            targets.push(Target { metric: metric.to_owned(), newest: vec![None; self.steps] });
            targets.len() - 1
        });
        let Some(target) = targets.get_mut(place) else { return Ok(()) };
        let own = self.series.len();
        for ((newest, duplicate), time) in target.newest.iter_mut().zip(&mut self.duplicates).zip(steps.iter()) {
            let Some(time) = time else { continue };
            match *newest {
                Some((other, _)) if other > time => {}
                Some((other, series)) if other == time => {
                    duplicate.get_or_insert((series, own, time));
                }
                _ => *newest = Some((time, own)),
            }
        }
        self.series.push(labels.to_set());
        Ok(())
    }

    /// Fails at the first step where the base has something and it is not clear which info series is meant.
    fn check(&self) -> Result<()> {
        let found = self.duplicates.iter().zip(&self.seen).find_map(|(found, seen)| found.filter(|_| *seen));
        let Some((one, other, time)) = found else { return Ok(()) };
        let (Some(one), Some(other)) = (self.series.get(one), self.series.get(other)) else { return Ok(()) };
        let (one, other) = (in_error(one.as_labels()), in_error(other.as_labels()));
        let text = "found duplicate series for info metric";
        fail(format!("{text}: existing {one} @ {time}, new {other} @ {time}"))
    }

    /// Joins the rows of one batch of the base.
    fn join(&mut self, batch: usize) -> Result<()> {
        let Some(rows) = self.base.batch(batch) else { return Ok(()) };
        let vector = VectorBatch::try_new(&rows)?;
        for row in 0..rows.num_rows() {
            let (labels, drop_name) = (Labels::from_canonical(vector.labels(row)), vector.drop_name(row));
            let at = (batch, row);
            if self.spec.is_info(labels) {
                self.base.add(labels.encoded(), drop_name, at, None, &self.task.memory)?;
                continue;
            }
            let meetings = self.meetings(labels, &present(vector.steps.row(row))?)?;
            let only = meetings.len() == 1;
            for Meeting { labels, steps, .. } in meetings {
                let Some(labels) = labels else { continue };
                let steps = (!only).then_some(steps);
                self.base.add(labels.as_labels().encoded(), drop_name, at, steps, &self.task.memory)?;
            }
        }
        Ok(())
    }

    fn meetings(&self, labels: Labels<'_>, present: &[bool]) -> Result<Vec<Meeting>> {
        let targets = self.targets.get(&identity(labels)).map_or(&[][..], Vec::as_slice);
        let (mut meetings, mut series): (Vec<Meeting>, Vec<usize>) = (Vec::new(), Vec::new());
        for step in (0..self.steps).filter(|&step| has_value(present, step)) {
            series.clear();
            series.extend(targets.iter().filter_map(|target| Some(target.newest.get(step).copied()??.1)));
            let place = match meetings.iter().rposition(|meeting| meeting.series == series) {
                Some(place) => place,
                None => {
                    let (labels, steps) = (self.labels(labels, &series)?, vec![false; self.steps].into());
                    meetings.push(Meeting { series: series.clone(), labels, steps });
                    meetings.len() - 1
                }
            };
            if let Some(met) = meetings.get_mut(place).and_then(|meeting| meeting.steps.get_mut(step)) {
                *met = true;
            }
        }
        Ok(meetings)
    }

    /// The labels of a base series together with those of info series; `None` where it goes, since there is none but a
    /// label is asked for.
    fn labels(&self, base: Labels<'_>, series: &[usize]) -> Result<Option<LabelSet>> {
        if series.is_empty() {
            let stays = self.spec.data.iter().all(Matcher::matches_empty);
            return Ok(stays.then(|| base.to_set()));
        }
        let mut added = LabelsBuilder::default();
        for info in series.iter().filter_map(|&series| self.series.get(series)) {
            for (name, value) in info.as_labels().iter().filter(|(name, _)| self.spec.is_wanted(name)) {
                if added.get(name).is_some_and(|other| other != value) {
                    return fail(format!("conflicting label: {name}"));
                }
                if base.get(name).is_none() {
                    added.set(name, value);
                }
            }
        }
        let mut all = base.to_builder();
        for (name, value) in added.iter() {
            all.set(name, value);
        }
        Ok(Some(all.build()))
    }
}

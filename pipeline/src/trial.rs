//! `tests` of pipeline files, run: what goes into the stages, and what of it reaches the sink.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tower::service_fn;

use crate::ack::{Ack, Outcome};
use crate::assemble::{assemble, open};
use crate::batch::Batch;
use crate::clock::Clock;
use crate::config::Position;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::metrics::Metrics;
use crate::next::Next;
use crate::observe::Observers;
use crate::path::Write;
use crate::plan::{Case, Part, Parts, Pipeline, Plan, apart};
use crate::registry::{AnySink, Step};
use crate::samples::text;

/// How long a batch may be under way. Time is paused, so that stages that wait cost nothing.
const LIMIT: Duration = Duration::from_secs(3600);

/// A test of a pipeline that was run.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The file that has it.
    pub file: String,
    /// Where in the file.
    pub at: Position,
    /// The pipeline.
    pub pipeline: String,
    /// Its name.
    pub name: String,
    /// What was expected and did not come, with `-`, and what came instead, with `+`, a line each. Empty where it passed.
    pub differences: Vec<String>,
}

/// In the context of stages that run for a test of a pipeline file ([`Context::value`]): they leave nothing behind, and touch
/// nothing of what the real pipeline keeps.
#[derive(Clone, Copy, Debug)]
pub struct Rehearsal;

/// A sink that keeps what comes.
#[derive(Clone, Default)]
struct Caught(Arc<Mutex<Vec<Batch>>>);

// === impl Plan ===

impl Plan {
    /// Runs the tests of all pipelines, in their order: each batch goes through the stages, in the place of whose source and
    /// sink the test stands. The clock shows the time of the newest sample, and waiting takes no time. Resources that stages
    /// name are opened, but for those that keep files.
    ///
    /// # Errors
    /// There is no runtime to be had. It must not be called within one.
    pub fn test(&self) -> std::io::Result<Vec<Trial>> {
        let mut trials = Vec::new();
        for pipeline in &self.pipelines {
            let Pipeline::Write(parts) = pipeline else { continue };
            for case in &parts.tests {
                // One for each: what a stage leaves behind is gone.
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?;
                let differences = runtime.block_on(self.differences(parts, case)).unwrap_or_else(|error| {
                    // An error is what came in place of everything.
                    vec![format!("+ the error `{}`", error.report())]
                });
                let (file, pipeline, name) = (parts.file.clone(), parts.name.clone(), case.test.name.clone());
                trials.push(Trial { file, at: case.at, pipeline, name, differences });
            }
        }
        Ok(trials)
    }

    async fn differences(&self, parts: &Parts<Write>, case: &Case) -> Result<Vec<String>> {
        let newest = case.test.input.iter().flat_map(|series| series.timestamps.iter().copied()).max().unwrap_or(0);
        let context = Context::new(Clock::starting_at(newest), Metrics::default(), CancellationToken::new());
        let context = context.with(Arc::new(Rehearsal));
        self.open_for(parts, &context).await?;
        let caught = Caught::default();
        let parts = Arc::new(Parts { sink: caught.part(parts), ..parts.with_steps() });
        let next = assemble(&parts, &context, &Observers::new(&context.metrics))?;
        let sent = tokio::time::timeout(LIMIT, next.send(case.test.input.clone())).await;
        drop(next);
        let ack = sent.unwrap_or_else(|_| Err(Error::unavailable(format!("no answer within {LIMIT:?}"))))?;
        if let Some(error) = context.end().await.into_iter().next() {
            return Err(error);
        }
        // A fan-out may send a sample several times.
        let once = parts.steps.iter().any(|step| matches!(step.value, Step::Fanout(_)));
        let expected = lines(std::slice::from_ref(&case.test.output), once);
        let mut differences = compare(&expected, &lines(&caught.batches(), once));
        if let Some(dropped) = &case.test.dropped {
            differences.extend(compare(&counts(dropped), &counts(&reasons(&ack))));
        }
        Ok(differences)
    }

    /// Opens what the stages of a pipeline name.
    async fn open_for(&self, parts: &Parts<Write>, context: &Context) -> Result<()> {
        let mut needed: Vec<&str> = parts.steps.iter().flat_map(|step| &step.needs).map(String::as_str).collect();
        // Each comes after those that it names.
        for declared in self.resources.iter().rev() {
            if needed.contains(&declared.name.as_str()) {
                needed.extend(declared.needs.iter().map(String::as_str));
            }
        }
        for declared in self.resources.iter().filter(|declared| needed.contains(&declared.name.as_str())) {
            if !apart::directories(declared).is_empty() {
                let message = format!("a stage needs `{}`, which keeps files: no test opens it", declared.name);
                return Err(Error::invalid(message));
            }
            open(std::slice::from_ref(declared), context).await?;
        }
        Ok(())
    }
}

/// Samples as sorted lines.
fn lines(batches: &[Batch], once: bool) -> Vec<String> {
    let mut lines: Vec<String> =
        batches.iter().flat_map(|batch| text(batch).lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    lines.sort();
    if once {
        lines.dedup();
    }
    lines
}

/// Why samples did not reach the sink, and how many.
fn reasons(ack: &Ack) -> BTreeMap<String, u64> {
    let mut reasons = BTreeMap::new();
    let lost = |outcome| matches!(outcome, Outcome::Dropped | Outcome::Rejected);
    for entry in ack.entries().iter().filter(|entry| lost(entry.outcome)) {
        *reasons.entry(entry.reason.to_owned()).or_default() += entry.count;
    }
    reasons
}

fn counts(reasons: &BTreeMap<String, u64>) -> Vec<String> {
    let counted = reasons.iter().filter(|(_, count)| **count > 0);
    counted.map(|(reason, count)| format!("dropped {reason}: {count}")).collect()
}

/// What is in one of two sorted lists and not in the other: `-` the first, `+` the second.
fn compare(expected: &[String], got: &[String]) -> Vec<String> {
    let (mut expected, mut got) = (expected.iter().peekable(), got.iter().peekable());
    let mut out = Vec::new();
    loop {
        let order = match (expected.peek(), got.peek()) {
            (None, None) => return out,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(one), Some(other)) => one.cmp(other),
        };
        let missing = expected.next_if(|_| order.is_le());
        let extra = got.next_if(|_| order.is_ge());
        match (missing, extra) {
            (Some(missing), None) => out.push(format!("- {missing}")),
            (None, Some(extra)) => out.push(format!("+ {extra}")),
            _ => {}
        }
    }
}

// === impl Parts ===

impl Parts<Write> {
    /// The same, without its tests.
    fn with_steps(&self) -> Self {
        Self {
            name: self.name.clone(),
            file: self.file.clone(),
            external_labels: self.external_labels.clone(),
            source: self.source.clone(),
            steps: self.steps.clone(),
            sink: self.sink.clone(),
            tests: Vec::new(),
        }
    }
}

// === impl Caught ===

impl Caught {
    /// This in the place of a pipeline's sink.
    fn part(&self, parts: &Parts<Write>) -> Part<Arc<dyn AnySink<Write>>> {
        let Part { kind, settings, raw, needs, .. } = parts.sink.clone();
        Part { kind, settings, raw, needs, value: Arc::new(self.clone()) }
    }

    fn batches(&self) -> Vec<Batch> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl AnySink<Write> for Caught {
    fn open(&self, _: &Context) -> Result<Next<Write>> {
        let caught = self.clone();
        Ok(Next::new(service_fn(move |batch: Batch| {
            let samples = batch.sample_count() as u64;
            caught.0.lock().unwrap_or_else(PoisonError::into_inner).push(batch);
            async move { Ok(Ack::written(samples)) }
        })))
    }
}

// === impl Trial ===

impl Trial {
    /// Whether all is as expected.
    pub fn passed(&self) -> bool {
        self.differences.is_empty()
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, at, pipeline, name, differences } = self;
        let outcome = if self.passed() { "passed" } else { "FAILED" };
        write!(f, "{outcome}  {file}:{}:{}: {pipeline}: {name}", at.line, at.column)?;
        differences.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

#[cfg(test)]
mod tests;

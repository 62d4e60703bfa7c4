//! Asks what a script asks.
//!
//! An instant query is asked again as the middle of a range query, and again with all its selectors pinned to its time,
//! evaluated at other times, each of these as a range query, too. All must answer the same.
//!
//! Source: `runInstantQuery` and `execRangeEval` of `promql/promqltest/test.go`.

use async_trait::async_trait;
use weir_pipeline::{Answer, Data, Error, LabelSet, Points, Result, Value};

use super::compare::{Compared, Mismatch, differ};
use super::{CommandKind, Eval, Failure, Report, Storage, StoredSeries, Text, When, annotations, compare, parse, pin};
use crate::syntax::format_duration;

/// How far a range query reaches around an instant query, in milliseconds; also its step.
const AROUND: i64 = 60_000;

/// Calls that depend on the window of the query: such a query is not asked again as a range query.
const OF_WINDOW: [&str; 4] = ["start()", "end()", "range()", "step()"];

/// What the parser says of a string that Prometheus takes, and refuses when it evaluates.
const NOT_UTF8: &str = "expected a string of UTF-8";

/// An engine under test.
#[async_trait]
pub trait Subject: Send + Sync {
    /// Starts over with exactly these series.
    async fn load(&mut self, series: &[StoredSeries]);

    /// Answers a query at `time`, in milliseconds since the Unix epoch.
    async fn instant(&self, expr: &str, time: i64) -> Result<Answer>;

    /// Answers a query at each `step` from `start` on until `end`, in milliseconds.
    async fn range(&self, expr: &str, start: i64, end: i64, step: i64) -> Result<Answer>;
}

/// One evaluation, and how often it was asked.
struct Asking<'a> {
    subject: &'a dyn Subject,
    eval: &'a Eval,
    asked: usize,
}

/// A query that was not answered as expected, and why.
type Wrong = (String, Mismatch);

/// Runs a script against `subject`. `file` is how failures name the script.
pub async fn run(file: &str, text: &str, subject: &mut dyn Subject) -> Report {
    let mut report = Report::default();
    let failure = |line, (query, mismatch): Wrong| Failure { file: file.to_owned(), line, query, mismatch };
    let commands = match parse(text) {
        Ok(commands) => commands,
        Err(error) => return Report::unusable(file, error.line, error.message),
    };
    let (mut storage, mut is_loaded) = (Storage::default(), false);
    for command in commands {
        match &command.kind {
            CommandKind::Clear => {
                storage.clear();
                is_loaded = false;
            }
            CommandKind::Load(load) => {
                is_loaded = false;
                if let Err(got) = storage.load(load) {
                    let mismatch = Mismatch { expected: "samples that can be loaded".to_owned(), got };
                    report.fail(failure(command.line, (String::new(), mismatch)));
                }
            }
            CommandKind::Eval(eval) => {
                if !is_loaded {
                    subject.load(storage.series()).await;
                    is_loaded = true;
                }
                let mut asking = Asking { subject: &*subject, eval, asked: 0 };
                let wrong = asking.eval().await;
                report.reruns += asking.asked.saturating_sub(1);
                match wrong {
                    Ok(()) => report.passed += 1,
                    Err(wrong) => report.fail(failure(command.line, wrong)),
                }
            }
        }
    }
    report
}

// === impl Asking ===

impl Asking<'_> {
    async fn eval(&mut self) -> Result<(), Wrong> {
        let tree = match &self.eval.tree {
            Ok(tree) => tree,
            // Prometheus refuses it too, only later and in other words.
            Err(error) if error.message.ends_with(NOT_UTF8) && self.eval.expect.fail.is_some() => return Ok(()),
            Err(error) => {
                let mismatch = Mismatch { expected: "a query".to_owned(), got: error.to_string() };
                return Err((self.eval.expr.clone(), mismatch));
            }
        };
        match self.eval.when {
            When::Range(_) => self.range().await,
            When::Instant(time) => {
                self.instant(&self.eval.expr, time).await?;
                if let Some(pinned) = pin::pinned(tree, &self.eval.expr, time) {
                    for time in pin::times(time) {
                        self.instant(&pinned, time).await?;
                    }
                }
                Ok(())
            }
        }
    }

    async fn range(&mut self) -> Result<(), Wrong> {
        let When::Range(steps) = self.eval.when else { return Ok(()) };
        self.asked += 1;
        let answer = self.subject.range(&self.eval.expr, steps.start, steps.end, steps.step).await;
        self.check(answer).map(drop).map_err(|mismatch| (self.eval.expr.clone(), mismatch))
    }

    /// Asks at a time, and as a range query around it.
    async fn instant(&mut self, expr: &str, time: i64) -> Result<(), Wrong> {
        self.asked += 1;
        let answer = self.subject.instant(expr, time).await;
        let wrong = |mismatch| (format!("{expr} at {}", format_duration(time)), mismatch);
        let answer = self.check(answer).map_err(wrong)?;
        let value = &self.eval.expect.value;
        let is_excluded = value.matrix.is_some() || value.string.is_some();
        match answer {
            Some(answer) if !is_excluded && !OF_WINDOW.iter().any(|call| expr.contains(call)) => {
                let is_scalar = matches!(answer.data, Data::Scalar(..));
                self.around(expr, time, is_scalar).await
            }
            _ => Ok(()),
        }
    }

    /// Asks as a range query of three steps, of which the one in the middle counts.
    async fn around(&mut self, expr: &str, time: i64, is_scalar: bool) -> Result<(), Wrong> {
        let (start, end) = (time.saturating_sub(AROUND), time.saturating_add(AROUND));
        self.asked += 1;
        let answer = self.subject.range(expr, start, end, AROUND).await;
        let compared = match answer {
            Err(error) => differ("an answer", format!("the error `{}`", error.message())),
            // A range query has an order of its own.
            Ok(_) if self.eval.expect.ordered => Ok(()),
            Ok(answer) => self.middle(answer, time, is_scalar),
        };
        compared.map_err(|mismatch| (format!("{expr} as a range query around {}", format_duration(time)), mismatch))
    }

    fn middle(&self, answer: Answer, time: i64, is_scalar: bool) -> Compared {
        let Data::Matrix(series) = answer.data else { return differ("a matrix", "something else") };
        compare::sorted(&series)?;
        let at = series.into_iter().filter_map(|(labels, points)| Some((labels, time, value_at(&points, time)?)));
        let at: Vec<(LabelSet, i64, Value)> = at.collect();
        let data = match at.first() {
            Some((_, _, Value::Float(float))) if is_scalar => Data::Scalar(time, *float),
            _ if is_scalar => return differ("a number in the middle", "none"),
            _ => Data::Vector(at),
        };
        compare::data(self.eval, &data)
    }

    /// Whether an answer is as expected; the answer, where one is.
    fn check(&self, answer: Result<Answer>) -> Result<Option<Answer>, Mismatch> {
        match (answer, &self.eval.expect.fail) {
            (Err(error), Some(text)) if message_fits(text, &error) => Ok(None),
            (Err(error), Some(text)) => differ(format!("the error {text}"), format!("the error `{}`", error.message())),
            (Err(error), None) => differ("an answer", format!("the error `{}`", error.message())),
            (Ok(_), Some(text)) => differ(format!("the error {text}"), "an answer"),
            (Ok(answer), None) => {
                annotations::check(self.eval, &answer)?;
                compare::data(self.eval, &answer.data)?;
                Ok(Some(answer))
            }
        }
    }
}

fn value_at(points: &Points, time: i64) -> Option<Value> {
    let float = points.floats.iter().find(|(at, _)| *at == time).map(|(_, float)| Value::Float(*float));
    let histogram = || points.histograms.iter().find(|(at, _)| *at == time);
    float.or_else(|| histogram().map(|(_, histogram)| Value::Histogram(histogram.clone())))
}

/// Whether an error says what is expected, with its place in the query or without.
fn message_fits(text: &Text, error: &Error) -> bool {
    let message = error.message();
    let bare = without_place(message);
    [message, bare, bare.strip_prefix("parse error: ").unwrap_or(bare)].into_iter().any(|message| text.fits(message))
}

/// What follows `line:column: `.
fn without_place(message: &str) -> &str {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let mut parts = message.splitn(3, ':');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(line), Some(column), Some(rest)) if number(line) && number(column) => rest.trim_start(),
        _ => message,
    }
}

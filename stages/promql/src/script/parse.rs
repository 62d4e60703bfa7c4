//! From lines to commands.

use weir_pipeline::selector::quote;

use super::series::{self, Budget, Line};
use super::{Command, CommandKind, Eval, Expect, Load, LoadedSeries, ScriptError, Steps, When, expect};
use crate::syntax;

/// How an instant query is written.
const INSTANT: &str = "`eval instant at <time> <query>`";

/// How a range query is written.
const RANGE: &str = "`eval range from <time> to <time> step <duration> <query>`";

/// The lines of a block, the first being the command's own.
pub(super) struct Block<'a> {
    /// The number of the first line, from 1.
    pub(super) first: usize,
    /// The first line.
    pub(super) head: &'a str,
    lines: &'a [&'a str],
    /// How many lines were taken after the first.
    taken: usize,
}

// === impl Block ===

impl<'a> Block<'a> {
    /// The next line with its number; `None` at the block's end.
    pub(super) fn next(&mut self) -> Option<(usize, &'a str)> {
        let line = self.lines.get(self.taken).filter(|line| !line.is_empty())?;
        self.taken += 1;
        Some((self.first + self.taken, line))
    }

    /// An error about the first line.
    pub(super) fn fault<T>(&self, message: impl Into<String>) -> Result<T, ScriptError> {
        fault(self.first, message)
    }
}

/// An error about a line.
pub(super) fn fault<T>(line: usize, message: impl Into<String>) -> Result<T, ScriptError> {
    Err(ScriptError { line, message: message.into() })
}

/// Reads a script.
///
/// # Errors
/// A line is no command and belongs to none, or is not written as it should be, or there are more samples than
/// [`MAX_BLOCK`](super::MAX_BLOCK) or [`MAX_SAMPLES`](super::MAX_SAMPLES).
pub fn parse(text: &str) -> Result<Vec<Command>, ScriptError> {
    // A comment is as good as an empty line: it ends a block.
    let lines: Vec<&str> =
        text.split('\n').map(str::trim).map(|line| if line.starts_with('#') { "" } else { line }).collect();
    let (mut commands, mut at, mut budget) = (Vec::new(), 0, Budget::default());
    while let Some(head) = lines.get(at) {
        at += 1;
        let word = head.split([' ', '\t']).next().unwrap_or_default().to_ascii_lowercase();
        if word.is_empty() {
            continue;
        }
        let mut block = Block { first: at, head, lines: lines.get(at..).unwrap_or_default(), taken: 0 };
        budget.begin();
        let kind = match word.as_str() {
            "clear" => CommandKind::Clear,
            word if word.starts_with("load") => CommandKind::Load(load(&mut block, &mut budget)?),
            word if word.starts_with("eval") => CommandKind::Eval(Box::new(eval(&mut block, &mut budget)?)),
            _ => return block.fault(format!("expected `clear`, `load` or `eval`, got {}", quote(head))),
        };
        commands.push(Command { line: block.first, kind });
        at += block.taken;
    }
    Ok(commands)
}

fn load(block: &mut Block<'_>, budget: &mut Budget) -> Result<Load, ScriptError> {
    let (word, step) = word(block.head);
    let with_nhcb = match word {
        "load" => false,
        "load_with_nhcb" => true,
        _ => return block.fault(format!("expected `load` or `load_with_nhcb`, got {}", quote(word))),
    };
    let step = duration("step", step).or_else(|message| block.fault(message))?;
    let mut load = Load { step, with_nhcb, series: Vec::new() };
    let mut starts: Option<(usize, Line<Option<i64>>)> = None;
    while let Some((number, text)) = block.next() {
        if series::is_start(text) {
            if let Some((number, _)) = starts {
                return fault(number, "expected samples after the line of starts");
            }
            let line = series::starts(text, budget).or_else(|message| fault(number, message))?;
            starts = Some((number, line));
            continue;
        }
        let Line { labels, values } = series::values(text, budget).or_else(|message| fault(number, message))?;
        let starts = match starts.take() {
            None => Vec::new(),
            Some((number, starts)) if starts.labels != labels => {
                return fault(number, format!("expected samples of {} after its line of starts", starts.labels));
            }
            Some((number, starts)) if starts.values.len() != values.len() => {
                let (starts, samples) = (starts.values.len(), values.len());
                return fault(number, format!("expected as many starts as samples, which are {samples}, got {starts}"));
            }
            Some((_, starts)) => starts.values,
        };
        load.series.push(LoadedSeries { labels, values, starts });
    }
    match starts {
        Some((number, _)) => fault(number, "expected samples after the line of starts"),
        None => Ok(load),
    }
}

fn eval(block: &mut Block<'_>, budget: &mut Budget) -> Result<Eval, ScriptError> {
    let (command, rest) = word(block.head);
    let kind = command.strip_prefix("eval").unwrap_or_default();
    let (form, rest) = word(rest);
    let (when, expr) = match (form, kind) {
        ("instant", "" | "_fail" | "_warn" | "_ordered" | "_info") => instant(rest),
        ("range", "" | "_fail" | "_warn" | "_info") => range(rest),
        _ => Err(format!("expected {INSTANT} or {RANGE}, got {}", quote(block.head))),
    }
    .or_else(|message| block.fault(message))?;
    let mut wanted = Expect::default();
    match kind {
        "_fail" => wanted.fail = Some(super::Text::Any),
        "_warn" => wanted.warnings.some = true,
        "_info" => wanted.infos.some = true,
        "_ordered" => wanted.ordered = true,
        _ => {}
    }
    expect::read(block, matches!(when, When::Instant(_)), kind == "_fail", budget, &mut wanted)?;
    let when = match (when, wanted.value.matrix) {
        (When::Instant(_), Some(steps)) => When::Instant(steps.end),
        (When::Range(_), Some(steps)) => When::Range(steps),
        (when, None) => when,
    };
    Ok(Eval { expr: expr.to_owned(), tree: syntax::parse(expr), when, expect: wanted })
}

/// `at <time> <query>`
fn instant(rest: &str) -> Result<(When, &str), String> {
    let (time, expr) = word(keyword("at", rest)?);
    let time = duration("time", time)?;
    Ok((When::Instant(time), query(expr)?))
}

/// `from <time> to <time> step <duration> <query>`
fn range(rest: &str) -> Result<(When, &str), String> {
    let (start, rest) = word(keyword("from", rest)?);
    let (end, rest) = word(keyword("to", rest)?);
    let (step, expr) = word(keyword("step", rest)?);
    Ok((When::Range(steps(start, end, step)?), query(expr)?))
}

/// `from <time> to <time> step <duration>`
pub(super) fn times(rest: &str) -> Result<Steps, String> {
    let (start, rest) = word(keyword("from", rest)?);
    let (end, rest) = word(keyword("to", rest)?);
    let (step, rest) = word(keyword("step", rest)?);
    match rest {
        "" => steps(start, end, step),
        _ => Err(format!("expected nothing after the step, got {}", quote(rest))),
    }
}

fn steps(start: &str, end: &str, step: &str) -> Result<Steps, String> {
    let steps = Steps { start: duration("start", start)?, end: duration("end", end)?, step: duration("step", step)? };
    if steps.end < steps.start {
        return Err(format!("expected an end that is not before the start, got {end} after {start}"));
    }
    Ok(steps)
}

fn query(expr: &str) -> Result<&str, String> {
    if expr.is_empty() { Err("expected a query at the end of the line".to_owned()) } else { Ok(expr) }
}

/// What follows `keyword`, which must come first.
fn keyword<'a>(keyword: &str, text: &'a str) -> Result<&'a str, String> {
    match word(text) {
        (found, rest) if found == keyword => Ok(rest),
        (found, _) => Err(format!("expected `{keyword}`, got {}", quote(found))),
    }
}

/// The first word, and what follows it.
pub(super) fn word(text: &str) -> (&str, &str) {
    match text.split_once(char::is_whitespace) {
        Some((word, rest)) => (word, rest.trim_start()),
        None => (text, ""),
    }
}

fn duration(what: &str, text: &str) -> Result<i64, String> {
    syntax::parse_duration(text).map_err(|error| format!("expected a duration as {what}, got {}: {error}", quote(text)))
}

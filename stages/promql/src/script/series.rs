//! One series in a line: `metric{a="b"} 1 2+1x3 _ stale {{schema:1 count:2}}`.
//!
//! Source: `series_description` of Prometheus' `promql/parser/generated_parser.y`.

use std::sync::Arc;

use weir_pipeline::labels::METRIC;
use weir_pipeline::selector::{quote, quoted};
use weir_pipeline::{Histogram, LabelSet, LabelsBuilder, MatchOp, STALE};

use super::{Item, MAX_BLOCK, MAX_SAMPLES, literal, start};
use crate::histogram::{add, sub};
use crate::syntax;

/// A line, read.
pub(super) struct Line<T> {
    /// Which series.
    pub(super) labels: LabelSet,
    /// What follows.
    pub(super) values: Vec<T>,
}

/// How many samples a script may still have.
#[derive(Debug)]
pub(super) struct Budget {
    /// In this block.
    block: usize,
    /// In all blocks.
    script: usize,
}

/// What stands between a value and its repetition.
enum Change<T> {
    None,
    Add(T),
    Sub(T),
}

// === impl Budget ===

impl Default for Budget {
    fn default() -> Self {
        Self { block: 0, script: MAX_SAMPLES }
    }
}

impl Budget {
    /// A block begins.
    pub(super) fn begin(&mut self) {
        self.block = MAX_BLOCK;
    }

    /// Takes room for `count` samples of a size.
    pub(super) fn take(&mut self, count: u64, size: usize) -> Result<usize, String> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let cost = count.saturating_mul(size);
        match (self.block.checked_sub(cost), self.script.checked_sub(cost)) {
            (Some(block), Some(script)) => (self.block, self.script) = (block, script),
            _ => return Err(format!("expected at most {MAX_BLOCK} samples in a block and {MAX_SAMPLES} in a script")),
        }
        Ok(count)
    }
}

/// Whether the line holds starts of samples: `metric{a="b"}@st -1m -1m`.
pub(super) fn is_start(line: &str) -> bool {
    let (metric, rest) = split_metric(line);
    !metric.is_empty() && rest.strip_prefix("@st").is_some_and(|rest| rest.starts_with([' ', '\t']))
}

/// A line of starts.
pub(super) fn starts(line: &str, budget: &mut Budget) -> Result<Line<Option<i64>>, String> {
    let (text, rest) = split_metric(line);
    let rest = rest.strip_prefix("@st").unwrap_or(rest);
    Ok(Line { labels: metric(text)?, values: start::sequence(rest, budget)? })
}

/// A line of samples.
pub(super) fn values(line: &str, budget: &mut Budget) -> Result<Line<Option<Item>>, String> {
    let (text, rest) = split_metric(line);
    let labels = metric(text)?;
    let (mut values, mut text) = (Vec::new(), rest);
    loop {
        let trimmed = text.trim_start();
        if trimmed.is_empty() {
            return Ok(Line { labels, values });
        }
        if trimmed.len() == text.len() {
            return Err(format!("expected a space before {}", quote(&head(text))));
        }
        text = match trimmed.starts_with("{{") {
            true => histograms(trimmed, budget, &mut values)?,
            false => {
                let end = trimmed.find(char::is_whitespace).unwrap_or(trimmed.len());
                let (item, rest) = trimmed.split_at(end);
                floats(item, budget, &mut values)?;
                rest
            }
        };
    }
}

/// The text of a metric, and what follows it. Braces belong to it where no space is before them.
fn split_metric(line: &str) -> (&str, &str) {
    let is_name = |c: char| c == '_' || c == ':' || c.is_ascii_alphanumeric();
    let name = line.find(|c| !is_name(c)).unwrap_or(line.len());
    let after = line.get(name..).unwrap_or_default();
    if !after.starts_with('{') {
        return line.split_at(name);
    }
    let mut at = name;
    while let Some(rest) = line.get(at..)
        && let Some(next) = rest.chars().next()
    {
        at += match next {
            '}' => return line.split_at(at + 1),
            // A string that does not end is for the selector's parser to refuse.
            '"' | '\'' | '`' => string_len(rest),
            next => next.len_utf8(),
        };
    }
    (line, "")
}

/// The length of the string at the start of `text`, also where it is not UTF-8.
fn string_len(text: &str) -> usize {
    if let Ok((_, len)) = quoted(text) {
        return len;
    }
    let quote = text.as_bytes().first().copied();
    let mut bytes = text.bytes().enumerate().skip(1);
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' if quote != Some(b'`') => drop(bytes.next()),
            byte if Some(byte) == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The labels that a selector of equalities says.
fn metric(text: &str) -> Result<LabelSet, String> {
    let refused = |why: &str| format!("expected a metric, got {}: {why}", quote(text));
    let matchers = syntax::parse_selector(text).map_err(|error| refused(&error.to_string()))?;
    let mut labels = LabelsBuilder::default();
    let named = text.starts_with(|c: char| c != '{');
    for (at, matcher) in matchers.iter().enumerate() {
        if matcher.op != MatchOp::Equal {
            return Err(refused("labels take `=`"));
        }
        // The name before the braces is the one that counts.
        if !(named && at > 0 && matcher.name == METRIC) {
            labels.set(matcher.name.clone(), matcher.value.clone());
        }
    }
    Ok(labels.build())
}

/// An item that is no histogram.
fn floats(item: &str, budget: &mut Budget, out: &mut Vec<Option<Item>>) -> Result<(), String> {
    let refused = || format!("expected a value, got {}", quote(item));
    if let Some(rest) = item.strip_prefix('_') {
        let count = if rest.is_empty() { 1 } else { times(rest).ok_or_else(refused)? };
        let count = budget.take(count, 1)?;
        out.extend(std::iter::repeat_n(None, count));
        return Ok(());
    }
    let (mut value, rest) = number(item).ok_or_else(refused)?;
    let (change, rest) = match rest.strip_prefix(['+', '-']) {
        Some(_) => {
            let (change, rest) = number(rest).ok_or_else(refused)?;
            (Some(change), rest)
        }
        None => (None, rest),
    };
    let count = match rest {
        "" if change.is_none() => 0,
        rest => times(rest).ok_or_else(refused)?,
    };
    // One more than is said: the first is that at 0.
    for _ in 0..budget.take(count.saturating_add(1), 1)? {
        out.push(Some(Item::from(value)));
        // Added again and again, not multiplied, so that rounding is the same as in Prometheus.
        value += change.unwrap_or_default();
    }
    Ok(())
}

/// `x5`
fn times(text: &str) -> Option<u64> {
    let digits = text.strip_prefix('x')?;
    let is_plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| is_plain)
}

/// The number at the start of `text`, with or without a sign, and what follows it.
pub(super) fn number(text: &str) -> Option<(f64, &str)> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let end = number_len(unsigned);
    let (digits, rest) = unsigned.split_at_checked(end)?;
    let value = match digits {
        "stale" if unsigned.len() == text.len() => STALE,
        digits if digits.eq_ignore_ascii_case("nan") => f64::NAN,
        digits if digits.eq_ignore_ascii_case("inf") => f64::INFINITY,
        digits => syntax::parse_number(digits).ok().filter(|_| digits.starts_with(|c: char| !c.is_alphabetic()))?,
    };
    Some((if text.starts_with('-') { -value } else { value }, rest))
}

/// How many bytes of `text` are a number, or a word in its place.
fn number_len(text: &str) -> usize {
    if text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return text.find(|c: char| !(c.is_ascii_alphanumeric() || "_:".contains(c))).unwrap_or(text.len());
    }
    let mut before = ' ';
    let ends = |c: char| {
        let goes_on = match c {
            '0'..='9' | '.' | '_' | 'e' | 'E' => true,
            '+' | '-' => matches!(before, 'e' | 'E'),
            _ => false,
        };
        before = c;
        !goes_on
    };
    text.find(ends).unwrap_or(text.len())
}

/// Histograms at the start of `text`: one, the same several times, or a growing row. Returns what follows.
fn histograms<'a>(text: &'a str, budget: &mut Budget, out: &mut Vec<Option<Item>>) -> Result<&'a str, String> {
    let (first, mut hinted, rest) = literal::read(text)?;
    let (change, rest) = match rest.chars().next() {
        Some(sign @ ('+' | '-')) => {
            let (change, said, rest) = literal::read(rest.get(1..).unwrap_or_default())?;
            // The last literal is the one that says whether the hint counts.
            hinted = said;
            (if sign == '+' { Change::Add(change) } else { Change::Sub(change) }, rest)
        }
        _ => (Change::None, rest),
    };
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let (repeat, rest) = rest.split_at(end);
    let count = match (repeat, &change) {
        ("", Change::None) => 0,
        _ => times(repeat)
            .ok_or_else(|| format!("expected `x` and a number after a histogram, got {}", quote(&head(repeat))))?,
    };
    let size = 1 + match &change {
        Change::None => 0,
        Change::Add(change) | Change::Sub(change) => buckets(&first) + buckets(change),
    };
    let count = budget.take(count.saturating_add(1), size)?;
    out.reserve(count);
    let mut current = Arc::new(first);
    for at in 0..count {
        if at > 0 {
            current = next(current, &change)?;
        }
        out.push(Some(Item::histogram(&current, hinted)));
    }
    Ok(rest)
}

fn buckets(histogram: &Histogram) -> usize {
    histogram.positive.counts.len() + histogram.negative.counts.len()
}

fn next(current: Arc<Histogram>, change: &Change<Histogram>) -> Result<Arc<Histogram>, String> {
    let (Change::Add(by) | Change::Sub(by)) = change else { return Ok(current) };
    if current.schema > by.schema {
        let (own, other) = (current.schema, by.schema);
        return Err(format!("expected a change of schema {own} or above, got a histogram of schema {other}"));
    }
    let mut next = (*current).clone();
    let done = if matches!(change, Change::Add(_)) { add(&mut next, by) } else { sub(&mut next, by) };
    match done {
        Ok(_) => Ok(Arc::new(next)),
        Err(_) => Err("expected histograms of exponential or of custom buckets, got both".to_owned()),
    }
}

/// The start of a text, for a message.
fn head(text: &str) -> String {
    text.chars().take(20).collect()
}

//! What is expected of an answer: the lines below `eval`.

use weir_pipeline::selector::{quote, unquote};

use super::parse::{Block, fault, times, word};
use super::series::{self, Budget};
use super::{Expect, Expected, ExpectedSeries, ScriptError, Text};
use crate::syntax;

/// Reads the lines of a block. With `fails` the old lines about the message are known, too.
pub(super) fn read(
    block: &mut Block<'_>,
    is_instant: bool,
    fails: bool,
    budget: &mut Budget,
    expect: &mut Expect,
) -> Result<(), ScriptError> {
    let (mut place, mut failures) = (0, 0);
    while let Some((number, line)) = block.next() {
        if fails && let Some(text) = failure(line) {
            // Nothing may follow it in its block.
            expect.fail = Some(text.or_else(|message| fault(number, message))?);
            return Ok(());
        }
        if let Some(rest) = line.strip_prefix("expect range vector") {
            expect.value.matrix = Some(times(rest.trim_start()).or_else(|message| fault(number, message))?);
        } else if let Some(rest) = line.strip_prefix("expect string") {
            expect.value.string = Some(string(rest).or_else(|message| fault(number, message))?);
        } else if line.split(' ').next() == Some("expect") {
            failures += usize::from(word(word(line).1).0 == "fail");
            if failures > 1 {
                return fault(number, "expected one `expect fail` at most");
            }
            note(line, expect).or_else(|message| fault(number, message))?;
            // These lines have no place in an order.
            continue;
        } else if let Some(value) = scalar(line) {
            expect.value.scalar = Some(value);
            return Ok(());
        } else {
            let series = series::values(line, budget).or_else(|message| fault(number, message))?;
            let many = series.values.len() > 1 && is_instant && expect.value.matrix.is_none();
            if many || series.values.is_empty() && is_instant {
                let message = "expected one value for an instant query; `expect range vector` allows for more";
                return fault(number, message);
            }
            expect.value.add(ExpectedSeries { labels: series.labels, place, values: series.values });
        }
        place += 1;
    }
    Ok(())
}

/// `expected_fail_message <text>` or `expected_fail_regexp <pattern>`
fn failure(line: &str) -> Option<Result<Text, String>> {
    if let Some(text) = line.strip_prefix("expected_fail_message") {
        let text = text.trim();
        return Some(Ok(if text.is_empty() { Text::Any } else { Text::Exact(text.to_owned()) }));
    }
    Some(Text::regex(line.strip_prefix("expected_fail_regexp")?.trim()))
}

/// What follows `expect string`.
fn string(rest: &str) -> Result<String, String> {
    let refused = || format!("expected a string in quotes, got {}", quote(rest.trim()));
    // Go's strings in single quotes are characters.
    let text = rest.strip_prefix(' ').filter(|text| text.starts_with(['"', '`'])).ok_or_else(refused)?;
    unquote(text).map_err(|_| refused())
}

/// `expect <what>`, `expect <what> msg: <text>` or `expect <what> regex: <pattern>`
fn note(line: &str, expect: &mut Expect) -> Result<(), String> {
    let (_, rest) = word(line);
    let (what, rest) = word(rest);
    let text = match rest.split_once(':') {
        _ if rest.is_empty() => Text::Any,
        Some(("msg", text)) if !text.is_empty() => Text::Exact(text.trim().to_owned()),
        Some(("regex", text)) if !text.is_empty() => Text::regex(text.trim())?,
        _ => return Err(format!("expected `msg:` or `regex:` and a text, got {}", quote(rest))),
    };
    match what {
        "ordered" => expect.ordered = true,
        "fail" => expect.fail = Some(text),
        "warn" => expect.warnings.each.push(text),
        "info" => expect.infos.each.push(text),
        "no_warn" => expect.warnings.none = true,
        "no_info" => expect.infos.none = true,
        _ => return Err(format!("expected fail, ordered, warn, no_warn, info or no_info, got {}", quote(what))),
    }
    for (notes, name) in [(&expect.warnings, "warn"), (&expect.infos, "info")] {
        if notes.none && !notes.each.is_empty() {
            return Err(format!("expected either `expect {name}` or `expect no_{name}`, got both"));
        }
    }
    Ok(())
}

/// A number alone, as Go reads numbers.
fn scalar(line: &str) -> Option<f64> {
    let (negative, digits) = match line.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, line.strip_prefix('+').unwrap_or(line)),
    };
    let starts = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let is_word = ["inf", "infinity", "nan"].iter().any(|word| digits.eq_ignore_ascii_case(word));
    let value = match digits {
        // `infinity` is Go's, and no number of PromQL.
        _ if is_word => digits.parse().ok()?,
        _ if starts => syntax::parse_number(digits).ok()?,
        _ => return None,
    };
    Some(if negative { -value } else { value })
}

// === impl Expected ===

impl Expected {
    /// Adds a series. Of several with the same labels the last counts.
    fn add(&mut self, series: ExpectedSeries) {
        match self.series.iter_mut().find(|other| other.labels == series.labels) {
            Some(other) => *other = series,
            None => self.series.push(series),
        }
    }
}

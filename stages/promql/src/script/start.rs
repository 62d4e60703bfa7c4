//! Since when samples count: the items of a line `metric@st -1m -30sx3 -1m+1sx4 _`.
//!
//! Source: `parseSTSequence` of Prometheus' `promql/promqltest/test.go`.

use weir_pipeline::selector::quote;

use super::series::Budget;
use crate::syntax;

/// Milliseconds from each sample to its start, `None` where none is given.
pub(super) fn sequence(text: &str, budget: &mut Budget) -> Result<Vec<Option<i64>>, String> {
    let mut starts = Vec::new();
    for item in text.split_whitespace() {
        self::item(item, budget, &mut starts)?;
    }
    Ok(starts)
}

fn item(item: &str, budget: &mut Budget, out: &mut Vec<Option<i64>>) -> Result<(), String> {
    let refused = |why: &str| format!("expected a start, got {}: {why}", quote(item));
    if let Some(rest) = item.strip_prefix('_') {
        let count = match rest {
            "" => 1,
            rest => times(rest).filter(|&count| count > 0).ok_or_else(|| refused("expected `_` or `_xN`"))?,
        };
        let count = budget.take(count, 1)?;
        out.extend(std::iter::repeat_n(None, count));
        return Ok(());
    }
    let (mut start, rest) = duration(item).map_err(|why| refused(&why))?;
    let (change, rest) = match rest.strip_prefix(['+', '-']) {
        Some(after) => {
            let (change, after) = duration(after).map_err(|why| refused(&why))?;
            (Some(if rest.starts_with('-') { -change } else { change }), after)
        }
        None => (None, rest),
    };
    let count = match rest {
        "" if change.is_none() => 0,
        rest => times(rest).ok_or_else(|| refused("expected `x` and a number after the duration"))?,
    };
    for _ in 0..budget.take(count.saturating_add(1), 1)? {
        out.push(Some(start));
        start = start.saturating_add(change.unwrap_or_default());
    }
    Ok(())
}

/// `x5`
fn times(text: &str) -> Option<u64> {
    text.strip_prefix('x')?.parse().ok()
}

/// The duration at the start of `text`, one number with its unit, and what follows it.
fn duration(text: &str) -> Result<(i64, &str), String> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = unsigned.find(|c: char| !c.is_ascii_digit()).unwrap_or(unsigned.len());
    let (_, after) = unsigned.split_at(digits);
    // `x` begins the repetition, and is no letter of a unit.
    let unit = after.find(|c: char| !c.is_ascii_alphabetic() || c == 'x').unwrap_or(after.len());
    let (duration, rest) = unsigned.split_at_checked(digits + unit).unwrap_or((unsigned, ""));
    let millis = syntax::parse_duration(duration)?;
    Ok((if text.starts_with('-') { -millis } else { millis }, rest))
}

//! Durations as Prometheus writes them: `1h30m`, `500ms`.
//!
//! Source: `ParseDuration` and `Duration.String` of `model/time.go` in prometheus/common.

use std::fmt::Write as _;

use weir_pipeline::selector::quote;

/// Units from the largest to the smallest, each with its milliseconds and whether it is written only where nothing
/// smaller remains: `90d` reads better than `12w6d`.
const UNITS: [(&str, u64, bool); 7] = [
    ("y", 365 * 86_400_000, true),
    ("w", 7 * 86_400_000, true),
    ("d", 86_400_000, false),
    ("h", 3_600_000, false),
    ("m", 60_000, false),
    ("s", 1000, false),
    ("ms", 1, false),
];

/// The most that fits Prometheus' durations, which count nanoseconds in 63 bits.
const MAX_MILLIS: u64 = i64::MAX as u64 / 1_000_000;

/// The milliseconds of a duration. Units stand in order, each at most once; `0` needs none.
///
/// # Errors
/// The text is not a duration, or is above 292 years. The words are those of Prometheus.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    if text == "0" {
        return Ok(0);
    }
    if text.is_empty() {
        return Err("empty duration string".into());
    }
    let invalid = || format!("not a valid duration string: {}", quote(text));
    let out_of_range = || "duration out of range".to_owned();
    let mut units = UNITS.iter();
    let mut rest = text;
    let mut total = 0u64;
    while !rest.is_empty() {
        let (digits, after) = split(rest, |b| b.is_ascii_digit());
        let count: u64 = digits.parse().map_err(|_| invalid())?;
        let (unit, after) = split(after, |b| !b.is_ascii_digit());
        rest = after;
        if unit.is_empty() {
            return Err(invalid());
        }
        if !UNITS.iter().any(|(name, ..)| *name == unit) {
            return Err(format!("unknown unit {} in duration {}", quote(unit), quote(text)));
        }
        // Continuing in the same iterator keeps the units in order.
        let (_, millis, _) = units.find(|(name, ..)| *name == unit).ok_or_else(invalid)?;
        total = count.checked_mul(*millis).and_then(|n| n.checked_add(total)).ok_or_else(out_of_range)?;
        if total > MAX_MILLIS {
            return Err(out_of_range());
        }
    }
    Ok(total as i64)
}

/// The longest start of `text` whose bytes are `wanted`, and the rest.
fn split(text: &str, wanted: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().position(|b| !wanted(b)).unwrap_or(text.len());
    text.split_at(end)
}

/// A number of milliseconds as a duration.
pub fn format_duration(millis: i64) -> String {
    let mut rest = millis.unsigned_abs();
    if rest == 0 {
        return "0s".into();
    }
    let mut text = String::from(if millis < 0 { "-" } else { "" });
    for (unit, size, exact) in UNITS {
        if rest >= size && (!exact || rest.is_multiple_of(size)) {
            // Writing to a String does not fail.
            let _ = write!(text, "{}{unit}", rest / size);
            rest %= size;
        }
    }
    text
}

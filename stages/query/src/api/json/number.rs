//! Numbers and times as Prometheus writes them. A large answer is little else, so that this is where its time goes.

use std::io::Write as _;

/// The integers that a `f64` has all.
const EXACT: f64 = (1_u64 << 53) as f64;

/// Milliseconds as seconds: `1435781451.781`, `1435781451`.
pub(in crate::api) fn timestamp(millis: i64, out: &mut Vec<u8>) {
    if millis < 0 {
        out.push(b'-');
    }
    let (whole, rest) = (millis.unsigned_abs() / 1000, millis.unsigned_abs() % 1000);
    out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
    if rest > 0 {
        let digit = |n: u64| b'0' + (n % 10) as u8;
        out.extend_from_slice(&[b'.', digit(rest / 100), digit(rest / 10), digit(rest)]);
    }
}

/// The shortest digits that read as the same number, with an exponent where it is far from 1: so samples are.
pub(in crate::api) fn number(value: f64, out: &mut Vec<u8>) {
    if value.abs() < EXACT && value.trunc().to_bits() == value.to_bits() && value.to_bits() != (-0.0_f64).to_bits() {
        out.extend_from_slice(itoa::Buffer::new().format(value as i64).as_bytes());
        return;
    }
    if !value.is_finite() {
        out.extend_from_slice(plain(value).as_bytes());
        return;
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value);
    if (1e-5..1e15).contains(&value.abs()) && !text.contains('e') {
        out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
    } else {
        far(value, out);
    }
}

/// A finite number that is not near 1.
fn far(value: f64, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = if value == 0.0 || (1e-6..1e21).contains(&value.abs()) {
        write!(out, "{value}")
    } else {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(exponent) => ('-', exponent),
            None => ('+', exponent),
        };
        write!(out, "{digits}e{sign}{exponent:0>2}")
    };
}

/// The shortest digits that read as the same number, without an exponent: so scalars are.
pub(super) fn plain(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests;

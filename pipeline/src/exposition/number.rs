//! Numbers as Go reads them.

/// The NaN that every NaN of a body becomes, as in Prometheus: other payloads have meanings of their own.
pub const NAN: f64 = f64::from_bits(0x7ff8_0000_0000_0001);

/// The most digits of which every integer is an exact double.
const EXACT_DIGITS: usize = 15;

/// A number as Go's `ParseFloat` reads it, without hexadecimal numbers, which Prometheus refuses.
pub(super) fn float(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    if (1..=EXACT_DIGITS).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_digit) {
        return Some(bytes.iter().fold(0u64, |n, digit| 10 * n + u64::from(digit - b'0')) as f64);
    }
    // Both languages read the same decimals, and `inf` and `infinity` in any case. Rust alone allows a sign before
    // `nan`, and makes an infinity of what is too large.
    let value: f64 = text.parse().ok()?;
    if value.is_nan() {
        return (bytes.len() == 3).then_some(NAN);
    }
    let too_large = value.is_infinite() && bytes.iter().any(u8::is_ascii_digit);
    (!too_large).then_some(value)
}

/// Seconds as milliseconds, where they are finite. Cuts off what is below a millisecond, as Prometheus does.
pub(super) fn millis(text: &str) -> Option<i64> {
    let seconds = float(text)?;
    seconds.is_finite().then_some((seconds * 1000.0) as i64)
}

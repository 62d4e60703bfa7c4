//! Numbers and durations as PromQL writes them.

/// Milliseconds of each unit, from large to small.
const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// A number: decimal with `_` between digits, hexadecimal, octal after a leading 0.
pub(super) fn number(text: &str) -> Option<f64> {
    let separated = text.contains('_');
    let plain = if separated { text.replace('_', "") } else { text.to_owned() };
    // As in Go, an underscore stands between digits only.
    if separated && (text.starts_with('_') || text.ends_with('_') || text.contains("__")) {
        return None;
    }
    if let Some(hex) = plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X")) {
        return u64::from_str_radix(hex, 16).ok().map(|n| n as f64);
    }
    if plain.len() > 1 && plain.starts_with('0') && plain.bytes().all(|b| b.is_ascii_digit()) {
        // Go's ParseInt with base 0 reads `017` as octal; what is not octal it reads as a float.
        if let Ok(n) = u64::from_str_radix(&plain, 8) {
            return Some(n as f64);
        }
    }
    let digits = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-');
    if !plain.bytes().all(digits) { None } else { plain.parse().ok() }
}

/// A duration in milliseconds: units from large to small, each at most once. Not above 2^63 nanoseconds, as in Go.
pub(super) fn duration(text: &str) -> Option<i64> {
    let (mut rest, mut total, mut units) = (text, 0i64, UNITS.iter());
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = rest[..digits].parse().ok()?;
        let letters = rest[digits..].bytes().take_while(u8::is_ascii_lowercase).count();
        let unit = &rest[digits..digits + letters];
        let (_, size) = units.find(|(name, _)| *name == unit)?;
        total = number.checked_mul(*size)?.checked_add(total)?;
        rest = &rest[digits + letters..];
    }
    (total <= i64::MAX / 1_000_000).then_some(total)
}

/// A duration as PromQL writes it: `90000` is `1m30s`.
pub(super) fn duration_text(ms: i64) -> String {
    let mut rest = ms.unsigned_abs();
    let mut out = String::from(if ms < 0 { "-" } else { "" });
    if rest == 0 {
        return "0s".to_owned();
    }
    for (unit, size) in UNITS {
        let size = size.unsigned_abs();
        // As in Prometheus, years and weeks only where nothing is left over.
        if rest >= size && (rest.is_multiple_of(size) || !matches!(unit, "y" | "w")) {
            out.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    out
}

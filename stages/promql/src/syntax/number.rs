//! Numbers as Go reads them: decimal, hexadecimal, octal after a leading zero, `_` between digits.
//!
//! Source: `strconv.ParseInt` with base 0, then `strconv.ParseFloat`, as `promql/parser` calls them.

use weir_pipeline::selector::quote;

/// The value of a number that the lexer found.
///
/// # Errors
/// The digits do not make a number.
pub(crate) fn parse_number(text: &str) -> Result<f64, String> {
    let refused = |why: &str| format!("error parsing number: strconv.ParseFloat: parsing {}: {why}", quote(text));
    let wrong = || refused("invalid syntax");
    if !underscores_fit(text) {
        return Err(wrong());
    }
    let digits: String = text.chars().filter(|&c| c != '_').collect();
    let (base, body) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, digits.get(2..).unwrap_or_default()),
        [b'0', _, ..] => (8, digits.get(1..).unwrap_or_default()),
        _ => (10, digits.as_str()),
    };
    if body.bytes().all(|b| b.is_ascii_hexdigit())
        && let Ok(int) = i64::from_str_radix(body, base)
    {
        return Ok(int as f64);
    }
    if base == 16 {
        return Err(wrong());
    }
    let value: f64 = digits.parse().map_err(|_| wrong())?;
    let is_written = digits.eq_ignore_ascii_case("inf");
    if value.is_infinite() && !is_written { Err(refused("value out of range")) } else { Ok(value) }
}

/// Go's rule: underscores stand between digits; the base prefix counts as a digit.
fn underscores_fit(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_prefixed = matches!(bytes, [b'0', b'x' | b'X', ..]);
    bytes.iter().enumerate().filter(|&(_, &b)| b == b'_').all(|(at, _)| {
        let digit =
            |at: usize| bytes.get(at).is_some_and(|b| b.is_ascii_digit() || (is_prefixed && b.is_ascii_hexdigit()));
        let after_prefix = is_prefixed && at == 2;
        at > 0 && (digit(at - 1) || after_prefix) && digit(at + 1)
    })
}

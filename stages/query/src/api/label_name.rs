//! Label names in paths.

use weir_pipeline::selector::quote;

use super::form;
use super::reply::Refusal;

/// The label that a path's part names: percent-encoded, and where it begins with `U__` escaped besides.
pub(super) fn label_name(part: &str) -> Result<String, Refusal> {
    let name = form::unescape(part, false)?;
    let name = name.strip_prefix("U__").and_then(unescape).unwrap_or(name);
    if name.is_empty() { Err(Refusal::bad(format!("invalid label name: {}", quote(&name)))) } else { Ok(name) }
}

/// What follows `U__` as the name that it stands for: `__` is `_`, and `_1f600_` the character of that number. `None`
/// where it is not so written; the name then stands for itself.
///
/// Source: `UnescapeName` of `model/metric.go` in prometheus/common.
fn unescape(escaped: &str) -> Option<String> {
    let mut name = String::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some((plain, after)) = rest.split_once('_') {
        name.push_str(plain);
        let (code, after) = after.split_once('_')?;
        rest = after;
        if code.is_empty() {
            name.push('_');
            continue;
        }
        if code.len() > 6 || !code.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        name.push(char::from_u32(u32::from_str_radix(code, 16).ok()?)?);
    }
    name.push_str(rest);
    Some(name)
}

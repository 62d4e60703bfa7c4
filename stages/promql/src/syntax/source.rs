//! What a tree does not keep of the text that it was read from.

use super::ast::Span;
use super::duration::parse_duration;

/// The milliseconds of the number at `span`, without its sign, where it is written as a duration: `1h`, not `3600`.
pub fn duration(text: &str, span: Span) -> Option<i64> {
    let text = read(text, span)?;
    // Signs stand before it, with whatever is between.
    let start = text.rfind(|c: char| !c.is_ascii_alphanumeric()).map_or(0, |at| at + 1);
    let token = text.get(start..)?;
    // A number has no unit.
    if token.bytes().all(|b| b.is_ascii_digit()) { None } else { parse_duration(token).ok() }
}

/// Whether the selector at `span` has its name before the braces.
pub fn is_named(text: &str, span: Span) -> bool {
    !read(text, span).unwrap_or_default().starts_with('{')
}

fn read(text: &str, span: Span) -> Option<&str> {
    text.get(span.start as usize..span.end as usize)
}

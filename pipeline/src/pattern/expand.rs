//! Templates, by the rules of Go's `Regexp.Expand`.

use std::sync::LazyLock;

use regex::Regex;

/// The groups of a match.
pub(super) struct Groups<'a, 't> {
    /// The names, group 0 first.
    pub(super) names: &'a [Option<String>],
    /// What the group with this number matched.
    pub(super) get: &'a dyn Fn(usize) -> Option<&'t str>,
}

/// Fills in the references of `template`.
pub(super) fn expand(template: &str, groups: &Groups<'_, '_>) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = reference(after) {
            out.push_str(groups.find(name).unwrap_or(""));
            rest = after;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

impl<'t> Groups<'_, 't> {
    fn find(&self, name: &str) -> Option<&'t str> {
        if let Some(number) = number(name) {
            return (self.get)(number);
        }
        // A name may come more than once: the first that took part counts.
        let named = |(_, n): &(usize, &Option<String>)| n.as_deref() == Some(name);
        self.names.iter().enumerate().filter(named).find_map(|(i, _)| (self.get)(i))
    }
}

/// The name in `name…` or `{name}…`, and what follows; `None` where there is no reference.
fn reference(text: &str) -> Option<(&str, &str)> {
    let braced = text.strip_prefix('{');
    let name = braced.unwrap_or(text);
    let end = name.find(|c| !is_word(c)).unwrap_or(name.len());
    let (name, rest) = name.split_at(end);
    let rest = if braced.is_some() { rest.strip_prefix('}')? } else { rest };
    (!name.is_empty()).then_some((name, rest))
}

/// Go's `unicode.IsLetter`, `unicode.IsDigit`, and the underscore.
fn is_word(c: char) -> bool {
    static WORD: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[\p{L}\p{Nd}]").ok());
    if c.is_ascii() {
        return c == '_' || c.is_ascii_alphanumeric();
    }
    WORD.as_ref().is_some_and(|word| word.is_match(c.encode_utf8(&mut [0; 4])))
}

/// The number that `name` is, unless it has a leading zero or is huge: then it is a name.
fn number(name: &str) -> Option<usize> {
    let plain = name.bytes().all(|b| b.is_ascii_digit()) && (name.len() == 1 || !name.starts_with('0'));
    name.parse().ok().filter(|_| plain && name.len() <= 9)
}

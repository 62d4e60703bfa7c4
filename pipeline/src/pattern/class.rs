//! Classes and escapes of Go's grammar.

use super::InvalidPattern;
use super::names;
use super::node::{Class, Item, Node};
use super::parse::error;

type Result<T> = std::result::Result<T, InvalidPattern>;

/// What an escape stands for.
pub(super) enum Escaped {
    /// A set of characters.
    Class(Node),
    /// A code point, which may be a surrogate.
    Rune(u32),
}

const SURROGATES: std::ops::RangeInclusive<u32> = 0xd800..=0xdfff;

/// The class at the start of `text`, which begins with `[`, and what follows it.
pub(super) fn bracketed(text: &str, fold: bool) -> Result<(Node, &str)> {
    let mut rest = &text[1..];
    let negated = rest.starts_with('^');
    if negated {
        rest = &rest[1..];
    }
    let mut items = Vec::new();
    let mut first = true;
    while first || !rest.starts_with(']') {
        first = false;
        let (item, after) = match set(rest)? {
            Some((item, after)) => (Some(item), after),
            None => range(rest, text)?,
        };
        items.extend(item);
        rest = after;
    }
    let node = match (items.is_empty(), negated) {
        (true, false) => Node::Never,
        (true, true) => Node::Any { newline: true },
        (false, _) => Node::Class(Class { negated, fold, items }),
    };
    Ok((node, &rest[1..]))
}

/// The escape at the start of `text`, which begins with `\`, and what follows it.
pub(super) fn escaped(text: &str, fold: bool) -> Result<(Escaped, &str)> {
    if let Some((item, rest)) = set(text)? {
        return Ok((Escaped::Class(Node::Class(Class { negated: false, fold, items: vec![item] })), rest));
    }
    let (rune, rest) = rune(text)?;
    Ok((Escaped::Rune(rune), rest))
}

/// `[:alpha:]`, `\pL` or `\d`, if `text` begins with one.
fn set(text: &str) -> Result<Option<(Item, &str)>> {
    if let Some((name, _)) = text.strip_prefix("[:").and_then(|r| r.split_once(":]")) {
        let (text, rest) = text.split_at(name.len() + 4);
        let positive = name.strip_prefix('^');
        let set = names::posix(positive.unwrap_or(name)).ok_or_else(|| error("invalid character class range", text))?;
        return Ok(Some((Item::Ascii { negated: positive.is_some(), set }, rest)));
    }
    if text.starts_with("\\p") || text.starts_with("\\P") {
        return unicode(text).map(Some);
    }
    let found = match text.as_bytes() {
        [b'\\', c, ..] => names::perl(*c),
        _ => None,
    };
    Ok(found.map(|(negated, set)| (Item::Ascii { negated, set }, &text[2..])))
}

/// `\pN`, `\p{Name}`, `\p{^Name}`, and the same with `\P`.
fn unicode(text: &str) -> Result<(Item, &str)> {
    let range = |text| error("invalid character class range", text);
    let after = &text[2..];
    let (name, rest) = match after.strip_prefix('{') {
        Some(braced) => braced.split_once('}').ok_or_else(|| range(text))?,
        None => after.split_at(after.chars().next().map_or(0, char::len_utf8)),
    };
    let positive = name.strip_prefix('^');
    let mut negated = text.starts_with("\\P") != positive.is_some();
    let read = &text[..text.len() - rest.len()];
    let (property, inverted) = names::unicode(positive.unwrap_or(name)).ok_or_else(|| range(read))?;
    negated ^= inverted;
    Ok((Item::Unicode { negated, property }, rest))
}

/// A character or a range of them, within the class `whole`. Surrogates are in no text, so they are in no class.
fn range<'a>(text: &'a str, whole: &str) -> Result<(Option<Item>, &'a str)> {
    let (from, mut rest) = class_rune(text, whole)?;
    let mut to = from;
    if let Some(after) = rest.strip_prefix('-').filter(|r| !r.is_empty() && !r.starts_with(']')) {
        (to, rest) = class_rune(after, whole)?;
        if to < from {
            return Err(error("invalid character class range", &text[..text.len() - rest.len()]));
        }
    }
    let from = if SURROGATES.contains(&from) { SURROGATES.end() + 1 } else { from };
    let to = if SURROGATES.contains(&to) { SURROGATES.start() - 1 } else { to };
    let item = match (char::from_u32(from), char::from_u32(to)) {
        (Some(from), Some(to)) if from <= to => Some(Item::Range(from, to)),
        _ => None,
    };
    Ok((item, rest))
}

fn class_rune<'a>(text: &'a str, whole: &str) -> Result<(u32, &'a str)> {
    match text.chars().next() {
        None => Err(error("missing closing ]", whole)),
        Some('\\') => rune(text),
        Some(c) => Ok((c as u32, &text[c.len_utf8()..])),
    }
}

/// The character that the escape at the start of `text` stands for, and what follows it.
fn rune(text: &str) -> Result<(u32, &str)> {
    let mut chars = text.chars();
    chars.next();
    let Some(c) = chars.next() else { return Err(error("trailing backslash at end of expression", "")) };
    let rest = chars.as_str();
    let simple = match c {
        'a' => 0x07,
        'f' => 0x0c,
        'n' => 0x0a,
        'r' => 0x0d,
        't' => 0x09,
        'v' => 0x0b,
        'x' => return hex(text, rest),
        // A single digit but 0 would be a back reference.
        '1'..='7' if !rest.starts_with(|c| matches!(c, '0'..='7')) => return Err(invalid_escape(text, rest)),
        '0'..='7' => {
            let more = rest.bytes().take(2).take_while(|b| matches!(b, b'0'..=b'7')).count();
            let digits = &text[1..2 + more];
            return Ok((u32::from_str_radix(digits, 8).unwrap_or(0), &rest[more..]));
        }
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => c as u32,
        _ => return Err(invalid_escape(text, rest)),
    };
    Ok((simple, rest))
}

/// `\x7f` or `\x{10FFFF}`; `rest` begins after the `x`.
fn hex<'a>(text: &'a str, rest: &'a str) -> Result<(u32, &'a str)> {
    let mut chars = rest.chars();
    let mut digit = || chars.next().map(|c| (c, c.to_digit(16), chars.as_str()));
    let Some((first, high, after)) = digit() else { return Err(invalid_escape(text, rest)) };
    if first != '{' {
        return match (high, digit()) {
            (Some(high), Some((_, Some(low), after))) => Ok((high * 16 + low, after)),
            (_, Some((_, _, after))) => Err(invalid_escape(text, after)),
            (_, None) => Err(invalid_escape(text, after)),
        };
    }
    let mut value = None;
    let mut last = after;
    while let Some((c, hex, after)) = digit() {
        last = after;
        match (c, hex, value) {
            ('}', _, Some(value)) => return Ok((value, after)),
            (_, Some(hex), _) => value = Some(value.unwrap_or(0) * 16 + hex),
            _ => break,
        }
        if value.is_some_and(|value| value > char::MAX as u32) {
            break;
        }
    }
    Err(invalid_escape(text, last))
}

/// The escape at the start of `text`, read up to `rest`, is none of Go's.
fn invalid_escape(text: &str, rest: &str) -> InvalidPattern {
    error("invalid escape sequence", &text[..text.len() - rest.len()])
}

//! Values of attributes as texts.
//!
//! Source: `Value.AsString` of OpenTelemetry's `pdata/pcommon`.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::remote_write::wire::{Cursor, FIXED64, LEN, Malformed, VARINT, key};

/// How deep lists and maps may stand in each other.
const MAX_DEPTH: usize = 16;

/// An `AnyValue`.
enum Any<'a> {
    Empty,
    Text(&'a str),
    Bool(bool),
    Whole(i64),
    Double(f64),
    List(Cursor<'a>),
    Map(Cursor<'a>),
    Bytes(&'a [u8]),
}

/// The text of an `AnyValue`: lists and maps as JSON, which may end early beyond `room` bytes.
pub(super) fn text(cursor: Cursor<'_>, room: usize) -> Result<String, Malformed> {
    let mut out = String::new();
    match Any::read(cursor)? {
        Any::Empty => {}
        Any::Text(text) => out.push_str(text),
        Any::Bool(is) => out.push_str(if is { "true" } else { "false" }),
        Any::Whole(number) => _ = write!(out, "{number}"),
        Any::Double(number) => double(number, &mut out),
        Any::Bytes(bytes) => STANDARD.encode_string(bytes.get(..room + 1).unwrap_or(bytes), &mut out),
        value => json(value, room, MAX_DEPTH, &mut out)?,
    }
    Ok(out)
}

fn json(value: Any<'_>, room: usize, depth: usize, out: &mut String) -> Result<(), Malformed> {
    const ITEM: u32 = key(1, LEN);
    match value {
        Any::Empty => out.push_str("null"),
        Any::Text(text) => quoted(text, room, out),
        Any::Bool(is) => out.push_str(if is { "true" } else { "false" }),
        Any::Whole(number) => _ = write!(out, "{number}"),
        Any::Double(number) if number.is_finite() => double(number, out),
        Any::Double(_) => out.push_str("null"),
        Any::Bytes(bytes) => quoted(&STANDARD.encode(bytes.get(..room + 1).unwrap_or(bytes)), room, out),
        Any::List(cursor) | Any::Map(cursor) if depth == 0 => {
            return Err(Malformed { at: cursor.pos(), what: "values that stand too deep in each other" });
        }
        Any::List(mut cursor) => {
            out.push('[');
            let mut separator = "";
            while let Some(key) = cursor.key()? {
                match key {
                    ITEM => {
                        let item = Any::read(cursor.message()?)?;
                        if out.len() <= room {
                            out.push_str(separator);
                            json(item, room, depth - 1, out)?;
                        }
                        separator = ",";
                    }
                    _ => cursor.skip(key, 1 << 1)?,
                }
            }
            out.push(']');
        }
        Any::Map(mut cursor) => {
            // By their keys, as Go writes maps; of two with one key the later one.
            let mut entries = std::collections::BTreeMap::new();
            while let Some(key) = cursor.key()? {
                match key {
                    ITEM => {
                        let (name, value) = pair(cursor.message()?)?;
                        entries.insert(name, value);
                    }
                    _ => cursor.skip(key, 1 << 1)?,
                }
            }
            out.push('{');
            let mut separator = "";
            for (name, value) in entries {
                if out.len() > room {
                    break;
                }
                out.push_str(separator);
                separator = ",";
                quoted(name, room, out);
                out.push(':');
                json(value.map_or(Ok(Any::Empty), Any::read)?, room, depth - 1, out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

/// A `KeyValue`.
pub(super) fn pair(mut cursor: Cursor<'_>) -> Result<(&str, Option<Cursor<'_>>), Malformed> {
    const KEY: u32 = key(1, LEN);
    const VALUE: u32 = key(2, LEN);
    let (mut name, mut value) = ("", None);
    while let Some(key) = cursor.key()? {
        match key {
            KEY => name = cursor.text()?,
            VALUE => value = Some(cursor.message()?),
            _ => cursor.skip(key, 1 << 1 | 1 << 2)?,
        }
    }
    Ok((name, value))
}

/// A text in JSON, as Go writes it.
fn quoted(text: &str, room: usize, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        if out.len() > room {
            break;
        }
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => _ = write!(out, "\\u{:04x}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// The shortest text of a number, with an exponent where it is very large or very small.
fn double(number: f64, out: &mut String) {
    let size = number.abs();
    if number.is_nan() {
        out.push_str("NaN");
    } else if number.is_infinite() {
        out.push_str(if number > 0.0 { "+Inf" } else { "-Inf" });
    } else if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{number:e}");
        out.push_str(&text.replace("e", if size < 1.0 { "e" } else { "e+" }));
    } else {
        _ = write!(out, "{number}");
    }
}

// === impl Any ===

impl<'a> Any<'a> {
    /// The last value that the message has.
    fn read(mut cursor: Cursor<'a>) -> Result<Self, Malformed> {
        const TEXT: u32 = key(1, LEN);
        const BOOL: u32 = key(2, VARINT);
        const WHOLE: u32 = key(3, VARINT);
        const DOUBLE: u32 = key(4, FIXED64);
        const LIST: u32 = key(5, LEN);
        const MAP: u32 = key(6, LEN);
        const BYTES: u32 = key(7, LEN);
        let mut any = Self::Empty;
        while let Some(key) = cursor.key()? {
            any = match key {
                TEXT => Self::Text(cursor.text()?),
                BOOL => Self::Bool(cursor.varint()? != 0),
                WHOLE => Self::Whole(cursor.varint()? as i64),
                DOUBLE => Self::Double(cursor.double()?),
                LIST => Self::List(cursor.message()?),
                MAP => Self::Map(cursor.message()?),
                BYTES => Self::Bytes(cursor.bytes()?),
                _ => {
                    cursor.skip(key, 0b1111_1110)?;
                    any
                }
            };
        }
        Ok(any)
    }
}

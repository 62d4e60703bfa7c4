//! Strings in quotes, as Go and PromQL write them.

use std::fmt::{self, Write as _};
use std::sync::LazyLock;

use regex::Regex;

/// Why a text is not a string in quotes, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidString {
    /// Bytes from the start of the text.
    pub offset: usize,
    /// What was expected.
    pub message: String,
}

type Result<T> = std::result::Result<T, InvalidString>;

/// The string that `text` quotes, all of it: `"…"` or `'…'` with Go's escapes, or plain between backticks.
///
/// # Errors
/// The text is not such a string, or the string is not UTF-8.
pub fn unquote(text: &str) -> Result<String> {
    let (value, len) = quoted(text)?;
    if len < text.len() { fault(len, "expected the end after the closing quote") } else { Ok(value) }
}

/// The string that the start of `text` quotes, and how many bytes it takes there.
///
/// # Errors
/// As [`unquote`].
pub fn quoted(text: &str) -> Result<(String, usize)> {
    let quote = match text.as_bytes().first() {
        Some(b'`') => {
            let Some((raw, _)) = text[1..].split_once('`') else { return fault(0, "expected a closing backtick") };
            return Ok((raw.to_owned(), raw.len() + 2));
        }
        Some(quote @ (b'"' | b'\'')) => *quote,
        _ => return fault(0, "expected a string in quotes"),
    };
    let mut out = Vec::new();
    let mut at = 1;
    loop {
        match text.as_bytes().get(at) {
            None | Some(b'\n') => return fault(0, format!("expected a closing `{}` on the same line", quote as char)),
            Some(&b) if b == quote => break,
            Some(b'\\') => at += escape(text, at, quote, &mut out)?,
            Some(&b) => {
                out.push(b);
                at += 1;
            }
        }
    }
    match String::from_utf8(out) {
        Ok(value) => Ok((value, at + 1)),
        Err(_) => fault(0, "expected a string of UTF-8"),
    }
}

/// Appends what the escape at `at` stands for, and returns its length.
fn escape(text: &str, at: usize, quote: u8, out: &mut Vec<u8>) -> Result<usize> {
    let simple = match text.as_bytes().get(at + 1) {
        Some(b'a') => 0x07,
        Some(b'b') => 0x08,
        Some(b'f') => 0x0c,
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(b'v') => 0x0b,
        Some(b'\\') => b'\\',
        Some(&b) if b == quote => quote,
        Some(b'0'..=b'7') => return byte(text, at, 1, 3, 8, out),
        Some(b'x') => return byte(text, at, 2, 2, 16, out),
        Some(b'u') => return rune(text, at, 4, out),
        Some(b'U') => return rune(text, at, 8, out),
        _ => {
            let got: String = text[at..].chars().take(2).collect();
            return fault(at, format!("expected an escape sequence, got `{got}`"));
        }
    };
    out.push(simple);
    Ok(2)
}

/// An escape of `digits` digits for one byte, which need not be UTF-8 alone.
fn byte(text: &str, at: usize, skip: usize, digits: usize, radix: u32, out: &mut Vec<u8>) -> Result<usize> {
    let value = number(text, at, skip, digits, radix)?;
    let Ok(byte) = u8::try_from(value) else {
        return fault(at, format!("expected a byte of at most 255, got `{}`", &text[at..at + skip + digits]));
    };
    out.push(byte);
    Ok(skip + digits)
}

/// An escape of `digits` hexadecimal digits for a character.
fn rune(text: &str, at: usize, digits: usize, out: &mut Vec<u8>) -> Result<usize> {
    let value = number(text, at, 2, digits, 16)?;
    let Some(c) = char::from_u32(value) else {
        return fault(at, format!("expected a Unicode code point, got `{}`", &text[at..at + 2 + digits]));
    };
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    Ok(2 + digits)
}

fn number(text: &str, at: usize, skip: usize, digits: usize, radix: u32) -> Result<u32> {
    let found = text.get(at + skip..at + skip + digits).filter(|d| d.chars().all(|c| c.is_digit(radix)));
    match found.and_then(|d| u32::from_str_radix(d, radix).ok()) {
        Some(value) => Ok(value),
        None => {
            let got: String = text[at..].chars().take(skip + digits).collect();
            fault(at, format!("expected {digits} digits of base {radix} in an escape sequence, got `{got}`"))
        }
    }
}

fn fault<T>(offset: usize, message: impl Into<String>) -> Result<T> {
    Err(InvalidString { offset, message: message.into() })
}

/// `text` in double quotes, as Go's `strconv.Quote` writes it: what does not print is escaped.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        // Writing to a String does not fail.
        let _ = match c {
            '"' | '\\' => write!(out, "\\{c}"),
            '\x07' => write!(out, "\\a"),
            '\x08' => write!(out, "\\b"),
            '\x0c' => write!(out, "\\f"),
            '\n' => write!(out, "\\n"),
            '\r' => write!(out, "\\r"),
            '\t' => write!(out, "\\t"),
            '\x0b' => write!(out, "\\v"),
            c if prints(c) => write!(out, "{c}"),
            c if c.is_ascii() => write!(out, "\\x{:02x}", c as u32),
            c if (c as u32) < 0x10000 => write!(out, "\\u{:04x}", c as u32),
            c => write!(out, "\\U{:08x}", c as u32),
        };
    }
    out.push('"');
    out
}

/// Go's `unicode.IsPrint`: letters, marks, numbers, punctuation, symbols, and the ASCII space.
fn prints(c: char) -> bool {
    static PRINTS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[\pL\pM\pN\pP\pS]").ok());
    if c.is_ascii() {
        return c == ' ' || c.is_ascii_graphic();
    }
    PRINTS.as_ref().is_some_and(|prints| prints.is_match(c.encode_utf8(&mut [0; 4])))
}

// === impl InvalidString ===

impl fmt::Display for InvalidString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for InvalidString {}

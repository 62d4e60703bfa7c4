//! From text to tokens.
//!
//! Source: `promql/parser/lex.go` of Prometheus 3.14.

use weir_pipeline::selector::quoted;

use super::ast::Span;
use super::{Fault, MAX_QUERY_BYTES, Parsed, number};

/// A token and its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A number.
    Number(f64),
    /// A duration, in milliseconds.
    Duration(i64),
    /// A text, unquoted.
    String(String),
    /// A name: of a metric, label, function, operator or keyword. The parser knows which.
    Name,
    /// An operator or a bracket.
    Symbol(&'static str),
    /// The end of the text.
    End,
}

/// The longer ones first.
const SYMBOLS: [&str; 26] = [
    "==", "=~", "!=", "!~", "<=", ">=", "</", ">/", "=", "<", ">", "+", "-", "*", "/", "%", "^", "(", ")", "{", "}",
    "[", "]", ",", "@", ":",
];

/// All tokens of `text`, the last of which is the end.
pub(super) fn tokens(text: &str) -> Parsed<Vec<Token>> {
    if text.len() > MAX_QUERY_BYTES {
        let message = format!("expected a query of at most {MAX_QUERY_BYTES} bytes, got {}", text.len());
        return Err(Fault::new(Span::default(), message));
    }
    let mut lexer = Lexer { text, at: 0, brackets: 0 };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.next()?;
        let end = token.kind == Kind::End;
        tokens.push(token);
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// How many `[` are open: within them `:` separates, outside it belongs to names.
    brackets: usize,
}

// === impl Lexer ===

impl Lexer<'_> {
    fn next(&mut self) -> Parsed<Token> {
        self.skip();
        let start = self.at;
        let rest = &self.text[start..];
        let kind = match rest.bytes().next() {
            None => Kind::End,
            Some(b'"' | b'\'' | b'`') => self.string()?,
            Some(b) if b.is_ascii_digit() => self.number()?,
            Some(b'.') if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => self.number()?,
            Some(b) if b.is_ascii_alphabetic() || b == b'_' || (b == b':' && self.brackets == 0) => self.name(),
            Some(_) => self.symbol()?,
        };
        Ok(Token { kind, span: self.span(start) })
    }

    fn span(&self, start: usize) -> Span {
        Span { start: start as u32, end: self.at as u32 }
    }

    fn skip(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let space = rest.bytes().take_while(u8::is_ascii_whitespace).count();
            self.at += space;
            if !rest[space..].starts_with('#') {
                return;
            }
            self.at += rest[space..].find('\n').unwrap_or(rest.len() - space);
        }
    }

    fn string(&mut self) -> Parsed<Kind> {
        let start = self.at;
        match quoted(&self.text[start..]) {
            Ok((text, len)) => {
                self.at += len;
                Ok(Kind::String(text))
            }
            Err(invalid) => {
                let at = (start + invalid.offset) as u32;
                Err(Fault::new(Span { start: at, end: at }, invalid.message))
            }
        }
    }

    /// A number or a duration: all letters, digits, dots and underscores, and a sign after an exponent.
    fn number(&mut self) -> Parsed<Kind> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let hex = self.text[start..].len() > 1 && matches!(&bytes[start..start + 2], b"0x" | b"0X");
        let part_of = |at: usize| {
            let signed = !hex && at > start && matches!(bytes[at - 1], b'e' | b'E') && matches!(bytes[at], b'+' | b'-');
            bytes[at].is_ascii_alphanumeric() || matches!(bytes[at], b'.' | b'_') || signed
        };
        while self.at < bytes.len() && part_of(self.at) {
            self.at += 1;
        }
        let text = &self.text[start..self.at];
        number::number(text)
            .map(Kind::Number)
            .or_else(|| number::duration(text).map(Kind::Duration))
            .ok_or_else(|| Fault::new(self.span(start), format!("bad number or duration syntax: {text:?}")))
    }

    fn name(&mut self) -> Kind {
        let start = self.at;
        let colons = self.brackets == 0;
        let part_of = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_' || (*b == b':' && colons);
        self.at += self.text[start..].bytes().take_while(|b| part_of(b)).count();
        match self.text[start..self.at].to_ascii_lowercase().as_str() {
            "inf" => Kind::Number(f64::INFINITY),
            "nan" => Kind::Number(f64::NAN),
            _ => Kind::Name,
        }
    }

    fn symbol(&mut self) -> Parsed<Kind> {
        let rest = &self.text[self.at..];
        let Some(symbol) = SYMBOLS.into_iter().find(|s| rest.starts_with(s)) else {
            let c = rest.chars().next().unwrap_or_default();
            let span = Span { start: self.at as u32, end: (self.at + c.len_utf8()) as u32 };
            return Err(Fault::new(span, format!("unexpected character: {c:?}")));
        };
        self.at += symbol.len();
        match symbol {
            "[" => self.brackets += 1,
            "]" => self.brackets = self.brackets.saturating_sub(1),
            _ => {}
        }
        Ok(Kind::Symbol(symbol))
    }
}

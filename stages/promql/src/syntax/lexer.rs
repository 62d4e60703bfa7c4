//! From text to tokens, one at a time.
//!
//! What a character means depends on where it stands: within braces keywords are label names, within brackets `:` parts
//! range from step and letters spell only `step`, `range`, `max_of` and `min_of`.
//!
//! Source: `promql/parser/lex.go` of Prometheus 3.14.0.

mod number;
mod string;
pub(super) mod token;

use weir_pipeline::selector::quote;

use super::ast::{BinaryOp, Span};
use super::position::ParseError;
use token::{Kind, Token, Word, word};

/// Reads tokens. After an error it must not be asked again.
pub(super) struct Lexer<'a> {
    text: &'a str,
    /// The next byte to read.
    at: usize,
    /// The first byte of the token being read.
    start: usize,
    /// How many `(` are open.
    parens: usize,
    /// Whether `{` is open.
    in_braces: bool,
    /// Whether `[` is open.
    in_brackets: bool,
    /// Whether only a duration may follow: from `[` to the first number in it.
    in_duration: bool,
    /// Whether a `:` was read since the last `[`.
    got_colon: bool,
    /// Whether a number was read within any `[`.
    got_duration: bool,
}

type Lex<T> = Result<T, ParseError>;

// === impl Lexer ===

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            start: 0,
            parens: 0,
            in_braces: false,
            in_brackets: false,
            in_duration: false,
            got_colon: false,
            got_duration: false,
        }
    }

    /// The next token; [`Kind::End`] at the end and ever after.
    pub(super) fn token(&mut self) -> Lex<Token> {
        self.skip_space();
        self.start = self.at;
        let kind = match self.bump() {
            next if self.in_duration => self.duration(next),
            next if self.in_braces => self.matcher(next),
            next => self.statement(next),
        }?;
        Ok(Token { kind, span: self.span() })
    }

    /// Skips space, and comments but where a duration must follow.
    fn skip_space(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r']);
            self.at += rest.len() - trimmed.len();
            if self.in_duration || !trimmed.starts_with('#') {
                return;
            }
            self.at += trimmed.find(['\n', '\r']).unwrap_or(trimmed.len());
        }
    }

    /// Outside of braces, and within brackets after the first number.
    fn statement(&mut self, next: Option<char>) -> Lex<Kind> {
        let Some(next) = next else { return self.end() };
        Ok(match next {
            ',' => Kind::Comma,
            '@' => Kind::At,
            '(' => self.open_paren(),
            ')' => return self.close_paren(),
            '{' => {
                self.in_braces = true;
                Kind::BraceOpen
            }
            '[' => return self.open_bracket(),
            ']' if self.in_brackets => self.close_bracket(),
            ']' => return self.fault("unexpected right bracket ']'"),
            '"' | '\'' | '`' => return self.string(next),
            '0'..='9' => return self.number(),
            '.' if self.peek().is_some_and(|c| c.is_ascii_digit()) => return self.number(),
            ':' | '_' | 'a'..='z' | 'A'..='Z' if self.in_brackets => return self.in_brackets(next),
            ':' | '_' | 'a'..='z' | 'A'..='Z' => self.word(),
            _ => return self.operator(next),
        })
    }

    fn operator(&mut self, next: char) -> Lex<Kind> {
        use BinaryOp::*;
        let op = match next {
            '+' => Add,
            '-' => Sub,
            '*' => Mul,
            '/' => Div,
            '%' => Mod,
            '^' => Pow,
            '<' if self.eat('=') => LessEqual,
            '<' if self.eat('/') => TrimUpper,
            '<' => Less,
            '>' if self.eat('=') => GreaterEqual,
            '>' if self.eat('/') => TrimLower,
            '>' => Greater,
            '=' if self.eat('=') => Equal,
            '=' if self.peek() == Some('~') => return self.fault("unexpected character after '=': '~'"),
            '=' => return Ok(Kind::Assign),
            '!' if self.eat('=') => NotEqual,
            '!' => return self.fault(format!("unexpected character after '!': {}", quoted(self.peek()))),
            _ => return self.fault(format!("unexpected character: {}", quoted(Some(next)))),
        };
        Ok(Kind::Binary(op))
    }

    /// Within braces.
    fn matcher(&mut self, next: Option<char>) -> Lex<Kind> {
        let Some(next) = next else { return self.fault("unexpected end of input inside braces") };
        Ok(match next {
            ',' => Kind::Comma,
            '"' | '\'' | '`' => return self.string(next),
            '=' if self.eat('~') => Kind::Matches,
            '=' => Kind::Assign,
            '!' if self.eat('~') => Kind::MatchesNot,
            '!' if self.eat('=') => Kind::Binary(BinaryOp::NotEqual),
            '!' => {
                let got = quoted(self.peek());
                return self.fault(format!("unexpected character after '!' inside braces: {got}"));
            }
            '{' => return self.fault("unexpected left brace '{'"),
            '}' => {
                self.in_braces = false;
                Kind::BraceClose
            }
            '_' | 'a'..='z' | 'A'..='Z' => {
                self.eat_while(is_alphanumeric);
                Kind::Identifier
            }
            _ => return self.fault(format!("unexpected character inside braces: {}", quoted(Some(next)))),
        })
    }

    /// Within brackets, before the first number.
    fn duration(&mut self, next: Option<char>) -> Lex<Kind> {
        let Some(next) = next else { return self.fault("unexpected end of input in duration expression") };
        Ok(match next {
            ']' => self.close_bracket(),
            ':' if !self.got_duration => {
                return self.fault_here("unexpected colon before duration in duration expression");
            }
            ':' if self.got_colon => return self.fault_here("unexpected repeated colon in duration expression"),
            ':' => {
                self.got_colon = true;
                Kind::Colon
            }
            '(' => self.open_paren(),
            ')' => return self.close_paren(),
            '+' | '-' | '*' | '/' | '%' | '^' => return self.operator(next),
            ',' => Kind::Comma,
            's' | 'r' | 'm' | 'S' | 'R' | 'M' if let Some(word) = self.duration_word() => Kind::Word(word),
            '0'..='9' => {
                self.got_duration = true;
                self.in_duration = false;
                return self.number();
            }
            '.' if self.peek().is_some_and(|c| c.is_ascii_digit()) => {
                self.got_duration = true;
                self.in_duration = false;
                return self.number();
            }
            _ => {
                let got = quoted(Some(next));
                return self.fault(format!("unexpected character in duration expression: {got}"));
            }
        })
    }

    /// A letter or `:` within brackets, after the first number.
    fn in_brackets(&mut self, next: char) -> Lex<Kind> {
        if next == ':' {
            if self.got_colon {
                return self.fault("unexpected colon ':'");
            }
            self.got_colon = true;
            return Ok(Kind::Colon);
        }
        match self.duration_word() {
            Some(word) => Ok(Kind::Word(word)),
            None => self.fault(format!("unexpected character: {}, expected ':'", quoted(Some(next)))),
        }
    }

    /// One of the words that stand in durations, whose first letter was read.
    fn duration_word(&mut self) -> Option<Word> {
        self.eat_while(|c| c == '_' || c.is_ascii_alphabetic());
        match word(self.read()) {
            Some(Kind::Word(word @ (Word::Step | Word::Range | Word::MaxOf | Word::MinOf))) => Some(word),
            _ => None,
        }
    }

    /// A name or a keyword.
    fn word(&mut self) -> Kind {
        self.eat_while(|c| is_alphanumeric(c) || c == ':');
        let read = self.read();
        match word(read) {
            // So that metrics of these names stay usable.
            Some(Kind::Word(Word::Fill | Word::FillLeft | Word::FillRight)) if !self.before_paren() => Kind::Identifier,
            Some(kind) => kind,
            None if read.contains(':') => Kind::MetricIdentifier,
            None => Kind::Identifier,
        }
    }

    fn before_paren(&self) -> bool {
        self.rest().trim_start_matches([' ', '\t', '\n', '\r']).starts_with('(')
    }

    fn end(&mut self) -> Lex<Kind> {
        if self.parens > 0 {
            self.fault("unclosed left parenthesis")
        } else if self.in_brackets {
            self.fault("unclosed left bracket")
        } else {
            Ok(Kind::End)
        }
    }

    fn open_paren(&mut self) -> Kind {
        self.parens += 1;
        Kind::ParenOpen
    }

    fn close_paren(&mut self) -> Lex<Kind> {
        match self.parens.checked_sub(1) {
            Some(parens) => self.parens = parens,
            None => return self.fault_here("unexpected right parenthesis ')'"),
        }
        Ok(Kind::ParenClose)
    }

    fn open_bracket(&mut self) -> Lex<Kind> {
        if self.in_brackets {
            return self.fault("unexpected left bracket '['");
        }
        self.in_brackets = true;
        self.in_duration = true;
        self.got_colon = false;
        Ok(Kind::BracketOpen)
    }

    fn close_bracket(&mut self) -> Kind {
        self.in_brackets = false;
        self.in_duration = false;
        Kind::BracketClose
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    /// What was read of the token.
    fn read(&self) -> &'a str {
        self.text.get(self.start..self.at).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        self.at += if found { c.len_utf8() } else { 0 };
        found
    }

    fn eat_while(&mut self, wanted: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.at += rest.find(|c| !wanted(c)).unwrap_or(rest.len());
    }

    fn span(&self) -> Span {
        Span { start: self.start as u32, end: self.at as u32 }
    }

    /// An error at the token's start.
    fn fault<T>(&self, message: impl Into<String>) -> Lex<T> {
        Err(ParseError::new(self.text, self.span(), message))
    }

    /// An error behind what was read.
    fn fault_here<T>(&self, message: impl Into<String>) -> Lex<T> {
        let span = Span { start: self.at as u32, end: self.text.len() as u32 };
        Err(ParseError::new(self.text, span, message))
    }
}

fn is_alphanumeric(c: char) -> bool {
    c == '_' || c.is_ascii_alphanumeric()
}

/// A character as Go's `%q` writes it; the end is shown as a character that can't be.
fn quoted(c: Option<char>) -> String {
    match c {
        Some('"') => "'\"'".into(),
        Some('\'') => r"'\''".into(),
        c => {
            let text = quote(c.unwrap_or(char::REPLACEMENT_CHARACTER).encode_utf8(&mut [0; 4]));
            format!("'{}'", text.trim_matches('"'))
        }
    }
}

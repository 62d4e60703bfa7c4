//! Numbers and durations.

use weir_pipeline::selector::quote;

use crate::syntax::lexer::token::Kind;
use crate::syntax::lexer::{Lex, Lexer, is_alphanumeric};

/// What may not follow `_`, or the exponent's letter.
const NOT_AFTER: &str = "._eE";

// === impl Lexer ===

impl Lexer<'_> {
    /// A number or a duration, whose first character was read.
    pub(super) fn number(&mut self) -> Lex<Kind> {
        self.at = self.start;
        if self.scan_number() {
            return Ok(Kind::Number);
        }
        // What was read so far may be the start of a duration.
        if self.scan_duration() {
            return Ok(Kind::Duration);
        }
        let read = quote(self.read());
        self.fault(format!("bad number or duration syntax: {read}"))
    }

    /// Reads what looks like a number; whether it is one is for `parse_number` to say.
    fn scan_number(&mut self) -> bool {
        let is_hex = self.eat('0') && (self.eat('x') || self.eat('X'));
        if is_hex {
            self.eat('_');
        }
        let digit = move |c: char| if is_hex { c.is_ascii_hexdigit() } else { c.is_ascii_digit() };
        self.eat('.');
        self.eat_one(digit);
        let (mut got_dot, mut got_exponent) = (false, false);
        while let Some(next) = self.peek() {
            match next {
                '.' => {
                    self.bump();
                    if got_dot || self.eat_one(|c| "_.".contains(c)) || is_hex {
                        return false;
                    }
                    got_dot = true;
                }
                'e' | 'E' => {
                    self.bump();
                    if got_exponent {
                        return false;
                    }
                    got_exponent = true;
                    self.eat_one(|c| "+-".contains(c));
                    if self.eat_one(|c| NOT_AFTER.contains(c)) || self.peek().is_none() {
                        return false;
                    }
                }
                '_' => {
                    self.bump();
                    if self.eat_one(|c| NOT_AFTER.contains(c)) || self.peek().is_none() {
                        return false;
                    }
                }
                c if digit(c) => self.eat_while(digit),
                _ => break,
            }
        }
        !self.peek().is_some_and(is_alphanumeric)
    }

    /// Reads the rest of a duration, from its first unit on; whether the units fit is for `parse_duration` to say.
    fn scan_duration(&mut self) -> bool {
        let mut units = "smhdwy";
        loop {
            if !self.eat_one(|c| units.contains(c)) {
                return false;
            }
            self.eat('s');
            if !self.peek().is_some_and(|c| c.is_ascii_digit()) {
                break;
            }
            self.eat_while(|c| c.is_ascii_digit());
            // Years come first.
            units = "smhdw";
        }
        // A fault shows the character that is too much.
        !self.eat_one(is_alphanumeric)
    }

    fn eat_one(&mut self, wanted: impl Fn(char) -> bool) -> bool {
        match self.peek().filter(|&c| wanted(c)) {
            Some(c) => self.eat(c),
            None => false,
        }
    }
}

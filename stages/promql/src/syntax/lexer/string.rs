//! Strings in quotes. Only their end is found here, and that their escapes are Go's.

use weir_pipeline::selector::quote;

use crate::syntax::lexer::token::Kind;
use crate::syntax::lexer::{Lex, Lexer};

// === impl Lexer ===

impl Lexer<'_> {
    /// A string whose opening quote was read.
    pub(super) fn string(&mut self, open: char) -> Lex<Kind> {
        loop {
            match self.bump() {
                Some(c) if c == open => return Ok(Kind::String),
                None if open == '`' => return self.fault("unterminated raw string"),
                Some(_) if open == '`' => {}
                None | Some('\n') => return self.fault("unterminated quoted string"),
                Some('\\') => self.escape(open)?,
                Some(_) => {}
            }
        }
    }

    fn escape(&mut self, open: char) -> Lex<()> {
        let Some(letter) = self.bump() else { return self.fault("escape sequence not terminated") };
        let (digits, base, most) = match letter {
            'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' => return Ok(()),
            c if c == open => return Ok(()),
            '0'..='7' => {
                self.at -= 1;
                (3, 8, 255)
            }
            'x' => (2, 16, 255),
            'u' => (4, 16, u32::from(char::MAX)),
            'U' => (8, 16, u32::from(char::MAX)),
            c => return self.fault(format!("unknown escape sequence {}", code_point(c))),
        };
        let mut value = 0u32;
        for _ in 0..digits {
            let Some(c) = self.bump() else { return self.fault("escape sequence not terminated") };
            let Some(digit) = c.to_digit(base) else {
                return self.fault(format!("illegal character {} in escape sequence", code_point(c)));
            };
            value = value.wrapping_mul(base).wrapping_add(digit);
        }
        if value > most || (0xd800..0xe000).contains(&value) {
            return self.fault("escape sequence is an invalid Unicode code point");
        }
        Ok(())
    }
}

/// A character as Go's `%#U` writes it: `U+0071 'q'`, without the character where it does not print.
fn code_point(c: char) -> String {
    let text = c.encode_utf8(&mut [0; 4]).to_owned();
    let is_printed = c == '"' || c == '\\' || quote(&text) == format!("\"{text}\"");
    let shown = if is_printed { format!(" '{c}'") } else { String::new() };
    format!("U+{:04X}{shown}", u32::from(c))
}

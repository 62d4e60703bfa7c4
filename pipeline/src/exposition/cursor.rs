//! A place in a body, and the words that both formats are made of.

use memchr::{memchr, memchr2, memchr3};

use super::error::Fault;

/// How much of an offending word is shown.
const SHOWN: usize = 32;

/// A place in a body. It only ever stands between characters.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    /// The byte after `text`, which is not UTF-8.
    bad: Option<u8>,
}

// === impl Cursor ===

impl<'a> Cursor<'a> {
    /// A cursor at the start of `body`. What follows the first byte that is not UTF-8 is never reached: that byte is a
    /// mistake once the cursor gets there.
    pub(super) fn new(body: &'a [u8]) -> Self {
        match std::str::from_utf8(body) {
            Ok(text) => Self { text, at: 0, bad: None },
            Err(error) => {
                let (good, rest) = body.split_at(error.valid_up_to());
                Self { text: std::str::from_utf8(good).unwrap_or_default(), at: 0, bad: rest.first().copied() }
            }
        }
    }

    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    /// The text from `start` to here.
    pub(super) fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// Passes `byte`, an ASCII character, where it stands here.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Passes `word` where it stands here.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word.as_bytes());
        self.at += if found { word.len() } else { 0 };
        found
    }

    /// Passes spaces and tabs, and says whether there were any.
    pub(super) fn blanks(&mut self) -> bool {
        !self.take(|b| b == b' ' || b == b'\t').is_empty()
    }

    /// Passes what `class`, which holds for ASCII characters only or for all others, accepts.
    pub(super) fn take(&mut self, class: impl Fn(u8) -> bool) -> &'a str {
        let rest = self.rest();
        let len = rest.iter().position(|&b| !class(b)).unwrap_or(rest.len());
        let start = self.at;
        self.at += len;
        self.since(start)
    }

    /// Passes the rest of the line without its end.
    pub(super) fn line(&mut self) -> &'a str {
        let start = self.at;
        self.at += memchr(b'\n', self.rest()).unwrap_or(self.rest().len());
        self.since(start)
    }

    /// Passes a name of letters, digits, underscores and, where `colons`, colons, if one begins here.
    pub(super) fn name(&mut self, colons: bool) -> Option<&'a str> {
        let starts = |b: u8| b.is_ascii_alphabetic() || b == b'_' || (colons && b == b':');
        self.peek().is_some_and(starts).then(|| self.take(|b| starts(b) || b.is_ascii_digit()))
    }

    /// Passes a quoted text that begins here, and returns what is between the quotes, escapes and all.
    pub(super) fn quoted(&mut self, lines: bool) -> Result<&'a str, Fault> {
        let open = self.at;
        self.at += 1;
        loop {
            let rest = self.rest();
            let found = if lines { memchr2(b'"', b'\\', rest) } else { memchr3(b'"', b'\\', b'\n', rest) };
            let Some(found) = found else {
                // Where UTF-8 ends is the mistake, not that the quote is open.
                self.at = self.text.len();
                let at = if self.bad.is_some() { self.at } else { open };
                return Err(Fault::new(at, "expected a closing quote, got the end of the text"));
            };
            self.at += found;
            match (rest.get(found), rest.get(found + 1)) {
                (Some(b'"'), _) => {
                    let between = self.since(open + 1);
                    self.at += 1;
                    return Ok(between);
                }
                (Some(b'\\'), Some(next)) if *next != b'\n' => self.at += if next.is_ascii() { 2 } else { 1 },
                (Some(b'\\'), None) => self.at += 1,
                _ => return Err(Fault::new(open, "expected a closing quote, got the end of the line")),
            }
        }
    }

    /// The mistake that something else was expected here.
    pub(super) fn expected(&self, what: &str) -> Fault {
        Fault::new(self.at, format!("expected {what}, got {}", self.found()))
    }

    /// What is wrong with `fault`, given that the body may end too early because it is not UTF-8.
    pub(super) fn judge(&self, fault: Fault) -> Fault {
        match self.bad {
            Some(byte) if fault.at >= self.text.len() => {
                Fault::new(self.text.len(), format!("expected UTF-8, got the byte 0x{byte:02x}"))
            }
            _ => fault,
        }
    }

    /// The mistake that the text ends here because what follows is not UTF-8.
    pub(super) fn bad_end(&self) -> Option<Fault> {
        self.bad.map(|_| self.judge(Fault::new(self.text.len(), "")))
    }

    /// What stands here, as it is shown in a mistake.
    pub(super) fn found(&self) -> String {
        let rest = self.text.get(self.at..).unwrap_or_default();
        match rest.chars().next() {
            None => "the end of the text".to_owned(),
            Some('\n') => "the end of the line".to_owned(),
            Some(' ') => "a space".to_owned(),
            Some('\t') => "a tab".to_owned(),
            Some(first) => {
                let more = rest.chars().skip(1).take(SHOWN).take_while(|c| !c.is_whitespace());
                shown(&std::iter::once(first).chain(more).collect::<String>())
            }
        }
    }
}

/// `word` as it is shown in a mistake.
pub(super) fn shown(word: &str) -> String {
    let short: String = word.chars().take(SHOWN).collect();
    let shown = short.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'");
    if short.len() == word.len() { format!("`{shown}`") } else { format!("`{shown}…`") }
}

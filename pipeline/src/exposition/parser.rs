//! The walk over a body: what both formats share.

use std::borrow::Cow;
use std::iter::FusedIterator;

use super::cursor::{Cursor, shown};
use super::error::{Fault, ParseError};
use super::labels::{LabelText, unescape};
use super::number::float;
use super::{Event, Format, Limits};
use crate::labels::METRIC;

/// From how many labels on a name that comes twice is looked for in a sorted list.
const FEW: usize = 16;

/// The walk over a body. Yields one [`Event`] a line; the first mistake ends it.
#[derive(Clone, Debug)]
pub struct Parser<'a> {
    pub(super) cursor: Cursor<'a>,
    format: Format,
    limits: Limits,
    /// The names of the labels of this line, escaped as in the body. Kept to be used again.
    names: Vec<&'a str>,
    done: bool,
}

/// Where braces stand decides what may be in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Braces {
    /// Labels of a sample in 0.0.4: blanks are allowed, and commas may be missing.
    Text,
    /// Labels of a sample in OpenMetrics.
    Strict,
    /// Labels of an exemplar.
    Exemplar,
}

// === impl Parser ===

impl<'a> Parser<'a> {
    /// A walk over `body`.
    pub fn new(body: &'a [u8], format: Format) -> Self {
        let (limits, names) = (Limits::default(), Vec::new());
        Self { cursor: Cursor::new(body), format, limits, names, done: false }
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    fn event(&mut self) -> Result<Option<Event<'a>>, Fault> {
        if self.format == Format::Text {
            self.text_gap();
        }
        let start = self.cursor.at();
        let event = match self.format {
            Format::Text => self.text_line()?,
            Format::OpenMetrics => Some(self.openmetrics_line()?),
        };
        let (len, most) = (self.cursor.at() - start, self.limits.line_bytes);
        match (&event, self.cursor.bad_end()) {
            _ if len > most => {
                Err(Fault::new(start, format!("expected a line of at most {most} bytes, got one of `{len}`")))
            }
            (None, Some(fault)) => Err(fault),
            _ => Ok(event),
        }
    }

    /// The name of a metric as comments have it.
    pub(super) fn meta_name(&mut self, lines: bool) -> Result<Option<Cow<'a, str>>, Fault> {
        if self.cursor.peek() == Some(b'"') {
            return self.cursor.quoted(lines).map(|raw| Some(unescape(raw)));
        }
        Ok(self.cursor.name(true).map(Cow::Borrowed))
    }

    /// Name and labels of a sample, with where they end.
    pub(super) fn series(&mut self, braces: Braces) -> Result<(Cow<'a, str>, LabelText<'a>, &'a str), Fault> {
        let start = self.cursor.at();
        let mut name = self.cursor.name(true).map(Cow::Borrowed);
        let mut series = self.cursor.since(start);
        if braces == Braces::Text {
            self.cursor.blanks();
        }
        let mut labels = LabelText::default();
        if self.cursor.eat(b'{') {
            labels = self.labels(braces, &mut name)?;
            series = self.cursor.since(start);
        }
        match name {
            Some(name) if !name.is_empty() => Ok((name, labels, series)),
            _ if series.is_empty() => Err(self.cursor.expected("a metric name, `{`, a comment or an empty line")),
            _ => Err(Fault::new(start, "expected a metric name before or in the braces")),
        }
    }

    /// Labels up to the closing brace; the opening one is behind the cursor. A quoted text that stands alone becomes the
    /// metric's name.
    pub(super) fn labels(&mut self, braces: Braces, metric: &mut Option<Cow<'a, str>>) -> Result<LabelText<'a>, Fault> {
        let (inner, lines) = (self.cursor.at(), braces == Braces::Text);
        self.names.clear();
        loop {
            self.gap(braces);
            let start = self.cursor.at();
            if self.cursor.eat(b'}') {
                break;
            }
            let quoted = self.cursor.peek() == Some(b'"');
            let name = if quoted { Some(self.cursor.quoted(lines)?) } else { self.cursor.name(false) };
            let name = name.ok_or_else(|| self.cursor.expected("a label name or `}`"))?;
            self.gap(braces);
            let alone = quoted && braces != Braces::Exemplar && matches!(self.cursor.peek(), Some(b',' | b'}'));
            if alone {
                if let Some(first) = metric {
                    let both = format!("expected one metric name, got `{first}` and {}", shown(name));
                    return Err(Fault::new(start, both));
                }
                *metric = Some(unescape(name));
                self.cursor.eat(b',');
                continue;
            }
            self.keep(name, start, braces)?;
            if !self.cursor.eat(b'=') {
                return Err(self.cursor.expected("`=` after the label name"));
            }
            self.gap(braces);
            if self.cursor.peek() != Some(b'"') {
                return Err(self.cursor.expected("a label value in quotes"));
            }
            self.cursor.quoted(lines)?;
            self.gap(braces);
            self.separator(braces)?;
        }
        if self.names.len() > FEW {
            self.all_differ(inner)?;
        }
        // The closing brace is not part of it.
        Ok(LabelText::new(self.cursor.since(inner).strip_suffix('}').unwrap_or_default()))
    }

    fn gap(&mut self, braces: Braces) {
        if braces == Braces::Text {
            self.cursor.blanks();
        }
    }

    fn separator(&mut self, braces: Braces) -> Result<(), Fault> {
        // Prometheus reads `{a="1" b="2"}` in 0.0.4, and so there are targets that send it.
        let starts = |b: u8| b.is_ascii_alphabetic() || b == b'_' || b == b'"';
        match self.cursor.peek() {
            Some(b',') => {
                self.cursor.eat(b',');
                Ok(())
            }
            Some(b'}') => Ok(()),
            Some(b) if braces == Braces::Text && starts(b) => Ok(()),
            _ => Err(self.cursor.expected("`,` or `}` after the label value")),
        }
    }

    /// Notes the name of a label, which stands at `at`.
    fn keep(&mut self, name: &'a str, at: usize, braces: Braces) -> Result<(), Fault> {
        if name.is_empty() {
            return Err(Fault::new(at, "expected a label name, got an empty one"));
        }
        if name == METRIC && braces != Braces::Exemplar {
            return Err(Fault::new(at, "expected the metric's name before the braces, got the label `__name__`"));
        }
        if self.names.len() >= self.limits.labels {
            return Err(Fault::new(at, format!("expected at most {} labels, got more", self.limits.labels)));
        }
        // Beyond a few, comparing each with all others would take long; they are compared at the end.
        if self.names.len() < FEW && self.names.iter().any(|other| same(other, name)) {
            return Err(twice(at, name));
        }
        self.names.push(name);
        Ok(())
    }

    fn all_differ(&mut self, at: usize) -> Result<(), Fault> {
        let mut names: Vec<Cow<'_, str>> = self.names.iter().map(|name| unescape(name)).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair.first() == pair.last()) {
            Some(pair) => Err(twice(at, pair.first().map_or("", |name| name))),
            None => Ok(()),
        }
    }

    /// A number up to the next of `ends`.
    pub(super) fn value(&mut self, after: &str, ends: impl Fn(u8) -> bool) -> Result<f64, Fault> {
        let start = self.cursor.at();
        let word = self.cursor.take(|b| !ends(b));
        if word.is_empty() {
            return Err(self.cursor.expected(&format!("a value after {after}")));
        }
        float(word).ok_or_else(|| Fault::new(start, format!("expected a number as value, got {}", shown(word))))
    }
}

/// Whether two names, escaped as in the body, are one.
fn same(a: &str, b: &str) -> bool {
    a == b || (a.contains('\\') || b.contains('\\')) && unescape(a) == unescape(b)
}

fn twice(at: usize, name: &str) -> Fault {
    Fault::new(at, format!("expected each label once, got {} twice", shown(name)))
}

impl<'a> Iterator for Parser<'a> {
    type Item = Result<Event<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        match self.event() {
            Ok(event) => {
                self.done = matches!(event, None | Some(Event::Eof));
                event.map(Ok)
            }
            Err(fault) => {
                self.done = true;
                Some(Err(self.cursor.judge(fault).locate(self.cursor.text())))
            }
        }
    }
}

impl FusedIterator for Parser<'_> {}

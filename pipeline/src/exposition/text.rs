//! Prometheus text 0.0.4, with the quoted names of 1.0.0.

use super::cursor::shown;
use super::error::Fault;
use super::labels::unescape_help;
use super::parser::{Braces, Parser};
use super::{Event, Sample};
use crate::batch::MetricKind;

impl<'a> Parser<'a> {
    /// Passes empty lines, and the blanks before the first word of one that is not.
    pub(super) fn text_gap(&mut self) {
        self.cursor.take(|b| matches!(b, b' ' | b'\t' | b'\n'));
    }

    /// A line, or nothing at the end.
    pub(super) fn text_line(&mut self) -> Result<Option<Event<'a>>, Fault> {
        match self.cursor.peek() {
            None => Ok(None),
            Some(b'#') => self.text_comment().map(Some),
            Some(_) => self.text_sample().map(|sample| Some(Event::Sample(sample))),
        }
    }

    fn text_comment(&mut self) -> Result<Event<'a>, Fault> {
        let start = self.cursor.at();
        self.cursor.eat(b'#');
        if self.cursor.blanks() {
            let word = self.cursor.take(|b| b.is_ascii_uppercase());
            if matches!(word, "HELP" | "TYPE") && self.cursor.blanks() {
                return self.text_meta(start, word);
            }
        }
        self.cursor.line();
        Ok(self.text_end(Event::Comment(self.cursor.since(start))))
    }

    fn text_meta(&mut self, start: usize, word: &str) -> Result<Event<'a>, Fault> {
        let metric = self.meta_name(true)?;
        let metric = metric.ok_or_else(|| self.cursor.expected(&format!("a metric name after {word}")))?;
        let at = self.cursor.at();
        let rest = self.cursor.line();
        let text = rest.strip_prefix([' ', '\t']);
        let event = match (word, text) {
            ("TYPE", _) => {
                let kind = text.unwrap_or(rest);
                let kind = text_kind(kind).ok_or_else(|| {
                    let names = "counter, gauge, histogram, summary or untyped";
                    let at = at + rest.len() - kind.len();
                    Fault::new(at, format!("expected {names} as type, got {}", shown(kind)))
                })?;
                Event::Type { metric, kind }
            }
            (_, Some(text)) => Event::Help { metric, text: unescape_help(text) },
            (_, None) if rest.is_empty() => Event::Help { metric, text: "".into() },
            // What follows the name belongs to no name that could be.
            (_, None) => Event::Comment(self.cursor.since(start)),
        };
        Ok(self.text_end(event))
    }

    fn text_sample(&mut self) -> Result<Sample<'a>, Fault> {
        let (name, labels, series) = self.series(Braces::Text)?;
        self.cursor.blanks();
        let after = if series.ends_with('}') { "the labels" } else { "the metric's name" };
        let value = self.value(after, |b| matches!(b, b' ' | b'\t' | b'\n' | b'{'))?;
        self.cursor.blanks();
        let timestamp = self.text_timestamp()?;
        self.cursor.eat(b'\n');
        Ok(Sample { series, name, labels, value, timestamp, exemplar: None })
    }

    fn text_timestamp(&mut self) -> Result<Option<i64>, Fault> {
        if matches!(self.cursor.peek(), None | Some(b'\n')) {
            return Ok(None);
        }
        let start = self.cursor.at();
        self.cursor.eat(b'-');
        if self.cursor.take(|b| b.is_ascii_digit()).is_empty() {
            let what = "a timestamp in milliseconds or the end of the line";
            return Err(Fault::new(start, self.cursor.expected(what).reason));
        }
        let word = self.cursor.since(start);
        self.cursor.blanks();
        if !matches!(self.cursor.peek(), None | Some(b'\n')) {
            return Err(self.cursor.expected("the end of the line after the timestamp"));
        }
        let wrong = || Fault::new(start, format!("expected a timestamp of 64 bits, got {}", shown(word)));
        word.parse().map(Some).map_err(|_| wrong())
    }

    fn text_end(&mut self, event: Event<'a>) -> Event<'a> {
        self.cursor.eat(b'\n');
        event
    }
}

fn text_kind(name: &str) -> Option<MetricKind> {
    Some(match name {
        "counter" => MetricKind::Counter,
        "gauge" => MetricKind::Gauge,
        "histogram" => MetricKind::Histogram,
        "summary" => MetricKind::Summary,
        "untyped" => MetricKind::Unknown,
        _ => return None,
    })
}

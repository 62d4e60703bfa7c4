//! OpenMetrics 1.0.

use super::cursor::shown;
use super::error::Fault;
use super::labels::unescape;
use super::number::millis;
use super::parser::{Braces, Parser};
use super::{Event, Exemplar, Sample};
use crate::batch::MetricKind;

impl<'a> Parser<'a> {
    pub(super) fn openmetrics_line(&mut self) -> Result<Event<'a>, Fault> {
        if self.cursor.at_end() {
            return Err(self.no_eof());
        }
        if !self.cursor.eat_word("# ") {
            return self.openmetrics_sample().map(Event::Sample);
        }
        if self.cursor.eat_word("EOF") {
            self.cursor.eat(b'\n');
            return if self.cursor.at_end() {
                self.cursor.bad_end().map_or(Ok(Event::Eof), Err)
            } else {
                Err(self.cursor.expected("nothing after `# EOF`"))
            };
        }
        for word in ["HELP", "TYPE", "UNIT"] {
            if self.cursor.eat_word(word) {
                return self.openmetrics_meta(word);
            }
        }
        Err(self.cursor.expected("HELP, TYPE, UNIT or EOF after `# `"))
    }

    fn openmetrics_meta(&mut self, word: &str) -> Result<Event<'a>, Fault> {
        if !self.cursor.eat(b' ') {
            return Err(self.cursor.expected(&format!("a space after {word}")));
        }
        let metric = self.meta_name(false)?;
        let metric = metric.ok_or_else(|| self.cursor.expected(&format!("a metric name after {word}")))?;
        if !self.cursor.eat(b' ') {
            return Err(self.cursor.expected("a space after the metric's name"));
        }
        let at = self.cursor.at();
        let text = self.cursor.line();
        if !self.cursor.eat(b'\n') {
            return Err(self.no_eof());
        }
        match word {
            "HELP" => Ok(Event::Help { metric, text: unescape(text) }),
            "TYPE" => MetricKind::named(text).map(|kind| Event::Type { metric, kind }).ok_or_else(|| {
                let names = "counter, gauge, histogram, gaugehistogram, summary, info, stateset or unknown";
                Fault::new(at, format!("expected {names} as type, got {}", shown(text)))
            }),
            _ => {
                let ends = text.is_empty() || metric.strip_suffix(text).is_some_and(|rest| rest.ends_with('_'));
                let wrong =
                    || format!("expected a metric name that ends in its unit `_{text}`, got {}", shown(&metric));
                if ends { Ok(Event::Unit { metric, unit: text }) } else { Err(Fault::new(at, wrong())) }
            }
        }
    }

    fn openmetrics_sample(&mut self) -> Result<Sample<'a>, Fault> {
        if !matches!(self.cursor.peek(), Some(b) if b.is_ascii_alphabetic() || matches!(b, b'_' | b':' | b'{')) {
            return Err(self.cursor.expected("a metric name, `{` or `# `"));
        }
        let (name, labels, series) = self.series(Braces::Strict)?;
        let value = self.spaced(if series.ends_with('}') { "the labels" } else { "the metric's name" })?;
        let (mut timestamp, mut exemplar) = (None, None);
        if self.cursor.peek() == Some(b' ') && !self.at_exemplar() {
            self.cursor.eat(b' ');
            timestamp = Some(self.seconds()?);
        }
        if self.at_exemplar() {
            exemplar = Some(self.exemplar()?);
        }
        if !self.cursor.eat(b'\n') {
            let what = match (&exemplar, timestamp) {
                _ if self.cursor.at_end() => return Err(self.no_eof()),
                (Some(_), _) => "the end of the line after the exemplar",
                (None, Some(_)) => "an exemplar or the end of the line after the timestamp",
                (None, None) => "a timestamp, an exemplar or the end of the line after the value",
            };
            return Err(self.cursor.expected(what));
        }
        Ok(Sample { series, name, labels, value, timestamp, exemplar })
    }

    fn at_exemplar(&self) -> bool {
        let mut ahead = self.cursor.clone();
        ahead.eat_word(" # {")
    }

    fn exemplar(&mut self) -> Result<Exemplar<'a>, Fault> {
        self.cursor.eat_word(" # {");
        let labels = self.labels(Braces::Exemplar, &mut None)?;
        let value = self.spaced("the exemplar's labels")?;
        let timestamp = if self.cursor.eat(b' ') { Some(self.seconds()?) } else { None };
        Ok(Exemplar { labels, value, timestamp })
    }

    /// A space and a value.
    fn spaced(&mut self, after: &str) -> Result<f64, Fault> {
        if !self.cursor.eat(b' ') {
            return Err(self.cursor.expected(&format!("a space and a value after {after}")));
        }
        self.value(after, |b| matches!(b, b' ' | b'\n'))
    }

    fn seconds(&mut self) -> Result<i64, Fault> {
        let start = self.cursor.at();
        let word = self.cursor.take(|b| !matches!(b, b' ' | b'\n'));
        millis(word).ok_or_else(|| {
            let got = if word.is_empty() { self.cursor.found() } else { shown(word) };
            Fault::new(start, format!("expected a timestamp in seconds, got {got}"))
        })
    }

    fn no_eof(&self) -> Fault {
        Fault::new(self.cursor.text().len(), "expected `# EOF` at the end, got the end of the text")
    }
}

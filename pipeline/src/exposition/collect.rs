//! A whole body as a batch.

use std::collections::BTreeMap;

use super::{Event, Format, ParseError, Parser, SeriesLabels};
use crate::batch::{Batch, Metadata};
use crate::tenant::Tenant;

/// What a body says of its metrics, put together from the lines that say it.
#[derive(Clone, Debug, Default)]
pub struct Families {
    said: BTreeMap<String, Metadata>,
}

/// Reads Prometheus text 0.0.4 or 1.0.0 as a batch. Samples without a timestamp get `default_timestamp`.
///
/// # Errors
/// The text is wrong; nothing of it is kept.
pub fn batch(text: &str, tenant: Tenant, default_timestamp: i64) -> Result<Batch, ParseError> {
    collect(Parser::new(text.as_bytes(), Format::Text), tenant, default_timestamp)
}

/// Reads what `parser` yields as a batch: a series for each run of samples with the same labels, and what is said of
/// metrics in the order of their names. Exemplars are left out. Samples without a timestamp get `default_timestamp`.
///
/// # Errors
/// The body is wrong; nothing of it is kept.
pub fn collect(parser: Parser<'_>, tenant: Tenant, default_timestamp: i64) -> Result<Batch, ParseError> {
    let mut out = Batch::builder(tenant);
    let mut families = Families::default();
    let mut labels = SeriesLabels::default();
    let (mut encoded, mut last) = (Vec::new(), None);
    for event in parser {
        let event = event?;
        families.note(&event);
        if let Event::Sample(sample) = event {
            // The raw text is compared: what is written alike is one series.
            if last != Some(sample.series) {
                encoded.clear();
                labels.read(&sample).encode_into(&mut encoded);
                out.series_with(|buffer| buffer.extend_from_slice(&encoded));
                last = Some(sample.series);
            }
            out.sample(sample.timestamp.unwrap_or(default_timestamp), sample.value);
        }
    }
    for metadata in families.into_metadata() {
        out.metadata(metadata);
    }
    Ok(out.build())
}

// === impl Families ===

impl Families {
    /// Takes in what `event` says of a metric, if it says something.
    pub fn note(&mut self, event: &Event<'_>) {
        match event {
            Event::Help { metric, text } => text.as_ref().clone_into(&mut self.about(metric).help),
            Event::Type { metric, kind } => self.about(metric).kind = *kind,
            Event::Unit { metric, unit } => (*unit).clone_into(&mut self.about(metric).unit),
            Event::Comment(_) | Event::Sample(_) | Event::Eof => {}
        }
    }

    /// What is said, in the order of the metrics' names.
    pub fn into_metadata(self) -> impl Iterator<Item = Metadata> {
        self.said.into_values()
    }

    fn about(&mut self, metric: &str) -> &mut Metadata {
        let new = || Metadata { metric: metric.to_owned(), ..Metadata::default() };
        self.said.entry(metric.to_owned()).or_insert_with(new)
    }
}

//! A whole body as a batch.

use std::collections::BTreeMap;

use super::{Event, Format, ParseError, Parser, SeriesLabels};
use crate::batch::{Batch, Metadata};
use crate::tenant::Tenant;

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
    let mut said: BTreeMap<String, Metadata> = BTreeMap::new();
    let mut labels = SeriesLabels::default();
    let (mut encoded, mut last) = (Vec::new(), None);
    for event in parser {
        match event? {
            Event::Help { metric, text } => about(&mut said, &metric).help = text.into_owned(),
            Event::Type { metric, kind } => about(&mut said, &metric).kind = kind,
            Event::Unit { metric, unit } => about(&mut said, &metric).unit = unit.to_owned(),
            Event::Comment(_) | Event::Eof => {}
            Event::Sample(sample) => {
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
    }
    for metadata in said.into_values() {
        out.metadata(metadata);
    }
    Ok(out.build())
}

fn about<'a>(said: &'a mut BTreeMap<String, Metadata>, metric: &str) -> &'a mut Metadata {
    said.entry(metric.to_owned()).or_insert_with(|| Metadata { metric: metric.to_owned(), ..Metadata::default() })
}

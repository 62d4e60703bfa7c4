//! The fuzz target `exposition`: the first byte chooses the format, the rest is the body.

use std::collections::BTreeSet;

use super::{Event, Format, Parser, batch, collect, write};
use crate::batch::Batch;
use crate::labels::Labels;
use crate::tenant::Tenant;

/// What a batch holds, whatever the order of its series: labels, time, and the bits of the value.
type Held = BTreeSet<(Vec<u8>, i64, u64)>;

/// Reads `data` and checks the laws: a sample has a name, and labels that encode canonically; and what is read and
/// written reads again as the same.
///
/// # Panics
/// Where a law does not hold.
pub fn fuzz(data: &[u8]) {
    let Some((&choice, body)) = data.split_first() else { return };
    let format = if choice & 1 == 0 { Format::Text } else { Format::OpenMetrics };
    let parser = Parser::new(body, format);
    for event in parser.clone() {
        match event {
            Ok(Event::Sample(sample)) => {
                assert!(!sample.name.is_empty(), "a sample has a name");
                assert!(sample.series.len() <= body.len(), "a series is a part of the body");
            }
            Ok(_) => {}
            Err(error) => assert!(error.line > 0 && error.column > 0 && !error.reason.is_empty(), "{error}"),
        }
    }
    let Ok(read) = collect(parser, Tenant::default(), 1_700_000_000_000) else { return };
    for series in read.iter() {
        assert!(Labels::check(series.labels.encoded()).is_ok(), "labels are canonical: {:?}", series.labels);
    }
    let text = write(&read);
    let again = batch(&text, Tenant::default(), 0);
    assert!(again.is_ok(), "what is written reads: {again:?}: {text}");
    if let Ok(again) = again {
        assert_eq!(held(&read), held(&again), "what is written reads as the same: {text}");
        assert_eq!(text, write(&again), "what is read again is written alike");
    }
}

fn held(batch: &Batch) -> Held {
    let samples = |s: crate::batch::Series<'_>| -> Vec<_> {
        let rows = s.timestamps.iter().zip(s.values);
        rows.map(|(&t, v)| (s.labels.encoded().to_vec(), t, v.to_bits())).collect()
    };
    batch.iter().flat_map(samples).collect()
}

#![allow(clippy::unwrap_used, missing_docs)]

use super::*;
use crate::batch::STALE;

fn histogram() -> Histogram {
    let spans = vec![BucketSpan { offset: -3, length: 2 }, BucketSpan { offset: 1, length: 1 }];
    Histogram {
        reset: ResetHint::Gauge,
        schema: -4,
        zero_threshold: 0.001,
        zero_count: 2.5,
        count: 12.0,
        sum: STALE,
        positive: Buckets { spans, counts: vec![1.0, f64::NAN, -0.0] },
        negative: Buckets::default(),
        custom: vec![0.5, 1.0],
    }
}

fn encoded() -> Vec<u8> {
    let mut out = Vec::new();
    histogram().encode(&mut out);
    out
}

#[test]
fn a_histogram_reads_back_bit_for_bit() {
    let bytes = encoded();
    let mut rest = bytes.as_slice();
    let decoded = Histogram::decode(&mut rest).unwrap();
    assert!(rest.is_empty());
    let mut again = Vec::new();
    decoded.encode(&mut again);
    assert_eq!(again, bytes);
    assert!(decoded.is_stale());
}

#[test]
fn a_histogram_cut_short_is_none() {
    let bytes = encoded();
    for len in 0..bytes.len() {
        assert_eq!(Histogram::decode(&mut &bytes[..len]), None);
    }
}

#[test]
fn buckets_that_are_not_as_many_as_their_spans_say_are_none() {
    let mut bytes = encoded();
    let length_of_first_span = 1 + 4 + 32 + 4 + 4;
    bytes[length_of_first_span] = 9;
    assert_eq!(Histogram::decode(&mut bytes.as_slice()), None);
}

//! Tests of `remote_write::histogram`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use proptest::prelude::*;
use weir_pipeline::histogram::CUSTOM_SCHEMA;
use weir_pipeline::testing::{histogram_bits, histogram_point};
use weir_pipeline::{Batch, LabelSet, STALE, Tenant};

use super::*;
use crate::remote_write::{Limits, Version, decode, encode};

/// A message as the field numbers have it.
fn message(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

fn one(message: &[u8]) -> Read {
    read(Cursor::new(message)).unwrap()
}

fn packed(field: u32, numbers: &[i64], out: &mut Vec<u8>) {
    put_bytes(field, &message(|out| numbers.iter().for_each(|n| put_varint(zigzag(*n), out))), out);
}

fn span(field: u32, offset: i64, length: u64, out: &mut Vec<u8>) {
    let span = message(|out| {
        put_integer(1, zigzag(offset), out);
        put_integer(2, length, out);
    });
    put_bytes(field, &span, out);
}

#[test]
fn an_integer_histogram_reads_as_absolute_counts() {
    let bytes = message(|out| {
        put_integer(1, 12, out);
        put_double(3, 18.4, out);
        put_integer(4, zigzag(1), out);
        put_double(5, 0.001, out);
        put_integer(6, 2, out);
        span(8, 0, 1, out);
        packed(9, &[1], out);
        span(11, -1, 2, out);
        span(11, 1, 1, out);
        packed(12, &[3, 1, -2], out);
        put_integer(14, 2, out);
        put_integer(15, 5000, out);
        put_integer(17, 1000, out);
    });
    let point = one(&bytes).unwrap();
    assert_eq!((point.timestamp, point.start), (5000, 1000));
    let expect = Histogram {
        reset: ResetHint::NotReset,
        schema: 1,
        zero_threshold: 0.001,
        zero_count: 2.0,
        count: 12.0,
        sum: 18.4,
        positive: Buckets {
            spans: vec![BucketSpan { offset: -1, length: 2 }, BucketSpan { offset: 1, length: 1 }],
            counts: vec![3.0, 4.0, 2.0],
        },
        negative: Buckets { spans: vec![BucketSpan { offset: 0, length: 1 }], counts: vec![1.0] },
        custom: vec![],
    };
    assert_eq!(*point.histogram, expect);
}

#[test]
fn a_float_histogram_with_custom_buckets_reads_packed_and_not() {
    for unpacked in [false, true] {
        let bytes = message(|out| {
            put_double(2, 4.5, out);
            put_double(3, 3.0, out);
            put_integer(4, zigzag(-53), out);
            span(11, 0, 2, out);
            for (field, doubles) in [(13, [1.5, 3.0]), (16, [0.5, 1.0])] {
                match unpacked {
                    true => doubles.iter().for_each(|double| put_double(field, *double, out)),
                    false => put_doubles(field, &doubles, out),
                }
            }
        });
        let point = one(&bytes).unwrap();
        assert_eq!((point.histogram.schema, point.histogram.custom.as_slice()), (CUSTOM_SCHEMA, &[0.5, 1.0][..]));
        assert_eq!((point.histogram.count, point.histogram.positive.counts.as_slice()), (4.5, &[1.5, 3.0][..]));
    }
}

#[test]
fn a_stale_marker_stays_one() {
    let point = one(&message(|out| put_double(3, STALE, out))).unwrap();
    assert!(point.histogram.is_stale());
}

#[test]
fn histograms_that_make_no_sense_are_told() {
    let check = |bytes: Vec<u8>, expect: &str| assert_eq!(one(&bytes).unwrap_err(), expect);
    check(message(|out| put_integer(1, 3, out)), "expected buckets with the `3` observations counted, got `0`");
    let negative = message(|out| {
        span(11, 0, 1, out);
        packed(12, &[-1], out);
    });
    check(negative, "expected counts from 0 to 2⁶³, got `0` and `-1` more");
    let spans = message(|out| span(11, 0, 7, out));
    check(spans, "expected spans of as many buckets as there are, at most 65536");
    let schema = message(|out| put_integer(4, zigzag(-5), out));
    check(schema, "expected a schema from -4 to 8, or -53 for custom buckets, got `-5`");
}

#[test]
fn a_histogram_that_is_no_message_fails_whole() {
    let check = |bytes: &[u8], what: &str| assert_eq!(read(Cursor::new(bytes)).unwrap_err().what, what);
    check(&message(|out| put_integer(3, 1, out)), "a field of the wrong wire type");
    check(&message(|out| put_integer(8, 1, out)), "a field of the wrong wire type");
    check(&message(|out| put_integer(13, 1, out)), "a field of the wrong wire type");
    check(&message(|out| put_bytes(16, b"1234567", out)), "a double that is cut short");
    check(&message(|out| put_bytes(12, b"\x80", out)), "a varint that is cut short");
    let many = message(|out| put_bytes(12, &[0; 65537], out));
    check(&many, "a histogram of more than 65536 buckets");
}

#[test]
fn a_schema_that_is_too_fine_becomes_coarser() {
    let spans = vec![BucketSpan { offset: -3, length: 4 }, BucketSpan { offset: 2, length: 2 }];
    // Buckets -3 to 0, 3 and 4; of the coarser schema -1 (-3, -2), 0 (-1, 0) and 2 (3, 4).
    let fine = Buckets { spans, counts: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0] };
    let spans = vec![BucketSpan { offset: -1, length: 2 }, BucketSpan { offset: 1, length: 1 }];
    assert_eq!(coarser(&fine, 1), Buckets { spans, counts: vec![3.0, 7.0, 11.0] });
    let bytes = message(|out| {
        put_double(2, 21.0, out);
        put_integer(4, zigzag(10), out);
        span(11, 1, 4, out);
        put_doubles(13, &[1.0, 2.0, 3.0, 4.0], out);
    });
    let point = one(&bytes).unwrap();
    let first = Buckets { spans: vec![BucketSpan { offset: 1, length: 1 }], counts: vec![10.0] };
    assert_eq!((point.histogram.schema, &point.histogram.positive), (8, &first));
}

proptest! {
    #[test]
    fn what_is_written_reads_bit_for_bit(seeds in prop::collection::vec((any::<i64>(), any::<u64>()), 0..8)) {
        let points: Vec<_> = seeds.iter().map(|(t, seed)| histogram_point(*t, *seed)).collect();
        let mut batch = Batch::builder(Tenant::default());
        batch.series(LabelSet::from_iter([("__name__", "h")]).as_labels());
        points.iter().for_each(|point| _ = batch.histogram(point.clone()));
        let batch = batch.build();
        for version in Version::ALL {
            let mut body = Vec::new();
            encode(&batch, version, &mut body);
            let read = decode(&body, version, Tenant::default(), &Limits::default()).unwrap();
            prop_assert!(points.is_empty() || read.refused.is_empty(), "{}", read.refused);
            let start = |p: &HistogramPoint| if version == Version::V2 { p.start } else { 0 };
            let expect: Vec<_> = points.iter().map(|p| HistogramPoint { start: start(p), ..p.clone() }).collect();
            let got: Vec<_> = read.batch.iter().flat_map(|series| series.histograms.to_vec()).collect();
            prop_assert_eq!(histogram_bits(&got), histogram_bits(&expect));
        }
    }

    #[test]
    fn any_bytes_are_a_histogram_or_not(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        if let Ok(Ok(point)) = read(Cursor::new(&bytes)) {
            prop_assert_eq!(point.histogram.check(), Ok(()));
        }
    }
}

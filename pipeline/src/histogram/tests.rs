#![allow(clippy::unwrap_used, missing_docs)]

use proptest::prelude::*;

use super::*;
use crate::batch::STALE;
use crate::testing::{histogram_bits, histogram_point};

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

/// The points as the encoding has them, and what it says they are.
fn through_codec(points: &[HistogramPoint]) -> (Vec<u8>, Vec<HistogramPoint>) {
    let mut bytes = Vec::new();
    for (i, point) in points.iter().enumerate() {
        point.encode_after(i.checked_sub(1).map(|i| &points[i]), &mut bytes);
    }
    let (mut rest, mut out) = (bytes.as_slice(), Vec::<HistogramPoint>::new());
    while !rest.is_empty() {
        let next = HistogramPoint::decode_after(out.last(), &mut rest).unwrap();
        out.push(next);
    }
    (bytes, out)
}

proptest! {
    #[test]
    fn points_read_back_bit_for_bit(all in prop::collection::vec((any::<i64>(), any::<u64>()), 0..20)) {
        let points: Vec<_> = all.iter().map(|(t, seed)| histogram_point(*t, *seed)).collect();
        prop_assert_eq!(histogram_bits(&through_codec(&points).1), histogram_bits(&points));
    }

    #[test]
    fn points_of_one_layout_read_back_bit_for_bit(seeds in prop::collection::vec(8u64..12, 0..20)) {
        let points: Vec<_> = (0..).zip(&seeds).map(|(t, seed)| histogram_point(t * 15_000, *seed)).collect();
        prop_assert_eq!(histogram_bits(&through_codec(&points).1), histogram_bits(&points));
    }

    #[test]
    fn what_tests_make_up_makes_sense(seed in any::<u64>()) {
        prop_assert_eq!(crate::testing::histogram(seed).check(), Ok(()));
    }

    #[test]
    fn any_bytes_are_a_point_or_none(bytes in prop::collection::vec(any::<u8>(), 0..64), seed in any::<u64>()) {
        let before = histogram_point(7, seed);
        for before in [None, Some(&before)] {
            if let Some(point) = HistogramPoint::decode_after(before, &mut bytes.as_slice()) {
                prop_assert!(point.histogram.is_whole());
            }
        }
    }
}

#[test]
fn an_odd_histogram_reads_back_bit_for_bit() {
    let odd = HistogramPoint { timestamp: i64::MIN, start: i64::MAX, histogram: Arc::new(histogram()) };
    let points = [odd.clone(), histogram_point(i64::MAX, 5), odd];
    assert_eq!(histogram_bits(&through_codec(&points).1), histogram_bits(&points));
}

#[test]
fn the_encoding_of_a_point_never_changes() {
    let spans = vec![BucketSpan { offset: -1, length: 2 }, BucketSpan { offset: 3, length: 1 }];
    let buckets = |counts: &[f64]| Buckets { spans: spans.clone(), counts: counts.to_vec() };
    let of = |count, counts: &[f64]| Histogram {
        reset: ResetHint::NotReset,
        schema: 3,
        zero_threshold: 0.5,
        zero_count: 1.0,
        count,
        sum: 2.5,
        positive: buckets(counts),
        ..Histogram::default()
    };
    let point = |timestamp, histogram| HistogramPoint { timestamp, start: 900, histogram: Arc::new(histogram) };
    let points = [
        point(1000, of(10.0, &[2.0, 3.0, 4.0])),
        point(1015, of(12.0, &[2.0, 5.0, 4.0])),
        point(1030, of(12.5, &[2.0, 5.5, 4.0])),
    ];
    let (bytes, _) = through_codec(&points);
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    // Times; not a reset, layout, whole; schema, zero threshold; two spans, none, no bounds; sum; count and zero count;
    // the buckets, each told from the one before.
    let whole =
        ["d00f880e", "0e", "06000000000000e03f", "0201020601", "00", "00", "0000000000000440", "1402", "040202"];
    // Not a reset, whole: each number told from the same one before.
    let same = ["1e00", "0a", "0000000000000440", "0400", "000400"];
    // Not a reset: the numbers as they are.
    let floats = ["1e00", "02", "0000000000000440", "0000000000002940", "000000000000f03f"];
    let buckets = ["0000000000000040", "0000000000001640", "0000000000001040"];
    let expect = [whole.concat(), same.concat(), floats.concat(), buckets.concat()].concat();
    assert_eq!(hex, expect);
}

#[test]
fn what_makes_no_sense_is_told() {
    let span = |offset, length| BucketSpan { offset, length };
    let one = Buckets { spans: vec![span(0, 1)], counts: vec![1.0] };
    let plain = Histogram { count: 1.0, positive: one.clone(), ..Histogram::default() };
    let custom = Histogram { schema: CUSTOM_SCHEMA, custom: vec![1.0], ..plain.clone() };
    assert_eq!((plain.check(), custom.check()), (Ok(()), Ok(())));
    let check = |histogram: Histogram, expect: &str| assert_eq!(histogram.check(), Err(expect.to_owned()));
    let spans = "expected spans of as many buckets as there are, at most 65536";
    check(Histogram { positive: Buckets { counts: vec![], ..one.clone() }, ..plain.clone() }, spans);
    check(
        Histogram { schema: 9, ..plain.clone() },
        "expected a schema from -4 to 8, or -53 for custom buckets, got `9`",
    );
    check(
        Histogram { custom: vec![1.0], ..plain.clone() },
        "expected no custom bounds in a histogram of exponential buckets",
    );
    let backward = Buckets { spans: vec![span(-2, 1), span(-1, 0)], counts: vec![1.0] };
    check(Histogram { negative: backward, ..plain.clone() }, "expected spans that go forward");
    check(Histogram { count: -1.0, ..plain.clone() }, "expected counts from 0 on, got `-1`");
    check(Histogram { custom: vec![1.0, 1.0], ..custom.clone() }, "expected custom bounds that rise");
    check(Histogram { custom: vec![f64::NAN], ..custom.clone() }, "expected custom bounds that rise");
    check(
        Histogram { custom: vec![f64::INFINITY], ..custom.clone() },
        "expected custom bounds without the last one, which is +Inf",
    );
    let zero = "expected custom buckets without a zero bucket and without negative buckets";
    check(Histogram { zero_count: 1.0, ..custom.clone() }, zero);
    check(Histogram { negative: one, ..custom.clone() }, zero);
    let far = Buckets { spans: vec![span(5, 1)], counts: vec![1.0] };
    check(Histogram { positive: far, ..custom.clone() }, "expected custom bounds of 6 buckets, got 1");
    check(
        Histogram { positive: Buckets { spans: vec![span(-1, 1)], counts: vec![1.0] }, ..custom },
        "expected spans that go forward",
    );
}

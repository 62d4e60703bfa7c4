#![allow(clippy::unwrap_used, missing_docs)]

use super::*;

fn histogram(reset: ResetHint, counts: &[f64]) -> Histogram {
    let spans = vec![weir_pipeline::histogram::BucketSpan { offset: 0, length: counts.len() as u32 }];
    let count = counts.iter().sum();
    Histogram { reset, count, sum: count, positive: Buckets { spans, counts: counts.to_vec() }, ..Histogram::default() }
}

fn custom(bounds: &[f64]) -> Histogram {
    let counts = vec![1.0; bounds.len()];
    Histogram {
        schema: weir_pipeline::histogram::CUSTOM_SCHEMA,
        custom: bounds.to_vec(),
        ..histogram(ResetHint::Unknown, &counts)
    }
}

fn sum(of: &[Histogram]) -> CompensatedSum {
    let mut sum = CompensatedSum::new(of[0].clone());
    of[1..].iter().for_each(|h| {
        sum.add(h).unwrap();
    });
    sum
}

fn mean(of: &[Histogram]) -> CompensatedMean {
    let mut mean = CompensatedMean::new(of[0].clone());
    of[1..].iter().for_each(|h| {
        mean.add(h).unwrap();
    });
    mean
}

fn travelled(sum: &CompensatedSum) -> CompensatedSum {
    let mut bytes = Vec::new();
    sum.encode(&mut bytes);
    let data = &mut bytes.as_slice();
    let decoded = CompensatedSum::decode(data).unwrap();
    assert!(data.is_empty());
    (0..bytes.len()).for_each(|cut| assert!(CompensatedSum::decode(&mut &bytes[..cut]).is_none()));
    decoded
}

#[test]
fn sums_merge_with_what_was_lost_and_what_was_seen() {
    let all = [[1.0, 2.0], [1e100, 1.0], [3.0, 1.0], [-1e100, 0.5]].map(|h| histogram(ResetHint::Unknown, &h));
    let mut left = travelled(&sum(&all[..2]));
    left.merge(&travelled(&sum(&all[2..]))).unwrap();
    assert_eq!(left.total().positive.counts, [4.0, 4.5]);
    assert_eq!(left.total(), sum(&all).total());
    assert!(!left.resets_collide());

    let mut reset = sum(&[histogram(ResetHint::Reset, &[1.0])]);
    reset.merge(&travelled(&sum(&[histogram(ResetHint::NotReset, &[1.0])]))).unwrap();
    assert!(reset.resets_collide());

    let mut one = sum(&[custom(&[1.0, 2.0])]);
    one.merge(&sum(&[custom(&[1.0, 2.0]), custom(&[1.0, 3.0])])).unwrap();
    assert!(one.reconciled_bounds());
    assert_eq!(one.merge(&sum(&all)), Err(Incompatible));
}

#[test]
fn means_merge_whether_or_not_their_sums_overflow() {
    let check = |values: [f64; 4]| {
        let all = values.map(|value| histogram(ResetHint::Gauge, &[value]));
        let mut left = mean(&all[..1]);
        left.merge(mean(&all[1..])).unwrap();
        let mut bytes = Vec::new();
        left.encode(&mut bytes);
        let decoded = CompensatedMean::decode(&mut bytes.as_slice()).unwrap();
        assert_eq!(decoded.mean(), mean(&all).mean(), "{values:?}");
        assert_eq!(decoded.mean().reset, ResetHint::Gauge);
    };
    check([1.0, 2.0, 4.0, 5.0]);
    check([1e308, 1e308, 1e308, 1e308]);
}

//! Aggregations of native histograms, and of histograms among floats.

use std::sync::Arc;

use weir_pipeline::histogram::{BucketSpan, Buckets, CUSTOM_SCHEMA, ResetHint};
use weir_pipeline::{Histogram, Value};

use super::*;
use crate::annotations::{HistogramOperation, Note, Notes};

fn histogram(reset: ResetHint, counts: &[f64]) -> Value {
    let spans = vec![BucketSpan { offset: 0, length: counts.len() as u32 }];
    let (count, positive) = (counts.iter().sum(), Buckets { spans, counts: counts.to_vec() });
    Value::Histogram(Arc::new(Histogram { reset, count, sum: 2.0 * count, positive, ..Histogram::default() }))
}

fn plain(counts: &[f64]) -> Value {
    histogram(ResetHint::Unknown, counts)
}

fn custom(bounds: &[f64]) -> Value {
    let spans = vec![BucketSpan { offset: 0, length: 2 }];
    let positive = Buckets { spans, counts: vec![1.0, 1.0] };
    let (schema, custom) = (CUSTOM_SCHEMA, bounds.to_vec());
    Value::Histogram(Arc::new(Histogram { schema, custom, count: 2.0, positive, ..Histogram::default() }))
}

/// Also where each value comes from another partial aggregation, in the other order.
#[track_caller]
fn check<F: Fold>(values: &[Value], wanted: Option<Value>, wanted_notes: &[Note]) {
    let mut notes = Notes::default();
    let (mut whole, mut merged) = (Accumulator::<F>::default(), Accumulator::<F>::default());
    values.iter().for_each(|value| whole.add(value, &mut notes));
    for value in values.iter().rev() {
        let mut one = Accumulator::<F>::default();
        one.add(value, &mut notes);
        one.histograms = one.histograms.map(|histograms| Box::new(travelled(&histograms)));
        merged.merge(one);
    }
    assert_eq!(whole.result(&mut notes), wanted);
    assert_eq!(merged.result(&mut notes), wanted);
    assert_eq!(notes.drain().collect::<Vec<_>>(), wanted_notes);
}

fn travelled(histograms: &Histograms) -> Histograms {
    let mut bytes = Vec::new();
    histograms.encode(&mut bytes);
    (0..bytes.len()).for_each(|cut| assert!(Histograms::decode(&mut &bytes[..cut]).is_none()));
    Histograms::decode(&mut bytes.as_slice()).unwrap()
}

#[test]
fn sums_and_means_are_made_of_histograms_too() {
    let values = [plain(&[1.0, 2.0, 3.0]), plain(&[3.0]), plain(&[2.0, 1.0, -3.0])];
    check::<Sum>(&values, Some(plain(&[6.0, 3.0])), &[]);
    check::<Avg>(&values, Some(plain(&[2.0, 1.0])), &[]);
}

#[test]
fn floats_and_histograms_have_no_sum() {
    let values = [Value::Float(1.0), plain(&[1.0]), Value::Float(2.0), custom(&[1.0, 2.0])];
    check::<Sum>(&values, None, &[Note::MixedFloatsHistogramsAggregation]);
    check::<Avg>(&values, None, &[Note::MixedFloatsHistogramsAggregation]);
}

#[test]
fn histograms_count_as_elements_and_are_passed_over_by_what_needs_numbers() {
    let values = [plain(&[1.0]), Value::Float(7.0), plain(&[1.0])];
    check::<Count>(&values, Some(Value::Float(3.0)), &[]);
    check::<Group>(&values, Some(Value::Float(1.0)), &[]);
    check::<Max>(&values, Some(Value::Float(7.0)), &[Note::HistogramIgnoredInAggregation("max")]);
    check::<Min>(&values, Some(Value::Float(7.0)), &[Note::HistogramIgnoredInAggregation("min")]);
    check::<Stddev>(&values, Some(Value::Float(0.0)), &[Note::HistogramIgnoredInAggregation("stddev")]);
    check::<Stdvar>(&values[..1], None, &[Note::HistogramIgnoredInAggregation("stdvar")]);
}

#[test]
fn resets_that_collide_are_noted_and_the_sum_stays() {
    let values = [histogram(ResetHint::Reset, &[1.0]), histogram(ResetHint::NotReset, &[1.0])];
    let note = Note::CounterResetCollision(HistogramOperation::Aggregation);
    check::<Sum>(&values, Some(plain(&[2.0])), std::slice::from_ref(&note));
    check::<Avg>(&values, Some(plain(&[1.0])), &[note]);
}

#[test]
fn exponential_and_custom_buckets_have_no_sum() {
    let values = [plain(&[1.0]), custom(&[1.0, 2.0]), plain(&[1.0])];
    check::<Sum>(&values, None, &[Note::MixedExponentialCustom]);
    check::<Avg>(&values, None, &[Note::MixedExponentialCustom]);
}

#[test]
fn custom_buckets_with_other_bounds_are_noted() {
    let note = Note::MismatchedCustomBuckets(HistogramOperation::Aggregation);
    let values = [custom(&[1.0, 2.0]), custom(&[1.0, 3.0])];
    let positive = Buckets { spans: vec![BucketSpan { offset: 0, length: 2 }], counts: vec![2.0, 2.0] };
    let wanted = Histogram { schema: CUSTOM_SCHEMA, custom: vec![1.0], count: 4.0, positive, ..Histogram::default() };
    check::<Sum>(&values, Some(Value::Histogram(Arc::new(wanted))), &[note]);
}

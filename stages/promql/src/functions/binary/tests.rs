#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;

use weir_pipeline::Histogram;
use weir_pipeline::histogram::{BucketSpan, Buckets, CUSTOM_SCHEMA, ResetHint};

use super::*;
use crate::annotations::HistogramOperation;

const NAN: f64 = f64::NAN;

const ALL: [BinaryOp; 15] = [
    BinaryOp::Add,
    BinaryOp::Sub,
    BinaryOp::Mul,
    BinaryOp::Div,
    BinaryOp::Mod,
    BinaryOp::Pow,
    BinaryOp::Atan2,
    BinaryOp::Equal,
    BinaryOp::NotEqual,
    BinaryOp::Less,
    BinaryOp::LessEqual,
    BinaryOp::Greater,
    BinaryOp::GreaterEqual,
    BinaryOp::TrimUpper,
    BinaryOp::TrimLower,
];

fn with(reset: ResetHint, counts: &[f64]) -> Value {
    let spans = match counts.len() {
        0 => Vec::new(),
        length => vec![BucketSpan { offset: 0, length: length as u32 }],
    };
    let (count, positive) = (counts.iter().sum(), Buckets { spans, counts: counts.to_vec() });
    Value::Histogram(Arc::new(Histogram { reset, count, sum: 2.0 * count, positive, ..Histogram::default() }))
}

fn histogram(counts: &[f64]) -> Value {
    with(ResetHint::Unknown, counts)
}

fn custom(bounds: &[f64], counts: &[f64]) -> Value {
    let spans = vec![BucketSpan { offset: 0, length: counts.len() as u32 }];
    let (count, positive) = (counts.iter().sum(), Buckets { spans, counts: counts.to_vec() });
    let (schema, custom) = (CUSTOM_SCHEMA, bounds.to_vec());
    Value::Histogram(Arc::new(Histogram { schema, custom, count, positive, ..Histogram::default() }))
}

#[track_caller]
fn check(op: BinaryOp, answer: Answer, lhs: &Value, rhs: &Value, wanted: Option<Value>, wanted_notes: &[Note]) {
    let mut notes = Notes::default();
    let found = apply(op, answer, lhs, rhs, &mut notes);
    let nan = |value: &Option<Value>| matches!(value, Some(Value::Float(float)) if float.is_nan());
    assert!(found == wanted || nan(&found) && nan(&wanted), "found {found:?}, wanted {wanted:?}");
    assert_eq!(notes.drain().collect::<Vec<_>>(), wanted_notes);
}

#[track_caller]
fn check_floats(op: BinaryOp, lhs: f64, rhs: f64, wanted: impl Into<Option<f64>>) {
    let wanted = wanted.into().map(Value::Float);
    check(op, Answer::Left, &Value::Float(lhs), &Value::Float(rhs), wanted, &[]);
}

#[test]
fn numbers_are_reckoned_with_as_in_go() {
    check_floats(BinaryOp::Add, 1.0, 2.0, 3.0);
    check_floats(BinaryOp::Sub, 1.0, 2.0, -1.0);
    check_floats(BinaryOp::Mul, 3.0, 2.0, 6.0);
    check_floats(BinaryOp::Div, 1.0, 0.0, f64::INFINITY);
    check_floats(BinaryOp::Div, 0.0, 0.0, NAN);
    check_floats(BinaryOp::Mod, 10.0, 3.0, 1.0);
    check_floats(BinaryOp::Mod, -10.0, 3.0, -1.0);
    check_floats(BinaryOp::Mod, 5.0, 0.0, NAN);
    check_floats(BinaryOp::Pow, 2.0, 3.0, 8.0);
    check_floats(BinaryOp::Pow, NAN, 0.0, 1.0);
    check_floats(BinaryOp::Atan2, 10.0, 20.0, 0.4636476090008061);
}

#[test]
fn a_comparison_keeps_an_operand_or_answers_a_number() {
    let check = |op, answer, lhs: f64, rhs: f64, wanted: Option<f64>| {
        check(op, answer, &Value::Float(lhs), &Value::Float(rhs), wanted.map(Value::Float), &[]);
    };
    check(BinaryOp::Less, Answer::Left, 1.0, 2.0, Some(1.0));
    check(BinaryOp::Less, Answer::Right, 1.0, 2.0, Some(2.0));
    check(BinaryOp::Less, Answer::Bool, 1.0, 2.0, Some(1.0));
    check(BinaryOp::Less, Answer::Left, 2.0, 1.0, None);
    check(BinaryOp::Less, Answer::Right, 2.0, 1.0, None);
    check(BinaryOp::Less, Answer::Bool, 2.0, 1.0, Some(0.0));
    check(BinaryOp::Equal, Answer::Left, NAN, NAN, None);
    check(BinaryOp::NotEqual, Answer::Left, NAN, NAN, Some(NAN));
    check(BinaryOp::GreaterEqual, Answer::Bool, NAN, 1.0, Some(0.0));
    check(BinaryOp::LessEqual, Answer::Right, 1.0, 1.0, Some(1.0));
    check(BinaryOp::Greater, Answer::Right, 3.0, 2.0, Some(2.0));
}

#[test]
fn of_scalars_every_comparison_answers_0_or_1() {
    assert_eq!(of_scalars(BinaryOp::Greater, 2.0, 1.0), Some(1.0));
    assert_eq!(of_scalars(BinaryOp::Equal, 2.0, 1.0), Some(0.0));
    assert_eq!(of_scalars(BinaryOp::Sub, 2.0, 1.0), Some(1.0));
    assert_eq!(of_scalars(BinaryOp::And, 2.0, 1.0), None);
}

#[test]
fn arithmetic_and_bool_take_the_name_and_filters_and_trimming_leave_it() {
    for op in ALL {
        let filters = op.is_comparison() || [BinaryOp::TrimUpper, BinaryOp::TrimLower].contains(&op);
        assert_eq!(drops_name(op, false), !filters, "{op}");
        assert!(drops_name(op, true));
    }
}

#[test]
fn histograms_are_scaled_by_numbers() {
    let (one, two) = (histogram(&[2.0, 4.0]), Value::Float(2.0));
    check(BinaryOp::Mul, Answer::Left, &one, &two, Some(histogram(&[4.0, 8.0])), &[]);
    check(BinaryOp::Mul, Answer::Left, &two, &one, Some(histogram(&[4.0, 8.0])), &[]);
    check(BinaryOp::Div, Answer::Left, &one, &two, Some(histogram(&[1.0, 2.0])), &[]);
    let negative = with(ResetHint::Gauge, &[-2.0, -4.0]);
    let negative = negative.histogram().map(|h| Histogram { zero_count: -0.0, ..(**h).clone() });
    let negative = negative.map(|h| Value::Histogram(Arc::new(h)));
    check(BinaryOp::Mul, Answer::Left, &one, &Value::Float(-1.0), negative, &[]);
    check(BinaryOp::Mul, Answer::Left, &one, &Value::Float(0.0), Some(histogram(&[])), &[]);
}

#[test]
fn what_does_not_go_together_goes_with_a_note() {
    let (float, histogram) = (Value::Float(1.0), histogram(&[1.0]));
    for op in ALL {
        let trims = [BinaryOp::TrimUpper, BinaryOp::TrimLower].contains(&op);
        let check = |lhs: &Value, rhs: &Value, types: (&'static str, &'static str), goes: bool| {
            for answer in [Answer::Left, Answer::Right, Answer::Bool] {
                let mut notes = Notes::default();
                let found = apply(op, answer, lhs, rhs, &mut notes);
                let note = Note::IncompatibleTypes(types.0, op.as_str(), types.1);
                assert_eq!(notes.drain().any(|found| found == note), !goes, "{op}");
                assert!(goes || found.is_none(), "{op}");
            }
        };
        let scales = op == BinaryOp::Mul;
        let of_both = [BinaryOp::Add, BinaryOp::Sub, BinaryOp::Equal, BinaryOp::NotEqual].contains(&op);
        check(&float, &float, ("float", "float"), !trims);
        check(&float, &histogram, ("float", "histogram"), scales);
        check(&histogram, &float, ("histogram", "float"), scales || trims || op == BinaryOp::Div);
        check(&histogram, &histogram, ("histogram", "histogram"), of_both);
    }
}

#[test]
fn histograms_are_added_and_a_difference_is_a_gauge() {
    let (one, two) = (histogram(&[1.0, 2.0, 3.0]), histogram(&[1.0, 1.0, -3.0]));
    check(BinaryOp::Add, Answer::Left, &one, &two, Some(histogram(&[2.0, 3.0])), &[]);
    let (counters, gauge) = (with(ResetHint::NotReset, &[2.0]), with(ResetHint::Gauge, &[1.0]));
    check(BinaryOp::Sub, Answer::Left, &counters, &with(ResetHint::NotReset, &[1.0]), Some(gauge), &[]);
}

#[test]
fn histograms_that_do_not_go_together_go_with_a_note() {
    let (exponential, bounds) = (histogram(&[1.0, 1.0]), custom(&[1.0, 2.0], &[1.0, 1.0]));
    for (op, text) in [(BinaryOp::Add, "+"), (BinaryOp::Sub, "-")] {
        check(op, Answer::Left, &exponential, &bounds, None, &[Note::IncompatibleBucketLayout(text)]);
    }
    let (reset, not_reset) = (with(ResetHint::Reset, &[1.0]), with(ResetHint::NotReset, &[1.0]));
    let note = Note::CounterResetCollision(HistogramOperation::Addition);
    check(BinaryOp::Add, Answer::Left, &reset, &not_reset, None, &[note]);
    let note = Note::CounterResetCollision(HistogramOperation::Subtraction);
    check(BinaryOp::Sub, Answer::Left, &reset, &not_reset, None, &[note]);
}

#[test]
fn custom_bounds_that_both_have_are_left_with_a_note() {
    let (one, two) = (custom(&[1.0, 2.0], &[1.0, 1.0]), custom(&[1.0, 3.0], &[1.0, 1.0]));
    let note = Note::MismatchedCustomBuckets(HistogramOperation::Addition);
    check(BinaryOp::Add, Answer::Left, &one, &two, Some(custom(&[1.0], &[2.0, 2.0])), &[note]);
}

#[test]
fn histograms_are_equal_or_not_whatever_their_hints() {
    let (one, same, other) = (histogram(&[1.0]), with(ResetHint::Gauge, &[1.0]), histogram(&[2.0]));
    check(BinaryOp::Equal, Answer::Left, &one, &same, Some(one.clone()), &[]);
    check(BinaryOp::Equal, Answer::Left, &one, &other, None, &[]);
    check(BinaryOp::NotEqual, Answer::Left, &one, &other, Some(one.clone()), &[]);
    check(BinaryOp::Equal, Answer::Bool, &one, &same, Some(Value::Float(1.0)), &[]);
    check(BinaryOp::NotEqual, Answer::Bool, &one, &same, Some(Value::Float(0.0)), &[]);
}

#[test]
fn trimming_cuts_off_one_end() {
    let one = custom(&[1.0, 2.0], &[1.0, 2.0, 4.0]);
    let counts = |op, bound: f64| {
        let trimmed = apply(op, Answer::Left, &one, &Value::Float(bound), &mut Notes::default()).unwrap();
        trimmed.histogram().unwrap().count
    };
    assert_eq!(counts(BinaryOp::TrimUpper, 2.0), 3.0);
    assert_eq!(counts(BinaryOp::TrimLower, 2.0), 4.0);
}

//! Tests of PromQL's functions in SQL: how they are called. What they make of samples is tested beside PromQL.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, TimestampMillisecondArray};
use arrow::datatypes::{Field, Schema};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Accumulator, AggregateUDF};
use proptest::prelude::*;

use super::*;
use crate::functions::element::{Call, ELEMENT_FUNCTIONS};
use crate::functions::quantile::almost_equal;
use crate::sql::columns::time_type;
use crate::sql::session::builtin_scalars;
use crate::sql::tests::{check, check_error, engine, loaded, number};

const LOAD: &str = "1m
 m{i=\"a\"} 0 10 20 5 15
 m{i=\"b\"} 1 1 1 1 1";

#[test]
fn a_function_has_the_name_that_promql_has_for_it_unless_sql_has_one_of_that_name() {
    let (_, taken) = builtin_scalars();
    let names: Vec<String> = scalars(&taken).iter().map(|function| function.name().to_owned()).collect();
    for name in ["clamp", "clamp_min", "clamp_max", "deg", "rad", "sgn", "hour", "days_in_month", "promql_round"] {
        assert!(names.iter().any(|own| own == name), "{name}: {names:?}");
    }
    let all: HashSet<&String> = names.iter().chain(&taken).collect();
    assert_eq!(all.len(), names.len() + taken.len());
}

#[test]
fn no_aggregate_hides_one_of_sql() {
    let own: HashSet<String> = aggregates().iter().map(|function| function.name().to_owned()).collect();
    assert_eq!(own.len(), 28, "{own:?}");
    let (_, scalars) = builtin_scalars();
    let builtin = datafusion::functions_aggregate::all_default_aggregate_functions();
    let names =
        builtin.iter().flat_map(|function| function.aliases().iter().cloned().chain([function.name().to_owned()]));
    assert!(names.chain(scalars).all(|name| !own.contains(&name)));
}

#[tokio::test]
async fn element_functions_are_those_of_promql() {
    let engine = engine(loaded(LOAD));
    let (_, taken) = builtin_scalars();
    for function in scalars(&taken) {
        let promql = function.name().strip_prefix(PREFIX).unwrap_or(function.name());
        let element = ELEMENT_FUNCTIONS.iter().find(|element| element.name == promql).unwrap();
        let of_float = element.of_float.unwrap();
        for value in [-1.5, -0.25, 0.0, 0.5, 1.0, 2.5, 1136239445.0] {
            for (text, args) in [("", &[][..]), (", 2", &[2.0]), (", 0.5, 2", &[0.5, 2.0]), (", 2, 0.5", &[2.0, 0.5])] {
                let arity = crate::syntax::functions::find(promql).unwrap();
                if !(arity.min.max(1)..=arity.max).contains(&(args.len() + 1)) {
                    continue;
                }
                let wanted = of_float(value, Call { time: 0, args });
                for text in [
                    format!("SELECT {}(CAST({value:?} AS DOUBLE){text})", function.name()),
                    format!("SELECT {}(v{text}) FROM (VALUES (CAST({value:?} AS DOUBLE))) t(v)", function.name()),
                ] {
                    let found = number(&engine, &text).await;
                    let same = match (wanted, found) {
                        (Some(wanted), Some(found)) => almost_equal(wanted, found, 1e-12),
                        (wanted, found) => wanted.is_none() && found.is_none(),
                    };
                    assert!(same, "{text}: {wanted:?}, {found:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn null_in_is_null_out() {
    check(LOAD, "SELECT clamp(NULL, 0, 1), clamp(2, 0, NULL), clamp(2, 0, 1), clamp(2, 1, 0)", &[",,1,"]).await;
    check(LOAD, "SELECT avg_over_time(time, CAST(NULL AS DOUBLE)) FROM m", &[""]).await;
    check(LOAD, "SELECT avg_over_time(time, value) FROM m WHERE value > 100", &[""]).await;
    check(LOAD, "SELECT quantile_over_time(CAST(NULL AS DOUBLE), time, value) FROM m", &[""]).await;
}

#[tokio::test]
async fn a_window_is_all_rows_or_a_range_before_the_last_or_from_start_to_end() {
    let of = |call: &str| format!("SELECT {call} FROM m WHERE i = 'a'");
    check(LOAD, &of("sum_over_time(time, value)"), &["50"]).await;
    // The window's start is outside.
    check(LOAD, &of("sum_over_time(time, value, '2m')"), &["20"]).await;
    check(LOAD, &of("sum_over_time(time, value, 120)"), &["20"]).await;
    check(LOAD, &of("sum_over_time(time, value, INTERVAL '2 minutes')"), &["20"]).await;
    check(LOAD, &of("sum_over_time(time, value, 60, 180)"), &["25"]).await;
    let from = "to_timestamp_seconds(60), '1970-01-01T00:03:00Z'";
    check(LOAD, &of(&format!("sum_over_time(time, value, {from})")), &["25"]).await;
    // 20 to 5 over a reset, extrapolated from 60 to 120 seconds; and 5 to 15, to where it would be 0.
    check(LOAD, &of("increase(time, value, 60, 180)"), &["10"]).await;
    check(LOAD, &of("increase(time, value, '2m')"), &["15"]).await;
}

#[tokio::test]
async fn buckets_of_time_are_windows() {
    let query = "SELECT bucket, sum_over_time(time, value, bucket - INTERVAL '1 ms', bucket + INTERVAL '119999 ms') FROM \
                 (SELECT date_bin(INTERVAL '2 minutes', time) AS bucket, time, value FROM m WHERE i = 'a') \
                 GROUP BY bucket ORDER BY bucket";
    let expected = ["1970-01-01T00:00:00Z,10", "1970-01-01T00:02:00Z,25", "1970-01-01T00:04:00Z,15"];
    check(LOAD, query, &expected).await;
}

#[tokio::test]
async fn numbers_of_a_function_stand_where_promql_has_them() {
    let of = |call: &str| format!("SELECT {call} FROM m WHERE i = 'a'");
    check(LOAD, &of("quantile_over_time(0.5, time, value)"), &["10"]).await;
    check(LOAD, &of("quantile_over_time(1, time, value, '2m')"), &["15"]).await;
    check(LOAD, &of("predict_linear(time, value, 60, 0, 120)"), &["30"]).await;
    check(LOAD, &of("double_exponential_smoothing(time, value, 0.5, 0.5, 0, 120)"), &["20"]).await;
}

#[tokio::test]
async fn frames_may_be_of_rows_and_in_any_order() {
    let frame = "SELECT sum_over_time(time, value) OVER (PARTITION BY i ORDER BY time DESC ROWS 1 PRECEDING) AS s \
                 FROM m WHERE i = 'a' ORDER BY time";
    check(LOAD, frame, &["10", "30", "25", "20", "15"]).await;
    let all = "SELECT max_over_time(time, value) OVER () FROM m WHERE i = 'a' LIMIT 1";
    check(LOAD, all, &["20"]).await;
}

#[tokio::test]
async fn wrong_arguments_are_told() {
    let of = |call: &str| format!("SELECT {call} FROM m");
    let usage = "expected `rate(time, value, range)` or `rate(time, value, start, end)`";
    for call in
        ["rate(time, value)", "rate(value)", "rate(time, i, '5m')", "rate(time, value, 1, 2, 3)", "rate(i, time)"]
    {
        check_error(LOAD, &of(call), usage).await;
    }
    let usage =
        "expected `quantile_over_time(number, time, value)`, `quantile_over_time(number, time, value, range)` or";
    check_error(LOAD, &of("quantile_over_time(time, value)"), usage).await;
    check_error(LOAD, &of("histogram_quantile(value)"), "expected `histogram_quantile(quantile, le, count)`").await;
    check_error(LOAD, &of("rate(time, value, 'soon')"), "not a valid duration string").await;
    check_error(LOAD, &of("rate(time, value, INTERVAL '1 month')"), "expected a range of days or less").await;
    check_error(LOAD, &of("rate(time, value, '0s')"), "expected a range above 0").await;
    check_error(LOAD, &of("rate(time, value, time, time)"), "to be the same in a group").await;
    let smoothing = "double_exponential_smoothing(time, value, 2, 0.5)";
    check_error(LOAD, &of(smoothing), "invalid smoothing factor. Expected: 0 < sf < 1").await;
}

/// The accumulator of an aggregate that takes time, value and two numbers of seconds.
fn accumulator(name: &str) -> Box<dyn Accumulator> {
    let function: Arc<AggregateUDF> = aggregates().into_iter().find(|function| function.name() == name).unwrap();
    let field = Arc::new(Field::new("value", arrow::datatypes::DataType::Float64, true));
    let args = AccumulatorArgs {
        return_field: field,
        schema: &Schema::empty(),
        ignore_nulls: false,
        order_bys: &[],
        is_reversed: false,
        name,
        is_distinct: false,
        exprs: &[],
        expr_fields: &[],
    };
    function.accumulator(args).unwrap()
}

fn batch(samples: &[(i64, f64)]) -> Vec<ArrayRef> {
    let times = TimestampMillisecondArray::from_iter_values(samples.iter().map(|(time, _)| *time));
    let numbers = |number: f64| Arc::new(Float64Array::from(vec![number; samples.len()])) as ArrayRef;
    let values = Float64Array::from_iter_values(samples.iter().map(|(_, value)| *value));
    vec![Arc::new(times.with_data_type(time_type())), Arc::new(values), numbers(2.0), numbers(50.0)]
}

fn of_parts(name: &str, parts: &[Vec<(i64, f64)>]) -> ScalarValue {
    let mut whole = accumulator(name);
    for part in parts {
        let mut partial = accumulator(name);
        partial.update_batch(&batch(part)).unwrap();
        let state = partial.state().unwrap();
        let state: Vec<ArrayRef> = state.iter().map(|scalar| scalar.to_array().unwrap()).collect();
        whole.merge_batch(&state).unwrap();
    }
    whole.evaluate().unwrap()
}

proptest! {
    #[test]
    fn parts_merge_in_any_order(
        samples in prop::collection::btree_map(0i64..60_000, -10.0..10.0f64, 0..40),
        cuts in prop::collection::vec(0usize..4, 40),
    ) {
        let samples: Vec<(i64, f64)> = samples.into_iter().collect();
        let mut parts = vec![Vec::new(); 4];
        samples.iter().zip(&cuts).for_each(|(sample, part)| parts[*part].push(*sample));
        for name in ["rate", "delta", "sum_over_time", "changes", "deriv"] {
            let mut whole = accumulator(name);
            whole.update_batch(&batch(&samples)).unwrap();
            prop_assert_eq!(whole.evaluate().unwrap(), of_parts(name, &parts));
        }
    }

    #[test]
    fn what_is_taken_back_was_never_there(
        samples in prop::collection::btree_map(0i64..60_000, -10.0..10.0f64, 1..40),
        gone in 0usize..40,
    ) {
        let samples: Vec<(i64, f64)> = samples.into_iter().collect();
        let (first, rest) = samples.split_at(gone.min(samples.len()));
        for name in ["rate", "sum_over_time", "changes"] {
            let (mut sliding, mut whole) = (accumulator(name), accumulator(name));
            sliding.update_batch(&batch(&samples)).unwrap();
            sliding.retract_batch(&batch(first)).unwrap();
            whole.update_batch(&batch(rest)).unwrap();
            prop_assert_eq!(sliding.evaluate().unwrap(), whole.evaluate().unwrap());
        }
    }
}

//! Every function of the language.

use weir_pipeline::Ask;

use super::{check, engine, loaded};
use crate::syntax::ast::ValueType;
use crate::syntax::functions::{FUNCTIONS, Function};

/// A call with as few arguments as there may be, the numbers among them known only when the query runs.
fn call(function: &Function) -> String {
    let arg = |i: usize| match function.args.get(i).or(function.args.last()) {
        Some(ValueType::Scalar) => "scalar(n)",
        Some(ValueType::String) => "\"text\"",
        Some(ValueType::Matrix) => "m[5m]",
        _ => "m",
    };
    let args: Vec<&str> = (0..function.min).map(arg).collect();
    format!("{}({})", function.name, args.join(", "))
}

#[tokio::test]
async fn every_function_is_planned() {
    let engine = engine(loaded("1m\n m 1\n n 1"));
    for function in &FUNCTIONS {
        let expr = call(function);
        let range = Ask::Range { expr: expr.as_str().into(), start: 0, end: 60_000, step: 60_000 };
        for ask in [Ask::Instant { expr: expr.as_str().into(), time: 0 }, range] {
            engine.explain(&ask).await.unwrap_or_else(|error| panic!("{expr}: {error}"));
        }
    }
}

#[tokio::test]
async fn extremes_of_numbers_may_be_known_only_when_the_query_runs() {
    let load = "1m\n a 1 2 3\n b 3 2 1";
    check(load, "range from 0 to 2m step 1m min_of(scalar(a), scalar(b))", "{} 1 2 1").await;
    check(load, "range from 0 to 2m step 1m max_of(2.5, scalar(b))", "{} 3 2.5 2.5").await;
    check(load, "range from 0 to 2m step 1m max_of(scalar(none), scalar(b))", "{} NaN NaN NaN").await;
}

#[tokio::test]
async fn what_was_computed_has_the_time_of_the_step_and_no_start() {
    let load = "1m\n a 1 2 3";
    check(load, "range from 0 to 90s step 90s timestamp(a + 1)", "{} 0 90").await;
    check(load, "range from 0 to 90s step 90s timestamp((a))", "{} 0 60").await;
    check(load, "instant at 1m start_timestamp(a + 1)", "").await;
}

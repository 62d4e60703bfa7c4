use weir_pipeline::{Ask, Kind};

use super::{ask, engine, loaded, query};

#[tokio::test]
async fn a_range_query_answers_numbers_and_vectors_only() {
    let engine = engine(loaded("1m\n m 1"));
    for (text, unfit) in [("m[5m]", "range vector"), ("\"a\"", "string")] {
        let error = ask(&engine, text, (0, 60_000, 60_000)).await.unwrap_err();
        let wanted = format!("invalid expression type \"{unfit}\" for range query, must be Scalar or instant Vector");
        assert_eq!((error.message(), error.kind()), (wanted.as_str(), Kind::Invalid));
    }
}

#[tokio::test]
async fn a_range_must_make_sense() {
    let engine = engine(loaded("1m\n m 1"));
    let cases = [
        ((0, 10, -1), "expected a step above 0"),
        ((10, 0, 5), "expected an end that is not before the start"),
        ((i64::MIN, i64::MAX, 5), "expected an end that is not before the start"),
        ((0, i64::MAX, 1), "expected fewer steps: increase the step"),
    ];
    for ((start, end, step), wanted) in cases {
        let ask = Ask::Range { expr: "m".into(), start, end, step };
        let error = engine.query(query(ask)).await.unwrap_err();
        assert_eq!((error.message(), error.kind()), (wanted, Kind::Invalid));
    }
}

#[tokio::test]
async fn what_is_not_promql_is_invalid() {
    let engine = engine(loaded("1m\n m 1"));
    for text in ["", "m{", "sum(", "1 +", "m[", "rate(m)", "{}"] {
        assert_eq!(ask(&engine, text, (0, 0, 0)).await.unwrap_err().kind(), Kind::Invalid, "{text}");
    }
}

#[tokio::test]
async fn what_is_no_duration_is_invalid_before_anything_is_evaluated() {
    let engine = engine(loaded("1m\n m 1"));
    let check = async |text: &str, expected: &str| {
        let error = ask(&engine, text, (0, 0, 0)).await.unwrap_err();
        assert_eq!((error.message(), error.kind()), (expected, Kind::Invalid), "{text}");
    };
    check("(m[step()] offset 0)", "3:9: duration must be greater than 0").await;
    check("m[5 ^ 1w]", "2:8: duration is NaN or infinite").await;
    check("m[(12 ^ 10)]", "3:10: duration is out of range").await;
    check("m[max_of((1 - 2), -3)]", "10:20: duration must be greater than 0").await;
    check("m[1 / (0)]", "2:8: division by zero").await;
    check("m[1 % step()]", "2:12: modulo by zero").await;
    check("m[(-1)]", "2:5: duration must be greater than 0").await;
    check("m[-(1)]", "2:5: duration must be greater than 0").await;
    // The other operand could not be evaluated either.
    check("(1 </ 2) + sum_over_time(m[5m:step()])", "30:36: duration must be greater than 0").await;
    check("sum_over_time(m[1 / step():step()] offset (1 % (0)))", "43:49: modulo by zero").await;
}

#[tokio::test]
async fn numbers_are_not_trimmed() {
    let engine = engine(loaded("1m\n m 1"));
    for (text, op) in [("1 </ 2", "</"), ("1 >/ time()", ">/"), ("scalar(m) </ scalar(m)", "</")] {
        let error = ask(&engine, text, (0, 0, 0)).await.unwrap_err();
        let expected = format!("operator \"{op}\" not allowed for Scalar operations");
        assert_eq!((error.message(), error.kind()), (expected.as_str(), Kind::Unprocessable));
    }
}

#[tokio::test]
async fn two_series_of_one_id_are_not_mixed() {
    let mut memory = loaded("1m\n m{a=\"x\"} 1\n m{a=\"y\"} 1");
    memory.forged = true;
    let engine = crate::engine::Engine::with_partitions(std::sync::Arc::new(memory), super::Limits::default(), 2);
    // Each partition sees one series here, and a third brings two together.
    assert!(ask(&engine, "m", (0, 0, 0)).await.is_ok());
    let mut memory = loaded("1m\n m{a=\"x\"} 1\n m{a=\"y\"} 1\n m{a=\"z\"} 1");
    memory.forged = true;
    let engine = crate::engine::Engine::with_partitions(std::sync::Arc::new(memory), super::Limits::default(), 2);
    let error = ask(&engine, "m", (0, 0, 0)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Internal);
    assert!(error.message().contains("have the same id"), "{error}");
}

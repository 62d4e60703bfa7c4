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

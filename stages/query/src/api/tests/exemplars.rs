//! Exemplars: the question, and the answer as the client gets it.

use weir_pipeline::{Ask, Exemplar, LabelSet, SeriesExemplars};

use super::*;
use crate::api::time::{MAX, MIN};

fn labels<const N: usize>(labels: [(&str, &str); N]) -> LabelSet {
    labels.into_iter().collect()
}

#[tokio::test]
async fn exemplars_are_written_as_prometheus_writes_them() {
    let exemplar = |value, timestamp| Exemplar { labels: labels([("trace_id", "EpTxMJ40fUus7aGY")]), value, timestamp };
    let series = labels([("__name__", "test_exemplar_metric_total"), ("job", "prometheus")]);
    let exemplars = vec![exemplar(6.0, 1_600_096_945_479), exemplar(1e-7, 0)];
    let running = start_with(Data::Exemplars(vec![SeriesExemplars { series, exemplars }])).await;
    let expected = concat!(
        r#"{"status":"success","data":[{"seriesLabels":{"__name__":"test_exemplar_metric_total","job":"prometheus"},"#,
        r#""exemplars":[{"labels":{"trace_id":"EpTxMJ40fUus7aGY"},"value":"6","timestamp":1600096945.479},"#,
        r#"{"labels":{"trace_id":"EpTxMJ40fUus7aGY"},"value":"1e-07","timestamp":0}]}]}"#
    );
    assert_eq!(running.get("/api/v1/query_exemplars?query=up").await.text(), expected);
    let none = start_with(Data::Exemplars(Vec::new())).await;
    let got = none.post("/api/v1/query_exemplars", "query=up").await;
    assert_eq!(got.text(), r#"{"status":"success","data":[]}"#);
}

#[tokio::test]
async fn exemplars_are_asked_for_by_the_selectors_of_a_query() {
    let running = start_with(Data::Exemplars(Vec::new())).await;
    let check = async |parameters: &str, expected: &[&str], span: (i64, i64)| {
        assert_eq!(running.get(&format!("/api/v1/query_exemplars?{parameters}")).await.status, 200, "{parameters}");
        let Ask::Exemplars { selectors, start, end, bucket: None } = running.seen().remove(0).ask else { panic!() };
        let shown = |matchers: &Vec<weir_pipeline::Matcher>| {
            matchers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
        };
        assert_eq!(selectors.iter().map(shown).collect::<Vec<_>>(), expected, "{parameters}");
        assert_eq!((start, end), span, "{parameters}");
    };
    check("query=up", &[r#"__name__="up""#], (MIN, MAX)).await;
    // It has no limit, and none is read.
    check("query=up&limit=x", &[r#"__name__="up""#], (MIN, MAX)).await;
    let query = "query=topk(scalar(k),rate(a{b=\"c\"}[5m]))/on()max_over_time(d[1h:1m])&start=1&end=2.5";
    check(query, &[r#"__name__="k""#, r#"__name__="a",b="c""#, r#"__name__="d""#], (1000, 2500)).await;
}

#[tokio::test]
async fn a_query_without_selectors_has_no_exemplars_and_a_wrong_one_is_told() {
    let running = start_with(Data::Exemplars(Vec::new())).await;
    let got = running.get("/api/v1/query_exemplars?query=1").await;
    assert_eq!((got.status, got.text()), (204, ""));
    let check = async |parameters: &str, message: &str| {
        let got = running.get(&format!("/api/v1/query_exemplars?{parameters}")).await;
        assert_eq!((got.status, got.error().as_str()), (400, message), "{parameters}");
    };
    check("query=sum(", "1:5: parse error: unclosed left parenthesis").await;
    check("query=up&start=2&end=1", "end timestamp must not be before start timestamp").await;
    let start = r#"invalid parameter "start": invalid time value for 'start': cannot parse "x" to a valid timestamp"#;
    check("query=up&start=x", start).await;
    assert!(running.seen().is_empty());
}

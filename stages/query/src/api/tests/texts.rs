//! Queries as text and as trees, which nobody runs.

use super::*;

#[tokio::test]
async fn a_query_is_formatted() {
    let running = start_with(Data::Names(Vec::new())).await;
    let check = async |query: &str, expected: &str| {
        let form = format!("query={query}");
        for got in [
            running.post("/api/v1/format_query", form.clone()).await,
            running.get(&format!("/api/v1/format_query?{form}")).await,
        ] {
            let body = format!(r#"{{"status":"success","data":{expected}}}"#);
            assert_eq!((got.status, got.text()), (200, body.as_str()), "{query}");
        }
    };
    check("foo/bar", r#""foo / bar""#).await;
    check("sum(a%3Ebool+1h)by(b)", r#""sum by (b) (a \u003e bool 1h)""#).await;
    let long = "x".repeat(60);
    check(&format!("{long}-{long}"), &format!(r#""  {long}\n-\n  {long}""#)).await;
    assert!(running.seen().is_empty());
}

#[tokio::test]
async fn a_query_is_shown_as_a_tree() {
    let running = start_with(Data::Names(Vec::new())).await;
    let expected = r#"{"data":{"expr":{"type":"numberLiteral","val":"1"},"type":"parenExpr"},"status":"success"}"#;
    assert_eq!(running.get("/api/v1/parse_query?query=(1)").await.text(), expected);
    assert_eq!(running.post("/api/v1/parse_query", "query=(1)").await.text(), expected);
    assert!(running.seen().is_empty());
}

#[tokio::test]
async fn a_wrong_query_is_told() {
    let running = start_with(Data::Names(Vec::new())).await;
    for path in ["format_query", "parse_query"] {
        let got = running.get(&format!("/api/v1/{path}?query=sum(")).await;
        let message = r#"invalid parameter "query": 1:5: parse error: unclosed left parenthesis"#;
        assert_eq!((got.status, got.error().as_str()), (400, message), "{path}");
    }
}

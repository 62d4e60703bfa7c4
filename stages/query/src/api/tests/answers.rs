//! Answers and errors, as the client gets them.

use std::io::Read as _;
use std::time::Duration;

use weir_pipeline::{Error, Kind, LabelSet};

use super::*;

fn labels<const N: usize>(labels: [(&str, &str); N]) -> LabelSet {
    labels.into_iter().collect()
}

#[tokio::test]
async fn data_is_written_as_prometheus_writes_it() {
    let check = async |path: &str, data: Data, expected: &str| {
        let got = start_with(data).await.get(path).await;
        let body = format!(r#"{{"status":"success","data":{expected}}}"#);
        assert_eq!(
            (got.status, got.text(), got.header("content-type")),
            (200, body.as_str(), Some("application/json"))
        );
    };
    let query = "/api/v1/query?query=up";
    check(query, Data::Scalar(1500, 0.5), r#"{"resultType":"scalar","result":[1.5,"0.5"]}"#).await;
    check(
        query,
        Data::Scalar(1_435_781_451_700, -1e-7),
        r#"{"resultType":"scalar","result":[1435781451.7,"-0.0000001"]}"#,
    )
    .await;
    check(query, Data::Scalar(0, f64::NEG_INFINITY), r#"{"resultType":"scalar","result":[0,"-Inf"]}"#).await;
    let text = "é\"\n\\<b>\u{1}";
    check(query, Data::String(0, text.into()), r#"{"resultType":"string","result":[0,"é\"\n\\\u003cb\u003e\u0001"]}"#)
        .await;
    check(query, Data::Vector(Vec::new()), r#"{"resultType":"vector","result":[]}"#).await;
    let vector = Data::Vector(vec![
        (labels([("__name__", "up"), ("job", "a \"<b>\"")]), 1_435_781_451_781, 1e21.into()),
        (labels([]), 1000, f64::NAN.into()),
    ]);
    let expected = concat!(
        r#"{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"a \"<b>\""},"value":"#,
        r#"[1435781451.781,"1e+21"]},{"metric":{},"value":[1,"NaN"]}]}"#
    );
    check(query, vector, expected).await;
    let range = "/api/v1/query_range?query=up&start=0&end=1&step=1";
    check(range, Data::Matrix(Vec::new()), r#"{"resultType":"matrix","result":[]}"#).await;
    let matrix = Data::Matrix(vec![
        (labels([("a", "b")]), vec![(0, 1.0), (1, f64::INFINITY)].into()),
        (labels([]), weir_pipeline::Points::default()),
    ]);
    let expected =
        r#"{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[[0,"1"],[0.001,"+Inf"]]},{"metric":{}}]}"#;
    check(range, matrix, expected).await;
    let series = Data::Series(vec![labels([("__name__", "up")]), labels([])]);
    check("/api/v1/series?match[]=up", series, r#"[{"__name__":"up"},{}]"#).await;
    check("/api/v1/labels", Data::Names(vec!["a&".into(), "b.c".into()]), r#"["a\u0026","b.c"]"#).await;
    check("/api/v1/label/a/values", Data::Names(Vec::new()), "[]").await;
}

#[tokio::test]
async fn warnings_and_infos_are_told_ten_of_each() {
    let notes = |kind: &str, count: usize| (0..count).map(|i| format!("{kind} {i}")).collect::<Vec<_>>();
    let answer = Answer { data: Data::Scalar(0, 1.0), warnings: notes("w", 12), infos: notes("i", 10), stats: None };
    let running = start(settings(""), move |_| {
        let answer = answer.clone();
        async { Ok(answer) }
    })
    .await;
    let got = running.get("/api/v1/query?query=1&stats=all").await;
    let json: serde_json::Value = serde_json::from_slice(&got.body).unwrap();
    let warnings = json["warnings"].as_array().unwrap();
    assert_eq!(
        (warnings.len(), warnings[0].as_str(), warnings[10].as_str()),
        (11, Some("w 0"), Some("2 more warning annotations omitted"))
    );
    assert_eq!(json["infos"].as_array().unwrap().len(), 10);
    assert!(got.text().ends_with(r#""i 9"]}"#), "{}", got.text());
}

#[tokio::test]
async fn answers_above_the_limit_are_cut_with_one_warning() {
    let names = |count: usize| Data::Names((0..count).map(|i| i.to_string()).collect());
    let running = start_with(names(3)).await;
    let warned = r#"{"status":"success","data":["0","1"],"warnings":["results truncated due to limit"]}"#;
    assert_eq!(running.get("/api/v1/labels?limit=2").await.text(), warned);
    assert_eq!(running.get("/api/v1/labels?limit=3").await.text(), r#"{"status":"success","data":["0","1","2"]}"#);
    assert_eq!(running.get("/api/v1/labels?limit=0").await.text(), r#"{"status":"success","data":["0","1","2"]}"#);
    let running = start(settings(""), |_| async {
        let names = vec!["0".to_owned(), "1".to_owned(), "2".to_owned()];
        Ok(Answer { warnings: vec!["results truncated due to limit".into()], ..Data::Names(names).into() })
    });
    assert_eq!(running.await.get("/api/v1/labels?limit=2").await.text(), warned);
    let point = |name: &str| (labels([("a", name)]), 0, 1.0.into());
    let running = start_with(Data::Vector(vec![point("b"), point("c")])).await;
    let got = running.get("/api/v1/query?query=a&limit=1").await;
    let expected = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[0,"1"]}]},"warnings":["results truncated due to limit"]}"#;
    assert_eq!(got.text(), expected);
}

#[tokio::test]
async fn the_kind_of_an_error_is_its_type_and_status() {
    let check = async |error: Error, status: u16, kind: &str, message: &str, retry_after: Option<&str>| {
        let running = start(settings(""), move |_| {
            let error = error.clone().at(&"query.sink.promql".into());
            async { Err(error) }
        })
        .await;
        let got = running.get("/api/v1/query?query=up").await;
        let body = format!(r#"{{"status":"error","errorType":"{kind}","error":{}}}"#, serde_json::json!(message));
        assert_eq!((got.status, got.text(), got.header("retry-after")), (status, body.as_str(), retry_after));
    };
    check(Error::invalid("no"), 400, "bad_data", r#"invalid parameter "query": no"#, None).await;
    check(Error::unprocessable("no \"a\""), 422, "execution", "no \"a\"", None).await;
    check(Error::new(Kind::TimedOut, "late"), 503, "timeout", "late", None).await;
    check(Error::unavailable("busy"), 503, "unavailable", "busy", Some("1")).await;
    let kind = Kind::Unavailable { retry_after: Some(Duration::from_millis(1500)) };
    check(Error::new(kind, "busy"), 503, "unavailable", "busy", Some("2")).await;
    let kind = Kind::Overloaded { retry_after: Some(Duration::ZERO) };
    check(Error::new(kind, "much"), 429, "too_many_requests", "much", Some("1")).await;
    check(Error::closed(), 503, "unavailable", "the pipeline is closed", Some("1")).await;
    let source = std::io::Error::other("disk");
    check(Error::internal("broken").with_source(source), 500, "internal", "broken: disk", None).await;
}

#[tokio::test]
async fn the_wrong_part_of_a_question_about_labels_is_not_the_query() {
    let running = start(settings(""), async |_| Err(Error::invalid("no"))).await;
    let got = running.get("/api/v1/labels").await;
    assert_eq!(got.text(), r#"{"status":"error","errorType":"bad_data","error":"no"}"#);
}

#[tokio::test]
async fn long_answers_are_compressed_where_that_is_accepted() {
    let names: Vec<String> = (0..5000).map(|i| format!("label_{i}")).collect();
    let running = start_with(Data::Names(names.clone())).await;
    let plain = running.get("/api/v1/labels").await;
    assert_eq!((plain.header("content-encoding"), plain.vary().as_str()), (None, "Accept-Encoding, Origin"));
    for (accept, compressed) in [
        ("gzip", true),
        ("deflate, GZIP;q=0.5", true),
        ("*", true),
        ("gzip;q=0, br", false),
        ("gzip; q=0.0", false),
        ("identity", false),
    ] {
        let got = running.with(Method::GET, "/api/v1/labels", &[("accept-encoding", accept)]).await;
        if compressed {
            let varies = "Accept-Encoding, Origin";
            assert_eq!((got.header("content-encoding"), got.vary().as_str()), (Some("gzip"), varies));
            let mut text = String::new();
            flate2::read::GzDecoder::new(&*got.body).read_to_string(&mut text).unwrap();
            assert_eq!(text, plain.text(), "{accept}");
        } else {
            assert_eq!((got.header("content-encoding"), &got.body), (None, &plain.body), "{accept}");
        }
    }
    let short = start_with(Data::Names(vec!["a".into()])).await;
    let got = short.with(Method::GET, "/api/v1/labels", &[("accept-encoding", "gzip")]).await;
    assert_eq!(got.header("content-encoding"), None);
}

//! What is wrong with a request, and what is right.

use weir_pipeline::Ask;

use super::*;
use crate::api::time::{MAX, MIN};

#[tokio::test]
async fn what_is_wrong_with_parameters_is_told_in_prometheus_words() {
    let running = start_with(Data::Names(Vec::new())).await;
    let check = async |path: &str, message: &str| {
        let got = running.get(&format!("/api/v1/{path}")).await;
        let body = format!(r#"{{"status":"error","errorType":"bad_data","error":{}}}"#, serde_json::json!(message));
        assert_eq!((got.status, got.text()), (400, body.as_str()), "{path}");
        assert_eq!(got.header("content-type"), Some("application/json"), "{path}");
        assert!(running.seen().is_empty(), "{path}");
    };
    let empty = r#"invalid parameter "query": unknown position: parse error: no expression found in input"#;
    check("query", empty).await;
    check("query?query=", empty).await;
    check("query?query=sum(", r#"invalid parameter "query": 1:5: parse error: unclosed left parenthesis"#).await;
    let time = r#"invalid parameter "time": invalid time value for 'time': cannot parse "x" to a valid timestamp"#;
    check("query?query=up&time=x", time).await;
    let time = r#"invalid parameter "time": invalid time value for 'time': cannot parse "NaN" to a valid timestamp"#;
    check("query?query=up&time=NaN", time).await;
    let time = r#"invalid parameter "time": invalid time value for 'time': cannot parse "1e300" to a valid timestamp"#;
    check("query?query=up&time=1e300", time).await;
    check("query?query=up&timeout=x", r#"invalid parameter "timeout": cannot parse "x" to a valid duration"#).await;
    let overflow = r#"invalid parameter "timeout": cannot parse "1e300" to a valid duration. It overflows int64"#;
    check("query?query=up&timeout=1e300", overflow).await;
    let limit = r#"invalid parameter "limit": strconv.Atoi: parsing "1.5": invalid syntax"#;
    check("query?query=up&limit=1.5", limit).await;
    check("query?query=up&limit=-1", r#"invalid parameter "limit": limit must be non-negative"#).await;
    let limit = r#"invalid parameter "limit": strconv.Atoi: parsing "99999999999999999999": value out of range"#;
    check("query?query=up&limit=99999999999999999999", limit).await;
    let lookback = r#"error parsing lookback delta duration: cannot parse "x" to a valid duration"#;
    check("query?query=up&lookback_delta=x", lookback).await;
    // The limit comes first, the text of the query last.
    check("query?query=(&limit=x&time=x", r#"invalid parameter "limit": strconv.Atoi: parsing "x": invalid syntax"#)
        .await;

    check("query_range?query=up", r#"invalid parameter "start": cannot parse "" to a valid timestamp"#).await;
    check("query_range?query=up&start=1", r#"invalid parameter "end": cannot parse "" to a valid timestamp"#).await;
    let before = r#"invalid parameter "end": end timestamp must not be before start time"#;
    check("query_range?query=up&start=2&end=1&step=x", before).await;
    let step = r#"invalid parameter "step": cannot parse "" to a valid duration"#;
    check("query_range?query=up&start=1&end=2", step).await;
    let zero = "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a \
                positive integer";
    for step in ["0", "-1", "0s", "0.0009"] {
        check(&format!("query_range?query=up&start=1&end=2&step={step}"), zero).await;
    }
    let points = "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution \
                  (?step=XX)";
    check("query_range?query=up&start=0&end=11001&step=1", points).await;
    check("query_range?query=up&start=-9e15&end=9e15&step=1ms", points).await;
    let matrix = "invalid parameter \"query\": invalid expression type \"range vector\" for range query, must be \
                  Scalar or instant Vector";
    check("query_range?query=up[5m]&start=0&end=1&step=1", matrix).await;
    check("query_range?query=%22x%22&start=0&end=1&step=1", &matrix.replace("range vector", "string")).await;

    check("series", "no match[] parameter provided").await;
    check(
        "series?match[]=up{",
        "invalid parameter \"match[]\": 1:4: parse error: unexpected end of input inside braces",
    )
    .await;
    let all = "match[] must contain at least one non-empty matcher";
    check("series?match[]=up&match[]={a=~\".*\"}", &format!("invalid parameter \"match[]\": {all}")).await;
    check("labels?match[]={}", all).await;
    check("label/job/values?match[]=up[5m]", r#"1:3: parse error: unexpected "[""#).await;
    check(
        "labels?start=x",
        r#"invalid parameter "start": invalid time value for 'start': cannot parse "x" to a valid timestamp"#,
    )
    .await;
    check("label/U__/values", r#"invalid label name: """#).await;
    check("label/%ff/values", "error parsing form values: expected UTF-8").await;
    check("query?query=%zz", r#"error parsing form values: invalid URL escape "%zz""#).await;
    check("query?query=up;time=1", "error parsing form values: invalid semicolon separator in query").await;
    check("query?query=%ff", "error parsing form values: expected UTF-8").await;
}

#[tokio::test]
async fn parameters_become_questions() {
    let running = start_with(Data::Names(Vec::new())).await;
    let check = async |path: &str, expected: &str| {
        let got = running.get(&format!("/api/v1/{path}")).await;
        assert_eq!(got.status, 200, "{path}: {}", got.text());
        let shown: Vec<_> = running.seen().iter().map(shown).collect();
        assert_eq!(shown, [expected], "{path}");
    };
    check("query?query=up&time=1.5", "up at 1500").await;
    check("query?query=up%7Ba%3D%22+b%22%7D&time=1435781451.781", "up{a=\" b\"} at 1435781451781").await;
    check("query?query=up&time=2015-07-01T20:10:51.781Z", "up at 1435781451781").await;
    check("query?query=up&time=2015-07-01T22:10:51%2B02:00&time=7", "up at 1435781451000").await;
    check("query?query=up&time=-0.0004&limit=5&lookback_delta=1m", "up at 0 limit 5 lookback 60000").await;
    check("query?query=up&time=1&timeout=3s&lookback_delta=0", "up at 1000").await;
    // What Thanos has beyond Prometheus is no mistake.
    let thanos = "dedup=true&replicaLabels[]=replica&max_source_resolution=auto&storeMatch[]={a=%22b%22}&engine=thanos&\
                  analyze=true&partial_response=true&unknown=1";
    check(&format!("query?query=up&time=1&{thanos}"), "up at 1000").await;
    check("query_range?query=up&start=1&end=2&step=500ms", "up from 1000 to 2000 by 500").await;
    check("query_range?query=up&start=1&end=2&step=1&nocache=1", "up from 1000 to 2000 by 1000 anew").await;
    check("query_range?query=up&start=1&end=1&step=1h&limit=0", "up from 1000 to 1000 by 3600000").await;
    check("query_range?query=up&start=0&end=11000&step=1", "up from 0 to 11000000 by 1000").await;
    let all = format!("from {MIN} to {MAX}");
    check(
        "series?match[]=up&match[]={a!=\"\"}",
        &format!("series [up] [a!=\"\"] {all}").replace("[up]", "[__name__=\"up\"]"),
    )
    .await;
    check("labels", &format!("labels {all}")).await;
    check("labels?match[]=up&start=1&end=2&limit=3", "labels [__name__=\"up\"] from 1000 to 2000 limit 3").await;
    check("label/job/values", &format!("values of job {all}")).await;
    check("label/U__http_2e_code__x/values", &format!("values of http.code_x {all}")).await;
    check("label/U__x_zz_/values", &format!("values of U__x_zz_ {all}")).await;
    check("label/%C3%A9+/values", &format!("values of é+ {all}")).await;
    let bounds = "start=-292273086-05-16T16:47:06Z&end=292277025-08-18T07:12:54.999999999Z";
    check(&format!("labels?{bounds}"), &format!("labels {all}")).await;
}

/// A question as text.
fn shown(query: &Query) -> String {
    let selectors = |selectors: &[Vec<weir_pipeline::Matcher>]| {
        let one = |matchers: &Vec<weir_pipeline::Matcher>| {
            format!("[{}] ", matchers.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
        };
        selectors.iter().map(one).collect::<String>()
    };
    let ask = match &query.ask {
        Ask::Instant { expr, time } => format!("{expr} at {time}"),
        Ask::Range { expr, start, end, step } => format!("{expr} from {start} to {end} by {step}"),
        Ask::Series { selectors: s, start, end } => format!("series {}from {start} to {end}", selectors(s)),
        Ask::LabelNames { selectors: s, start, end } => format!("labels {}from {start} to {end}", selectors(s)),
        Ask::LabelValues { name, selectors: s, start, end } => {
            format!("values of {name} {}from {start} to {end}", selectors(s))
        }
        Ask::Exemplars { selectors: s, start, end, .. } => format!("exemplars {}from {start} to {end}", selectors(s)),
        Ask::Sql { text, form } => format!("sql {form:?} {text}"),
        other => format!("{other:?}"),
    };
    let limit = if query.limit > 0 { format!(" limit {}", query.limit) } else { String::new() };
    let lookback = query.lookback.map(|lookback| format!(" lookback {}", lookback.as_millis())).unwrap_or_default();
    let anew = if query.anew { " anew" } else { "" };
    format!("{ask}{limit}{lookback}{anew}")
}

#[tokio::test]
async fn who_takes_nothing_that_is_stored_gets_an_answer_anew() {
    let running = start_with(Data::Names(Vec::new())).await;
    let check = async |value: &str, anew: bool| {
        let path = "/api/v1/query_range?query=up&start=1&end=2&step=1";
        running.with(Method::GET, path, &[("cache-control", value)]).await;
        assert_eq!(running.seen()[0].anew, anew, "{value}");
    };
    check("no-cache", false).await;
    check("max-age=0, No-Store", true).await;
}

#[tokio::test]
async fn the_time_of_a_query_is_now_where_none_is_given() {
    let running = start_with(Data::Names(Vec::new())).await;
    running.get("/api/v1/query?query=up").await;
    let Ask::Instant { time, .. } = running.seen()[0].ask else { panic!() };
    assert!((NOW..NOW + 60_000).contains(&time), "{time}");
}

#[tokio::test]
async fn forms_in_bodies_come_before_the_address() {
    let running = start_with(Data::Names(Vec::new())).await;
    let got = running.post("/api/v1/query?query=b&time=2", "query=a%2Bb&limit=1").await;
    assert_eq!((got.status, shown(&running.seen()[0])), (200, "a+b at 2000 limit 1".to_owned()));
    let got = running.post("/api/v1/series", "match[]=a&match%5B%5D=b&start=1&end=2").await;
    let series = "series [__name__=\"a\"] [__name__=\"b\"] from 1000 to 2000";
    assert_eq!((got.status, shown(&running.seen()[0]).as_str()), (200, series));
    let got = running.post("/api/v1/query", format!("query={}", "a".repeat(4 << 20))).await;
    assert_eq!((got.status, got.error().as_str()), (413, "expected a body of at most 4194304 bytes"));
    let got = running.post("/api/v1/query", "query=%").await;
    assert_eq!(got.error(), "error parsing form values: invalid URL escape \"%\"");
}

#[tokio::test]
async fn a_body_that_is_no_form_is_ignored() {
    let running = start_with(Data::Names(Vec::new())).await;
    for media in [Some("application/json"), None] {
        let request = running.request(Method::POST, "/api/v1/query?query=a&time=0");
        let request = media.into_iter().fold(request, |request, media| request.header("content-type", media));
        let got = running.send(request.body(Body::from("query=b")).unwrap()).await;
        assert_eq!((got.status, shown(&running.seen()[0])), (200, "a at 0".to_owned()), "{media:?}");
    }
}

#[tokio::test]
async fn a_form_in_parts_comes_behind_the_address() {
    let running = start_with(Data::Names(Vec::new())).await;
    let send = async |path: &str, body: &str| {
        let request = running.request(Method::POST, path).header("content-type", "multipart/form-data; boundary=x");
        running.send(request.body(Body::from(body.to_owned())).unwrap()).await
    };
    let part = |name: &str, value: &str| format!("--x\r\nContent-Disposition: form-data; {name}\r\n\r\n{value}\r\n");
    let file = part("name=\"time\"; filename=\"f\"", "7");
    let body = [file, part("name=\"query\"", "a + b"), part("name=\"time\"", "1"), "--x--\r\n".to_owned()].concat();
    let got = send("/api/v1/query", &body).await;
    assert_eq!((got.status, shown(&running.seen()[0])), (200, "a + b at 1000".to_owned()), "{}", got.text());
    let got = send("/api/v1/query?query=c", &body).await;
    assert_eq!((got.status, shown(&running.seen()[0])), (200, "c at 1000".to_owned()));
    let many = part("name=\"a\"", "").repeat(1001) + "--x--\r\n";
    let got = send("/api/v1/query?query=c", &many).await;
    assert_eq!((got.status, got.error().as_str()), (400, "error parsing form values: expected at most 1000 parts"));
    assert_eq!(send("/api/v1/query?query=c", "--x\r\n").await.status, 400);
}

#[tokio::test]
async fn a_query_without_any_time_is_late_at_once() {
    let running = start_with(Data::Names(Vec::new())).await;
    for timeout in ["0s", "-1"] {
        let got = running.get(&format!("/api/v1/query?query=up&timeout={timeout}")).await;
        assert_eq!((got.status, got.error().as_str()), (503, "query timed out in query execution"), "{timeout}");
    }
    assert!(running.seen().is_empty());
}

#[tokio::test]
async fn the_tenant_is_that_of_the_headers() {
    let running = start(settings("default_tenant: nobody"), async |_| Ok(Answer::from(Data::Names(Vec::new())))).await;
    let check = async |headers: &[(&str, &str)], expected: Result<&str, &str>| {
        let got = running.with(Method::GET, "/api/v1/labels", headers).await;
        match expected {
            Ok(tenant) => assert_eq!(running.seen()[0].tenant.as_str(), tenant),
            Err(message) => assert_eq!((got.status, got.error().as_str()), (400, message)),
        }
    };
    check(&[], Ok("nobody")).await;
    check(&[("x-scope-orgid", "")], Ok("nobody")).await;
    check(&[("X-Scope-OrgID", "a")], Ok("a")).await;
    check(&[("THANOS-TENANT", "b")], Ok("b")).await;
    check(&[("THANOS-TENANT", "b"), ("x-scope-orgid", "b")], Ok("b")).await;
    check(&[("THANOS-TENANT", "b"), ("x-scope-orgid", "a")], Err("expected one tenant, got `a` and `b`")).await;
    let invalid = "expected a tenant of 1 to 150 characters from a-z A-Z 0-9 !-_.*'(), got `a/b`";
    check(&[("x-scope-orgid", "a/b")], Err(invalid)).await;
}

#[test]
fn times_are_read_as_prometheus_reads_them() {
    let check = |text: &str, expected: Option<i64>| assert_eq!(crate::api::time::time(text).ok(), expected, "{text}");
    check("0", Some(0));
    check("1.0006", Some(1001));
    check("-1.5", Some(-1500));
    check("1e3", Some(1_000_000));
    check("Inf", None);
    check("", None);
    check("9e15", Some(MAX));
    check("9.1e15", None);
    check("1970-01-01T00:00:00Z", Some(0));
    check("1969-12-31T23:59:59.999Z", Some(-1));
    check("2000-02-29T12:00:00.1239-07:30", Some(951_852_600_123));
    check("1900-02-29T00:00:00Z", None);
    check("2015-13-01T00:00:00Z", None);
    check("2015-07-01T24:00:00Z", None);
    check("2015-07-01T20:10:51", None);
    check("2015-07-01T20:10:51.Z", None);
    check("2015-07-01 20:10:51Z", None);
    check("2015-07-01T20:10:51+0200", None);
    check("+015-07-01T20:10:51Z", None);
    check("9999-12-31T23:59:59Z", Some(253_402_300_799_000));
}

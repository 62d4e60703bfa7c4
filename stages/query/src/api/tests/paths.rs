//! What is where, and for which methods.

use weir_pipeline::metrics::{OPENMETRICS, TEXT};

use super::*;

#[tokio::test]
async fn each_path_takes_its_methods() {
    let running = start_with(Data::Names(Vec::new())).await;
    let check = async |method: Method, path: &str, status: u16, allow: Option<&str>| {
        let got = running.with(method.clone(), path, &[]).await;
        assert_eq!((got.status, got.header("allow")), (status, allow), "{method} {path}");
    };
    for path in [
        "query?query=up",
        "query_range?query=up&start=0&end=0&step=1",
        "query_exemplars?query=up",
        "format_query?query=up",
        "parse_query?query=up",
        "series?match[]=up",
        "labels",
    ] {
        let path = &format!("/api/v1/{path}");
        check(Method::GET, path, 200, None).await;
        check(Method::POST, path, 200, None).await;
        check(Method::OPTIONS, path, 204, None).await;
        check(Method::PUT, path, 405, Some("GET, OPTIONS, POST")).await;
        check(Method::HEAD, path, 405, Some("GET, OPTIONS, POST")).await;
    }
    for path in [
        "label/job/values",
        "targets",
        "scrape_pools",
        "rules",
        "alerts",
        "alertmanagers",
        "status/buildinfo",
        "status/runtimeinfo",
        "status/config",
        "status/flags",
        "status/walreplay",
    ] {
        let path = &format!("/api/v1/{path}");
        check(Method::GET, path, 200, None).await;
        check(Method::OPTIONS, path, 204, None).await;
        check(Method::POST, path, 405, Some("GET, OPTIONS")).await;
    }
    check(Method::GET, "/api/v1/read", 405, Some("OPTIONS, POST")).await;
    check(Method::OPTIONS, "/api/v1/read", 204, None).await;
    for path in ["/", "/metrics", "/federate", "/-/healthy", "/-/ready"] {
        check(Method::GET, path, 200, None).await;
        check(Method::HEAD, path, 200, None).await;
        check(Method::POST, path, 405, Some("GET, HEAD")).await;
    }
    for path in ["/-/reload", "/-/quit"] {
        check(Method::GET, path, 405, Some("POST, PUT")).await;
        check(Method::POST, path, 403, None).await;
    }
    for path in ["/x", "/api", "/api/v1", "/api/v2/query", "/-/quite", "//"] {
        check(Method::GET, path, 404, None).await;
    }
}

#[tokio::test]
async fn what_is_not_there_yet_is_told_in_the_envelope() {
    let running = start_with(Data::Names(Vec::new())).await;
    for path in ["targets/metadata", "write", "otlp/v1/metrics", "status/tsdb/blocks", "label//values", "query/"] {
        let got = running.get(&format!("/api/v1/{path}")).await;
        let error = format!("`/api/v1/{path}` is not supported yet");
        let body = format!(r#"{{"status":"error","errorType":"not_found","error":"{error}"}}"#);
        assert_eq!((got.status, got.text()), (404, body.as_str()));
    }
    assert!(running.seen().is_empty());
}

#[tokio::test]
async fn probes_and_the_page_answer() {
    let running = start_with(Data::Names(Vec::new())).await;
    assert_eq!(running.get("/-/healthy").await.text(), "Weir is Healthy.\n");
    assert_eq!(running.get("/-/ready").await.text(), "Weir is Ready.\n");
    let page = running.get("/").await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.text().contains("/api/v1/query"));
    let head = running.with(Method::HEAD, "/", &[]).await;
    assert_eq!((head.body.len(), head.header("content-length")), (0, page.header("content-length")));
    let got = running.get("/api/v1/status/buildinfo").await;
    let json: serde_json::Value = serde_json::from_slice(&got.body).unwrap();
    assert_eq!((&json["status"], &json["data"]["application"]), (&"success".into(), &"Weir".into()));
    assert_eq!(json["data"]["weirVersion"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn the_program_is_told_what_to_do_only_where_the_settings_allow_it() {
    let running = start_with(Data::Names(Vec::new())).await;
    assert_eq!(running.with(Method::POST, "/-/reload", &[]).await.text(), "Lifecycle API is not enabled.\n");
    let running = start(settings("lifecycle: true"), |_| async { Ok(Answer::from(Data::Names(Vec::new()))) }).await;
    // Here is no program that could do it.
    let why = "this program is not told what to do by its pipelines\n";
    for (path, text) in [("/-/reload", format!("failed to reload config: {why}")), ("/-/quit", why.to_owned())] {
        let got = running.with(Method::PUT, path, &[]).await;
        assert_eq!((got.status, got.text()), (500, text.as_str()));
    }
}

#[tokio::test]
async fn the_programs_metrics_are_served_with_those_of_the_api() {
    let running = start_with(Data::Names(Vec::new())).await;
    running.get("/api/v1/labels").await;
    running.get("/api/v1/labels?limit=x").await;
    let accept = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
    let got = running.with(Method::GET, "/metrics", &[("accept", accept)]).await;
    assert_eq!((got.status, got.header("content-type")), (200, Some(OPENMETRICS)));
    let text = got.text();
    assert!(
        text.contains(r#"http_requests_total{pipeline="query",handler="labels",method="get",code="200"} 1"#),
        "{text}"
    );
    assert!(
        text.contains(r#"http_requests_total{pipeline="query",handler="labels",method="get",code="400"} 1"#),
        "{text}"
    );
    assert!(text.contains(r#"http_request_duration_seconds_count{pipeline="query",handler="labels"} 2"#), "{text}");
    assert!(text.ends_with("# EOF\n"));
    for accept in ["*/*", "text/plain;version=0.0.4", "application/openmetrics-text;q=0"] {
        let got = running.with(Method::GET, "/metrics", &[("accept", accept)]).await;
        assert_eq!((got.status, got.header("content-type")), (200, Some(TEXT)));
        let text = got.text();
        assert!(text.contains("# TYPE http_requests_total counter\nhttp_requests_total{"), "{text}");
        assert!(!text.contains("# EOF"), "{text}");
    }
}

#[tokio::test]
async fn pages_of_allowed_origins_may_read_answers() {
    let running =
        start(settings("cors_origin: 'https?://(a|b)\\.example'"), async |_| Ok(Answer::from(Data::Names(Vec::new()))))
            .await;
    let check = async |method: Method, path: &str, origin: &str, allowed: Option<&str>| {
        let got = running.with(method, path, &[("origin", origin)]).await;
        assert_eq!(got.header("access-control-allow-origin"), allowed, "{path} {origin}");
        got
    };
    let origin = "http://a.example";
    let got = check(Method::GET, "/api/v1/labels", origin, Some(origin)).await;
    assert_eq!(got.header("access-control-allow-methods"), Some("GET, POST, OPTIONS"));
    assert_eq!(got.header("access-control-allow-headers"), Some("Accept, Authorization, Content-Type, Origin"));
    let varies = "Accept-Encoding, Origin";
    assert_eq!((got.header("access-control-expose-headers"), got.vary().as_str()), (Some("Date"), varies));
    check(Method::OPTIONS, "/api/v1/anything", origin, Some(origin)).await;
    check(Method::GET, "/api/v1/labels?limit=x", "https://b.example", Some("https://b.example")).await;
    check(Method::GET, "/api/v1/labels", "http://a.example.org", None).await;
    check(Method::GET, "/metrics", origin, None).await;
    let got = running.get("/api/v1/labels").await;
    assert_eq!((got.header("access-control-allow-methods"), got.vary().as_str()), (None, varies));
    assert_eq!(running.get("/metrics").await.vary(), "Accept-Encoding");
    assert_eq!(running.get("/api/v1/query").await.vary(), varies);
    let closed = start_with(Data::Names(Vec::new())).await;
    let got = closed.with(Method::GET, "/api/v1/labels", &[("origin", origin)]).await;
    assert_eq!(got.header("access-control-allow-origin"), None);
}

//! What Grafana asks a Prometheus data source.
//!
//! Source: Grafana 12.2, `packages/grafana-prometheus/src` (`datasource.ts`, `language_provider.ts`, `metric_find_query.ts`;
//! `GET_AND_POST_METADATA_ENDPOINTS`, `DEFAULT_SERIES_LIMIT` and `MATCH_ALL_LABELS` of `constants.ts`), and
//! `pkg/promlib/heuristics.go`, `pkg/promlib/healthcheck.go`.

use std::time::Duration;

use super::*;

#[tokio::test]
async fn its_usual_requests_are_answered() {
    let running = over_two_instances().await;
    let json = |got: &Got| serde_json::from_slice::<serde_json::Value>(&got.body).unwrap();
    let check = |got: Got, pointer: &str, expected: serde_json::Value| {
        assert_eq!(got.status, 200, "{}", got.text());
        assert_eq!(json(&got).pointer(pointer), Some(&expected), "{}", got.text());
    };
    let names = |names: &[&str]| serde_json::json!(names);

    // The health check of the data source, and its heuristics of what it talks to.
    check(running.post("/api/v1/query", "query=1%2B1&time=1").await, "/data/result/1", serde_json::json!("2"));
    check(running.get("/api/v1/status/buildinfo").await, "/status", serde_json::json!("success"));

    // A panel.
    let form = "query=up%7Bjob%3D~%22node%7Cother%22%7D&start=0&end=600.000&step=15.000&timeout=60s";
    let got = running.post("/api/v1/query_range", form).await;
    check(got, "/data/result/0/metric/job", serde_json::json!("node"));
    let form = "query=up&time=600&dedup=true&partial_response=true&max_source_resolution=0s&replicaLabels[]=r&\
                engine=thanos&analyze=false&storeMatch[]=%7B%7D";
    let got = running.post("/api/v1/query", form).await;
    check(got, "/data/resultType", serde_json::json!("vector"));

    // It posts to what takes no form, too, and asks again with GET; and names its own limits.
    let refused = running.post("/api/v1/status/buildinfo", "").await;
    assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, OPTIONS")));
    assert_eq!(json(&running.get("/api/v1/status/buildinfo").await)["data"]["features"], serde_json::Value::Null);
    let form = "limit=40000&start=0&end=600&match[]=%7B__name__%21%3D%22%22%7D";
    check(running.post("/api/v1/series", form).await, "/data/0/__name__", serde_json::json!("up"));
    check(running.post("/api/v1/labels", "limit=40000&start=0&end=600").await, "/data/2", serde_json::json!("job"));
    check(running.get("/api/v1/label/U__job/values?limit=1&start=0&end=600").await, "/data", names(&["node"]));

    // Variables and the query builder.
    let form = "match%5B%5D=up&start=0&end=600";
    check(running.post("/api/v1/labels", form).await, "/data", names(&["__name__", "instance", "job"]));
    check(running.get(&format!("/api/v1/labels?{form}")).await, "/data/1", serde_json::json!("instance"));
    let path = format!("/api/v1/label/instance/values?{form}&limit=40000");
    check(running.get(&path).await, "/data", names(&["a:1", "b:1"]));
    check(running.get("/api/v1/label/__name__/values").await, "/data", names(&["up"]));
    let got = running.post("/api/v1/series", form).await;
    check(got, "/data/1/instance", serde_json::json!("b:1"));
    check(running.post("/api/v1/format_query", "query=a%2Bb").await, "/data", serde_json::json!("a + b"));
    check(running.post("/api/v1/query_exemplars", "query=up&start=0&end=600").await, "/data", names(&[]));

    // What the data source looks for besides: rules, alerts, and what is said of metrics.
    check(running.get("/api/v1/rules").await, "/data/groups", names(&[]));
    check(running.get("/api/v1/alerts").await, "/data/alerts", names(&[]));
    check(running.get("/api/v1/metadata?limit_per_metric=1").await, "/data", serde_json::json!({}));
    check(running.get("/api/v1/metadata?metric=up").await, "/data", serde_json::json!({}));
    check(running.get("/api/v1/status/flags").await, "/status", serde_json::json!("success"));

    running.context.shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(60), running.task).await.unwrap().unwrap().unwrap();
}

//! What runs, by which settings, and what is scraped.

use std::time::Duration;

use serde_json::json;
use weir_pipeline::LabelSet;
use weir_pipeline::targets::{LastScrape, TargetInfo};

use super::*;

#[tokio::test]
async fn targets_are_shown_as_prometheus_shows_them() {
    let running = start_with(Data::Names(Vec::new())).await;
    let get = async |path: &str| running.get(&format!("/api/v1/{path}")).await.json()["data"].clone();
    let nothing = json!({ "activeTargets": [], "droppedTargets": [], "droppedTargetCounts": {} });
    assert_eq!(get("targets").await, nothing);
    assert_eq!(get("scrape_pools").await, json!({ "scrapePools": [] }));

    let pool = running.context.targets().pool("edge", "node");
    let _again = running.context.targets().pool("other", "node");
    let empty = running.context.targets().pool("edge", "empty");
    let labels: LabelSet = [("instance", "a:1"), ("job", "node")].into_iter().collect();
    let discovered: LabelSet =
        [("__address__", "a:1"), ("__meta_url", "http://a/list?token=hunter2")].into_iter().collect();
    let (interval, timeout) = (Duration::from_secs(60), Duration::from_millis(1500));
    let url = "http://a:1/metrics".to_owned();
    let target = pool.add(TargetInfo { discovered: discovered.clone(), labels, url, interval, timeout });
    pool.set_dropped([discovered]);
    let mut expect = json!({
        "discoveredLabels": { "__address__": "a:1", "__meta_url": "http://a/list?<secret>" },
        "labels": { "instance": "a:1", "job": "node" },
        "scrapePool": "node",
        "scrapeUrl": "http://a:1/metrics",
        "globalUrl": "http://a:1/metrics",
        "lastError": "",
        "lastScrape": "0001-01-01T00:00:00Z",
        "lastScrapeDuration": 0.0,
        "health": "unknown",
        "scrapeInterval": "1m",
        "scrapeTimeout": "1s500ms",
    });
    let dropped = json!([{ "discoveredLabels": { "__address__": "a:1", "__meta_url": "http://a/list?<secret>" }, "scrapePool": "node" }]);
    let counts = json!({ "node": 1, "empty": 0 });
    let all = json!({ "activeTargets": [expect], "droppedTargets": dropped, "droppedTargetCounts": counts });
    assert_eq!(get("targets").await, all);
    assert_eq!(get("targets?state=ANY&scrapePool=node").await, all);
    let active = json!({ "activeTargets": [expect], "droppedTargets": [], "droppedTargetCounts": null });
    assert_eq!(get("targets?state=active").await, active);
    let only_dropped = json!({ "activeTargets": [], "droppedTargets": dropped, "droppedTargetCounts": counts });
    assert_eq!(get("targets?state=dropped").await, only_dropped);
    assert_eq!(get("targets?scrapePool=empty").await["activeTargets"], json!([]));
    assert_eq!(get("scrape_pools").await, json!({ "scrapePools": ["empty", "node"] }));

    let mut last = LastScrape { at: NOW, took: Duration::from_millis(250), error: None };
    target.scraped(last.clone());
    expect["lastScrape"] = json!("2017-07-14T02:40:00.123Z");
    (expect["lastScrapeDuration"], expect["health"]) = (json!(0.25), json!("up"));
    assert_eq!(get("targets").await["activeTargets"], json!([expect]));
    last.error = Some("connection refused".into());
    target.scraped(last);
    (expect["lastError"], expect["health"]) = (json!("connection refused"), json!("down"));
    assert_eq!(get("targets").await["activeTargets"], json!([expect]));
    drop((target, pool, empty));
}

#[tokio::test]
async fn it_says_since_when_it_runs_and_by_what() {
    let running = start(settings("cors_origin: 'https://a\\.b'\nmax_concurrent: 7"), async |_| {
        Ok(Answer::from(Data::Names(Vec::new())))
    })
    .await;
    let get = async |path: &str| running.get(&format!("/api/v1/status/{path}")).await.json()["data"].clone();
    let info = get("runtimeinfo").await;
    assert_eq!(info["startTime"], "2017-07-14T02:40:00.123Z");
    assert_eq!((&info["reloadConfigSuccess"], &info["lastConfigTime"]), (&json!(true), &json!("0001-01-01T00:00:00Z")));
    assert!(info["goroutineCount"].as_u64().is_some_and(|count| count > 0), "{info}");
    assert_eq!(get("config").await, json!({ "yaml": "" }));
    running.context.loaded("name: p\n");
    assert_eq!(get("config").await, json!({ "yaml": "name: p\n" }));
    assert!(get("runtimeinfo").await["lastConfigTime"].as_str().is_some_and(|time| time.starts_with("2017-07-14")));
    running.context.refused();
    assert_eq!(get("runtimeinfo").await["reloadConfigSuccess"], false);
    let flags = get("flags").await;
    assert_eq!((&flags["query.max-concurrency"], &flags["query.timeout"]), (&json!("7"), &json!("2m")));
    assert_eq!(flags["web.cors.origin"], "https://a\\.b");
    assert_eq!(get("walreplay").await, json!({ "min": 0, "max": 0, "current": 0 }));
    assert!(running.seen().is_empty());
}

#[test]
fn times_are_shown_as_they_are_read() {
    for millis in [0, 1, -1, NOW, 951_782_400_000, 1_709_251_199_999, -62_135_596_800_000, 253_402_300_799_999] {
        let shown = crate::api::time::shown(millis);
        assert_eq!(crate::api::time::time(&shown), Ok(millis), "{shown}");
    }
    assert_eq!(crate::api::time::shown(951_782_400_000), "2000-02-29T00:00:00Z");
    assert_eq!(crate::api::time::shown(i64::MAX), crate::api::time::ZERO);
    assert_eq!(crate::api::time::shown(i64::MIN), crate::api::time::ZERO);
}

//! Targets that come, stay and go, in paused time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Mutex;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;
use weir_pipeline::exposition::Format;
use weir_pipeline::testing::{Recorder, context};
use weir_pipeline::{Ack, Context, Tenant, Write};

use super::super::failure::Failure;
use super::super::fetch::Fetched;
use super::super::telemetry::Telemetry;
use super::super::tests::{job, show};
use super::*;

/// Targets that all answer `a 1`, and who was asked.
#[derive(Clone, Default)]
struct Answers(Arc<Mutex<Vec<String>>>);

impl Fetch for Answers {
    async fn fetch(&self, target: &Target, _: &Job) -> Result<Fetched, Failure> {
        self.0.lock().unwrap().push(target.uri.to_string());
        Ok(Fetched { body: "a 1\n".into(), format: Format::Text })
    }
}

/// A job that is run, with a file of targets.
struct Setup {
    dir: tempfile::TempDir,
    context: Context,
    rest: Recorder<Write>,
    asked: Answers,
    running: JoinHandle<Result<(String, JobLeft)>>,
}

fn start(settings: &str, listed: &str) -> Setup {
    let (dir, context, asked) = (tempfile::tempdir().unwrap(), context(), Answers::default());
    let path = dir.path().join("t.json");
    std::fs::write(&path, listed).unwrap();
    let rest = Recorder::<Write>::new(|batch| Ok(Ack::written(batch.sample_count() as u64)));
    let path = path.display();
    let job = job(&format!("scrape_interval: 15s, file_sd_configs: [ {{ files: ['{path}'] }} ], {settings}"));
    let telemetry = Arc::new(Telemetry::new(&context));
    let parts = (context.clone(), rest.next(), telemetry, Tenant::default());
    let running = tokio::spawn(Pool::new(job, asked.clone(), parts, JobLeft::default()).run());
    Setup { dir, context, rest, asked, running }
}

impl Setup {
    fn list(&self, listed: &str) {
        std::fs::write(self.dir.path().join("t.json"), listed).unwrap();
    }

    /// Lets so many seconds pass, and says what was sent meanwhile.
    async fn after(&self, seconds: u64) -> Vec<String> {
        let before = self.rest.requests().len();
        // In small steps: looking at files takes real time.
        for _ in 0..seconds * 4 {
            sleep(Duration::from_millis(250)).await;
        }
        self.rest.requests().iter().skip(before).flat_map(show).collect()
    }

    fn metric(&self, line: &str) -> bool {
        self.context.metrics.encode().lines().any(|l| l == line)
    }
}

fn ups<'a>(lines: &'a [String], instance: &str) -> Vec<&'a str> {
    let begin = format!("up{{instance=\"{instance}\", job=\"j\"}} ");
    lines.iter().filter_map(|line| line.strip_prefix(&begin)).map(|rest| rest.split(' ').next().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn targets_of_a_file_are_scraped_and_followed() {
    let setup = start("", r#"[{"targets": ["a:1", "b:1"]}]"#);
    let first = setup.after(35).await;
    assert!(ups(&first, "a:1").len() >= 2 && ups(&first, "b:1").len() >= 2, "{first:?}");
    assert!(setup.metric("prometheus_target_scrape_pool_targets{pipeline=\"test\",scrape_job=\"j\"} 2"));
    // One goes, one comes, one stays.
    setup.list(r#"[{"targets": ["b:1", "c:1"], "labels": {"x": ""}}]"#);
    let second = setup.after(60).await;
    assert_eq!(ups(&second, "a:1").last(), Some(&"stale"), "{second:?}");
    assert_eq!(second.iter().filter(|l| l.starts_with("a{instance=\"a:1\"") && l.contains(" stale ")).count(), 1);
    assert!(ups(&second, "b:1").iter().all(|up| *up == "1"), "{second:?}");
    assert!(ups(&second, "c:1").len() >= 2, "{second:?}");
    let third = setup.after(60).await;
    assert!(ups(&third, "a:1").is_empty(), "{third:?}");
    // It comes back.
    setup.list(r#"[{"targets": ["a:1"]}]"#);
    let fourth = setup.after(60).await;
    assert_eq!(ups(&fourth, "a:1").last(), Some(&"1"), "{fourth:?}");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_stays_keeps_its_times_and_one_that_is_back_soon_never_ended() {
    let setup = start("", r#"[{"targets": ["a:1"]}]"#);
    setup.after(20).await;
    let time = |lines: &[String]| -> Vec<i64> {
        let times = lines.iter().filter(|line| line.starts_with("up"));
        times.map(|line| line.rsplit(' ').next().unwrap().parse::<i64>().unwrap() % 15_000).collect()
    };
    let before = time(&setup.after(20).await);
    setup.list(r#"[{"targets": ["a:1", "b:1"]}]"#);
    setup.after(20).await;
    setup.list(r#"[{"targets": ["a:1"], "labels": {"__meta_x": "y"}}]"#);
    let after = setup.after(40).await;
    let own: Vec<_> = after.iter().filter(|line| line.contains("a:1")).cloned().collect();
    assert!(own.iter().all(|line| !line.contains("stale")), "{own:?}");
    assert!(time(&own).iter().all(|at| *at == before[0]), "{before:?} {own:?}");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_can_not_be_read_counts_as_before() {
    let setup = start("", r#"[{"targets": ["a:1"]}]"#);
    setup.after(20).await;
    setup.list("[{");
    let lines = setup.after(40).await;
    assert!(ups(&lines, "a:1").iter().all(|up| *up == "1") && !lines.is_empty(), "{lines:?}");
    assert!(setup.metric("prometheus_sd_file_read_errors_total{pipeline=\"test\",scrape_job=\"j\"} 1"));
    std::fs::remove_file(setup.dir.path().join("t.json")).unwrap();
    let lines = setup.after(40).await;
    assert_eq!(ups(&lines, "a:1").last(), Some(&"stale"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn rules_say_where_and_how_a_target_is_scraped_and_which_is_dropped() {
    let rules = r#"relabel_configs: [
        { source_labels: [__address__], regex: 'drop.*', action: drop },
        { source_labels: [__address__], target_label: __param_target },
        { source_labels: [__param_target], target_label: instance },
        { source_labels: [__meta_filepath], regex: '.*/(.+)', target_label: list },
        { target_label: __address__, replacement: 'blackbox:9115' },
        { target_label: __scheme__, replacement: https },
        { target_label: __metrics_path__, replacement: /probe } ]"#;
    let setup = start(rules, r#"[{"targets": ["https://example.com/", "drop:1", "drop:2"]}]"#);
    let lines = setup.after(20).await;
    assert_eq!(setup.asked.0.lock().unwrap()[0], "https://blackbox:9115/probe?target=https%3A%2F%2Fexample.com%2F");
    let up = r#"up{instance="https://example.com/", job="j", list="t.json"} 1 "#;
    assert!(lines.iter().any(|line| line.starts_with(up)), "{lines:?}");
    assert!(setup.metric("weir_scrape_dropped_targets{pipeline=\"test\",scrape_job=\"j\"} 2"));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_wrong_harms_no_other() {
    let setup = start("", r#"[{"targets": ["http://a/", "b:1"]}]"#);
    let lines = setup.after(20).await;
    assert!(!ups(&lines, "b:1").is_empty());
    assert!(setup.metric("weir_scrape_dropped_targets{pipeline=\"test\",scrape_job=\"j\"} 1"));
}

#[tokio::test(start_paused = true)]
async fn it_ends_with_the_program_and_writes_no_markers() {
    let setup = start("", r#"[{"targets": ["a:1"]}]"#);
    setup.after(20).await;
    setup.context.shutdown.cancel();
    setup.running.await.unwrap().unwrap();
    let all: Vec<_> = setup.rest.requests().iter().flat_map(show).collect();
    assert!(!all.is_empty() && all.iter().all(|line| !line.contains("stale")), "{all:?}");
}

#[tokio::test(start_paused = true)]
async fn with_too_many_targets_none_is_scraped_and_all_are_down() {
    let setup = start("target_limit: 1", r#"[{"targets": ["a:1", "b:1"]}]"#);
    let lines = setup.after(20).await;
    assert!(ups(&lines, "a:1").first() == Some(&"0") && ups(&lines, "b:1").first() == Some(&"0"), "{lines:?}");
    assert!(setup.asked.0.lock().unwrap().is_empty());
    assert!(
        setup.metric("prometheus_target_scrape_pool_exceeded_target_limit_total{pipeline=\"test\",scrape_job=\"j\"} 1")
    );
    setup.list(r#"[{"targets": ["a:1"]}]"#);
    let lines = setup.after(40).await;
    assert_eq!(ups(&lines, "a:1").last(), Some(&"1"), "{lines:?}");
}

#[tokio::test]
async fn targets_of_a_server_are_followed() {
    use crate::outbound::tests::server::{Says, Server};
    let list = Arc::new(Mutex::new("a:1"));
    let listed = list.clone();
    let server = Server::start(move |_| {
        let body =
            if *listed.lock().unwrap() == "a:1" { r#"[{"targets": ["a:1"]}]"# } else { r#"[{"targets": ["b:1"]}]"# };
        Says(200, vec![("content-type", "application/json".into())], body)
    })
    .await;
    let (context, rest) = (context(), Recorder::<Write>::new(|batch| Ok(Ack::written(batch.sample_count() as u64))));
    let url = format!("http://{}/list", server.address);
    let job = job(&format!("http_sd_configs: [ {{ url: '{url}', refresh_interval: 10ms }} ]"));
    let parts = (context.clone(), rest.next(), Arc::new(Telemetry::new(&context)), Tenant::default());
    tokio::spawn(Pool::new(job, Answers::default(), parts, JobLeft::default()).run());
    let until = async |target: &str| {
        let found = |active: &weir_pipeline::targets::Active| {
            let labels = active.info.discovered.as_labels();
            labels.get("__address__") == Some(target) && labels.get("__meta_url") == Some(&url)
        };
        while !context.targets().pools().iter().any(|pool| pool.active.iter().any(found)) {
            tokio::task::yield_now().await;
        }
    };
    until("a:1").await;
    *list.lock().unwrap() = "b:1";
    until("b:1").await;
}

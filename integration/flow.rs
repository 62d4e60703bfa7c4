//! From the edge to the centre: what an edge has accepted arrives, whoever is killed or away meanwhile.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::harness::process::free_address;
use crate::harness::weir::{PIPELINES, Weir, run};
use crate::harness::writers::{SERIES, Writers, body, found, post};
use crate::harness::{http, now, pause, peers, wait_for};

/// Keeps what it gets in a queue on disk, and sends it on.
const EDGE: &str = "
name: edge
source: { receive: { listen: '${RECEIVE}' } }
stages:
  - queue: { disk: { path: '${DIR}/queue', bytes: 256MiB }, backoff: { initial: 50ms, max: 500ms } }
  - retry: { attempts: 2 }
sink: { remote_write: { url: 'http://${REMOTE}/api/v1/receive', timeout: 5s } }
";

/// Scrapes the targets of a file, and itself among them, into a Prometheus.
const AGENT: &str = "
name: agent
external_labels: { cluster: edge }
source:
  scrape:
    jobs:
      - job_name: found
        scrape_interval: 1s
        file_sd_configs: [ { files: ['${DIR}/targets/*.json'] } ]
        relabel_configs: [ { source_labels: [__meta_filepath], regex: '.*/(.*)[.]json', target_label: list } ]
stages:
  - tee: { to: own }
  - queue: { disk: { path: '${DIR}/queue', bytes: 64MiB }, backoff: { initial: 50ms, max: 1s } }
sink: { remote_write: { url: 'http://${REMOTE}/api/v1/write', timeout: 5s } }
resources:
  own: { link: {} }
  main: { bucket: { local: { path: '${DIR}/bucket' } } }
  central: { store: { path: '${DIR}/central', bucket: main } }
---
name: own
source: { link: own }
stages: [ { filter: { keep: [up] } } ]
sink: { blocks: { store: central } }
---
name: query
source: { api: { listen: '${API}' } }
sink: { promql: { store: central } }
";

/// What comes in, in each of the ways in which it can be looked at.
const SHOWN: &str = "
resources: { to_file: { link: {} }, to_page: { link: {} } }
---
name: receive
source: { receive: { listen: '${RECEIVE}' } }
stages: [ { tee: { to: to_file } }, { tee: { to: to_page } } ]
sink: { stdout: { format: json } }
---
name: file
source: { link: to_file }
sink: { file: { path: '${DIR}/samples.txt' } }
---
name: page
source: { link: to_page }
sink: { exposition: { listen: '${PAGE}' } }
";

fn subdirectory(dir: &Path, name: &str) -> std::path::PathBuf {
    let path = dir.join(name);
    std::fs::create_dir_all(&path).unwrap();
    path
}

#[test]
fn kills_of_an_edge_and_of_its_centre_lose_nothing_that_the_edge_has_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let mut centre = Weir::new(&subdirectory(dir.path(), "centre"), PIPELINES);
    let mut edge = Weir::new(&subdirectory(dir.path(), "edge"), EDGE);
    // It has no API: its receiver says when it is ready.
    edge.api = edge.receive;
    let remote = centre.receive.to_string();
    let env = [("REMOTE", remote.as_str())];
    centre.start(&[]);
    edge.start(&env);
    let writers = Writers::start(2, edge.receive);
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..6 {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        pause(Duration::from_millis(200 + seed % 1000));
        if round == 3 {
            // The centre is away for a while: the edge goes on accepting.
            centre.kill();
            let before = writers.acked();
            wait_for("the edge to accept on", Duration::from_secs(30), || {
                (writers.acked() > before + 20).then_some(())
            });
        }
        edge.kill();
        edge.start(&env);
        if round == 4 {
            centre.start(&[]);
        }
    }
    let acked = writers.stop();
    assert!(acked.values().map(Vec::len).sum::<usize>() > 50, "{acked:?}");
    wait_for("the queue to be empty", Duration::from_secs(120), || {
        (edge.metric("weir_queue_bytes") == 0.0).then_some(())
    });
    assert_eq!(edge.metric("weir_queue_lost_samples_total"), 0.0);
    for (sender, timestamps) in &acked {
        let found = found(centre.api, *sender);
        assert_eq!(found.len(), SERIES);
        for (series, values) in found {
            let missing = timestamps.iter().find(|at| !values.contains_key(at));
            assert_eq!(missing, None, "sender {sender}, series {series}");
        }
    }
    edge.stop();
    centre.stop();
}

#[test]
fn an_old_prometheus_gets_every_scrape_also_of_the_time_that_it_was_away() {
    let dir = tempfile::tempdir().unwrap();
    let (remote, config) = (free_address(), "scrape_configs: []\n");
    let prometheus_dir = subdirectory(dir.path(), "prometheus");
    let Some(prometheus) = peers::prometheus_at(&prometheus_dir, config, remote) else { return };
    let agent_dir = subdirectory(dir.path(), "agent");
    let mut agent = Weir::new(&agent_dir, AGENT);
    let remote_text = remote.to_string();
    agent.start(&[("REMOTE", &remote_text)]);
    let targets = subdirectory(&agent_dir, "targets");
    std::fs::write(targets.join("a.json"), format!("[{{\"targets\": [\"{}\"]}}]", agent.api)).unwrap();
    let query = "up{job=\"found\",cluster=\"edge\",list=\"a\"}";
    // The new version is not known there, and its sender finds out.
    let has_it = |at| !http::api(at, "query", &[("query", query)])["result"].as_array().unwrap().is_empty();
    wait_for("the first scrape in Prometheus", Duration::from_secs(60), || has_it(remote).then_some(()));
    assert_eq!(agent.metric("weir_remote_write_fallbacks_total"), 1.0);

    drop(prometheus);
    pause(Duration::from_secs(5));
    let Some(_prometheus) = peers::prometheus_at(&prometheus_dir, config, remote) else { return };
    let back = now();
    wait_for("what was scraped since", Duration::from_secs(60), || {
        let last = samples(remote, query).last().copied();
        last.is_some_and(|last| last > back + 2000).then_some(())
    });
    let times = samples(remote, query);
    let gaps: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).filter(|gap| *gap > 2100).collect();
    assert!(times.len() > 8 && gaps.is_empty(), "{gaps:?} in {times:?}");

    // What goes ends, there as in the pipeline beside it.
    std::fs::remove_file(targets.join("a.json")).unwrap();
    for at in [remote, agent.api] {
        wait_for("the end of the target", Duration::from_secs(60), || (!has_it(at)).then_some(()));
    }
    agent.stop();
}

/// The times of the samples of the last minutes, in milliseconds.
fn samples(at: std::net::SocketAddr, query: &str) -> Vec<i64> {
    let result = http::api(at, "query", &[("query", &format!("{query}[5m]"))]);
    let values = result["result"][0]["values"].as_array().cloned().unwrap_or_default();
    values.iter().filter_map(|value: &Value| value[0].as_f64()).map(|at| (at * 1000.0).round() as i64).collect()
}

#[test]
fn samples_are_shown_on_standard_output_in_a_file_and_on_a_page() {
    let dir = tempfile::tempdir().unwrap();
    let page = free_address();
    let mut weir = Weir::new(dir.path(), SHOWN);
    // It has no API: its receiver says when it is ready.
    weir.api = weir.receive;
    weir.start(&[("PAGE", &page.to_string())]);
    wait_for("the page", Duration::from_secs(30), || http::get(page, "/-/ready"));
    let at = now();
    assert_eq!(post(weir.receive, &body(3, at)).unwrap().status, 204);
    let samples = |text: &str| text.lines().filter(|line| line.starts_with("crash_total{sender=\"3\"")).count();
    wait_for("the page to have all", Duration::from_secs(30), || {
        (samples(&http::get(page, "/federate").unwrap().text()) == SERIES).then_some(())
    });
    let path = format!("/federate?match[]={}", http::escape("{series=\"7\"}"));
    let shown = http::get(page, &path).unwrap().text();
    assert!(samples(&shown) == 1 && shown.contains("series=\"7\"") && shown.contains(&at.to_string()), "{shown}");
    let file = dir.path().join("samples.txt");
    wait_for("the file to have all", Duration::from_secs(30), || {
        (samples(&std::fs::read_to_string(&file).unwrap_or_default()) == SERIES).then_some(())
    });
    weir.stop();
    let log = weir.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let printed = lines.filter(|line| line["metric"]["__name__"] == "crash_total" && line["metric"]["sender"] == "3");
    assert_eq!(printed.count(), SERIES, "{log}");
}

#[test]
fn the_stages_of_a_flow_pass_check_and_explain_shows_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("flow.yaml");
    let text = "
name: flow
source:
  scrape:
    jobs:
      - job_name: a
        scheme: https
        basic_auth: { username: u, password: hunter2 }
        http_sd_configs: [ { url: 'http://127.0.0.1:1/list?token=hunter2', bearer_token: hunter2 } ]
stages:
  - exec: { command: [cat], env: { TOKEN: hunter2 } }
  - limit: { samples_per_second: 50000, series: 1000000 }
  - route: { branches: [ { name: b, tenants: ['b-*'], match: ['{job=\"a\"}'], to: other } ] }
  - tee: { to: other }
  - queue: { memory: { bytes: 64MiB } }
sink:
  remote_write: { url: 'http://127.0.0.1:1/write?key=hunter2', bearer_token: hunter2, headers: { x-key: hunter2 } }
resources:
  other: { link: {} }
";
    std::fs::write(&file, text).unwrap();
    let path = file.to_str().unwrap();
    // What two of the stages lead to.
    let other = dir.path().join("other.yaml");
    std::fs::write(&other, "name: other\nsource: { link: other }\nsink: stdout\n").unwrap();
    let checked = run(&["check", path, other.to_str().unwrap()], &[], dir.path());
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let explained = run(&["explain", path], &[], dir.path());
    let tree = String::from_utf8_lossy(&explained.stdout).into_owned();
    assert!(tree.contains("http://127.0.0.1:1/write?<secret>") && !tree.contains("hunter2"), "{tree}");
    // What runs is shown as little.
    let other = "name: other\nsource: { link: other }\nsink: { file: { path: '${DIR}/other' } }";
    let mut weir = Weir::new(&subdirectory(dir.path(), "run"), &[PIPELINES, text, other].join("\n---\n"));
    weir.start(&[]);
    let config = http::api(weir.api, "status/config", &[])["yaml"].as_str().unwrap().to_owned();
    assert!(config.contains("/list?<secret>") && config.contains("/write?<secret>"), "{config}");
    assert!(!config.contains("hunter2"), "{config}");
    weir.stop();
    assert!(!weir.log().contains("hunter2"), "{}", weir.log());
    let wrong = text.replace("to: other", "to: nowhere");
    std::fs::write(&file, wrong).unwrap();
    let checked = run(&["check", path], &[], dir.path());
    let told = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(told.contains("unknown resource `nowhere`"), "{told}");
}

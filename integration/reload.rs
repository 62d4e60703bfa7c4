//! Pipeline files that change while the program runs: no sample is lost or doubled, and what is wrong changes nothing.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::harness::process::free_address;
use crate::harness::weir::{PIPELINES, Weir};
use crate::harness::writers::{SERIES, Writers, found};
use crate::harness::{http, pause, wait_for};

const SENDERS: usize = 4;

/// The file of the pipeline that receives.
fn receive(stages: &str, settings: &str) -> String {
    format!(
        "name: receive\nsource: {{ receive: {{ listen: '${{RECEIVE}}'{settings} }} }}\nstages: [{stages}]\n\
         sink: {{ blocks: {{ store: central }} }}\n"
    )
}

fn write(weir: &Weir, file: &str, text: &str) {
    std::fs::write(weir.pipelines.join(file), text).unwrap();
}

/// Changes a file, has the files read anew, and waits until a log line says so.
fn change(weir: &mut Weir, file: &str, text: &str, says: &str) {
    write(weir, file, text);
    let before = weir.output().matches(says).count();
    weir.hang_up();
    wait_for(says, Duration::from_secs(40), || (weir.output().matches(says).count() > before).then_some(()));
}

fn successful(at: SocketAddr) -> bool {
    http::get(at, "/metrics").unwrap().text().contains("prometheus_config_last_reload_successful 1")
}

fn post(at: SocketAddr, path: &str) -> http::Response {
    http::request(at, "POST", path, &[], b"").unwrap()
}

#[test]
fn no_acknowledged_sample_is_lost_or_doubled_while_pipelines_change_under_load() {
    let dir = tempfile::tempdir().unwrap();
    let mut weir = Weir::new(dir.path(), PIPELINES);
    weir.start(&[]);
    let writers = Writers::start(SENDERS, weir.receive);
    let stages = ["timeout: 20s", "concurrency_limit: 3", "filter: { drop: ['{__name__=\"none\"}'] }, load_shed", ""];
    for (i, stages) in stages.iter().cycle().take(12).enumerate() {
        // Every third time the listener is another one, at the same address.
        let settings = if i % 3 == 2 { format!(", concurrency: {}", 30 + i) } else { String::new() };
        change(&mut weir, "10.yaml", &receive(stages, &settings), "read the pipeline files anew");
        pause(Duration::from_millis(200));
    }
    // The store itself changes where it is: it closes, and opens again.
    let before = writers.acked();
    let resources = PIPELINES.split("\n---\n").next().unwrap().replace("1h}'", "50m}'");
    change(&mut weir, "00.yaml", &resources, "opened central; closed central");
    wait_for("writes to go on", Duration::from_secs(20), || (writers.acked() > before + 20).then_some(()));
    let acked = writers.stop();
    assert!(acked.values().all(|timestamps| timestamps.len() > 20), "{acked:?}");
    for (sender, timestamps) in acked.iter() {
        let found = found(weir.api, *sender);
        assert_eq!(found.len(), SERIES);
        for (series, values) in found {
            let missing = timestamps.iter().find(|at| !values.contains_key(at));
            assert_eq!(missing, None, "sender {sender}, series {series}");
        }
    }
    assert_eq!(weir.metric("weir_pipeline_law_violations_total"), 0.0);
    weir.stop();
}

#[test]
fn each_sample_reaches_the_sink_once_while_the_stages_above_it_change() {
    let dir = tempfile::tempdir().unwrap();
    let mut weir = Weir::new(dir.path(), PIPELINES);
    // A store would merge equal samples, a file does not.
    let to_file =
        |stages: &str| receive(stages, "").replace("blocks: { store: central }", "file: { path: '${DIR}/samples' }");
    write(&weir, "10.yaml", &to_file(""));
    weir.start(&[]);
    let writers = Writers::start(SENDERS, weir.receive);
    for stages in ["timeout: 20s", "concurrency_limit: 3", "filter: { drop: ['{__name__=\"none\"}'] }, load_shed", ""] {
        change(&mut weir, "10.yaml", &to_file(stages), "read the pipeline files anew");
        pause(Duration::from_millis(300));
    }
    let refused = writers.refused() as usize;
    let acked = writers.stop();
    assert!(acked.values().all(|timestamps| timestamps.len() > 5), "{acked:?}");
    weir.stop();

    let text = std::fs::read_to_string(dir.path().join("samples")).unwrap();
    let mut lines = BTreeMap::<&str, usize>::new();
    text.lines().filter(|line| !line.starts_with('#')).for_each(|line| *lines.entry(line).or_default() += 1);
    let acknowledged = acked.values().map(Vec::len).sum::<usize>() * SERIES;
    assert!(lines.len() >= acknowledged, "{} of {acknowledged}", lines.len());
    // What was refused is sent again, and may have got through before.
    let twice = lines.values().map(|count| count - 1).sum::<usize>();
    assert!(twice <= refused * SERIES, "{twice} samples twice, {refused} requests refused");
}

#[test]
fn a_file_with_a_mistake_changes_nothing_and_the_log_says_where() {
    let dir = tempfile::tempdir().unwrap();
    let mut weir = Weir::new(dir.path(), PIPELINES);
    weir.start(&[]);
    assert!(successful(weir.api));
    let wrong = receive("", "").replace("blocks", "bloks");
    change(&mut weir, "10.yaml", &wrong, "10.yaml:4:9: sink.bloks: unknown sink `bloks`, did you mean `blocks`?");
    wait_for("the metric to say so", Duration::from_secs(10), || (!successful(weir.api)).then_some(()));
    let writers = Writers::start(1, weir.receive);
    wait_for("writes to go on", Duration::from_secs(20), || (writers.acked() > 5).then_some(()));
    change(&mut weir, "10.yaml", &receive("", ""), "read the pipeline files anew");
    assert!(successful(weir.api));
    writers.stop();
    // An address that somebody else has: the old listener is there again.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let other = receive("", "").replace("${RECEIVE}", &taken.local_addr().unwrap().to_string());
    change(&mut weir, "10.yaml", &other, "the pipelines stay as they are");
    wait_for("the old listener", Duration::from_secs(10), || http::get(weir.receive, "/-/ready"));
    weir.stop();
}

#[test]
fn the_api_reloads_and_quits_where_it_is_allowed_to() {
    let dir = tempfile::tempdir().unwrap();
    let mut weir = Weir::new(dir.path(), PIPELINES);
    weir.start(&[]);
    let forbidden = post(weir.api, "/-/reload");
    assert_eq!((forbidden.status, forbidden.text().as_str()), (403, "Lifecycle API is not enabled.\n"));
    let query = |more: &str| {
        format!(
            "name: query\nsource: {{ api: {{ listen: '${{API}}'{more} }} }}\nsink: {{ promql: {{ store: central }} }}\n"
        )
    };
    change(&mut weir, "20.yaml", &query(", lifecycle: true"), "read the pipeline files anew");
    // The listener that is asked may itself be one that goes.
    write(&weir, "20.yaml", &query(", lifecycle: true, max_concurrent: 7"));
    let reloaded = post(weir.api, "/-/reload");
    assert_eq!((reloaded.status, reloaded.text().as_str()), (200, ""));
    write(&weir, "20.yaml", &query(", lifecycle: maybe"));
    let refused = post(weir.api, "/-/reload");
    assert_eq!(refused.status, 500);
    assert!(refused.text().contains("20.yaml:2:") && refused.text().contains("expected `true`"), "{}", refused.text());
    assert_eq!(http::get(weir.api, "/-/reload").unwrap().status, 405);
    assert_eq!(post(weir.api, "/-/quit").status, 200);
    weir.ended();
}

#[test]
fn with_watch_a_file_that_changes_is_read_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut weir = Weir::new(dir.path(), PIPELINES);
    weir.start_with(&["--watch"], &[]);
    let moved = free_address();
    write(&weir, "10.yaml", &receive("", "").replace("${RECEIVE}", &moved.to_string()));
    wait_for("the new address", Duration::from_secs(20), || http::get(moved, "/-/ready"));
    wait_for("the old one to be gone", Duration::from_secs(10), || {
        http::get(weir.receive, "/-/ready").is_none().then_some(())
    });
    weir.stop();
}

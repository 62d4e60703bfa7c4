//! Three store nodes and a router: what a quorum acknowledged is there, whichever node is dead, hangs, or is new.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::cluster::{Asker, Cluster, SENDERS};
use crate::harness::weir::run;
use crate::harness::writers::{SERIES, Writers, body, have_exemplars, post};
use crate::harness::{http, phase, wait_for};

/// The resources of a store node: a bucket of its own.
pub const STORE: &str = "
resources:
  main: { bucket: { local: { path: '${DIR}/bucket' } } }
  central: { store: { path: '${DIR}/central', bucket: main, head: { cut_after: 2s } } }
";

/// The resources of a query node, beside the ring.
pub const QUERY: &str = "
  all: { cluster: { ring: members, hedge: 200ms, connect_timeout: 500ms } }
";

fn cluster() -> Cluster {
    cluster_with(&[])
}

fn cluster_with(env: &[(&str, &str)]) -> Cluster {
    Cluster::start(tempfile::tempdir().unwrap(), STORE, QUERY, env)
}

/// A query node tells of all metrics, and counts each series once.
fn knows_what_its_members_know(cluster: &Cluster) {
    let known = http::api(cluster.query.api, "metadata", &[]);
    assert_eq!(known, json!({ "crash_total": [{ "type": "counter", "help": "Of a sender.", "unit": "" }] }));
    let expect = json!([{ "name": "crash_total", "value": SENDERS * SERIES }]);
    wait_for("each series to be counted once", Duration::from_secs(10), || {
        let found = http::api(cluster.query.api, "status/tsdb", &[]);
        let is_right = found["headStats"]["numSeries"] == SENDERS * SERIES;
        (is_right && found["seriesCountByMetricName"] == expect).then_some(())
    });
}

#[test]
fn any_one_node_may_be_killed_and_no_write_fails_and_no_answer_lacks_anything() {
    let mut cluster = cluster();
    let writers = Arc::new(Writers::start(SENDERS, cluster.router.receive));
    wait_for("samples", Duration::from_secs(10), || (writers.book().len() == SENDERS).then_some(()));
    let asker = Asker::start(cluster.query.api, &writers);
    for i in 0..3 {
        phase(Duration::from_secs(1));
        cluster.stores[i].kill();
        phase(Duration::from_secs(1));
        cluster.start_store(i);
        // The router finds it again within a second.
        phase(Duration::from_millis(1500));
    }
    assert_eq!(writers.refused(), 0);
    let answers = asker.stop();
    assert!(answers.whole > 20 && answers.partial == 0, "{answers:?}");
    let acked = Arc::into_inner(writers).unwrap().stop();
    have_exemplars(cluster.query.api, &acked);
    cluster.check(&acked, 2);
}

#[test]
fn a_node_that_hangs_slows_down_nobody() {
    let mut cluster = cluster();
    let writers = Arc::new(Writers::start(SENDERS, cluster.router.receive));
    phase(Duration::from_secs(1));
    let before = (writers.acked(), writers.slowest());
    cluster.stores[1].freeze();
    let asker = Asker::start(cluster.query.api, &writers);
    phase(Duration::from_secs(3));
    let during = (writers.acked() - before.0, writers.slowest());
    cluster.check_query(&writers.book());
    cluster.stores[1].thaw();
    phase(Duration::from_secs(1));
    let answers = asker.stop();
    assert!(answers.whole > 5 && answers.partial == 0, "{answers:?}");
    assert_eq!(writers.refused(), 0);
    assert!(during.0 > before.0 / 2, "{before:?} {during:?}");
    cluster.check(&Arc::into_inner(writers).unwrap().stop(), 2);
}

#[test]
fn a_node_that_is_cut_off_and_lives_costs_no_write_and_no_answer_and_is_back_once_that_is_healed() {
    let cluster = cluster_with(&[("PEER_TIMEOUT", "1s")]);
    let writers = Arc::new(Writers::start(SENDERS, cluster.router.receive));
    wait_for("samples", Duration::from_secs(10), || (writers.book().len() == SENDERS).then_some(()));
    let asker = Asker::start(cluster.query.api, &writers);
    phase(Duration::from_secs(1));
    let acked = writers.acked();
    let members_up = || cluster.router.metric("weir_replicate_member_up");
    assert_eq!(members_up(), 3.0);
    knows_what_its_members_know(&cluster);
    cluster.cut_off(true);
    phase(Duration::from_secs(3));
    knows_what_its_members_know(&cluster);
    assert!(writers.acked() > acked + 10, "{acked} before, {} now", writers.acked());
    assert_eq!(members_up(), 2.0, "the router was to notice");
    // It lives, and answers with what it has to who reaches it.
    let own = http::api(cluster.stores[1].api, "query", &[("query", "count(last_over_time(crash_total[3h]))")]);
    assert_eq!(own["result"][0]["value"][1], (SENDERS * SERIES).to_string(), "{own}");
    cluster.cut_off(false);
    wait_for("the router to find the member again", Duration::from_secs(20), || (members_up() == 3.0).then_some(()));
    phase(Duration::from_secs(1));
    assert_eq!(writers.refused(), 0);
    let answers = asker.stop();
    assert!(answers.whole > 5 && answers.partial == 0, "{answers:?}");
    assert!(answers.slowest < Duration::from_secs(5), "{answers:?}");
    cluster.check(&Arc::into_inner(writers).unwrap().stop(), 2);
}

#[test]
fn a_node_that_takes_two_seconds_for_everything_slows_down_nobody() {
    let cluster = cluster();
    let writers = Arc::new(Writers::start(SENDERS, cluster.router.receive));
    phase(Duration::from_secs(1));
    let before = writers.acked();
    cluster.slow_down(Duration::from_secs(1));
    let asker = Asker::start(cluster.query.api, &writers);
    phase(Duration::from_secs(5));
    let (answers, during) = (asker.stop(), writers.acked() - before);
    assert!(answers.whole > 5 && answers.partial == 0, "{answers:?}");
    // Who waits for it writes twice in five seconds, and hears two answers.
    assert!(during > 2 * before, "{before} in a second, {during} in five; slowest {:?}", writers.slowest());
    cluster.slow_down(Duration::ZERO);
    assert_eq!(writers.refused(), 0);
    cluster.check(&Arc::into_inner(writers).unwrap().stop(), 2);
}

#[test]
fn without_a_quorum_writes_are_told_to_come_back_and_afterwards_nothing_is_missing() {
    let mut cluster = cluster();
    let writers = Writers::start(SENDERS, cluster.router.receive);
    phase(Duration::from_secs(1));
    cluster.stores[0].kill();
    cluster.stores[2].kill();
    phase(Duration::from_secs(3));
    let begin = Instant::now();
    let refused = post(cluster.router.receive, &body(SENDERS, crate::harness::now())).unwrap();
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")), "{}", refused.text());
    assert!(refused.text().contains("expected 2 of 3 members to write the batch, 1 did"), "{}", refused.text());
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    assert!(writers.refused() > 0);
    let partial = cluster.ask(&[]);
    let warning = partial["warnings"][0].as_str().unwrap();
    // It came within the question's time, and nobody says that those who are dead came together with it.
    assert!(warning.starts_with("partial response: heard 0 of the 2 members of "), "{warning}");
    assert!(warning.contains("`b`: it came empty since"), "{warning}");
    let refused = cluster.ask(&[("partial_response", "false")]);
    assert_eq!((refused["status"].as_str(), refused["errorType"].as_str()), (Some("error"), Some("unavailable")));
    cluster.start_store(0);
    cluster.start_store(2);
    phase(Duration::from_secs(2));
    let acked = writers.acked();
    phase(Duration::from_secs(1));
    assert!(writers.acked() > acked);
    cluster.check(&writers.stop(), 2);
}

#[test]
fn a_node_may_be_replaced_by_an_empty_one() {
    let mut cluster = cluster();
    let writers = Writers::start(SENDERS, cluster.router.receive);
    phase(Duration::from_secs(1));
    cluster.stores[1].kill();
    for gone in ["bucket", "central"] {
        std::fs::remove_dir_all(cluster.stores[1].dir.join(gone)).unwrap();
    }
    cluster.start_store(1);
    phase(Duration::from_secs(2));
    assert_eq!(writers.refused(), 0);
    // What it had is on the others; what came since is on two; whomever a query asks, one of them has it.
    cluster.check(&writers.stop(), 1);
}

#[test]
fn the_files_of_a_cluster_are_valid_together_and_by_role() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = |name: &str| format!("pipelines.d/cluster/{name}.yaml");
    let check = |files: &[String]| {
        let args: Vec<&str> = std::iter::once("check").chain(files.iter().map(String::as_str)).collect();
        let checked = run(&args, &[], root);
        assert!(checked.status.success(), "{files:?}: {}", String::from_utf8_lossy(&checked.stderr));
    };
    check(&["pipelines.d/cluster".to_owned()]);
    check(&[file("00-ring"), file("10-agent")]);
    check(&[file("00-ring"), file("20-router")]);
    for bucket in ["05-bucket", "s3/05-bucket"] {
        check(&[file(bucket), file("30-store"), file("31-answer")]);
        check(&[file("00-ring"), file(bucket), file("40-query")]);
        let all = ["00-ring", "10-agent", "20-router", "30-store", "31-answer", "40-query", bucket];
        check(&all.map(file));
    }
}

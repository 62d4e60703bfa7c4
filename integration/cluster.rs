//! Three store nodes and a router: what a quorum acknowledged is there, whichever node is dead, hangs, or is new.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::process::free_address;
use crate::harness::weir::{Weir, run};
use crate::harness::writers::{Found, SERIES, Writers, body, found, post};
use crate::harness::{http, pause, wait_for};

const NAMES: [&str; 3] = ["a", "b", "c"];
const SENDERS: usize = 3;

/// A store node: it takes batches from routers, and answers what it has itself.
const STORE: &str = "
resources:
  main: { bucket: { local: { path: '${DIR}/bucket' } } }
  central: { store: { path: '${DIR}/central', bucket: main, head: { cut_after: 2s } } }
---
name: take
source: { peers: { listen: '${PEERS}' } }
sink: { blocks: { store: central } }
---
name: answer
source: { readers: { listen: '${READERS}' } }
sink: { samples: { store: central } }
---
name: look
source: { api: { listen: '${API}' } }
sink: { promql: { store: central } }
";

/// A router: it takes remote write, and writes to a quorum of the store nodes.
const ROUTER: &str = "
resources:
  members:
    ring:
      members:
        - { name: a, address: '${A}', zone: a }
        - { name: b, address: '${B}', zone: b }
        - { name: c, address: '${C}', zone: c }
---
name: receive
source: { receive: { listen: '${RECEIVE}' } }
stages:
  - shard: { ring: members }
  - replicate: { factor: 3, quorum: majority, keep_trying: 5s }
sink: { peer: {} }
";

/// A query node: it asks the store nodes.
const QUERY: &str = "
resources:
  members:
    ring:
      members:
        - { name: a, address: '${A}', read_address: '${READ_A}', zone: a }
        - { name: b, address: '${B}', read_address: '${READ_B}', zone: b }
        - { name: c, address: '${C}', read_address: '${READ_C}', zone: c }
  all: { cluster: { ring: members, hedge: 200ms, connect_timeout: 500ms } }
---
name: query
source: { api: { listen: '${API}' } }
sink: { promql: { cluster: all } }
";

struct Cluster {
    stores: Vec<Weir>,
    peers: Vec<SocketAddr>,
    readers: Vec<SocketAddr>,
    router: Weir,
    query: Weir,
    _dir: tempfile::TempDir,
}

impl Cluster {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = |name: &&str| {
            let dir = dir.path().join(name);
            std::fs::create_dir(&dir).unwrap();
            Weir::new(&dir, STORE)
        };
        let stores: Vec<Weir> = NAMES.iter().map(store).collect();
        let peers: Vec<SocketAddr> = NAMES.iter().map(|_| free_address()).collect();
        let readers: Vec<SocketAddr> = NAMES.iter().map(|_| free_address()).collect();
        let role = |name: &str, documents| {
            let path = dir.path().join(name);
            std::fs::create_dir(&path).unwrap();
            Weir::new(&path, documents)
        };
        let (mut router, query) = (role("router", ROUTER), role("query", QUERY));
        // It has no API: its receiver says when it is ready.
        router.api = router.receive;
        let mut cluster = Self { stores, peers, readers, router, query, _dir: dir };
        (0..3).for_each(|i| cluster.start_store(i));
        let text = |addresses: &[SocketAddr]| addresses.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (peers, readers) = (text(&cluster.peers), text(&cluster.readers));
        let mut env = vec![("A", peers[0].as_str()), ("B", &peers[1]), ("C", &peers[2])];
        cluster.router.start(&env);
        env.extend([("READ_A", readers[0].as_str()), ("READ_B", &readers[1]), ("READ_C", &readers[2])]);
        cluster.query.start(&env);
        cluster
    }

    fn start_store(&mut self, i: usize) {
        let (peers, readers) = (self.peers[i].to_string(), self.readers[i].to_string());
        self.stores[i].start(&[("PEERS", &peers), ("READERS", &readers)]);
    }

    /// Every acknowledged sample is on at least `copies` of the nodes that have anything, and nowhere with another value.
    fn check(&self, acked: &BTreeMap<usize, Vec<i64>>, copies: usize) {
        let total: usize = acked.values().map(Vec::len).sum();
        assert!(total > 100, "only {total} requests were acknowledged");
        for (sender, timestamps) in acked {
            let nodes: Vec<Found> = self.stores.iter().map(|store| found(store.api, *sender)).collect();
            for series in 0..SERIES {
                for at in timestamps {
                    let has = |node: &&Found| node.get(&series).is_some_and(|s| s.contains_key(at));
                    let n = nodes.iter().filter(has).count();
                    assert!(n >= copies, "sender {sender}, series {series}: {at} is on {n} nodes");
                }
            }
        }
        self.check_query(acked);
        println!("{} samples acknowledged, all there", total * SERIES);
    }

    /// A query over the cluster has every acknowledged sample.
    fn check_query(&self, acked: &BTreeMap<usize, Vec<i64>>) {
        for (sender, timestamps) in acked {
            has_all(&found(self.query.api, *sender), *sender, timestamps);
        }
    }

    /// A query over the cluster, which takes not long.
    fn ask(&self, parameters: &[(&str, &str)]) -> Value {
        let begin = Instant::now();
        let parameters = [&[("query", "count(crash_total)")], parameters].concat();
        let answer = http::api_raw(self.query.api, "query", &parameters).expect("an answer");
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
        serde_json::from_slice(&answer.body).unwrap()
    }
}

fn has_all(found: &Found, sender: usize, timestamps: &[i64]) {
    for series in 0..SERIES {
        let has = found.get(&series).unwrap_or_else(|| panic!("series {series} of sender {sender} is not there"));
        let lost: Vec<&i64> = timestamps.iter().filter(|at| !has.contains_key(at)).collect();
        assert!(lost.is_empty(), "sender {sender}, series {series}: {lost:?} of {} are not there", timestamps.len());
    }
}

/// Asks again and again until it is stopped: what was acknowledged before is in each answer.
struct Asker {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<usize>,
}

impl Asker {
    fn start(query: SocketAddr, writers: &Arc<Writers>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, writers) = (stop.clone(), writers.clone());
        let ask = move || {
            let mut answers = 0;
            while !stopped.load(Ordering::Relaxed) {
                let acked = writers.book();
                let sender = answers % SENDERS;
                has_all(&found(query, sender), sender, acked.get(&sender).map_or(&[], Vec::as_slice));
                answers += 1;
            }
            answers
        };
        Self { stop, thread: std::thread::spawn(ask) }
    }

    /// How many answers there were, all of them right.
    fn stop(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

#[test]
fn any_one_node_may_be_killed_and_no_write_fails_and_no_answer_lacks_anything() {
    let mut cluster = Cluster::start();
    let writers = Arc::new(Writers::start(SENDERS, cluster.router.receive));
    wait_for("samples", Duration::from_secs(10), || (writers.book().len() == SENDERS).then_some(()));
    let asker = Asker::start(cluster.query.api, &writers);
    for i in 0..3 {
        pause(Duration::from_secs(1));
        cluster.stores[i].kill();
        pause(Duration::from_secs(1));
        cluster.start_store(i);
        // The router finds it again within a second.
        pause(Duration::from_millis(1500));
    }
    assert_eq!(writers.refused(), 0);
    let answers = asker.stop();
    assert!(answers > 20, "{answers} answers");
    cluster.check(&Arc::into_inner(writers).unwrap().stop(), 2);
}

#[test]
fn a_node_that_hangs_slows_down_nobody() {
    let mut cluster = Cluster::start();
    let writers = Writers::start(SENDERS, cluster.router.receive);
    pause(Duration::from_secs(1));
    let before = (writers.acked(), writers.slowest());
    cluster.stores[1].freeze();
    pause(Duration::from_secs(3));
    let during = (writers.acked() - before.0, writers.slowest());
    cluster.check_query(&writers.book());
    cluster.stores[1].thaw();
    assert_eq!(writers.refused(), 0);
    assert!(during.0 > before.0 / 2, "{before:?} {during:?}");
    assert!(during.1 < Duration::from_secs(1), "{before:?} {during:?}");
    cluster.check(&writers.stop(), 2);
}

#[test]
fn without_a_quorum_writes_are_told_to_come_back_and_afterwards_nothing_is_missing() {
    let mut cluster = Cluster::start();
    let writers = Writers::start(SENDERS, cluster.router.receive);
    pause(Duration::from_secs(1));
    cluster.stores[0].kill();
    cluster.stores[2].kill();
    pause(Duration::from_secs(3));
    let begin = Instant::now();
    let refused = post(cluster.router.receive, &body(SENDERS, crate::harness::now())).unwrap();
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")), "{}", refused.text());
    assert!(refused.text().contains("expected 2 of 3 members to write the batch, 1 did"), "{}", refused.text());
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    assert!(writers.refused() > 0);
    let partial = cluster.ask(&[]);
    let warning = partial["warnings"][0].as_str().unwrap();
    assert!(warning.starts_with("partial response: heard 1 of the 2 members of "), "{warning}");
    let refused = cluster.ask(&[("partial_response", "false")]);
    assert_eq!((refused["status"].as_str(), refused["errorType"].as_str()), (Some("error"), Some("unavailable")));
    cluster.start_store(0);
    cluster.start_store(2);
    pause(Duration::from_secs(2));
    let acked = writers.acked();
    pause(Duration::from_secs(1));
    assert!(writers.acked() > acked);
    cluster.check(&writers.stop(), 2);
}

#[test]
fn a_node_may_be_replaced_by_an_empty_one() {
    let mut cluster = Cluster::start();
    let writers = Writers::start(SENDERS, cluster.router.receive);
    pause(Duration::from_secs(1));
    cluster.stores[1].kill();
    for gone in ["bucket", "central"] {
        std::fs::remove_dir_all(cluster.stores[1].dir.join(gone)).unwrap();
    }
    cluster.start_store(1);
    pause(Duration::from_secs(2));
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
    check(&[file("30-store"), file("31-answer")]);
    check(&[file("00-ring"), file("40-query")]);
}

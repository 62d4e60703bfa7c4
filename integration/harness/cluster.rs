//! Three store nodes, a router and a query node.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::process::free_address;
use super::proxy::Proxy;
use super::weir::Weir;
use super::writers::{Found, SERIES, Writers, found, found_at_least};
use super::{http, wait_for};

const NAMES: [&str; 3] = ["a", "b", "c"];

/// How many senders the tests have.
pub const SENDERS: usize = 3;

/// A store node, below its resources: it takes batches from routers, and answers what it has itself.
const STORE: &str = "
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
sink: { peer: { timeout: '${PEER_TIMEOUT:-10s}' } }
";

/// The ring of a query node, which asks the store nodes.
const RING: &str = "
resources:
  members:
    ring:
      members:
        - { name: a, address: '${A}', read_address: '${READ_A}', zone: a }
        - { name: b, address: '${B}', read_address: '${READ_B}', zone: b }
        - { name: c, address: '${C}', read_address: '${READ_C}', zone: c }
";

/// A query node, below its resources.
const QUERY: &str = "
---
name: query
source:
  api:
    listen: '${API}'
    admin: ${ADMIN:-false}
sink: { promql: { cluster: all } }
";

/// Three store nodes, a router and a query node.
pub struct Cluster {
    pub stores: Vec<Weir>,
    pub router: Weir,
    pub query: Weir,
    pub dir: TempDir,
    peers: Vec<SocketAddr>,
    readers: Vec<SocketAddr>,
    /// The ways to node `b`, for batches and for questions.
    ways: [Proxy; 2],
    env: Vec<(String, String)>,
    /// One cluster at a time: five of them on two cores would wait for each other, not for what the tests do to them.
    _turn: MutexGuard<'static, ()>,
}

impl Cluster {
    /// Starts all of it. `store` and `query` are the resources of these roles, the query's below those of its ring; `env`
    /// is what they name.
    pub fn start(dir: TempDir, store: &str, query: &str, env: &[(&str, &str)]) -> Self {
        Self::prepared(dir, store, query, env, |_| ())
    }

    /// As [`start`](Self::start); each store node is prepared before it starts for the first time.
    pub fn prepared(dir: TempDir, store: &str, query: &str, env: &[(&str, &str)], prepare: impl Fn(&mut Weir)) -> Self {
        let turn = turn();
        let (store_files, query_files) = (format!("{store}{STORE}"), format!("{RING}{query}{QUERY}"));
        let store = |name: &&str| {
            let dir = dir.path().join(name);
            std::fs::create_dir(&dir).unwrap();
            let mut store = Weir::new(&dir, &store_files);
            prepare(&mut store);
            store
        };
        let stores: Vec<Weir> = NAMES.iter().map(store).collect();
        let peers: Vec<SocketAddr> = NAMES.iter().map(|_| free_address()).collect();
        let readers: Vec<SocketAddr> = NAMES.iter().map(|_| free_address()).collect();
        let role = |name: &str, documents: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir(&path).unwrap();
            Weir::new(&path, documents)
        };
        let (mut router, query) = (role("router", ROUTER), role("query", &query_files));
        // It has no API: its receiver says when it is ready.
        router.api = router.receive;
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let ways = [Proxy::start(peers[1]), Proxy::start(readers[1])];
        let mut cluster = Self { stores, router, query, dir, peers, readers, ways, env, _turn: turn };
        (0..3).for_each(|i| cluster.start_store(i));
        let text = |addresses: &[SocketAddr]| addresses.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (mut peers, mut readers) = (text(&cluster.peers), text(&cluster.readers));
        (peers[1], readers[1]) = (cluster.ways[0].address.to_string(), cluster.ways[1].address.to_string());
        let mut env = vec![("A", peers[0].as_str()), ("B", &peers[1]), ("C", &peers[2])];
        let own = cluster.env.clone();
        env.extend(own.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        cluster.router.start(&env);
        env.extend([("READ_A", readers[0].as_str()), ("READ_B", &readers[1]), ("READ_C", &readers[2])]);
        cluster.query.start(&env);
        cluster
    }

    /// Has all that goes to and comes from node `b` take so long, each way.
    pub fn slow_down(&self, by: Duration) {
        self.ways.iter().for_each(|way| way.slow_down(by));
    }

    /// Cuts node `b` off from routers and query nodes, or heals that. It lives, and reaches its bucket.
    pub fn cut_off(&self, cut: bool) {
        self.ways.iter().for_each(|way| way.cut(cut));
    }

    /// Starts a store node, again.
    pub fn start_store(&mut self, i: usize) {
        let (peers, readers) = (self.peers[i].to_string(), self.readers[i].to_string());
        let mut env = vec![("PEERS", peers.as_str()), ("READERS", &readers)];
        env.extend(self.env.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        self.stores[i].start(&env);
    }

    /// Every acknowledged sample is on at least `copies` of the nodes that have anything, and nowhere with another value.
    pub fn check(&self, acked: &BTreeMap<usize, Vec<i64>>, copies: usize) {
        let total: usize = acked.values().map(Vec::len).sum();
        assert!(total > 50, "only {total} requests were acknowledged");
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
    pub fn check_query(&self, acked: &BTreeMap<usize, Vec<i64>>) {
        for (sender, timestamps) in acked {
            has_all(&found(self.query.api, *sender), *sender, timestamps);
        }
    }

    /// A query over the cluster, which takes not long.
    pub fn ask(&self, parameters: &[(&str, &str)]) -> Value {
        let begin = Instant::now();
        let parameters = [&[("query", "count(crash_total)")], parameters].concat();
        let answer = http::api_raw(self.query.api, "query", &parameters).expect("an answer");
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
        serde_json::from_slice(&answer.body).unwrap()
    }
}

/// That what was found of a sender has all these timestamps in each series.
pub fn has_all(found: &Found, sender: usize, timestamps: &[i64]) {
    for series in 0..SERIES {
        let has = found.get(&series).unwrap_or_else(|| panic!("series {series} of sender {sender} is not there"));
        let lost: Vec<&i64> = timestamps.iter().filter(|at| !has.contains_key(at)).collect();
        assert!(lost.is_empty(), "sender {sender}, series {series}: {lost:?} of {} are not there", timestamps.len());
    }
}

/// Asks again and again until it is stopped: what was acknowledged before is in each answer, or the answer says that it is
/// partial.
pub struct Asker {
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    thread: JoinHandle<Answers>,
}

/// What was answered.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// Answers that had everything.
    pub whole: usize,
    /// Answers that said that they may lack something.
    pub partial: usize,
    /// What the last of these said.
    pub warnings: Vec<String>,
    /// The longest that one took.
    pub slowest: Duration,
}

impl Asker {
    /// Begins to ask.
    pub fn start(query: SocketAddr, writers: &Arc<Writers>) -> Self {
        let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (stopped, answered, writers) = (stop.clone(), asked.clone(), writers.clone());
        let ask = move || {
            let mut answers = Answers::default();
            while !stopped.load(Ordering::Relaxed) {
                let (acked, begin) = (writers.book(), Instant::now());
                let sender = (answers.whole + answers.partial) % SENDERS;
                let (found, warnings) = found_at_least(query, sender);
                if warnings.is_empty() {
                    has_all(&found, sender, acked.get(&sender).map_or(&[], Vec::as_slice));
                    answers.whole += 1;
                } else {
                    assert!(warnings.iter().all(|w| w.starts_with("partial response: ")), "{warnings:?}");
                    answers.partial += 1;
                    answers.warnings = warnings;
                }
                answers.slowest = answers.slowest.max(begin.elapsed());
                answered.fetch_add(1, Ordering::Relaxed);
            }
            answers
        };
        Self { stop, asked, thread: std::thread::spawn(ask) }
    }

    /// Waits until so many more questions were asked and answered.
    pub fn go_on(&self, questions: usize) {
        // One may be under way.
        let until = self.asked.load(Ordering::Relaxed) + 1 + questions;
        let enough = || (self.asked.load(Ordering::Relaxed) >= until || self.thread.is_finished()).then_some(());
        wait_for("answers", Duration::from_secs(120), enough);
    }

    /// What was answered, all of it right.
    pub fn stop(self) -> Answers {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// The turn of a cluster: one at a time.
pub fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

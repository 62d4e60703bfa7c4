//! Clusters whose ring changes, whose nodes come empty, or that speak TLS.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::harness::cluster::{Asker, SENDERS, has_all, turn};
use crate::harness::process::free_address;
use crate::harness::weir::Weir;
use crate::harness::writers::{Writers, body, found, found_at_least, post};
use crate::harness::{http, now, phase, wait_for};

/// A store node.
const STORE: &str = "
resources:
  main: { bucket: { local: { path: '${DIR}/bucket' } } }
  central: { store: { path: '${DIR}/central', bucket: main, head: { cut_after: 2s } } }
---
name: take
source: { peers: { listen: '${PEERS}' SERVER } }
sink: { blocks: { store: central } }
---
name: answer
source: { readers: { listen: '${READERS}' SERVER } }
sink: { samples: { store: central } }
---
name: look
source: { api: { listen: '${API}' } }
sink: { promql: { store: central } }
";

const ROUTER: &str = "
resources:
  members: { ring: { file: '${RING}', poll: 100ms, write_after: 500ms, algorithm: '${ALGORITHM}' } }
---
name: receive
source: { receive: { listen: '${RECEIVE}' } }
stages:
  - shard: { ring: members }
  - replicate: { quorum: majority, keep_trying: '${KEEP_TRYING}' }
sink: { peer: { timeout: 5s CLIENT } }
";

const QUERY: &str = "
resources:
  members: { ring: { file: '${RING}', poll: 100ms, write_after: 500ms, algorithm: '${ALGORITHM}' } }
  all:
    cluster:
      { ring: members, hedge: 200ms, connect_timeout: 500ms, timeout: 3s, founded_within: '${FOUNDED_WITHIN}' CLIENT }
---
name: query
source: { api: { listen: '${API}' } }
sink: { promql: { cluster: all } }
";

const SERVER: &str = ", tls_server_config: { cert_file: '${CERTS}/node.crt', key_file: '${CERTS}/node.key', \
     client_ca_file: '${CERTS}/ca.crt' }";

const CLIENT: &str =
    ", tls_config: { ca_file: '${CERTS}/ca.crt', cert_file: '${CERTS}/node.crt', key_file: '${CERTS}/node.key' }";

/// What a cluster is like.
#[derive(Clone, Copy)]
struct Like {
    algorithm: &'static str,
    keep_trying: &'static str,
    founded_within: &'static str,
    tls: bool,
}

impl Default for Like {
    fn default() -> Self {
        Self { algorithm: "cells", keep_trying: "5s", founded_within: "1m", tls: false }
    }
}

/// Store nodes that are called by a letter, a router and a query node, which watch one file.
struct Ground {
    dir: TempDir,
    like: Like,
    stores: BTreeMap<char, (Weir, SocketAddr, SocketAddr)>,
    router: Weir,
    query: Weir,
    _turn: MutexGuard<'static, ()>,
}

impl Ground {
    /// Starts a cluster of these members.
    fn start(names: &str, like: Like) -> Self {
        let turn = turn();
        let dir = tempfile::tempdir().unwrap();
        certificates(dir.path());
        let role = |name: &str, documents: &str| {
            let (server, client) = if like.tls { (SERVER, CLIENT) } else { ("", "") };
            std::fs::create_dir(dir.path().join(name)).unwrap();
            Weir::new(&dir.path().join(name), &documents.replace(" SERVER", server).replace(" CLIENT", client))
        };
        let store = |name: char| (name, (role(&name.to_string(), STORE), free_address(), free_address()));
        let stores = "abcdefg".chars().map(store).collect();
        let (mut router, query) = (role("router", ROUTER), role("query", QUERY));
        // It has no API: its receiver says when it is ready.
        router.api = router.receive;
        let mut ground = Self { like, stores, router, query, dir, _turn: turn };
        ground.write_ring(1, names, &[]);
        names.chars().for_each(|name| ground.start_store(name));
        let env = ground.env();
        let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
        ground.router.start(&env);
        ground.query.start(&env);
        ground
    }

    fn env(&self) -> Vec<(&'static str, String)> {
        let path = |name: &str| self.dir.path().join(name).display().to_string();
        let Like { algorithm, keep_trying, founded_within, .. } = self.like;
        let own = [("ALGORITHM", algorithm), ("KEEP_TRYING", keep_trying), ("FOUNDED_WITHIN", founded_within)];
        let own = own.map(|(name, value)| (name, value.to_owned()));
        [("CERTS", path("certs")), ("RING", path("ring.yaml"))].into_iter().chain(own).collect()
    }

    fn start_store(&mut self, name: char) {
        let env = self.env();
        let (store, peers, readers) = self.stores.get_mut(&name).unwrap();
        let (peers, readers) = (peers.to_string(), readers.to_string());
        let mut env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
        env.extend([("PEERS", peers.as_str()), ("READERS", &readers)]);
        store.start(&env);
    }

    fn store(&mut self, name: char) -> &mut Weir {
        &mut self.stores.get_mut(&name).unwrap().0
    }

    fn members(&self, names: &str) -> String {
        let member = |name: char| {
            let (_, peers, readers) = &self.stores[&name];
            format!("{{ name: {name}, address: '{peers}', read_address: '{readers}' }}")
        };
        format!("[ {} ]", names.chars().map(member).collect::<Vec<_>>().join(", "))
    }

    /// Puts a new file in the place of the ring's.
    fn write_ring(&self, epoch: u64, names: &str, previous: &[(u64, &str)]) {
        let earlier = |(epoch, names): &(u64, &str)| format!("{{ epoch: {epoch}, members: {} }}", self.members(names));
        let previous = previous.iter().map(earlier).collect::<Vec<_>>().join(", ");
        let text = format!("epoch: {epoch}\nmembers: {}\nprevious: [ {previous} ]\n", self.members(names));
        let (file, new): (PathBuf, PathBuf) = (self.dir.path().join("ring.yaml"), self.dir.path().join("new.yaml"));
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, file).unwrap();
    }

    fn wait_for_epoch(&self, epoch: u64) {
        for node in [&self.router, &self.query] {
            let is_there = || (node.metric("weir_ring_epoch") == epoch as f64).then_some(());
            wait_for("the ring to change", Duration::from_secs(10), is_there);
        }
    }

    /// A query has every acknowledged sample, and no warning.
    fn check(&self, acked: &BTreeMap<usize, Vec<i64>>) {
        let total: usize = acked.values().map(Vec::len).sum();
        assert!(total > 50, "only {total} requests were acknowledged");
        acked.iter().for_each(|(sender, timestamps)| has_all(&found(self.query.api, *sender), *sender, timestamps));
    }
}

/// A root, and a certificate that it has signed for all nodes.
fn certificates(dir: &Path) {
    let dir = dir.join("certs");
    std::fs::create_dir(&dir).unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &root).unwrap();
    for (name, text) in [("ca.crt", root.pem()), ("node.crt", certificate.pem()), ("node.key", key.serialize_pem())] {
        std::fs::write(dir.join(name), text).unwrap();
    }
}

#[test]
fn a_ring_grows_and_a_member_is_replaced_under_load() {
    let mut ground = Ground::start("abc", Like::default());
    let writers = Arc::new(Writers::start(SENDERS, ground.router.receive));
    wait_for("samples", Duration::from_secs(10), || (writers.book().len() == SENDERS).then_some(()));
    let asker = Asker::start(ground.query.api, &writers);
    phase(Duration::from_secs(1));
    "def".chars().for_each(|name| ground.start_store(name));
    ground.write_ring(2, "abcdef", &[(1, "abc")]);
    ground.wait_for_epoch(2);
    phase(Duration::from_secs(1));
    // A mistake changes nothing, and is told.
    ground.write_ring(3, "abcdea", &[(2, "abcdef")]);
    for node in [&ground.router, &ground.query] {
        let log = || std::fs::read_to_string(node.dir.join("weir.log")).unwrap();
        let said = || log().contains("expected members of different names, got `a` twice").then_some(());
        wait_for("the mistake to be told", Duration::from_secs(10), said);
        assert_eq!(node.metric("weir_ring_epoch"), 2.0);
    }
    phase(Duration::from_secs(1));
    ground.start_store('g');
    ground.write_ring(4, "abcdeg", &[(1, "abc"), (2, "abcdef")]);
    ground.wait_for_epoch(4);
    ground.store('f').kill();
    phase(Duration::from_secs(2));
    assert_eq!(writers.refused(), 0);
    let answers = asker.stop();
    assert!(answers.whole > 10 && answers.partial == 0, "{answers:?}");
    let acked = Arc::into_inner(writers).unwrap().stop();
    ground.check(&acked);
    // Both cells have their share, and the new member has what came since.
    for name in ['a', 'd', 'g'] {
        let api = ground.store(name).api;
        assert!((0..SENDERS).any(|sender| !found(api, sender).is_empty()), "`{name}` has nothing");
    }
}

#[test]
fn four_members_may_take_turns_and_any_one_may_be_killed() {
    let mut ground = Ground::start("abcd", Like { algorithm: "rendezvous", ..Like::default() });
    let writers = Arc::new(Writers::start(SENDERS, ground.router.receive));
    wait_for("samples", Duration::from_secs(10), || (writers.book().len() == SENDERS).then_some(()));
    let asker = Asker::start(ground.query.api, &writers);
    phase(Duration::from_secs(1));
    for name in ['a', 'd'] {
        ground.store(name).kill();
        phase(Duration::from_secs(1));
        ground.start_store(name);
        phase(Duration::from_millis(1500));
    }
    assert_eq!(writers.refused(), 0);
    let answers = asker.stop();
    assert!(answers.whole > 10 && answers.partial == 0, "{answers:?}");
    ground.check(&Arc::into_inner(writers).unwrap().stop());
}

#[test]
fn an_empty_node_is_not_taken_for_the_one_whose_place_it_has() {
    let like = Like { keep_trying: "1s", founded_within: "4s", ..Like::default() };
    let mut ground = Ground::start("abc", like);
    let writers = Writers::start(SENDERS, ground.router.receive);
    phase(Duration::from_secs(1));
    // What is written now is on `a` and `b` only.
    ground.store('c').kill();
    phase(Duration::from_secs(4));
    ground.start_store('c');
    phase(Duration::from_secs(1));
    let b = ground.store('b');
    b.kill();
    ["bucket", "central"].iter().for_each(|gone| std::fs::remove_dir_all(b.dir.join(gone)).unwrap());
    ground.start_store('b');
    phase(Duration::from_secs(1));
    let acked = writers.stop();
    ground.check(&acked);
    let lacks = |api: SocketAddr| acked.iter().any(|(sender, times)| times.len() > found(api, *sender)[&0].len());
    let (b, c) = (ground.store('b').api, ground.store('c').api);
    assert!(lacks(b) && lacks(c), "the test is to have samples on one node only");
    // That node hangs: the other two are heard, and are not all.
    ground.store('a').freeze();
    let (_, warnings) = found_at_least(ground.query.api, 0);
    assert!(warnings.len() == 1 && warnings[0].contains("`b`: it came empty since"), "{warnings:?}");
    ground.store('a').thaw();
    ground.check(&acked);
}

#[test]
fn nodes_speak_tls_and_to_nobody_without() {
    let mut ground = Ground::start("abc", Like { tls: true, ..Like::default() });
    let writers = Arc::new(Writers::start(SENDERS, ground.router.receive));
    wait_for("samples", Duration::from_secs(10), || (writers.book().len() == SENDERS).then_some(()));
    let asker = Asker::start(ground.query.api, &writers);
    phase(Duration::from_secs(1));
    ground.store('b').kill();
    phase(Duration::from_secs(2));
    for address in [ground.stores[&'a'].1, ground.stores[&'a'].2] {
        let refused = http::get(address, "/-/healthy");
        assert!(refused.is_none(), "{}", refused.unwrap().text());
        assert!(post(address, &body(0, now())).is_none());
    }
    assert_eq!(writers.refused(), 0);
    let answers = asker.stop();
    assert!(answers.whole > 10 && answers.partial == 0, "{answers:?}");
    ground.check(&Arc::into_inner(writers).unwrap().stop());
}

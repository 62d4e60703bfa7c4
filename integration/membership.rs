//! Clusters whose members DNS names, whose sets lose their quorum, and whose members keep what others miss.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::cluster::{Asker, SENDERS, has_all, turn};
use crate::harness::dns::Dns;
use crate::harness::process::free_address;
use crate::harness::weir::Weir;
use crate::harness::writers::{Writers, found, found_at_least};
use crate::harness::{pause, phase, soak, wait_for};

/// How long anything may take that comes by itself: long enough for a machine that does much else.
const LONG: Duration = Duration::from_secs(120);

/// A store node, which keeps what others miss.
const STORE: &str = "
resources:
  main: { bucket: { local: { path: '${DIR}/bucket' } } }
  central: { store: { path: '${DIR}/central', bucket: main, head: { cut_after: 2s } } }
---
name: take
source: { peers: { listen: '${PEERS}', hints: { path: '${DIR}/hints' } } }
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

const RING: &str = "
resources:
  members:
    ring:
      dns:
        names: ['stores.test:${PORT}']
        read_port: ${READ_PORT}
        server: '${DNS}'
        interval: 100ms
        settle: 4s
";

const ROUTER: &str = "
---
name: receive
source: { receive: { listen: '${RECEIVE}' } }
stages:
  - shard: { ring: members, fail_over: true }
  - replicate: { quorum: majority, keep_trying: 1s, hand_off: true }
sink: { peer: { timeout: 10s, connect_timeout: 5s } }
";

const QUERY: &str = "
  all: { cluster: { ring: members, hedge: 200ms, connect_timeout: 5s, timeout: 30s } }
---
name: query
source: { api: { listen: '${API}' } }
sink: { promql: { cluster: all } }
";

/// Store nodes that are called by the last number of their addresses, a router and a query node.
struct Ground {
    dns: Dns,
    stores: BTreeMap<u8, Weir>,
    router: Weir,
    query: Weir,
    env: Vec<(&'static str, String)>,
    _dir: TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Ground {
    /// Starts a cluster of these members.
    fn start(members: &[u8]) -> Self {
        let turn = turn();
        let dir = tempfile::tempdir().unwrap();
        let role = |name: &str, documents: &str| {
            std::fs::create_dir(dir.path().join(name)).unwrap();
            Weir::new(&dir.path().join(name), documents)
        };
        let stores = (2..=8).map(|n: u8| (n, role(&n.to_string(), STORE))).collect();
        let mut router = role("router", &format!("{RING}{}", ROUTER.trim_start()));
        // It has no API: its receiver says when it is ready.
        router.api = router.receive;
        let query = role("query", &format!("{RING}{QUERY}"));
        let dns = Dns::start(addresses(members));
        let (peers, readers) = (free_port().to_string(), free_port().to_string());
        let env = vec![("PORT", peers), ("READ_PORT", readers), ("DNS", dns.address.to_string())];
        let mut ground = Self { dns, stores, router, query, env, _dir: dir, _turn: turn };
        members.iter().for_each(|n| ground.start_store(*n));
        let env: Vec<(&str, &str)> = ground.env.iter().map(|(name, value)| (*name, value.as_str())).collect();
        ground.router.start(&env);
        ground.query.start(&env);
        ground
    }

    fn start_store(&mut self, n: u8) {
        let at = |port: usize| format!("{}:{}", address(n), self.env[port].1);
        let (peers, readers) = (at(0), at(1));
        self.stores.get_mut(&n).unwrap().start(&[("PEERS", &peers), ("READERS", &readers)]);
    }

    fn store(&mut self, n: u8) -> &mut Weir {
        self.stores.get_mut(&n).unwrap()
    }

    fn wait_for_epoch(&self, epoch: u64) {
        for node in [&self.router, &self.query] {
            let is_there = || (node.metric("weir_ring_epoch") == epoch as f64).then_some(());
            wait_for("the ring to change", LONG, is_there);
        }
    }

    /// A query has every acknowledged sample, and no warning.
    fn check(&self, acked: &BTreeMap<usize, Vec<i64>>) {
        let total: usize = acked.values().map(Vec::len).sum();
        assert!(total > 50, "only {total} requests were acknowledged");
        acked.iter().for_each(|(sender, timestamps)| has_all(&found(self.query.api, *sender), *sender, timestamps));
    }

    /// Waits until a query over all members has no warning.
    fn wait_until_whole(&self) {
        let whole = || found_at_least(self.query.api, 0).1.is_empty().then_some(());
        wait_for("a whole answer", LONG, whole);
    }
}

/// Starts senders, and waits until each has written something.
fn write(to: &Weir) -> Writers {
    let writers = Writers::start(SENDERS, to.receive);
    wait_for("samples", LONG, || (writers.book().len() == SENDERS).then_some(()));
    writers
}

/// Waits until more requests are acknowledged.
fn go_on(writers: &Writers) {
    let before = writers.acked();
    wait_for("more samples", LONG, || (writers.acked() > before + 10).then_some(()));
}

/// A port that is free at the addresses of all members.
fn free_port() -> u16 {
    let is_free = |port: &u16| (2..=8).all(|n| TcpListener::bind((address(n), *port)).is_ok());
    let mut ports = (0..100).map(|_| free_address().port());
    ports.find(is_free).expect("the addresses 127.0.0.2 to 127.0.0.8 are there")
}

fn address(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, n)
}

fn addresses(members: &[u8]) -> Vec<Ipv4Addr> {
    members.iter().map(|n| address(*n)).collect()
}

#[test]
fn members_that_dns_names_come_and_are_replaced_under_load() {
    let mut ground = Ground::start(&[2, 3, 4]);
    let writers = Arc::new(write(&ground.router));
    let asker = Asker::start(ground.query.api, &writers);
    phase(Duration::from_secs(1));
    [5, 6, 7].iter().for_each(|n| ground.start_store(*n));
    ground.dns.say(Some(addresses(&[2, 3, 4, 5, 6, 7])));
    ground.wait_for_epoch(2);
    go_on(&writers);
    // One comes and goes, each time sooner than names settle.
    for _ in 0..3 * soak() {
        ground.dns.say(Some(addresses(&[2, 3, 5, 6, 7])));
        pause(Duration::from_millis(500));
        ground.dns.say(Some(addresses(&[2, 3, 4, 5, 6, 7])));
        pause(Duration::from_millis(500));
    }
    assert_eq!([&ground.router, &ground.query].map(|node| node.metric("weir_ring_epoch")), [2.0, 2.0]);
    ground.start_store(8);
    ground.dns.say(Some(addresses(&[2, 3, 4, 5, 6, 8])));
    ground.wait_for_epoch(3);
    go_on(&writers);
    ground.store(7).kill();
    phase(Duration::from_secs(2));
    asker.go_on(2 * SENDERS);
    assert_eq!(writers.refused(), 0);
    let answers = asker.stop();
    assert!(answers.whole > 2 * SENDERS && answers.partial == 0, "{answers:?}");
    // Where no name server answers the members stay, and who queries says that there may be others.
    ground.dns.say(None);
    let said = || {
        let (_, warnings) = found_at_least(ground.query.api, 0);
        warnings.iter().any(|w| w.contains("the ring's members are not known for")).then_some(())
    };
    wait_for("a doubt", LONG, said);
    go_on(&writers);
    ground.dns.say(Some(addresses(&[2, 3, 4, 5, 6, 8])));
    ground.wait_until_whole();
    let acked = Arc::into_inner(writers).unwrap().stop();
    ground.check(&acked);
    for n in [2, 5, 8] {
        let api = ground.store(n).api;
        assert!((0..SENDERS).any(|sender| !found(api, sender).is_empty()), "`{n}` has nothing");
    }
}

#[test]
fn another_set_takes_what_one_without_a_quorum_can_not_and_nothing_is_lost() {
    let mut ground = Ground::start(&[2, 3, 4, 5, 6, 7]);
    let writers = write(&ground.router);
    phase(Duration::from_secs(1));
    [2, 3].iter().for_each(|n| ground.store(*n).kill());
    let failed_over = || (ground.router.metric("weir_shard_failed_over_samples_total") > 0.0).then_some(());
    wait_for("another set", LONG, failed_over);
    phase(Duration::from_secs(6));
    go_on(&writers);
    // Of that set one is there, and it is not all.
    let (_, warnings) = found_at_least(ground.query.api, 0);
    assert!(
        warnings.iter().any(|warning| warning.contains("of the 2 members of `cell-0` that must be heard")),
        "{warnings:?}"
    );
    [2, 3].iter().for_each(|n| ground.start_store(*n));
    ground.wait_until_whole();
    go_on(&writers);
    assert_eq!(writers.refused(), 0);
    let acked = writers.stop();
    ground.check(&acked);
}

#[test]
fn a_member_that_was_away_gets_what_it_has_missed_from_another() {
    let mut ground = Ground::start(&[2, 3, 4, 5, 6, 7]);
    let writers = write(&ground.router);
    ground.store(4).kill();
    let handed = || (ground.router.metric("weir_replicate_handed_off_samples_total") > 1000.0).then_some(());
    wait_for("hints", LONG, handed);
    let acked = writers.stop();
    // What waits in the router's memory is handed off, too.
    let handed_off = || (ground.router.metric("weir_replicate_pending_bytes") == 0.0).then_some(());
    wait_for("the last hints", LONG, handed_off);
    assert_eq!(ground.router.metric("weir_replicate_missed_samples_total"), 0.0);
    // Who kept them restarts meanwhile.
    let keeps = |n: &u8| ground.stores[n].dir.join("hints").join(format!("for-{}", address(4))).exists();
    let keepers: Vec<u8> = [5, 6, 7].into_iter().filter(keeps).collect();
    assert!(!keepers.is_empty());
    for n in keepers {
        ground.store(n).stop();
        ground.start_store(n);
    }
    ground.start_store(4);
    let (one, other) = (ground.stores[&2].api, ground.stores[&4].api);
    let same = || {
        let same = (0..SENDERS).all(|sender| found(one, sender) == found(other, sender));
        same.then_some(())
    };
    wait_for("the member to catch up", LONG, same);
    ground.wait_until_whole();
    ground.check(&acked);
}

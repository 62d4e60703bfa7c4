//! Tests of `targets`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

fn info(instance: &str) -> TargetInfo {
    let labels: LabelSet = [("instance", instance), ("job", "node")].into_iter().collect();
    TargetInfo { labels, url: format!("http://{instance}/metrics"), ..TargetInfo::default() }
}

#[test]
fn a_target_is_there_as_long_as_its_handle() {
    let targets = Targets::default();
    assert!(targets.pools().is_empty());
    let pool = targets.pool("edge", "node");
    let (a, b) = (pool.add(info("a:1")), pool.add(info("b:1")));
    let last = LastScrape { at: 5, took: Duration::from_millis(7), error: Some("broken".into()) };
    b.scraped(last.clone());
    let pools = targets.pools();
    assert_eq!((pools.len(), pools[0].name.as_str(), pools[0].pipeline.as_str()), (1, "node", "edge"));
    assert_eq!(
        pools[0].active,
        [Active { info: info("a:1"), last: None }, Active { info: info("b:1"), last: Some(last) }]
    );
    drop(a);
    assert_eq!(targets.pools()[0].active.len(), 1);
    drop((pool, b));
    assert!(targets.pools().is_empty());
}

#[test]
fn pools_of_one_name_are_of_their_pipelines() {
    let targets = Targets::default();
    let (one, two) = (targets.pool("b", "node"), targets.pool("a", "node"));
    let of = || targets.pools().iter().map(|pool| pool.pipeline.clone()).collect::<Vec<_>>();
    assert_eq!(of(), ["a", "b"]);
    let again = targets.pool("b", "node");
    drop(one);
    assert_eq!(of(), ["a", "b"]);
    drop(again);
    assert_eq!(of(), ["a"]);
    drop(two);
    assert!(of().is_empty());
}

#[test]
fn of_dropped_targets_only_so_many_are_kept() {
    let targets = Targets::default();
    let pool = targets.pool("edge", "node");
    let label = |i: usize| -> LabelSet { [("__address__", i.to_string().as_str())].into_iter().collect() };
    pool.set_dropped((0..MAX_DROPPED + 5).map(label));
    let shown = &targets.pools()[0];
    assert_eq!((shown.dropped.len(), shown.dropped_count), (MAX_DROPPED, MAX_DROPPED + 5));
    pool.set_dropped([label(1)]);
    assert_eq!(targets.pools()[0].dropped, [label(1)]);
}

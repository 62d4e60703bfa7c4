//! Tests of `shard`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use weir_pipeline::testing::{Recorder, Subject, assert_contract, batch, context, documented, settings, text};
use weir_pipeline::{Kind, Outcome, Tenant};

use super::*;
use crate::ring::layout::Algorithm;
use crate::ring::{Member, ReplicaSet, Shape, Shards};

/// A ring of cells of one member each, called by a letter.
fn layout(epoch: u64, names: &str) -> Layout {
    let member = |name: char| Member {
        name: name.into(),
        address: format!("{name}:1"),
        read_address: String::new(),
        zone: String::new(),
    };
    Layout::new(Shape::new(1, 64, Algorithm::Cells).unwrap(), epoch, names.chars().map(member).collect()).unwrap()
}

/// The branches that were built, by the name of their member.
type Built = Arc<Mutex<HashMap<String, Recorder<Write>>>>;

fn written(batch: &Batch) -> Result<Ack> {
    Ok(Ack::written(batch.sample_count() as u64))
}

fn shard(ring: &Arc<OpenRing>) -> (Next<Write>, Built) {
    shard_with(ring, "")
}

fn shard_with(ring: &Arc<OpenRing>, extra: &str) -> (Next<Write>, Built) {
    let context = context();
    context.keep_resource("central", ring.clone());
    let built = Built::default();
    let keep = built.clone();
    let rest = Rest::new(move |context: &Context, name: &str| {
        let set = context.value::<ReplicaSet>().unwrap();
        assert_eq!(set.name, name);
        if set.members[0].name == "x" {
            return Err(Error::invalid("nothing leads there"));
        }
        let recorder = Recorder::new(written);
        assert!(keep.lock().unwrap().insert(set.members[0].name.clone(), recorder.clone()).is_none());
        Ok(recorder.next())
    });
    let shard: Shard = settings(&format!("{{ ring: central, {extra} }}")).unwrap();
    (shard.split(&context, rest).unwrap(), built)
}

/// A hundred series with two samples each.
fn many() -> Batch {
    batch(&(0..100).map(|i| format!("up{{i=\"{i}\"}} {i} 1\nup{{i=\"{i}\"}} {i} 2\n")).collect::<String>())
}

fn sent(built: &Built, name: &str) -> Vec<String> {
    let requests = built.lock().unwrap()[name].requests();
    requests.iter().flat_map(|batch| text(batch).lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[tokio::test(start_paused = true)]
async fn every_series_goes_to_the_set_of_its_partition_and_nowhere_else() {
    let ring = Arc::new(OpenRing::fixed(layout(1, "abc")));
    let (next, built) = shard(&ring);
    let batch = many();
    assert_eq!(next.send(batch.clone()).await.unwrap(), Ack::written(200));
    let (layout, mut all) = (ring.current(), Vec::new());
    for name in ["a", "b", "c"] {
        let got = built.lock().unwrap()[name].requests();
        assert_eq!(got.len(), 1);
        for series in got[0].iter() {
            let set = layout.set_of(layout.partition_of(batch.tenant(), series.id));
            assert_eq!(layout.sets()[set].members[0].name, name);
        }
        all.extend(sent(&built, name));
    }
    let mut whole: Vec<String> = text(&batch).lines().map(str::to_owned).collect();
    whole.sort();
    all.sort();
    assert_eq!(all, whole);
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_one_branch_passes_untouched_and_an_empty_one_goes_somewhere() {
    let (next, built) = shard(&Arc::new(OpenRing::fixed(layout(1, "ab"))));
    assert_eq!(next.send(batch("up 1\nup 2")).await.unwrap(), Ack::written(2));
    assert_eq!(next.send(batch("")).await.unwrap(), Ack::default());
    assert_eq!(built.lock().unwrap().values().map(|branch| branch.requests().len()).sum::<usize>(), 2);
}

#[tokio::test(start_paused = true)]
async fn where_a_branch_fails_the_request_fails_and_what_may_pass_comes_first() {
    let (next, built) = shard(&Arc::new(OpenRing::fixed(layout(1, "abc"))));
    let fail = |name: &str, kind: Kind| {
        built.lock().unwrap()[name].answer(move |_| Err(Error::new(kind, "no")));
    };
    fail("b", Kind::Invalid);
    assert_eq!(next.send(many()).await.unwrap_err().kind(), Kind::Invalid);
    fail("c", Kind::Unavailable { retry_after: None });
    assert_eq!(next.send(many()).await.unwrap_err().kind(), Kind::Unavailable { retry_after: None });
    // Each got its part all the same.
    assert_eq!(["a", "b", "c"].map(|name| built.lock().unwrap()[name].requests().len()), [2, 2, 2]);
}

#[tokio::test(start_paused = true)]
async fn the_acks_of_all_branches_become_one() {
    let (next, built) = shard(&Arc::new(OpenRing::fixed(layout(1, "ab"))));
    built.lock().unwrap()["a"].answer(|batch| {
        let n = batch.sample_count() as u64;
        Ok(Ack::written(n - 1).with(Outcome::Rejected, "too_old", 1))
    });
    let ack = next.send(many()).await.unwrap();
    assert_eq!((ack.count(Outcome::Written), ack.count(Outcome::Rejected)), (199, 1));
}

#[tokio::test(start_paused = true)]
async fn it_is_ready_when_all_branches_are() {
    let (next, built) = shard(&Arc::new(OpenRing::fixed(layout(1, "ab"))));
    let ready = async || futures_util::poll!(std::pin::pin!(tower::ServiceExt::ready(&mut next.clone()))).is_ready();
    assert!(ready().await);
    built.lock().unwrap()["b"].set_ready(false);
    assert!(!ready().await);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_ring_is_followed_and_branches_that_stay_go_on() {
    let ring = Arc::new(OpenRing::fixed(layout(1, "ab")));
    let (next, built) = shard(&ring);
    next.send(many()).await.unwrap();
    ring.change(Arc::new(layout(2, "abc")));
    next.send(many()).await.unwrap();
    assert_eq!(["a", "b", "c"].map(|name| built.lock().unwrap()[name].requests().len()), [2, 2, 1]);
    // One that can't be followed is left out.
    ring.change(Arc::new(layout(3, "axc")));
    next.send(many()).await.unwrap();
    assert_eq!(["a", "b", "c"].map(|name| built.lock().unwrap()[name].requests().len()), [3, 3, 2]);
    ring.change(Arc::new(layout(4, "ab")));
    next.send(many()).await.unwrap();
    assert_eq!(["a", "b", "c"].map(|name| built.lock().unwrap()[name].requests().len()), [4, 4, 2]);
}

#[tokio::test(start_paused = true)]
async fn the_series_of_a_tenant_go_to_its_shard_alone() {
    let shards = Shards { size: 2, ..Shards::default() };
    let ring = Arc::new(OpenRing::fixed(layout(1, "abcdef").sharded(shards).unwrap()));
    let (next, built) = shard(&ring);
    next.send(many()).await.unwrap();
    // What has no series goes there, too.
    next.send(batch("")).await.unwrap();
    let layout = ring.current();
    let shard: Vec<String> = layout.shard_of(&Tenant::default()).sets().iter().map(|i| name(&layout, *i)).collect();
    let built = built.lock().unwrap();
    let used: Vec<&String> = built.iter().filter(|(_, branch)| !branch.requests().is_empty()).map(|(n, _)| n).collect();
    assert!(used.len() == 2 && used.iter().all(|name| shard.contains(name)), "{used:?} {shard:?}");
}

fn name(layout: &Layout, set: usize) -> String {
    layout.sets()[set].members[0].name.clone()
}

/// How many requests each branch got.
fn counts<const N: usize>(built: &Built, names: [&str; N]) -> [usize; N] {
    names.map(|name| built.lock().unwrap()[name].requests().len())
}

fn answer(built: &Built, name: &str, kind: Option<Kind>) {
    let reply = move |batch: &Batch| kind.map_or_else(|| written(batch), |kind| Err(Error::new(kind, "no")));
    built.lock().unwrap()[name].answer(reply);
}

const AWAY: Option<Kind> = Some(Kind::Unavailable { retry_after: None });

#[tokio::test(start_paused = true)]
async fn what_a_set_without_a_quorum_can_not_take_others_take() {
    let (next, built) = shard_with(&Arc::new(OpenRing::fixed(layout(1, "abc"))), "fail_over: true");
    answer(&built, "b", AWAY);
    assert_eq!(next.send(many()).await.unwrap(), Ack::written(200));
    assert_eq!(counts(&built, ["a", "b", "c"]), [2, 1, 2]);
    let mut got = [sent(&built, "a"), sent(&built, "c")].concat();
    got.sort();
    let mut whole: Vec<String> = text(&many()).lines().map(str::to_owned).collect();
    whole.sort();
    assert_eq!(got, whole);
    // It is left alone, also where it is not ready.
    built.lock().unwrap()["b"].set_ready(false);
    tokio::time::advance(Duration::from_millis(4900)).await;
    assert_eq!(next.send(many()).await.unwrap(), Ack::written(200));
    assert_eq!(counts(&built, ["a", "b", "c"]), [3, 1, 3]);
    // Then it is asked again, and back.
    built.lock().unwrap()["b"].set_ready(true);
    answer(&built, "b", None);
    tokio::time::advance(Duration::from_millis(200)).await;
    next.send(many()).await.unwrap();
    next.send(many()).await.unwrap();
    assert_eq!(counts(&built, ["a", "b", "c"]), [5, 3, 5]);
}

#[tokio::test(start_paused = true)]
async fn where_no_set_can_take_it_the_sender_is_told_to_come_back() {
    let check = async |names: &str, fail: &str, kind: Option<Kind>, extra: &str| {
        let (next, built) = shard_with(&Arc::new(OpenRing::fixed(layout(1, names))), extra);
        fail.chars().for_each(|name| answer(&built, &name.to_string(), kind));
        let kinds = [next.send(many()).await.unwrap_err().kind(), next.send(many()).await.unwrap_err().kind()];
        assert_eq!(kinds.map(Some), [kind, kind]);
    };
    check("abc", "abc", AWAY, "fail_over: true").await;
    check("a", "a", AWAY, "fail_over: true").await;
    check("abc", "b", AWAY, "fail_over: false").await;
    // It is the batch that is at fault, or the tenant.
    check("abc", "b", Some(Kind::Invalid), "fail_over: true").await;
    check("abc", "b", Some(Kind::Overloaded { retry_after: None }), "fail_over: true").await;
}

#[tokio::test(start_paused = true)]
async fn what_a_set_refuses_a_tenant_for_itself_no_other_is_asked_to_take_and_the_set_is_asked_on() {
    let (next, built) = shard_with(&Arc::new(OpenRing::fixed(layout(1, "abc"))), "fail_over: true");
    built.lock().unwrap()["b"].answer(|batch: &Batch| match batch.tenant().as_str() {
        "noisy" => Err(Error::unavailable("`max_tenants`").of_tenant()),
        _ => written(batch),
    });
    let error = next.send(many().with_tenant("noisy".parse().unwrap())).await.unwrap_err();
    assert_eq!((error.message(), error.is_of_tenant()), ("`max_tenants`", true));
    assert_eq!(counts(&built, ["a", "b", "c"]), [1, 1, 1]);
    assert_eq!(next.send(many()).await.unwrap(), Ack::written(200));
    assert_eq!(counts(&built, ["a", "b", "c"]), [2, 2, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_set_outside_of_the_shard_takes_nothing() {
    let shards = Shards { size: 1, ..Shards::default() };
    let ring = Arc::new(OpenRing::fixed(layout(1, "abc").sharded(shards).unwrap()));
    let own = name(&ring.current(), ring.current().shard_of(&Tenant::default()).sets()[0]);
    let (next, built) = shard_with(&ring, "fail_over: true");
    answer(&built, &own, AWAY);
    assert_eq!(Some(next.send(many()).await.unwrap_err().kind()), AWAY);
    let others = built.lock().unwrap().iter().filter(|(name, _)| **name != own).all(|(_, b)| b.requests().is_empty());
    assert!(others, "a query of this tenant does not ask them");
}

#[tokio::test(start_paused = true)]
async fn a_ring_that_is_none_is_told() {
    let shard: Shard = settings("ring: centrl").unwrap();
    let rest = Rest::new(|_: &Context, _: &str| Err(Error::internal("not reached")));
    assert_eq!(shard.split(&context(), rest).unwrap_err().to_string(), "no resource `centrl` is declared");
}

#[test]
fn refuses_wrong_settings() {
    let check = |yaml: &str, expect: &str| assert_eq!(settings::<Shard>(yaml).unwrap_err(), expect);
    check("{}", "1:1: `ring` is missing");
    check("{ ring: a, by: b }", "1:12: by: unknown field `by`, expected one of `ring`, `fail_over`");
}

#[test]
fn the_example_in_the_docs_is_valid() {
    let _: Shard = documented(include_str!("../shard.rs"), "shard");
}

#[test]
fn it_keeps_the_contract() {
    let shard: Shard = documented(include_str!("../shard.rs"), "shard");
    let build = move |context: &Context, next: Next<Write>| {
        context.keep_resource("central", Arc::new(OpenRing::fixed(layout(1, "abc"))));
        shard.clone().split(context, Rest::new(move |_: &Context, _: &str| Ok(next.clone())))
    };
    assert_contract(Subject::service("shard", build));
}

//! Tests of `shard`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::HashMap;
use std::sync::Mutex;

use weir_pipeline::testing::{Recorder, Subject, assert_contract, batch, context, documented, settings, text};
use weir_pipeline::{Kind, Outcome};

use super::*;
use crate::ring::layout::Algorithm;
use crate::ring::{Member, Shape};

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
    let shard: Shard = settings("ring: central").unwrap();
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
async fn a_ring_that_is_none_is_told() {
    let shard: Shard = settings("ring: centrl").unwrap();
    let rest = Rest::new(|_: &Context, _: &str| Err(Error::internal("not reached")));
    assert_eq!(shard.split(&context(), rest).unwrap_err().to_string(), "no resource `centrl` is declared");
}

#[test]
fn refuses_wrong_settings() {
    let check = |yaml: &str, expect: &str| assert_eq!(settings::<Shard>(yaml).unwrap_err(), expect);
    check("{}", "1:1: `ring` is missing");
    check("{ ring: a, by: b }", "1:12: by: unknown field `by`, expected one of `ring`");
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

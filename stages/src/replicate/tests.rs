//! Tests of `replicate`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod tenants;

use std::time::Duration;

use tokio::time::{Instant, sleep};
use weir_pipeline::testing::{
    Recorder, Subject, assert_contract, batch, context, documented, histogram_point, settings,
};
use weir_pipeline::{Ack, Kind, LabelSet, Outcome, Tenant};

use super::*;
use crate::node;

/// Three members whose answers the test decides, and the service over them.
struct Three {
    members: Vec<Recorder<Write>>,
    next: Next<Write>,
    context: Context,
}

fn set(names: &[&str]) -> Arc<ReplicaSet> {
    let member = |(i, name): (usize, &&str)| Member {
        name: (*name).to_owned(),
        address: format!("127.0.0.1:{}", 1000 + i),
        read_address: String::new(),
        zone: String::new(),
    };
    Arc::new(ReplicaSet { name: "cell".into(), members: names.iter().enumerate().map(member).collect() })
}

fn written(batch: &Batch) -> Result<Ack> {
    Ok(Ack::written(batch.sample_count() as u64))
}

fn unavailable(_: &Batch) -> Result<Ack> {
    Err(Error::unavailable("gone"))
}

fn invalid(_: &Batch) -> Result<Ack> {
    Err(Error::invalid("bad"))
}

/// Holds the answers back.
fn hang(member: &Recorder<Write>) {
    member.set_open(false);
}

impl Three {
    fn new(yaml: &str) -> Self {
        let members: Vec<_> = (0..3).map(|_| Recorder::new(written)).collect();
        let context = context();
        let rest = {
            let members: Vec<_> = members.iter().map(Recorder::next).collect();
            Rest::new(move |context: &Context, name: &str| {
                let member = context.value::<Member>().unwrap();
                assert_eq!(member.name, name);
                Ok(members[["a", "b", "c"].iter().position(|n| *n == name).unwrap()].clone())
            })
        };
        let replicate: Replicate = settings(yaml).unwrap();
        let next = replicate.split(&context.with(set(&["a", "b", "c"])), rest).unwrap();
        Self { members, next, context }
    }

    async fn send(&self) -> Result<Ack> {
        self.next.send(batch("up 1\nup 2")).await
    }

    fn got(&self) -> Vec<usize> {
        self.members.iter().map(|member| member.requests().len()).collect()
    }

    /// The value of a counter or gauge of this member.
    fn metric(&self, name: &str, member: &str, reason: &str) -> Option<String> {
        let member = format!("member=\"{member}\"");
        let encoded = self.context.metrics.encode();
        let mut lines = encoded.lines().filter(|line| line.starts_with(name) && line.contains(&member));
        lines.find(|line| line.contains(reason)).and_then(|line| line.rsplit(' ').next().map(str::to_owned))
    }
}

#[tokio::test(start_paused = true)]
async fn every_member_gets_the_batch_and_a_majority_answers_for_all() {
    let three = Three::new("{}");
    assert_eq!(three.send().await.unwrap().count(Outcome::Written), 2);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(three.got(), [1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_hangs_holds_up_nobody_and_gets_the_batch_later() {
    let three = Three::new("{}");
    hang(&three.members[1]);
    let begin = Instant::now();
    three.send().await.unwrap();
    assert_eq!(begin.elapsed(), Duration::ZERO);
    sleep(Duration::from_secs(1)).await;
    assert_ne!(three.metric("weir_replicate_pending_bytes", "b", "").unwrap(), "0");
    three.members[1].set_open(true);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(three.metric("weir_replicate_pending_bytes", "b", "").unwrap(), "0");
    assert_eq!(three.metric("weir_replicate_missed_samples_total", "b", ""), None);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_fails_is_asked_again_after_the_answer_until_it_is_back() {
    let three = Three::new("{}");
    three.members[2].answer(unavailable);
    three.send().await.unwrap();
    sleep(Duration::from_secs(10)).await;
    let asked = three.got()[2];
    assert!((10..25).contains(&asked), "{asked}");
    assert_eq!(three.metric("weir_replicate_member_up", "c", "").unwrap(), "0");
    three.members[2].answer(written);
    sleep(Duration::from_secs(6)).await;
    assert_eq!(three.metric("weir_replicate_member_up", "c", "").unwrap(), "1");
    assert_eq!(three.metric("weir_replicate_pending_bytes", "c", "").unwrap(), "0");
    assert_eq!(three.metric("weir_replicate_missed_samples_total", "c", ""), None);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_does_not_come_back_in_time_has_missed_the_batch() {
    let three = Three::new("keep_trying: 20s");
    three.members[2].answer(unavailable);
    three.send().await.unwrap();
    sleep(Duration::from_secs(19)).await;
    assert_eq!(three.metric("weir_replicate_missed_samples_total", "c", "gave_up"), None);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(three.metric("weir_replicate_missed_samples_total", "c", "gave_up").unwrap(), "2");
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_member_is_bounded() {
    let bytes = batch("up 1\nup 2").byte_size();
    let three = Three::new(&format!("pending: {}B", 2 * bytes));
    hang(&three.members[0]);
    for _ in 0..5 {
        three.send().await.unwrap();
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(three.metric("weir_replicate_missed_samples_total", "a", "pending_full").unwrap(), "6");
    assert_eq!(three.metric("weir_replicate_pending_bytes", "a", "").unwrap(), (2 * bytes).to_string());
}

#[tokio::test(start_paused = true)]
async fn without_a_quorum_the_error_says_so_once_members_failed_for_too_long() {
    let three = Three::new("patience: 3s");
    three.members[0].answer(unavailable);
    three.members[1].answer(unavailable);
    let begin = Instant::now();
    let error = three.send().await.unwrap_err();
    assert_eq!(error.report(), "expected 2 of 3 members to write the batch, 1 did: gone");
    assert_eq!(error.kind(), Kind::Unavailable { retry_after: None });
    assert!((3000..3200).contains(&begin.elapsed().as_millis()), "{:?}", begin.elapsed());
    // A member that is back is found within the time of one request, however long it was gone.
    sleep(Duration::from_secs(3600)).await;
    three.send().await.unwrap_err();
    three.members[1].answer(written);
    three.send().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn members_that_stumble_for_a_moment_cost_no_request() {
    let three = Three::new("{}");
    three.members[0].answer(unavailable);
    three.members[1].answer(unavailable);
    let (back, members) = (three.members[1].clone(), three.send());
    tokio::spawn(async move {
        sleep(Duration::from_millis(700)).await;
        back.answer(written);
    });
    members.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn members_that_are_too_old_for_a_batch_take_all_others_meanwhile() {
    let three = Three::new("{}");
    for old in [0, 1] {
        three.members[old].answer(|batch: &Batch| match batch.histogram_count() {
            0 => written(batch),
            _ => Err(node::too_old("takes batches of version 1".into(), "a section".into())),
        });
    }
    let newer = || {
        let mut newer = Batch::builder(Tenant::default());
        newer.series(LabelSet::from_iter([("__name__", "h")]).as_labels()).histogram(histogram_point(1, 1));
        newer.build()
    };
    let begin = Instant::now();
    let refused = async {
        let error = three.next.send(newer()).await.unwrap_err();
        (error, begin.elapsed().as_millis())
    };
    let others = async {
        for _ in 0..100 {
            let begin = Instant::now();
            three.send().await.unwrap();
            assert_eq!(begin.elapsed(), Duration::ZERO);
            sleep(Duration::from_millis(30)).await;
        }
    };
    let ((error, took), ()) = tokio::join!(refused, others);
    let expect = "expected 2 of 3 members to write the batch, 1 did: takes batches of version 1: a section";
    assert_eq!((error.report().as_str(), error.kind()), (expect, Kind::Unavailable { retry_after: None }));
    assert!((2000..2200).contains(&took), "{took}");
    assert_eq!(three.metric("weir_replicate_member_up", "a", "").unwrap(), "1");
    // One that is upgraded takes it.
    three.members[0].answer(written);
    three.next.send(newer()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_members_refuse_for_good_is_refused_at_once() {
    let check = async |answers: [fn(&Batch) -> Result<Ack>; 3], expect: Result<u64, &str>| {
        let three = Three::new("{}");
        for (member, answer) in three.members.iter().zip(answers) {
            member.answer(answer);
        }
        let got = three.send().await.map(|ack| ack.count(Outcome::Written)).map_err(|error| error.report());
        assert_eq!(got, expect.map_err(str::to_owned));
        three.got()
    };
    let none = "expected 2 of 3 members to write the batch, 0 did: bad";
    let one = "expected 2 of 3 members to write the batch, 1 did: bad";
    check([invalid, invalid, invalid], Err(none)).await;
    check([invalid, written, invalid], Err(one)).await;
    check([invalid, written, written], Ok(2)).await;
    // What may pass decides: the request may then be repeated.
    check([invalid, unavailable, unavailable], Err("expected 2 of 3 members to write the batch, 0 did: gone")).await;
}

#[tokio::test(start_paused = true)]
async fn the_ack_is_that_of_the_member_that_wrote_least() {
    let three = Three::new("quorum: 3");
    three.members[1].answer(|_| Ok(Ack::written(1).with(Outcome::Rejected, "too_old", 1)));
    let ack = three.send().await.unwrap();
    assert_eq!((ack.count(Outcome::Written), ack.count(Outcome::Rejected)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn it_is_ready_when_a_quorum_is() {
    let three = Three::new("{}");
    let ready =
        async || futures_util::poll!(std::pin::pin!(tower::ServiceExt::ready(&mut three.next.clone()))).is_ready();
    assert!(ready().await);
    three.members[0].set_ready(false);
    assert!(ready().await);
    three.members[1].set_ready(false);
    assert!(!ready().await);
    // One that fails to become ready is no reason to wait.
    three.members[0].fail_ready(Error::unavailable("gone"));
    assert!(ready().await);
}

#[tokio::test(start_paused = true)]
async fn at_the_end_it_waits_a_while_for_what_is_on_its_way() {
    let three = Three::new("{}");
    hang(&three.members[1]);
    three.send().await.unwrap();
    let begin = Instant::now();
    assert!(three.context.close().await.is_empty());
    assert_eq!(begin.elapsed(), Duration::from_secs(5));
    assert_eq!(three.metric("weir_replicate_missed_samples_total", "b", "shutdown").unwrap(), "2");
    assert_eq!(three.members[1].in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn it_does_not_start_without_members_or_with_a_quorum_that_can_not_be() {
    let check = |yaml: &str, members: Option<&[&str]>, expect: &str| {
        let replicate: Replicate = settings(yaml).unwrap();
        let context = members.map_or_else(context, |names| context().with(set(names)));
        let rest = Rest::new(|_: &Context, _: &str| Ok(Recorder::<Write>::new(written).next()));
        assert_eq!(replicate.split(&context, rest).unwrap_err().to_string(), expect);
    };
    check("{}", None, "expected `shard` above, which says which members there are");
    check("factor: 3", Some(&["a"]), "expected the ring to have the factor `3`, got `1`");
    check("quorum: 2", Some(&["a"]), "expected a quorum of at most `1` members, got `2`");
}

#[test]
fn refuses_wrong_settings() {
    let check = |yaml: &str, expect: &str| assert_eq!(settings::<Replicate>(yaml).unwrap_err(), expect);
    check("factor: 0", "1:1: expected `factor` of at least 1, got `0`");
    check("quorum: 0", "1:1: expected `quorum` of at least 1, got `0`");
    check("{ factor: 3, quorum: 4 }", "1:1: expected `quorum` of at most `3`, which is `factor`, got `4`");
    check("quorum: most", "1:9: quorum: expected `majority` or a number of members, got `most`");
    check("backoff: { max: 0s }", "1:1: expected `backoff.max` above 0, got `0s`");
    check(
        "backoff: { initial: 6s }",
        "1:1: expected `backoff.initial` of at most `1s`, which is `backoff.max`, got `6s`",
    );
    check("patience: 2", "1:11: patience: expected a duration such as `30s` or `1m30s`, got `2`");
    let known = "`factor`, `quorum`, `patience`, `keep_trying`, `pending`, `backoff`, `hand_off`";
    check("members: 3", &format!("1:1: members: unknown field `members`, expected one of {known}"));
}

#[test]
fn the_example_in_the_docs_is_valid() {
    let _: Replicate = documented(include_str!("../replicate.rs"), "replicate");
}

#[test]
fn it_keeps_the_contract() {
    let replicate: Replicate = documented(include_str!("../replicate.rs"), "replicate");
    let build = move |context: &Context, next: Next<Write>| {
        let rest = Rest::new(move |_: &Context, _: &str| Ok(next.clone()));
        replicate.clone().split(&context.with(set(&["a", "b", "c"])), rest)
    };
    // What comes after the answer goes on also where the next caller goes away.
    assert_contract(Subject::service("replicate", build).carries_on());
}

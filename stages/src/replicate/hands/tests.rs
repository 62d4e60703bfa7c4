//! Tests of hinted hand-off, with time paused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::sleep;
use weir_pipeline::testing::{Recorder, batch, context, settings};
use weir_pipeline::{Ack, Error, Fanout};

use super::super::Replicate;
use super::*;
use crate::ring::layout::Algorithm;
use crate::ring::{Layout, Shape};

/// A ring, `replicate` over its first set, and what each member was sent, by itself and for others.
struct Ground {
    ring: Arc<OpenRing>,
    next: Next<Write>,
    context: Context,
    ways: Arc<Mutex<BTreeMap<String, Recorder<Write>>>>,
}

/// Members `name@zone`.
fn layout(epoch: u64, members: &[&str]) -> Layout {
    let member = |(i, text): (usize, &&str)| {
        let (name, zone) = text.split_once('@').unwrap();
        Member::new(name.into(), format!("h:{}", i + 1), None, zone.into()).unwrap()
    };
    let shape = Shape::new(3, 8, Algorithm::Cells).unwrap();
    Layout::new(shape, epoch, members.iter().enumerate().map(member).collect()).unwrap()
}

const SIX: [&str; 6] = ["a0@a", "b0@b", "c0@c", "a1@a", "b1@b", "c1@c"];

fn written(batch: &Batch) -> Result<Ack> {
    Ok(Ack::written(batch.sample_count() as u64))
}

fn away(_: &Batch) -> Result<Ack> {
    Err(Error::unavailable("away"))
}

impl Ground {
    fn new(members: &[&str], extra: &str) -> Self {
        let ring = Arc::new(OpenRing::fixed(layout(1, members)));
        let ways = Arc::<Mutex<BTreeMap<String, Recorder<Write>>>>::default();
        let built = ways.clone();
        let rest = Rest::new(move |context: &Context, _: &str| {
            let member = context.value::<Member>().unwrap().name.clone();
            let name = match context.value::<HintFor>() {
                Some(owner) => format!("{member} for {}", owner.0.name),
                None => member,
            };
            Ok(built.lock().unwrap().entry(name).or_insert_with(|| Recorder::new(written)).next())
        });
        let replicate: Replicate = settings(&format!("{{ hand_off: true, keep_trying: 5s, {extra} }}")).unwrap();
        let context = context();
        let set = ring.current().sets()[0].clone();
        let next = replicate.split(&context.with(set).with(ring.clone()), rest).unwrap();
        Self { ring, next, context, ways }
    }

    fn away(&self, name: &str) {
        let mut ways = self.ways.lock().unwrap();
        ways.entry(name.into()).or_insert_with(|| Recorder::new(written)).answer(away);
    }

    /// Writes a batch, and waits until it is somewhere.
    async fn write(&self) -> BTreeMap<String, usize> {
        self.next.send(batch("up 1\nup 2")).await.unwrap();
        sleep(Duration::from_secs(10)).await;
        let ways = self.ways.lock().unwrap();
        let hints = ways.iter().filter(|(name, _)| name.contains(" for "));
        hints.map(|(name, way)| (name.clone(), way.requests().len())).filter(|(_, n)| *n > 0).collect()
    }

    fn metric(&self, name: &str) -> Option<String> {
        let encoded = self.context.metrics.encode();
        let line = encoded.lines().find(|line| line.starts_with(name) && line.contains("c0"))?;
        Some(line.rsplit(' ').next().unwrap().to_owned())
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_member_misses_another_of_a_zone_that_lacks_a_copy_keeps() {
    let ground = Ground::new(&SIX, "");
    assert!(ground.write().await.is_empty());
    ground.away("c0");
    assert_eq!(ground.write().await, [("c1 for c0".to_owned(), 1)].into());
    assert_eq!(ground.metric("weir_replicate_handed_off_samples_total").as_deref(), Some("2"));
    assert_eq!(ground.metric("weir_replicate_missed_samples_total"), None);
    assert_eq!(ground.metric("weir_replicate_pending_bytes").as_deref(), Some("0"));
}

#[tokio::test(start_paused = true)]
async fn where_that_one_keeps_nothing_others_do_and_else_it_is_missed() {
    let ground = Ground::new(&SIX, "");
    ["c0", "c1 for c0"].iter().for_each(|name| ground.away(name));
    let kept = ground.write().await;
    assert_eq!((kept.len(), kept["c1 for c0"]), (2, 1));
    ["a1 for c0", "b1 for c0"].iter().for_each(|name| ground.away(name));
    ground.write().await;
    assert_eq!(ground.metric("weir_replicate_missed_samples_total").as_deref(), Some("2"));
}

#[tokio::test(start_paused = true)]
async fn who_comes_to_the_ring_later_keeps_something_too() {
    let ground = Ground::new(&SIX[..3], "");
    ground.away("c0");
    assert!(ground.write().await.is_empty(), "there is nobody");
    ground.ring.change(Arc::new(layout(2, &SIX)));
    assert_eq!(ground.write().await, [("c1 for c0".to_owned(), 1)].into());
}

#[tokio::test(start_paused = true)]
async fn what_finds_no_memory_to_wait_in_is_handed_off_at_once() {
    let ground = Ground::new(&SIX, "pending: 1B");
    ground.away("c0");
    ground.next.send(batch("up 1\nup 2")).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    // Neither is there memory on the way.
    assert_eq!(ground.metric("weir_replicate_missed_samples_total").as_deref(), Some("2"));
    let size = batch("up 1\nup 2").byte_size();
    let ground = Ground::new(&SIX, &format!("pending: {size}B"));
    ground.away("c0");
    for _ in 0..2 {
        ground.next.send(batch("up 1\nup 2")).await.unwrap();
    }
    sleep(Duration::from_millis(100)).await;
    assert_eq!(ground.metric("weir_replicate_handed_off_samples_total").as_deref(), Some("2"));
}

#[tokio::test(start_paused = true)]
async fn without_a_quorum_nothing_is_acknowledged() {
    let ground = Ground::new(&SIX, "");
    ["b0", "c0"].iter().for_each(|name| ground.away(name));
    assert!(ground.next.send(batch("up 1")).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn who_is_slow_to_keep_something_is_waited_for_but_not_for_long_once_the_program_ends() {
    let ground = Ground::new(&SIX, "");
    ground.away("c0");
    let open = |is_open: bool| {
        let mut ways = ground.ways.lock().unwrap();
        ways.entry("c1 for c0".into()).or_insert_with(|| Recorder::new(written)).set_open(is_open);
    };
    open(false);
    ground.write().await;
    // The member was given up ten seconds ago.
    sleep(Duration::from_secs(5)).await;
    assert_eq!(ground.metric("weir_replicate_handed_off_samples_total"), None);
    open(true);
    sleep(Duration::from_millis(100)).await;
    assert_eq!(ground.metric("weir_replicate_handed_off_samples_total").as_deref(), Some("2"));
    assert_eq!(ground.metric("weir_replicate_missed_samples_total"), None);
    open(false);
    ground.write().await;
    let begin = tokio::time::Instant::now();
    assert!(ground.context.close().await.is_empty());
    assert_eq!(begin.elapsed().as_secs(), 10);
    assert_eq!(ground.metric("weir_replicate_missed_samples_total").as_deref(), Some("2"));
}

//! What a sender hears when nodes of a ring fail: the table of Thanos Receive, and where we differ from it.
//!
//! The rows are those of `TestReceiveQuorum` in `pkg/receive/handler_test.go` of Thanos. Differences that are meant, with
//! `*` in the table:
//!
//! * Written is 204, as the specifications of remote write have it, where Thanos says 200.
//! * A conflict is no outcome of a whole request: the good samples of it are durable, the others are told and counted, and the
//!   reply is 400 with how much was written, where Thanos says 409 and leaves open what was kept.
//! * A node with a conflict has written the rest, and counts for the quorum: nobody is asked to repeat what will never be taken.

use weir_pipeline::testing::settings as from_yaml;
use weir_pipeline::{Fanout, Resource, Rest};

use super::*;
use crate::replicate::Replicate;
use crate::ring::{Member, Ring};
use crate::shard::Shard;

/// What a node does with what it is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Node {
    /// Writes it.
    Good,
    /// Fails to commit: it may be repeated.
    Away,
    /// Writes all but one sample, which is in conflict with another.
    Conflict,
    /// Writes nothing: all is too old.
    Old,
}

use Node::{Away, Conflict, Good, Old};

impl Node {
    fn answer(self, batch: &Batch) -> Result<Ack> {
        let samples = batch.sample_count() as u64;
        let mut ack = Ack::default();
        match self {
            Self::Good => return Ok(Ack::written(samples)),
            Self::Away => return Err(Error::unavailable("the log can't be written")),
            Self::Conflict => ack.reject("id_collision", "in conflict with another", 1),
            Self::Old => ack.reject("too_old", "older than all", samples),
        }
        ack.add(Outcome::Written, "", samples - ack.total());
        Ok(ack)
    }
}

/// A receiver in front of a ring of these nodes, so many of which keep each sample.
async fn ring(nodes: &'static [Node], factor: usize) -> Running {
    let context = context();
    let member = |i: usize| format!("{{ name: n{i}, address: 'h:{}' }}", i + 1);
    let members: Vec<_> = (0..nodes.len()).map(member).collect();
    let algorithm = if nodes.len().is_multiple_of(factor) { "cells" } else { "rendezvous" };
    let yaml = format!("{{ factor: {factor}, algorithm: {algorithm}, members: [{}] }}", members.join(", "));
    let ring = from_yaml::<Ring>(&yaml).unwrap().open(&context).await.unwrap();
    context.keep_resource("central", ring);
    let node = Rest::new(|context: &Context, _: &str| {
        let name = context.value::<Member>().unwrap().name.clone();
        let node = nodes[name[1..].parse::<usize>().unwrap()];
        Ok(Next::new(tower::service_fn(move |batch: Batch| std::future::ready(node.answer(&batch)))))
    });
    let sets = Rest::new(move |context: &Context, _: &str| {
        from_yaml::<Replicate>("{ patience: 200ms, backoff: { initial: 10ms, max: 50ms } }")
            .unwrap()
            .split(context, node.clone())
    });
    let next = from_yaml::<Shard>("ring: central").unwrap().split(&context, sets).unwrap();
    start_in(context, super::settings(), move |batch| {
        let next = next.clone();
        Box::pin(async move { next.send(batch).await })
    })
    .await
}

/// A request of 2.0 with a hundred series of a sample each.
fn series() -> Vec<u8> {
    let text: String = (0..100).map(|i| format!("up{{i=\"{i}\"}} 1 1\n")).collect();
    let mut body = Vec::new();
    encode(&weir_pipeline::testing::batch(&text), Version::V2, &mut body);
    packed(&body)
}

/// A name, what each node does, how many replicas there are, what Thanos says and what Weir does, and how much is written.
type Row = (&'static str, &'static [Node], usize, u16, u16, &'static str);

#[tokio::test]
async fn a_sender_hears_what_the_table_says() {
    let table: [Row; 14] = [
        ("size 1, no error", &[Good], 1, 200, 204, "100"),
        ("size 1, commit error", &[Away], 1, 503, 503, "0"),
        ("size 1, conflict *", &[Conflict], 1, 409, 400, "99"),
        ("size 3, no error", &[Good, Good, Good], 3, 200, 204, "100"),
        ("size 3, one faulty node", &[Away, Good, Good], 3, 200, 204, "100"),
        ("size 3, all commit errors", &[Away, Away, Away], 3, 503, 503, "0"),
        ("size 3, two commit errors", &[Away, Away, Good], 3, 503, 503, "0"),
        ("size 3, two conflicts *", &[Conflict, Conflict, Good], 3, 409, 400, "99"),
        ("size 3, two conflicts and a commit error *", &[Conflict, Conflict, Away], 3, 409, 400, "99"),
        ("size 3, a conflict and a commit error *", &[Conflict, Away, Good], 3, 503, 400, "99"),
        ("size 3, all too old *", &[Old, Old, Old], 3, 409, 400, "0"),
        (
            "size 6, a commit error and two conflicts *",
            &[Away, Conflict, Conflict, Good, Good, Good],
            3,
            503,
            400,
            "99",
        ),
        ("size 6 with 5 copies, two commit errors", &[Away, Away, Good, Good, Good, Good], 5, 200, 204, "100"),
        ("size 6 with 5 copies, three commit errors", &[Away, Away, Away, Good, Good, Good], 5, 503, 503, "0"),
    ];
    for (name, nodes, factor, thanos, expect, written) in table {
        let running = ring(nodes, factor).await;
        let got = running.write(&[V2], series()).await;
        assert_eq!((got.status, got.header(SAMPLES_WRITTEN)), (expect, Some(written)), "{name}: {}", got.text);
        // The sender does the same: it is done, never repeats, or repeats.
        let does = |status: u16| match status {
            200..300 => "done",
            429 | 500.. => "repeats",
            _ => "never repeats",
        };
        let differs = name.contains("a commit error *") || name.contains("a commit error and two");
        assert_eq!(does(thanos) == does(expect), !differs || does(thanos) == "never repeats", "{name}");
        assert_eq!(got.header("retry-after").is_some(), expect == 503, "{name}");
    }
}

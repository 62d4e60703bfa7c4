//! What a sender hears when nodes of a ring fail: the table of Thanos Receive, and where we differ from it.
//!
//! The rows are those of `TestReceiveQuorum` in `pkg/receive/handler_test.go` of Thanos, and of what `pkg/receive/handler.go` makes of
//! a request by itself. Differences that are meant, with `*` in the tables:
//!
//! * Written is 204, as the specifications of remote write have it, where Thanos says 200.
//! * A conflict is no outcome of a whole request: the good samples of it are durable, the others are told and counted, and the
//!   reply is 400 with how much was written, where Thanos says 409 and leaves open what was kept.
//! * Of two values at one time the greater stays, so that all replicas come to the same. A sample is in conflict where it loses,
//!   and is written where it wins; Thanos refuses both. A node that has the other one no more in memory takes it for written:
//!   it loses when it is read. What a node does is held over real stores, in `weir-blocks` `store::tests::conflicts` and
//!   `integration` `outcomes`.
//! * A node with a conflict has written the rest, and counts for the quorum: nobody is asked to repeat what will never be taken.
//! * Of series beyond a tenant's limit the others are taken, and the reply is 400, where Thanos refuses all with 429, which most
//!   senders drop, too.
//! * Series of 1.0 whose labels are wrong are passed over and counted, as Prometheus does it, where Thanos says 409.
//! * No header says which replica a request is: nodes send each other batches by a way of their own, and a sender's header is
//!   passed over.

use weir_pipeline::testing::settings as from_yaml;
use weir_pipeline::{Fanout, Resource, Rest};

use super::*;
use crate::limits::Limits as TenantLimits;
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
    /// Writes all but one sample, which is in conflict with another that stays.
    Conflict,
    /// Writes nothing: all is too old.
    Old,
    /// Can't even begin.
    Broken,
}

use Node::{Away, Broken, Conflict, Good, Old};

impl Node {
    fn answer(self, batch: &Batch) -> Result<Ack> {
        let samples = batch.sample_count() as u64;
        let mut ack = Ack::default();
        match self {
            Self::Good => return Ok(Ack::written(samples)),
            Self::Broken => return Err(Error::internal("the log can't be opened")),
            Self::Away => return Err(Error::unavailable("the log can't be written")),
            Self::Conflict => ack.reject(weir_pipeline::ack::reason::DUPLICATE_TIMESTAMP, "another value stays", 1),
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

/// What a sender does with a status: it is done, never repeats, or repeats.
fn does(status: u16) -> &'static str {
    match status {
        200..300 => "done",
        429 | 500.. => "repeats",
        _ => "never repeats",
    }
}

/// A name, what each node does, how many replicas there are, what Thanos says and what Weir does, and how much is written.
type Row = (&'static str, &'static [Node], usize, u16, u16, &'static str);

#[tokio::test]
async fn a_sender_hears_what_the_table_says() {
    let table: [Row; 16] = [
        ("size 1, no error", &[Good], 1, 200, 204, "100"),
        ("size 1, commit error", &[Away], 1, 503, 503, "0"),
        ("size 1, conflict *", &[Conflict], 1, 409, 400, "99"),
        ("size 3, no error", &[Good, Good, Good], 3, 200, 204, "100"),
        ("size 3, one faulty node", &[Away, Good, Good], 3, 200, 204, "100"),
        ("size 3, all commit errors", &[Away, Away, Away], 3, 503, 503, "0"),
        ("size 3, one appender error", &[Broken, Good, Good], 3, 200, 204, "100"),
        ("size 3, all appender errors", &[Broken, Broken, Broken], 3, 503, 500, "0"),
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
        let differs = name.contains("a commit error *") || name.contains("a commit error and two");
        assert_eq!(does(thanos) == does(expect), !differs || does(thanos) == "never repeats", "{name}");
        assert_eq!(got.header("retry-after").is_some(), expect == 503, "{name}");
    }
}

/// A request of 1.0 with a series that has a label twice.
fn twice() -> Vec<u8> {
    let label = |value: u8| [&b"\x0a\x06\x0a\x01a\x12\x01"[..], &[value]].concat();
    let name = b"\x0a\x0e\x0a\x08__name__\x12\x02up";
    let series = [name.as_slice(), &label(b'1'), &label(b'2'), b"\x12\x02\x10\x01"].concat();
    packed(&[&[0x0a, series.len() as u8][..], &series].concat())
}

/// What a pipeline does with the batches of a tenant.
fn by_tenant(batch: &Batch) -> Result<Ack> {
    let samples = batch.sample_count() as u64;
    match batch.tenant().as_str() {
        "full" => {
            let mut ack = Ack::written(samples - 1);
            ack.reject("series_limit", "up and others are beyond a limit", 1);
            Ok(ack)
        }
        "away" => Err(Error::unavailable("not ready")),
        "broken" => Err(Error::internal("broken")),
        _ => Ok(Ack::written(samples)),
    }
}

/// A name, a header, the body, what Thanos says and what Weir does.
type Asked = (&'static str, (&'static str, &'static str), Vec<u8>, u16, u16);

#[tokio::test]
async fn a_sender_hears_of_its_request_what_the_table_says() {
    let context = context();
    let yaml = "{ tenants: { a: { request_bytes: 100B }, b: { request_series: 2 }, c: { request_samples: 3 } } }";
    let limits = from_yaml::<TenantLimits>(yaml).unwrap().open(&context).await.unwrap();
    context.keep_resource("tenants", limits);
    let settings = yaml::read("{ listen: 127.0.0.1:0, limits: tenants }").unwrap();
    let running = start_in(context, settings, |batch| Box::pin(std::future::ready(by_tenant(&batch)))).await;
    let tenant = |name: &'static str| ("X-Scope-OrgID", name);
    let good = || body(Version::V1, 5);
    let table: [Asked; 12] = [
        ("all is written", tenant("good"), good(), 200, 204),
        ("no snappy block", tenant("good"), vec![0xff; 9], 400, 400),
        ("no message", tenant("good"), packed(b"\0"), 400, 400),
        ("a name that no tenant has", tenant("a/b"), good(), 400, 400),
        ("a replica beyond the factor *", ("THANOS-REPLICA", "9"), good(), 400, 204),
        ("a label twice *", tenant("good"), twice(), 409, 204),
        ("too many bytes", tenant("a"), vec![0xff; 500], 413, 413),
        ("too many series", tenant("b"), series_of(3), 413, 413),
        ("too many samples", tenant("c"), body(Version::V1, 4), 413, 413),
        ("active series beyond their limit *", tenant("full"), good(), 429, 400),
        ("not ready", tenant("away"), good(), 503, 503),
        ("anything else", tenant("broken"), good(), 500, 500),
    ];
    for (name, header, body, thanos, expect) in table {
        let got = running.write(&[header], body).await;
        assert_eq!(got.status, expect, "{name}: {}", got.text);
        assert_eq!(does(thanos) == does(expect), !name.ends_with('*'), "{name}");
        assert_eq!(got.header("retry-after").is_some(), expect == 503, "{name}");
    }
}

/// A request of 1.0 with so many series.
fn series_of(count: usize) -> Vec<u8> {
    let text: String = (0..count).map(|i| format!("up{{i=\"{i}\"}} 1 1\n")).collect();
    let mut body = Vec::new();
    encode(&weir_pipeline::testing::batch(&text), Version::V1, &mut body);
    packed(&body)
}

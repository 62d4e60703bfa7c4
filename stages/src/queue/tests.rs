//! Tests of `queue`: settings, and what both kinds have in common.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod memory;

use std::sync::Arc;

use tokio::time::Instant;
use weir_pipeline::testing::{Recorder, Subject, assert_contract, batch, context, documented, settings, text};
use weir_pipeline::{Ack, Batch, Outcome};

use super::*;

pub(super) fn written() -> Recorder<Write> {
    Recorder::new(|batch: &Batch| Ok(Ack::written(batch.sample_count() as u64)))
}

pub(super) fn accepted(samples: u64) -> Ack {
    Ack::default().with(Outcome::Accepted, "", samples)
}

/// The value of a counter or gauge of the queue, whose labels begin so.
pub(super) fn metric(context: &Context, name: &str, labels: &str) -> u64 {
    let text = context.metrics.encode();
    let begin = format!("{name}{{pipeline=\"test\",place=\"test.stages[0]\"{labels}");
    let line = text.lines().find(|line| line.starts_with(&begin));
    line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

/// Waits until `rest` has got so many samples.
pub(super) async fn until(rest: &Recorder<Write>, samples: usize) {
    let got = || rest.requests().iter().map(Batch::sample_count).sum::<usize>();
    let begin = Instant::now();
    while got() < samples {
        assert!(begin.elapsed() < Duration::from_secs(3600), "{} of {samples}", got());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[test]
fn wrong_settings_are_refused() {
    let check = |yaml: &str, expect: &str| assert_eq!(settings::<Queue>(yaml).unwrap_err(), expect);
    check("{}", "1:1: expected `memory` or `disk`, got none");
    check("{ memory: { bytes: 1B }, disk: { path: a, bytes: 1B } }", "1:1: expected `memory` or `disk`, got both");
    check("{ memory: {} }", "1:11: memory: `bytes` is missing");
    check("{ memory: { bytes: 0 } }", "1:20: memory.bytes: expected more than 0, got `0B`");
    check("{ disk: { bytes: 1B, path: '' } }", "1:28: disk.path: expected a path, got an empty one");
    check("{ memory: { bytes: 1B }, senders: 0 }", "1:35: senders: expected a whole number of at least 1, got `0`");
    check("{ memory: { bytes: 1B }, senders: 999 }", "1:1: expected `senders` of 1 to 256, got `999`");
    check("{ memory: { bytes: 1B }, max_age: 0s }", "1:1: expected a `max_age` above 0");
    check(
        "{ memory: { bytes: 1B }, backoff: { initial: 9s, max: 1s } }",
        "1:1: expected `backoff.initial` of at most `1s`, which is `backoff.max`, got `9s`",
    );
}

#[test]
fn the_example_in_the_docs_is_valid() {
    let queue: Queue = documented(include_str!("../queue.rs"), "queue");
    assert!(matches!(queue.kept, Kept::Disk(Disk { bytes, .. }) if bytes == Bytes::mib(1024)));
}

#[test]
fn a_queue_in_memory_keeps_the_contract() {
    let queue: Queue = settings("{ memory: { bytes: 64MiB } }").unwrap();
    assert_contract(Subject::stage(queue).ready_by_design().carries_on().answers_itself());
}

#[test]
fn a_queue_on_disk_keeps_the_contract() {
    let build = |context: &Context, next| {
        let path = tempfile::tempdir().unwrap().keep();
        let queue: Queue = settings(&format!("{{ disk: {{ path: '{}', bytes: 64MiB }} }}", path.display())).unwrap();
        queue.wrap(context, next)
    };
    assert_contract(Subject::service("queue", build).ready_by_design().carries_on().answers_itself());
}

#[tokio::test(start_paused = true)]
async fn a_test_of_a_pipeline_file_leaves_the_directory_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("queue");
    let queue: Queue = settings(&format!("{{ disk: {{ path: '{}', bytes: 64MiB }} }}", path.display())).unwrap();
    let (rest, context) = (written(), context().with(Arc::new(Rehearsal)));
    let next = queue.wrap(&context, rest.next()).unwrap();
    assert_eq!(next.send(batch("up 1 1000")).await.unwrap(), accepted(1));
    until(&rest, 1).await;
    assert_eq!((text(&rest.requests()[0]).as_str(), path.exists()), ("up 1 1000\n", false));
}

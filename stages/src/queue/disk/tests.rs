//! A queue on disk: what it keeps over the end of the program, and over damage.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use tempfile::TempDir;
use weir_pipeline::testing::{Recorder, batch, context, settings, text};
use weir_pipeline::{Kind, Stage};

use super::super::Queue;
use super::super::tests::{accepted, metric, until, written};
use super::*;

fn queue(dir: &TempDir, context: &Context, rest: &Recorder<Write>, more: &str) -> Result<Next<Write>> {
    let path = dir.path().join("queue").display().to_string();
    let yaml = format!("{{ disk: {{ path: '{path}', bytes: 1MiB }}, {more} }}");
    settings::<Queue>(&yaml).unwrap().wrap(context, rest.next())
}

/// What the rest got, a line for each sample.
fn lines(rest: &Recorder<Write>) -> Vec<String> {
    rest.requests().iter().flat_map(|batch| text(batch).lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// The files of the queue that have batches, in order.
fn segments(dir: &TempDir) -> Vec<PathBuf> {
    let files = std::fs::read_dir(dir.path().join("queue")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|ext| ext == "queue")).collect();
    files.sort();
    files
}

/// Leaves batches `a 1` to `a <n>` on disk, as a program that was killed would.
async fn leave(dir: &TempDir, n: i64) {
    let (context, rest) = (context(), written());
    rest.answer(|_| Err(Error::unavailable("down")));
    let next = queue(dir, &context, &rest, "senders: 1").unwrap();
    for at in 1..=n {
        assert_eq!(next.send(batch(&format!("a {at} {at}"))).await.unwrap(), accepted(1));
    }
    // So that the next one may have the directory.
    context.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_on_disk_before_it_is_accepted_and_arrives_later() {
    let (dir, context, rest) = (tempfile::tempdir().unwrap(), context(), written());
    rest.set_open(false);
    let next = queue(&dir, &context, &rest, "").unwrap();
    let sent = batch("up 1 1\nup stale 2").with_tenant("team".parse().unwrap());
    assert_eq!(next.send(sent.clone()).await.unwrap(), accepted(2));
    assert!(std::fs::metadata(&segments(&dir)[0]).unwrap().len() > HEADER as u64);
    rest.set_open(true);
    until(&rest, 1).await;
    let got = rest.requests().remove(0);
    assert_eq!((text(&got), got.tenant()), (text(&sent), sent.tenant()));
    context.close().await;
    assert_eq!(metric(&context, "weir_queue_bytes", ""), 0);
    assert_eq!(metric(&context, "weir_queue_sent_samples_total", ""), 2);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_sent_is_sent_after_the_next_start_in_its_order_and_once() {
    let dir = tempfile::tempdir().unwrap();
    leave(&dir, 5).await;
    let (context, rest) = (context(), written());
    let next = queue(&dir, &context, &rest, "senders: 1").unwrap();
    next.send(batch("a 6 6")).await.unwrap();
    until(&rest, 6).await;
    context.close().await;
    assert_eq!(lines(&rest), (1..=6).map(|at| format!("a {at} {at}")).collect::<Vec<_>>());
    assert_eq!(metric(&context, "weir_queue_replayed_samples_total", ""), 5);
    // What was sent is not sent again.
    let (context, rest) = (weir_pipeline::testing::context(), written());
    let _next = queue(&dir, &context, &rest, "").unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(rest.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_was_half_written_is_passed_over_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    leave(&dir, 3).await;
    let last = segments(&dir).pop().unwrap();
    let file = std::fs::File::options().write(true).open(&last).unwrap();
    file.set_len(file.metadata().unwrap().len() - 5).unwrap();
    let (context, rest) = (context(), written());
    let next = queue(&dir, &context, &rest, "senders: 1").unwrap();
    next.send(batch("a 4 4")).await.unwrap();
    until(&rest, 3).await;
    context.close().await;
    assert_eq!(lines(&rest), ["a 1 1", "a 2 2", "a 4 4"]);
    assert!(metric(&context, "weir_queue_damaged_bytes_total", "") > 0);
    assert_eq!(metric(&context, "weir_queue_bytes", ""), 0);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_the_disk_has_damaged_is_lost_by_name_and_the_others_go_on() {
    let dir = tempfile::tempdir().unwrap();
    leave(&dir, 3).await;
    let path = segments(&dir).pop().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let second = HEADER + (bytes.len() - HEADER) / 3 * 2 - 1;
    bytes[second] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let (context, rest) = (context(), written());
    let _next = queue(&dir, &context, &rest, "senders: 1").unwrap();
    until(&rest, 2).await;
    assert_eq!(lines(&rest), ["a 1 1", "a 3 3"]);
    assert_eq!(metric(&context, "weir_queue_lost_samples_total", ",reason=\"damaged\""), 1);
}

#[tokio::test(start_paused = true)]
async fn segments_that_are_sent_are_deleted_and_room_comes_back() {
    let (dir, context, rest) = (tempfile::tempdir().unwrap(), context(), written());
    let next = queue(&dir, &context, &rest, "").unwrap();
    let label = "x".repeat(10_000);
    for at in 0..200 {
        let one = || batch(&format!("a{{b=\"{label}\"}} {at} {at}"));
        while let Err(error) = next.send(one()).await {
            assert_eq!(error.kind(), Kind::Unavailable { retry_after: Some(Duration::from_secs(5)) });
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    until(&rest, 200).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(segments(&dir).len() <= 2, "{:?}", segments(&dir));
    assert_eq!(metric(&context, "weir_queue_bytes", ""), 0);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_says_when_to_come_back() {
    let (dir, context, rest) = (tempfile::tempdir().unwrap(), context(), written());
    rest.answer(|_| Err(Error::unavailable("down")));
    let next = queue(&dir, &context, &rest, "").unwrap();
    let label = "x".repeat(100_000);
    let mut taken = 0;
    let error = loop {
        match next.send(batch(&format!("a{{b=\"{label}\"}} 1"))).await {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((error.kind(), taken), (Kind::Unavailable { retry_after: Some(Duration::from_secs(5)) }, 10));
}

#[tokio::test(start_paused = true)]
async fn no_two_queues_have_one_directory_and_each_branch_has_its_own() {
    let (dir, context, rest) = (tempfile::tempdir().unwrap(), context(), written());
    let _next = queue(&dir, &context, &rest, "").unwrap();
    let path = dir.path().join("queue");
    let other = context.at("other", "other.stages[0].queue");
    let error = queue(&dir, &other, &rest, "").unwrap_err();
    assert_eq!(error.message(), format!("another queue has the directory `{}`", path.display()));
    let branch = context.at("test", "test.stages[0].route[a/b].stages[1].queue");
    queue(&dir, &branch, &rest, "").unwrap();
    assert!(path.join("route-a_b").is_dir());
    let check = |place: &str, expect: &str| assert_eq!(directory(Path::new("q"), place), Path::new(expect), "{place}");
    check("agent.stages[0].queue", "q");
    check("agent.stages[0].shard[s1].stages[1].replicate[b].stages[2].queue", "q/shard-s1/replicate-b");
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_can_not_be_used_is_told_at_the_start() {
    let (dir, context, rest) = (tempfile::tempdir().unwrap(), context(), written());
    let path = dir.path().join("queue");
    std::fs::write(&path, "a file").unwrap();
    let error = queue(&dir, &context, &rest, "").unwrap_err();
    assert_eq!(error.message(), format!("expected a directory for the queue at `{}`", path.display()));
    std::fs::remove_file(&path).unwrap();
    leave(&dir, 1).await;
    let segment = segments(&dir).remove(0);
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[8] = 2;
    let crc = crc32c::crc32c(&bytes[..28]);
    bytes[28..32].copy_from_slice(&crc.to_le_bytes());
    std::fs::write(&segment, bytes).unwrap();
    let error = queue(&dir, &context, &rest, "").unwrap_err();
    let shown = segment.display();
    assert_eq!(error.message(), format!("expected a queue of version 1 or older in `{shown}`, got version 2"));
}

#[tokio::test(start_paused = true)]
async fn at_the_end_it_takes_nothing_new_and_keeps_what_is_not_sent() {
    let (dir, context, rest) = (tempfile::tempdir().unwrap(), context(), written());
    rest.answer(|_| Err(Error::unavailable("down")));
    let next = queue(&dir, &context, &rest, "").unwrap();
    next.send(batch("a 1 1")).await.unwrap();
    until(&rest, 1).await;
    context.close().await;
    assert_eq!(next.send(batch("a 2 2")).await.unwrap_err().kind(), Kind::Closed);
    assert_eq!(metric(&context, "weir_queue_lost_samples_total", ""), 0);
    let (again, rest) = (weir_pipeline::testing::context(), written());
    let _next = queue(&dir, &again, &rest, "").unwrap();
    until(&rest, 1).await;
    assert_eq!(lines(&rest), ["a 1 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_that_changes_hands_its_directory_over_and_nobody_is_refused_meanwhile() {
    let (dir, before, rest) = (tempfile::tempdir().unwrap(), context(), written());
    rest.answer(|_| Err(Error::unavailable("down")));
    let old = queue(&dir, &before, &rest, "senders: 1").unwrap();
    old.send(batch("a 1 1")).await.unwrap();
    let (after, rest) = (context(), written());
    let new = queue(&dir, &after, &rest, "senders: 1").unwrap();
    let sending = tokio::spawn({
        let new = new.clone();
        async move { new.send(batch("a 3 3")).await }
    });
    old.send(batch("a 2 2")).await.unwrap();
    assert!(!sending.is_finished());
    before.close().await;
    assert_eq!(sending.await.unwrap().unwrap(), accepted(1));
    until(&rest, 3).await;
    assert_eq!(lines(&rest), ["a 1 1", "a 2 2", "a 3 3"]);
    // One that never got its directory ends all the same.
    let waiting = context();
    let next = queue(&dir, &waiting, &rest, "").unwrap();
    waiting.close().await;
    assert_eq!(next.send(batch("a 4 4")).await.unwrap_err().kind(), Kind::Closed);
    after.close().await;
}

//! One copy in the bucket of what several stores have, and nothing missing from it.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use weir_pipeline::Tenant;
use weir_pipeline::units::Span;

use super::known::exemplars;
use super::upload::{Place, Shared, write};
use super::*;
use crate::bucket::objects::Objects;

mod schedules;

/// A bucket in a directory, and places of stores over it.
pub(super) struct Local {
    dir: tempfile::TempDir,
    clock: Clock,
}

impl Local {
    pub(super) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), clock: Clock::starting_at(NOW) }
    }

    fn bucket(&self) -> std::path::PathBuf {
        self.dir.path().join("bucket")
    }

    pub(super) fn place(&self, name: &str) -> Place {
        let bucket = Arc::new(Objects::local(&self.bucket()).unwrap());
        Place { ground: ground(), blocks: self.dir.path().join(name), bucket }
    }

    pub(super) async fn open(&self, place: &Place) -> Store {
        place.open_at(self.clock.clone()).await
    }

    /// A store without samples of its own: what it sees is in the bucket.
    async fn reader(&self) -> Store {
        self.open(&self.place("reader")).await
    }
}

/// Blocks of the bucket, their samples and their bytes.
pub(super) async fn in_bucket(store: &Store) -> (usize, u64, u64) {
    let snapshot = store.0.depot.as_ref().unwrap().snapshot(&Tenant::default()).await.unwrap();
    let samples = snapshot.entries().map(|entry| entry.samples).sum();
    let bytes = snapshot.entries().map(|entry| entry.samples_bytes + entry.series_bytes).sum();
    (snapshot.entries().len(), samples, bytes)
}

fn assert_told(place: &Place, lines: &[&str]) {
    let text = place.ground.metrics.encode();
    for line in lines {
        assert!(text.lines().any(|l| l == *line), "{line} in\n{text}");
    }
}

/// So many samples of many series, from a number on.
async fn write_all(stores: &[&Store], from: i64, count: i64) {
    let names: Vec<String> = (0..40).map(|n| format!("m{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let samples: Vec<_> = (from..from + count).map(|n| (NOW - 100_000 + n, (n as f64).sqrt())).collect();
    for store in stores {
        store.append(&batch(&names, &samples)).await.unwrap();
    }
}

#[tokio::test]
async fn of_three_replicas_one_copy_comes_into_the_bucket() {
    let bytes = async |one_copy: bool, replicas: usize| {
        let shared = Shared::new().await;
        let mut places = Vec::new();
        for name in ["a", "b", "c"].iter().take(replicas) {
            let mut place = shared.place(name).await;
            place.ground.settings.upload.one_copy = one_copy;
            places.push(place);
        }
        let mut stores = Vec::new();
        for place in &places {
            stores.push(place.open().await);
        }
        let all: Vec<&Store> = stores.iter().collect();
        for round in 0..12 {
            write_all(&all, round * 100, 100).await;
            // Each cuts at moments of its own.
            for (i, store) in stores.iter().enumerate().filter(|(i, _)| round as usize % 3 >= *i) {
                store.cut().await.unwrap();
                assert!(i < 3);
            }
        }
        for store in &stores {
            store.cut().await.unwrap();
            store.upload(true).await.unwrap();
            assert_eq!(store.stats().blocks, 0);
        }
        let found = content(&stores[0]).await;
        assert_eq!(found.values().map(Vec::len).sum::<usize>(), 40 * 1200);
        for store in &stores {
            assert_eq!(content(store).await, found);
        }
        let (blocks, samples, bytes) = in_bucket(&stores[0]).await;
        assert_eq!(samples, 40 * 1200 * if one_copy { 1 } else { replicas as u64 });
        if one_copy && replicas == 3 {
            assert_eq!(blocks, 1);
            assert_told(&places[0], &["thanos_shipper_uploads_total 1", "weir_store_covered_samples_total 0"]);
            for place in &places[1..] {
                assert_told(place, &["thanos_shipper_uploads_total 0", "weir_store_covered_samples_total 48000"]);
            }
        }
        bytes
    };
    let (one, three, copies) = (bytes(true, 1).await, bytes(true, 3).await, bytes(false, 3).await);
    println!("{one} bytes of one store, {three} of three with one copy, {copies} of three with their own");
    assert_eq!(one, three);
    assert!(copies > one * 29 / 10, "{copies} {one}");
}

#[tokio::test]
async fn what_one_has_missed_comes_from_another_and_nothing_else_does() {
    let local = Local::new();
    let places = ["a", "b", "c"].map(|name| local.place(name));
    let [a, b, c] = [local.open(&places[0]).await, local.open(&places[1]).await, local.open(&places[2]).await];
    write_all(&[&a, &b, &c], 0, 50).await;
    // Two of three acknowledge it.
    write(&b, "m7", 60, 5).await;
    write(&c, "m7", 60, 5).await;
    write(&c, "n", 60, 2).await;
    write_all(&[&a, &b, &c], 70, 50).await;
    for store in [&a, &b, &c] {
        store.cut().await.unwrap();
        store.upload(true).await.unwrap();
    }
    let reader = local.reader().await;
    let found = content(&reader).await;
    assert_eq!((found[&up("m7")].len(), found[&up("n")].len(), found[&up("m8")].len()), (105, 2, 100));
    assert_eq!(in_bucket(&reader).await.1, 40 * 100 + 5 + 2);
    // A series file of one series, and not of all.
    let small = reader.0.depot.as_ref().unwrap().snapshot(&Tenant::default()).await.unwrap();
    assert_eq!(small.entries().map(|entry| entry.series).collect::<Vec<_>>(), [40, 1, 1]);
}

#[tokio::test]
async fn histograms_that_one_has_missed_come_from_another_also_at_the_times_of_floats() {
    let local = Local::new();
    let places = ["a", "b", "c"].map(|name| local.place(name));
    let [a, b, c] = [local.open(&places[0]).await, local.open(&places[1]).await, local.open(&places[2]).await];
    let floats: Vec<_> = (0..60).map(|n| (NOW - 1000 + n, n as f64)).collect();
    let histograms: Vec<_> = (0..60).step_by(3).map(|n| (NOW - 1000 + n, n as f64 + 0.5)).collect();
    for store in [&a, &b, &c] {
        store.append(&batch(&["mixed", "x"], &floats)).await.unwrap();
    }
    // The first one's blocks have no places for histograms.
    for store in [&b, &c] {
        store.append(&batch(&["h", "mixed"], &histograms)).await.unwrap();
    }
    let (expect, kept) = (content(&c).await, exemplars(&c).await.len());
    assert_eq!((expect[&up("h")].len(), expect[&up("mixed")].len(), kept), (20, 60, 40));
    for (store, samples) in [(&a, 120), (&b, 40), (&c, 0)] {
        store.cut().await.unwrap();
        assert_eq!(store.upload(true).await.unwrap().samples, samples);
        assert_eq!(store.stats().blocks, 0);
    }
    let reader = local.reader().await;
    assert_eq!(content(&reader).await, expect);
    assert_eq!((in_bucket(&reader).await.0, in_bucket(&reader).await.1), (2, 160));
    assert_eq!(exemplars(&reader).await.len(), kept);
    drop(c);
    places[2].ground.fs.crash(1);
    assert_eq!(exemplars(&local.open(&places[2]).await).await.len(), kept);
}

#[tokio::test]
async fn of_two_values_at_one_time_the_one_that_wins_comes_into_the_bucket() {
    let local = Local::new();
    let places = ["a", "b"].map(|name| local.place(name));
    let [a, b] = [local.open(&places[0]).await, local.open(&places[1]).await];
    // Those with a fraction of a half are histograms, which win against floats.
    let check = async |name: &str, first: f64, second: f64, uploaded: u64| {
        for (store, value) in [(&a, first), (&b, second)] {
            store.append(&batch(&[name], &[(NOW, value)])).await.unwrap();
            store.cut().await.unwrap();
        }
        a.upload(true).await.unwrap();
        assert_eq!(b.upload(true).await.unwrap().samples, uploaded, "{name}");
        assert_eq!(b.stats().blocks, 0);
        assert_eq!(content(&b).await, content(&a).await);
    };
    check("same", 1.0, 1.0, 0).await;
    check("less", 2.0, 1.0, 0).await;
    check("more", 1.0, 2.0, 1).await;
    check("nan", f64::from_bits(0x7ff0_0000_0000_0002), 1.0, 1).await;
    check("histogram", 1.0, 1.5, 1).await;
    check("float", 1.5, 1.0, 0).await;
    check("histograms", 1.5, 2.5, 1).await;
}

#[tokio::test]
async fn a_start_that_only_one_knows_comes_into_the_bucket_whoever_is_first() {
    let local = Local::new();
    let places = ["a", "b"].map(|name| local.place(name));
    let [a, b] = [local.open(&places[0]).await, local.open(&places[1]).await];
    let check = async |name: &str, first: i64, second: i64, uploaded: u64, kept: i64| {
        let labels: LabelSet = [("__name__", name)].into_iter().collect();
        for (store, start) in [(&a, first), (&b, second)] {
            let mut out = Batch::builder(Tenant::default());
            out.series(labels.as_labels()).sample(NOW, 2.0).sample_since(start, NOW + 1, 2.0);
            store.append(&out.build()).await.unwrap();
            store.cut().await.unwrap();
        }
        a.upload(true).await.unwrap();
        assert_eq!(b.upload(true).await.unwrap().samples, uploaded, "{name}");
        assert_eq!(b.stats().blocks, 0);
        let matchers = [Matcher::equal("__name__", name)];
        let selection = local.reader().await.select(&Tenant::default(), &matchers, NOW, NOW + 9).await.unwrap();
        let (run, _) = Run::unite(&selection.read(0..1).await.unwrap());
        assert_eq!(run.starts, if kept == 0 { Vec::new() } else { vec![0, kept] }, "{name}");
    };
    check("neither", 0, 0, 0, 0).await;
    check("both", 5, 5, 0, 5).await;
    check("first", 5, 0, 0, 5).await;
    check("second", 0, 5, 1, 5).await;
    check("earlier", 5, 7, 0, 5).await;
    check("later", 7, 5, 1, 5).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_left_is_uploaded_once_it_is_due_unless_another_has_done_so_by_then() {
    let local = Local::new();
    let places = ["a", "b"].map(|name| local.place(name));
    let [a, b] = [local.open(&places[0]).await, local.open(&places[1]).await];
    write_all(&[&a, &b], 0, 50).await;
    a.cut().await.unwrap();
    b.cut().await.unwrap();
    tokio::time::advance(Duration::from_secs(7200)).await;
    write_all(&[&a, &b], 50, 50).await;
    b.cut().await.unwrap();
    // The first one's turn: it has not cut the rest yet.
    assert_eq!(a.upload(false).await.unwrap().samples, 40 * 50);
    let done = b.upload(false).await.unwrap();
    assert_eq!((done.blocks, done.covered, b.stats().blocks), (0, 1, 1), "what is young is kept");
    assert_eq!(b.upload(false).await.unwrap(), super::super::Uploaded::default());
    // The first one never comes again.
    drop(a);
    tokio::time::advance(Duration::from_secs(7200)).await;
    let done = b.upload(false).await.unwrap();
    assert_eq!((done.samples, b.stats().blocks), (40 * 50, 0));
    let reader = local.reader().await;
    assert_eq!((content(&reader).await.len(), in_bucket(&reader).await.1), (40, 40 * 100));
}

#[tokio::test(start_paused = true)]
async fn who_meets_another_waits_and_goes_on_when_that_takes_too_long() {
    let local = Local::new();
    let places = ["a", "b"].map(|name| local.place(name));
    let [a, b] = [local.open(&places[0]).await, local.open(&places[1]).await];
    write_all(&[&a, &b], 0, 50).await;
    for store in [&a, &b] {
        store.cut().await.unwrap();
    }
    tokio::time::advance(Duration::from_secs(7200)).await;
    // As if it died over its upload.
    let depot = a.0.depot.clone().unwrap();
    assert!(depot.claim(&Tenant::default(), &a.0.identity.writer).await.unwrap());
    let done = b.upload(false).await.unwrap();
    assert_eq!((done.blocks, done.waiting, b.stats().blocks), (0, 1, 1));
    tokio::time::advance(Duration::from_secs(599)).await;
    assert_eq!(b.upload(false).await.unwrap().waiting, 1);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(b.upload(false).await.unwrap().samples, 40 * 50);
    assert_told(&places[1], &["weir_store_upload_waits_total 2", "weir_store_upload_take_overs_total 1"]);
    // It is back, and nobody has a turn any more.
    let done = a.upload(false).await.unwrap();
    assert_eq!((done.blocks, done.covered, a.stats().blocks), (0, 1, 0));
    assert_told(&places[0], &["weir_store_upload_take_overs_total 0"]);
}

#[tokio::test(start_paused = true)]
async fn who_died_over_its_upload_does_not_wait_for_itself() {
    let local = Local::new();
    let place = local.place("a");
    let store = local.open(&place).await;
    write_all(&[&store], 0, 50).await;
    store.cut().await.unwrap();
    store.0.depot.as_ref().unwrap().claim(&Tenant::default(), &store.0.identity.writer).await.unwrap();
    drop(store);
    place.ground.fs.crash(3);
    tokio::time::advance(Duration::from_secs(7200)).await;
    let store = local.open(&place).await;
    assert_eq!(store.upload(false).await.unwrap().blocks, 1);
}

#[tokio::test]
async fn a_block_of_another_that_is_damaged_or_gone_has_nothing() {
    let check = async |damage: &dyn Fn(&std::path::Path)| {
        let local = Local::new();
        let places = ["a", "b"].map(|name| local.place(name));
        let [a, b] = [local.open(&places[0]).await, local.open(&places[1]).await];
        write_all(&[&a, &b], 0, 50).await;
        for store in [&a, &b] {
            store.cut().await.unwrap();
        }
        a.upload(true).await.unwrap();
        for block in std::fs::read_dir(local.bucket().join("default-tenant/raw")).unwrap() {
            let block = block.unwrap().path();
            if block.file_name().unwrap().to_str().unwrap().starts_with("block=") {
                damage(&block);
            }
        }
        let done = b.upload(true).await.unwrap();
        assert_eq!((done.samples, done.covered, b.stats().blocks), (40 * 50, 0, 0));
        assert_eq!(in_bucket(&b).await.1, 2 * 40 * 50);
    };
    let spoil = |path: std::path::PathBuf, most: usize| {
        let mut bytes = std::fs::read(&path).unwrap();
        let end = bytes.len().min(most);
        bytes[4..end].fill(0x55);
        std::fs::write(path, bytes).unwrap();
    };
    check(&|block| spoil(block.join("samples.parquet"), usize::MAX)).await;
    check(&|block| spoil(block.join("series.parquet"), usize::MAX)).await;
    check(&|block| std::fs::remove_file(block.join("samples.parquet")).unwrap()).await;
    check(&|block| std::fs::remove_file(block.join("series.parquet")).unwrap()).await;
    // The footer is as it was, and what it tells of is not.
    check(&|block| spoil(block.join("samples.parquet"), 300)).await;
}

#[tokio::test]
async fn what_was_deleted_since_it_was_compared_is_compared_anew() {
    let shared = Shared::new().await;
    let (a, b) = (shared.place("a").await, shared.place("b").await);
    let (one, two) = (a.open().await, b.open().await);
    write(&one, "x", 0, 30).await;
    write(&two, "x", 0, 40).await;
    for store in [&one, &two] {
        store.cut().await.unwrap();
    }
    one.upload(true).await.unwrap();
    // The rest is in the bucket, and its commit fails.
    shared.server.faults().conflict.store(u32::MAX, SeqCst);
    two.upload(true).await.unwrap_err();
    shared.server.faults().conflict.store(0, SeqCst);
    one.delete(&Tenant::default()).await.unwrap();
    assert_eq!(two.upload(true).await.unwrap().samples, 40);
    assert_eq!(content(&one).await[&up("x")].len(), 40);
}

#[tokio::test(start_paused = true)]
async fn the_blocks_of_others_that_reach_into_the_time_alone_are_read() {
    let local = Local::new();
    let mut places = ["a", "b"].map(|name| local.place(name));
    places[0].ground.settings.upload.take_over = Span::from_secs(5);
    let [a, b] = [local.open(&places[0]).await, local.open(&places[1]).await];
    write(&a, "x", 0, 10).await;
    write(&b, "x", 10, 10).await;
    for store in [&a, &b] {
        store.cut().await.unwrap();
    }
    a.upload(true).await.unwrap();
    let depot = b.0.depot.clone().unwrap();
    let others = async |start: i64, end: i64| {
        let times = (NOW - 100_000 + start, NOW - 100_000 + end);
        depot.others(&Tenant::default(), &b.0.identity.writer, times).await.unwrap().len()
    };
    assert_eq!((others(9, 12).await, others(10, 12).await), (1, 0));
    let own = depot.others(&Tenant::default(), &a.0.identity.writer, (0, NOW)).await.unwrap();
    assert!(own.is_empty(), "{own:?}");
}

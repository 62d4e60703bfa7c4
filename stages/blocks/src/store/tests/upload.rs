//! From the disk to a bucket that several stores share.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use futures_util::StreamExt;
use proptest::prelude::*;
use tempfile::TempDir;
use weir_pipeline::testing::{context, settings};
use weir_pipeline::units::Span;
use weir_pipeline::{Ask, Data, Kind, Matcher, Query, Tenant};

use super::*;
use crate::block::{BlockShelf, Memory};
use crate::bucket::Bucket;
use crate::bucket::objects::Objects;
use crate::catalog::{Catalog, DeltaCatalog, Entry, Resolution};
use crate::depot::Depot;
use crate::testing::s3::{BUCKET, KEY, S3Server};

/// A bucket behind S3, and stores over it.
pub(super) struct Shared {
    dir: TempDir,
    pub(super) server: S3Server,
}

/// What one store is opened on.
pub(super) struct Place {
    pub(super) ground: Ground,
    pub(super) blocks: std::path::PathBuf,
    pub(super) bucket: Arc<Objects>,
}

impl Shared {
    pub(super) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = S3Server::start(dir.path()).await;
        std::fs::write(
            dir.path().join("keys.yaml"),
            format!("access_key_id: {}\nsecret_access_key: {}\n", KEY.0, KEY.1),
        )
        .unwrap();
        Self { dir, server }
    }

    async fn objects(&self, timeout: &str) -> Arc<Objects> {
        let s3 = format!(
            "bucket: {BUCKET}, endpoint: \"{}\", credentials: {{ file: {} }}",
            self.server.endpoint(),
            self.dir.path().join("keys.yaml").display()
        );
        // Few attempts: what fails is to be seen by the store.
        let retry = "retry: { attempts: 2, within: 1m, backoff: { initial: 1ms, max: 5ms } }";
        let retry = format!("timeout: {timeout}, {retry}");
        let bucket: Bucket = settings(&format!("{{ s3: {{ {s3} }}, {retry} }}")).unwrap();
        Arc::new(bucket.objects(&context()).await.unwrap())
    }

    pub(super) async fn place(&self, name: &str) -> Place {
        Place { ground: ground(), blocks: self.dir.path().join(name), bucket: self.objects("20s").await }
    }

    /// What the catalog says, by a reader that knows nothing yet.
    pub(super) async fn entries(&self) -> Vec<Arc<Entry>> {
        let catalog =
            DeltaCatalog::new(self.objects("20s").await, Clock::system(), crate::catalog::Settings::default());
        let snapshot = catalog.snapshot(&Tenant::default(), Resolution::Raw).await.unwrap();
        snapshot.entries().cloned().collect()
    }
}

impl Place {
    pub(super) async fn open_at(&self, clock: Clock) -> Store {
        let context = self.ground.context(clock.clone());
        let depot = Depot::new(self.bucket.clone(), clock.clone(), Memory::mib(1, 1), &context.metrics);
        let local = Arc::new(Objects::local(&self.blocks).unwrap());
        let shelf = Arc::new(BlockShelf::new(local, clock, Memory::mib(1, 1)));
        let fs = Arc::new(self.ground.fs.process());
        Store::open(self.ground.settings.clone(), &context, fs, shelf, Some(Arc::new(depot))).await.unwrap()
    }

    pub(super) async fn open(&self) -> Store {
        self.open_at(Clock::starting_at(NOW)).await
    }
}

pub(super) async fn write(store: &Store, name: &str, from: i64, count: i64) {
    let samples: Vec<_> = (from..from + count).map(|n| (NOW - 100_000 + n, n as f64)).collect();
    store.append(&batch(&[name], &samples)).await.unwrap();
}

#[tokio::test]
async fn what_is_uploaded_leaves_the_disk_and_is_there_for_everyone() {
    let shared = Shared::new().await;
    let (a, b) = (shared.place("a").await, shared.place("b").await);
    let (store, other) = (a.open().await, b.open().await);
    write(&store, "x", 0, 50).await;
    store.cut().await.unwrap();
    write(&store, "y", 0, 50).await;
    store.cut().await.unwrap();
    write(&store, "z", 0, 5).await;
    let before = content(&store).await;
    let uploaded = store.upload(true).await.unwrap();
    assert_eq!((uploaded.blocks, uploaded.samples, store.stats().blocks), (1, 100, 0));
    assert_eq!(content(&store).await, before);
    let recent = store.select_recent(&Tenant::default(), &[], i64::MIN, i64::MAX).await.unwrap();
    assert_eq!(recent.len(), 1, "only what is in the head");
    assert_eq!(content(&other).await.keys().cloned().collect::<Vec<_>>(), [up("x"), up("y")]);
    let entries = shared.entries().await;
    let [range] = &entries[0].ranges[..] else { panic!("{entries:?}") };
    assert_eq!(i64::from(range.stream), NOW / 86_400_000);
    assert!(range.first < range.last);
    assert_eq!(store.upload(true).await.unwrap().blocks, 0);
    let text = a.ground.metrics.encode();
    for line in
        ["thanos_shipper_uploads_total 1", "weir_store_upload_samples_total 100", "prometheus_tsdb_blocks_loaded 0"]
    {
        assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
    }
}

#[tokio::test]
async fn replicas_that_both_upload_count_once() {
    let shared = Shared::new().await;
    let (mut a, b) = (shared.place("a").await, shared.place("b").await);
    a.ground.settings.upload.one_copy = false;
    let (one, two) = (a.open().await, b.open().await);
    // Who comes first does not look at the other, and who does not want to does not either.
    for store in [&two, &one] {
        write(store, "x", 0, 40).await;
        store.cut().await.unwrap();
        store.upload(true).await.unwrap();
    }
    assert_eq!(shared.entries().await.len(), 2);
    let found = content(&one).await;
    assert_eq!(found[&up("x")].len(), 40);
    assert_eq!(content(&two).await, found);
}

#[tokio::test]
async fn a_bucket_that_is_away_costs_disk_and_is_caught_up_with() {
    let mut shared = Shared::new().await;
    let place = shared.place("a").await;
    let store = place.open().await;
    write(&store, "old", 0, 30).await;
    store.cut().await.unwrap();
    store.upload(true).await.unwrap();
    shared.server.pause().await;
    for n in 0..3 {
        write(&store, "x", n * 10, 10).await;
        store.cut().await.unwrap();
        let error = store.upload(true).await.unwrap_err();
        assert!(matches!(error.kind(), Kind::Unavailable { .. } | Kind::TimedOut), "{error:?}");
    }
    assert_eq!((store.stats().blocks, store.stats().samples), (3, 0));
    let selection = store.select(&Tenant::default(), &[], i64::MIN, i64::MAX).await.unwrap();
    let [missing] = selection.missing() else { panic!("{:?}", selection.missing()) };
    assert!(missing.starts_with("the bucket can't be read: "), "{missing}");
    assert_eq!(selection.len(), 1, "what is on disk is there");
    shared.server.resume().await;
    assert_eq!(store.upload(true).await.unwrap().samples, 30);
    let place = shared.place("b").await;
    assert_eq!(content(&place.open().await).await.keys().cloned().collect::<Vec<_>>(), [up("old"), up("x")]);
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_not_made_twice() {
    let shared = Shared::new().await;
    // Answers that never come are not waited for.
    let place = Place { bucket: shared.objects("500ms").await, ..shared.place("a").await };
    let store = place.open().await;
    for n in 0..4 {
        write(&store, "x", n * 10, 10).await;
        store.cut().await.unwrap();
        // Every put is carried out, and half of the answers never come.
        shared.server.faults().keep_answers.store(1 + n as u32, SeqCst);
        let mut tries = 0;
        while store.stats().blocks > 0 {
            let _ = store.upload(true).await;
            tries += 1;
            assert!(tries < 20);
        }
    }
    assert_eq!(shared.entries().await.iter().map(|entry| entry.samples).sum::<u64>(), 40);
}

#[tokio::test]
async fn who_died_between_commit_and_removal_finds_out() {
    let shared = Shared::new().await;
    let place = shared.place("a").await;
    let store = place.open().await;
    write(&store, "x", 0, 30).await;
    store.cut().await.unwrap();
    let copy = shared.dir.path().join("copy");
    copy_dir(&place.blocks, &copy);
    store.upload(true).await.unwrap();
    let before = content(&store).await;
    drop(store);
    place.ground.fs.crash(7);
    // The block is on disk again, as it would be had it died a moment earlier.
    let _ = std::fs::remove_dir_all(&place.blocks);
    copy_dir(&copy, &place.blocks);
    let store = place.open().await;
    assert_eq!(store.stats().blocks, 1);
    write(&store, "x", 30, 5).await;
    store.cut().await.unwrap();
    let uploaded = store.upload(true).await.unwrap();
    assert_eq!((uploaded.samples, store.stats().blocks), (5, 0));
    let lives: Vec<u64> = shared.entries().await.iter().flat_map(|e| &e.ranges).map(|r| r.epoch).collect();
    assert!(lives.len() == 2 && lives[0] != lives[1], "{lives:?}");
    let found = content(&store).await;
    assert_eq!((before[&up("x")].len(), found[&up("x")].len()), (30, 35));
}

fn copy_dir(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn blocks_are_uploaded_when_they_are_old_or_large_enough() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = Arc::new(Objects::local(&dir.path().join("bucket")).unwrap());
    let mut place = Place { ground: ground(), blocks: dir.path().join("a"), bucket };
    place.ground.settings.upload.after = Span::from_secs(3600);
    place.ground.settings.upload.size = Bytes::kib(64);
    let store = place.open_at(Clock::starting_at(NOW)).await;
    write(&store, "x", 0, 10).await;
    store.cut().await.unwrap();
    tokio::time::advance(Duration::from_secs(1790)).await;
    assert_eq!(store.upload(false).await.unwrap().blocks, 0, "never before half of the time");
    tokio::time::advance(Duration::from_secs(1811)).await;
    assert_eq!(store.upload(false).await.unwrap().blocks, 1, "at the latest after all of it");
    let mut noise = crate::seam::sim::Dice(1);
    let samples: Vec<_> = (0..20_000).map(|n| (NOW + n * 10, f64::from_bits(noise.roll() >> 2))).collect();
    store.append(&batch(&["y"], &samples)).await.unwrap();
    store.cut().await.unwrap();
    assert_eq!(store.upload(false).await.unwrap().blocks, 1, "at once where it is large");
}

#[tokio::test]
async fn after_a_long_time_without_the_bucket_not_all_of_it_is_made_in_memory_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = Arc::new(Objects::local(&dir.path().join("bucket")).unwrap());
    let mut place = Place { ground: ground(), blocks: dir.path().join("a"), bucket };
    let store = place.open().await;
    for n in 0..5 {
        write(&store, "x", n * 100, 100).await;
        store.cut().await.unwrap();
    }
    drop(store);
    place.ground.fs.crash(1);
    place.ground.settings.upload.size = Bytes::kib(12);
    let store = place.open().await;
    let (before, blocks) = (content(&store).await, store.stats().blocks);
    let uploaded = store.upload(true).await.unwrap();
    assert!(blocks == 5 && (2..5).contains(&uploaded.blocks) && uploaded.samples == 500, "{uploaded:?}");
    assert_eq!(content(&store).await, before);
}

/// What another node hears: samples, and how the answer ends.
async fn heard(store: &Store, bucket: Option<Arc<str>>) -> (usize, Option<Kind>) {
    let matchers = vec![Matcher::equal("job", "j")];
    let ask = Ask::Samples { matchers, start: i64::MIN, end: i64::MAX, labels_only: false, bucket };
    let query = Query::new(Tenant::default(), ask);
    let Data::Samples(batches) = crate::samples::answer(store, query).await.unwrap().data else { panic!("no samples") };
    let found: Vec<_> = batches.take().unwrap().collect().await;
    let samples = found.iter().flatten().map(Batch::sample_count).sum();
    (samples, found.into_iter().find_map(Result::err).map(|error| error.kind()))
}

#[tokio::test]
async fn a_node_answers_with_what_is_in_the_bucket_to_who_does_not_read_that_one() {
    let mut shared = Shared::new().await;
    let (place, other) = (shared.place("a").await, shared.place("b").await);
    let store = place.open().await;
    write(&store, "x", 0, 30).await;
    store.cut().await.unwrap();
    store.upload(true).await.unwrap();
    write(&store, "x", 30, 5).await;
    let same = other.open().await.bucket_identity().await;
    assert!(same.is_some() && same == store.bucket_identity().await);
    assert_eq!(heard(&store, same).await, (5, None));
    assert_eq!(heard(&store, Some("another".into())).await, (35, None));
    assert_eq!(heard(&store, None).await, (35, None));
    shared.server.pause().await;
    let (samples, error) = heard(&store, None).await;
    assert!(samples == 5 && matches!(error, Some(Kind::Unavailable { .. })), "{samples} {error:?}");
}

/// What happens to three stores over one bucket.
#[derive(Clone, Debug)]
enum Event {
    /// So many samples to the stores of a mask.
    Append(u8, u8),
    Cut(usize),
    /// An upload that is given up after so many turns.
    Upload(usize, Option<u8>),
    /// The store dies and comes back.
    Crash(usize, u64),
    /// Some requests from now on fail, or are carried out without an answer.
    Fail(u8),
    Lose(u8),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (1u8..8, 1u8..20).prop_map(|(to, samples)| Event::Append(to, samples)),
        4 => (0usize..3).prop_map(Event::Cut),
        4 => (0usize..3, prop::option::of(0u8..60)).prop_map(|(store, turns)| Event::Upload(store, turns)),
        2 => (0usize..3, any::<u64>()).prop_map(|(store, seed)| Event::Crash(store, seed)),
        1 => (2u8..5).prop_map(Event::Fail),
        1 => (1u8..3).prop_map(Event::Lose),
    ]
}

async fn live(events: Vec<Event>) {
    let shared = Shared::new().await;
    let places = [shared.place("a").await, shared.place("b").await, shared.place("c").await];
    let mut stores = [places[0].open().await, places[1].open().await, places[2].open().await];
    let (mut next, mut acked) = (0, BTreeMap::<usize, i64>::new());
    let mut oracle: Vec<(i64, f64)> = Vec::new();
    let calm = || {
        shared.server.faults().fail_every.store(0, SeqCst);
        shared.server.faults().lose_answers.store(0, SeqCst);
    };
    for event in events {
        match event {
            Event::Append(to, samples) => {
                let samples: Vec<_> =
                    (next..next + i64::from(samples)).map(|n| (NOW - 100_000 + n, n as f64)).collect();
                next += samples.len() as i64;
                for (i, store) in stores.iter().enumerate().filter(|(i, _)| to >> i & 1 == 1) {
                    store.append(&batch(&["x"], &samples)).await.unwrap();
                    *acked.entry(i).or_default() += 1;
                }
                oracle.extend(samples);
            }
            Event::Cut(i) => {
                stores[i].cut().await.unwrap();
                stores[i].tidy().await.unwrap();
            }
            Event::Upload(i, turns) => {
                let store = stores[i].clone();
                let upload = tokio::spawn(async move { store.upload(true).await.is_ok() });
                match turns {
                    None => drop(upload.await),
                    Some(turns) => {
                        tokio::time::sleep(Duration::from_millis(u64::from(turns))).await;
                        upload.abort();
                        let _ = upload.await;
                    }
                }
                calm();
            }
            Event::Crash(i, seed) => {
                places[i].ground.fs.crash(seed);
                stores[i] = places[i].open().await;
            }
            Event::Fail(every) => shared.server.faults().fail_every.store(every.into(), SeqCst),
            Event::Lose(count) => shared.server.faults().lose_answers.store(count.into(), SeqCst),
        }
    }
    calm();
    for store in &stores {
        store.cut().await.unwrap();
        store.upload(true).await.unwrap();
        assert_eq!(store.stats().blocks, 0);
    }
    for store in &stores {
        let found = content(store).await;
        let found = found.get(&up("x")).cloned().unwrap_or_default();
        assert_eq!(found, oracle);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn no_death_and_no_fault_of_the_bucket_loses_or_doubles_a_sample(events in prop::collection::vec(event(), 1..30)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(live(events));
    }
}

//! Tests of `sweep`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::SystemTime;

use bytes::Bytes;
use tempfile::TempDir;
use weir_pipeline::Clock;
use weir_pipeline::testing::{context, settings};

use super::*;
use crate::block::Memory;
use crate::bucket::Bucket;
use crate::bucket::objects::Objects;
use crate::catalog::{Change, DeltaCatalog, Entry, Settings};
use crate::testing::s3::{BUCKET, KEY, S3Server};

const HOUR: u64 = 3600;

/// A bucket, local or behind S3; in both of them an object is a file.
struct Ground {
    dir: TempDir,
    server: Option<S3Server>,
}

impl Ground {
    fn local() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), server: None }
    }

    async fn s3() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = S3Server::start(dir.path()).await;
        let keys = format!("access_key_id: {}\nsecret_access_key: {}\n", KEY.0, KEY.1);
        std::fs::write(dir.path().join("keys.yaml"), keys).unwrap();
        Self { dir, server: Some(server) }
    }

    /// Who sweeps what is older than so long.
    async fn depot(&self, after: Span) -> Depot {
        let objects = match &self.server {
            None => Objects::local(self.dir.path()).unwrap(),
            Some(server) => {
                let keys = self.dir.path().join("keys.yaml");
                let (endpoint, keys) = (server.endpoint(), keys.display());
                let s3 = format!("bucket: {BUCKET}, endpoint: \"{endpoint}\", credentials: {{ file: {keys} }}");
                let retry = "retry: { attempts: 1 }";
                let bucket: Bucket = settings(&format!("{{ s3: {{ {s3} }}, {retry} }}")).unwrap();
                bucket.objects(&context()).await.unwrap()
            }
        };
        let objects = Arc::new(objects);
        let mut depot = Depot::new(objects.clone(), Clock::system(), Memory::mib(1, 1), &Metrics::default());
        let settings = Settings { checkpoint_every: 4, ..Settings::default() };
        depot.catalog = DeltaCatalog::new(objects, Clock::system(), settings);
        depot.swept(Sweep { after, ..Sweep::default() })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.server.as_ref().map_or_else(|| self.dir.path().join(name), |server| server.file(name))
    }

    /// The blocks that have files, by number.
    fn blocks(&self) -> BTreeSet<(u64, String)> {
        let mut found = BTreeSet::new();
        for directory in std::fs::read_dir(self.file("default-tenant/raw")).unwrap() {
            let directory = directory.unwrap();
            let Some(block) = block_of(directory.file_name().to_str().unwrap()) else { continue };
            for file in std::fs::read_dir(directory.path()).unwrap() {
                found.insert((block.timestamp_ms(), file.unwrap().file_name().into_string().unwrap()));
            }
        }
        found
    }
}

fn id(n: u64) -> BlockId {
    Ulid::from_parts(n, 1)
}

fn files(blocks: impl IntoIterator<Item = u64>) -> BTreeSet<(u64, String)> {
    blocks.into_iter().flat_map(|n| [SAMPLES_FILE, SERIES_FILE].map(|file| (n, file.to_owned()))).collect()
}

/// Puts the files of blocks, which look as if it were so many hours ago.
#[expect(clippy::disallowed_methods, reason = "files have the system's time")]
async fn put(ground: &Ground, depot: &Depot, blocks: impl IntoIterator<Item = u64>, hours: u64) {
    for (n, file) in files(blocks) {
        let path = Path::from(format!("default-tenant/raw/block={}/{file}", id(n)));
        depot.objects.put(&path, Bytes::from_static(b"0123456789")).await.unwrap();
        let old = SystemTime::now() - Duration::from_secs(hours * HOUR);
        open(&ground.file(path.as_ref())).set_modified(old).unwrap();
    }
}

fn open(path: &FilePath) -> std::fs::File {
    std::fs::File::options().append(true).open(path).unwrap()
}

async fn commit(depot: &Depot, add: impl IntoIterator<Item = u64>, remove: impl IntoIterator<Item = u64>) {
    let entry = |n| Entry {
        block: id(n),
        min_ts: 0,
        max_ts: 9,
        samples: 1,
        series: 1,
        samples_bytes: 10,
        series_bytes: 10,
        format: 1,
        extras: Default::default(),
        ranges: Vec::new(),
    };
    let (add, remove) = (add.into_iter().map(entry).collect(), remove.into_iter().map(id).collect());
    let change = Change { add, remove, data_change: true, ..Change::default() };
    depot.catalog.commit(&Tenant::default(), Resolution::Raw, change).await.unwrap();
}

/// What a sweep removes.
async fn swept(depot: &Depot) -> u64 {
    let swept = depot.sweep_all().await;
    assert_eq!((swept.failures, swept.bytes), (0, swept.blocks * 20));
    swept.blocks
}

#[tokio::test]
async fn files_that_were_never_committed_go_once_they_are_old() {
    for ground in [Ground::local(), Ground::s3().await] {
        let depot = ground.depot(Span::from_secs(24 * HOUR)).await;
        put(&ground, &depot, [1, 2], 100).await;
        put(&ground, &depot, [3], 25).await;
        put(&ground, &depot, [4], 23).await;
        assert_eq!(swept(&depot).await, 0, "a log that is not there names nothing, and condemns nothing");
        commit(&depot, [1, 2], []).await;
        assert_eq!(swept(&depot).await, 1);
        assert_eq!(ground.blocks(), files([1, 2, 4]));
        // Half a block, as a sweep leaves it that is cut short.
        put(&ground, &depot, [5], 25).await;
        let samples = format!("default-tenant/raw/block={}/{SAMPLES_FILE}", id(5));
        depot.objects.delete(&Path::from(samples)).await.unwrap();
        assert_eq!(depot.sweep(&Tenant::default()).await.unwrap().bytes, 10);
        assert_eq!(ground.blocks(), files([1, 2, 4]));
    }
}

#[tokio::test]
async fn blocks_that_a_commit_removed_go_a_while_after_it() {
    let ground = Ground::local();
    let (day, none) = (ground.depot(Span::from_secs(24 * HOUR)).await, ground.depot(Span::from_secs(0)).await);
    put(&ground, &day, 1..=4, 100).await;
    commit(&day, [1, 2, 3], []).await;
    commit(&day, [4], [1, 2]).await;
    assert_eq!(swept(&day).await, 0, "removed just now, as a commit says");
    for n in 5..=9 {
        put(&ground, &day, [n], 100).await;
        commit(&day, [n], []).await;
    }
    let removed = ground.depot(Span::from_secs(0)).await.catalog.removed(&Tenant::default(), Resolution::Raw).await;
    assert_eq!(removed.unwrap().into_keys().collect::<BTreeSet<_>>(), [id(1), id(2)].into());
    let log = ground.file("default-tenant/raw/_delta_log");
    assert!(log.join("00000000000000000004.checkpoint.parquet").exists());
    std::fs::remove_file(log.join("00000000000000000002.json")).unwrap();
    assert_eq!(swept(&day).await, 0, "removed just now, as a checkpoint says");
    assert_eq!(swept(&none).await, 2);
    assert_eq!(ground.blocks(), files(3..=9));
}

#[tokio::test]
async fn two_who_sweep_at_once_remove_the_same() {
    let ground = Ground::s3().await;
    let (a, b) = (ground.depot(Span::from_secs(HOUR)).await, ground.depot(Span::from_secs(HOUR)).await);
    put(&ground, &a, 1..=20, 2).await;
    commit(&a, (1..=20).filter(|n| n % 2 == 0), []).await;
    let (one, two) = tokio::join!(a.sweep_all(), b.sweep_all());
    assert_eq!((one.failures, two.failures), (0, 0));
    assert!((10..=20).contains(&(one.blocks + two.blocks)));
    assert_eq!(ground.blocks(), files((1..=20).filter(|n| n % 2 == 0)));
}

#[tokio::test]
async fn a_bucket_that_fails_meanwhile_loses_nothing_and_is_swept_the_next_time() {
    let mut ground = Ground::s3().await;
    let depot = ground.depot(Span::from_secs(HOUR)).await;
    put(&ground, &depot, 1..=10, 2).await;
    commit(&depot, 1..=5, []).await;
    ground.server.as_mut().unwrap().pause().await;
    assert_eq!(depot.sweep_all().await, Swept { failures: 1, ..Swept::default() });
    ground.server.as_mut().unwrap().resume().await;
    for every in [3, 4, 5, 7, 11, 13, 17] {
        ground.server.as_ref().unwrap().faults().fail_every.store(every, SeqCst);
        depot.sweep_all().await;
        assert!(ground.blocks().is_superset(&files(1..=5)));
    }
    ground.server.as_ref().unwrap().faults().fail_every.store(0, SeqCst);
    swept(&depot).await;
    assert_eq!(ground.blocks(), files(1..=5));
}

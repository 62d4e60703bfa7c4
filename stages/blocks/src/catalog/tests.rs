//! Tests of `catalog`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod delta;
mod faults;
mod logs;
mod model;
mod wrong;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use tempfile::{TempDir, tempdir};
use ulid::Ulid;
use weir_pipeline::testing::{context, settings};
use weir_pipeline::{Clock, Tenant};

use super::{BlockId, Catalog, Change, Covered, DeltaCatalog, Entry, Resolution, Settings};
use crate::bucket::Bucket;
use crate::bucket::objects::Objects;
use crate::testing::s3::{BUCKET, KEY, S3Server};

const RAW: Resolution = Resolution::Raw;

/// When the blocks of these tests were made.
const MADE: u64 = 1_700_000_000_000;

/// A bucket, local or behind S3. In both of them an object is a file.
struct Ground {
    dir: TempDir,
    server: Option<S3Server>,
}

impl Ground {
    fn local() -> Self {
        Self { dir: tempdir().unwrap(), server: None }
    }

    async fn s3() -> Self {
        let dir = tempdir().unwrap();
        let server = S3Server::start(dir.path()).await;
        Self { dir, server: Some(server) }
    }

    async fn objects(&self, retry: &str) -> Arc<Objects> {
        let Some(server) = &self.server else { return Arc::new(Objects::local(self.dir.path()).unwrap()) };
        let keys = self.dir.path().join("keys.yaml");
        std::fs::write(&keys, format!("access_key_id: {}\nsecret_access_key: {}\n", KEY.0, KEY.1)).unwrap();
        let s3 = format!(
            "bucket: {BUCKET}, endpoint: \"{}\", credentials: {{ file: {} }}",
            server.endpoint(),
            keys.display()
        );
        let bucket: Bucket = settings(&format!("{{ s3: {{ {s3} }}, {retry} }}")).unwrap();
        Arc::new(bucket.objects(&context()).await.unwrap())
    }

    async fn catalog(&self) -> DeltaCatalog {
        self.catalog_with("retry: { attempts: 8, backoff: { initial: 1ms, max: 5ms } }", Settings::default()).await
    }

    async fn catalog_with(&self, retry: &str, settings: Settings) -> DeltaCatalog {
        DeltaCatalog::new(self.objects(retry).await, Clock::system(), settings)
    }

    /// The file of an object.
    fn file(&self, name: &str) -> PathBuf {
        self.server.as_ref().map_or_else(|| self.dir.path().join(name), |server| server.file(name))
    }

    /// The names of the files in the log of the samples.
    fn log(&self) -> BTreeSet<String> {
        let files = std::fs::read_dir(self.file("default-tenant/raw/_delta_log")).unwrap();
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// Runs a check on each kind of bucket.
async fn each(check: impl AsyncFn(&Ground)) {
    check(&Ground::local()).await;
    check(&Ground::s3().await).await;
}

fn id(n: u64) -> BlockId {
    Ulid::from_parts(MADE + n, u128::from(n))
}

fn entry(n: u64) -> Entry {
    let writer = "store-\"1\" é".to_owned();
    Entry {
        block: id(n),
        min_ts: n as i64,
        max_ts: n as i64 + 99,
        samples: 100,
        series: 5,
        samples_bytes: 4096 + n,
        series_bytes: 512 + n,
        format: 1,
        extras: Default::default(),
        ranges: vec![Covered { writer, epoch: 3, stream: 7, first: n * 10, last: n * 10 + 9 }],
    }
}

fn add(n: impl IntoIterator<Item = u64>) -> Change {
    Change { add: n.into_iter().map(entry).collect(), data_change: true, ..Change::default() }
}

fn replace(old: impl IntoIterator<Item = u64>, new: impl IntoIterator<Item = u64>) -> Change {
    Change { remove: old.into_iter().map(id).collect(), data_change: false, ..add(new) }
}

fn numbered(change: Change, app: &str, number: i64) -> Change {
    Change { transaction: Some((app.to_owned(), number)), ..change }
}

/// Commits, and hears the version.
async fn commit(catalog: &DeltaCatalog, change: Change) -> u64 {
    catalog.commit(&Tenant::default(), RAW, change).await.unwrap()
}

/// That the catalog has these blocks and no others, as they were committed.
async fn expect(catalog: &DeltaCatalog, blocks: impl IntoIterator<Item = u64>) {
    let snapshot = catalog.snapshot(&Tenant::default(), RAW).await.unwrap();
    let found: Vec<Entry> = snapshot.entries().map(|entry| (**entry).clone()).collect();
    let expected: Vec<Entry> = blocks.into_iter().map(entry).collect();
    assert_eq!(found, expected);
}

/// The blocks whose series are in the table of series.
async fn series(catalog: &DeltaCatalog) -> Vec<BlockId> {
    catalog.series(&Tenant::default()).read().await.unwrap().1.keys().copied().collect()
}

//! What it costs. Run by hand: `cargo test -p weir-blocks --lib -- --ignored --nocapture catalog`.
#![allow(clippy::print_stdout)]

use std::ops::Range;
use std::sync::LazyLock;

use async_trait::async_trait;
use tokio::time::Instant;
use weir_pipeline::{LabelSet, Labels, Result, SeriesId, Tenant};

use super::*;
use crate::block::BlockShelf;
use crate::store::shelf::{Rows, Samples, Shelf};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn commits_and_snapshots() {
    for ground in [Ground::local(), Ground::s3().await] {
        let place = if ground.server.is_some() { "S3" } else { "local" };
        for every in [u64::MAX, 64] {
            let name = if every == 64 { "with checkpoints" } else { "without" };
            let tenant = Tenant::new(if every == 64 { "with" } else { "without" }).unwrap();
            let settings = || Settings { checkpoint_every: every, ..Settings::default() };
            let catalog = ground.catalog_with("", settings()).await;
            let begin = Instant::now();
            for n in 0..1000 {
                catalog.commit(&tenant, RAW, add([n])).await.unwrap();
            }
            println!("{place} {name}: a commit takes {:?} (two tables)", begin.elapsed() / 1000);
            let again = ground.catalog_with("", settings()).await;
            let clear = || {
                ground.server.as_ref().map_or(0, |s| std::mem::take(&mut *s.faults().requests.lock().unwrap()).len())
            };
            for what in ["first", "second"] {
                clear();
                let begin = Instant::now();
                let snapshot = again.snapshot(&tenant, RAW).await.unwrap();
                assert_eq!(snapshot.entries().len(), 1000);
                println!("{place} {name}: {what} snapshot {:?}, {} requests", begin.elapsed(), clear());
            }
            catalog.commit(&tenant, RAW, add([1000])).await.unwrap();
            clear();
            let begin = Instant::now();
            again.snapshot(&tenant, RAW).await.unwrap();
            println!("{place} {name}: snapshot after a commit {:?}, {} requests", begin.elapsed(), clear());
            let begin = Instant::now();
            again.commit(&tenant, RAW, add([1001])).await.unwrap();
            println!("{place} {name}: first commit of another one {:?}, {} requests", begin.elapsed(), clear());
            let begin = Instant::now();
            again.commit(&tenant, RAW, add([1002])).await.unwrap();
            println!("{place} {name}: its second commit {:?}, {} requests", begin.elapsed(), clear());
        }
    }
}

/// Some blocks as others would find them: in `weir-tables` below the directory for temporary files.
#[tokio::test]
#[ignore = "for a look with other tools"]
async fn tables_for_others() {
    let root = std::env::temp_dir().join("weir-tables");
    let _ = std::fs::remove_dir_all(&root);
    let objects = Arc::new(Objects::local(&root).unwrap());
    let tenant = Tenant::default();
    let shelf = BlockShelf::new(objects.clone(), Clock::system(), 64 << 20);
    let settings = Settings { checkpoint_every: 3, ..Settings::default() };
    let catalog = DeltaCatalog::new(objects, Clock::system(), settings);
    let day = 1_700_000_000_000 / 86_400_000 * 86_400_000;
    for n in 0..5 {
        let block = shelf.write(&tenant, day, day + 86_399_999, Arc::new(Some(n))).await.unwrap().unwrap();
        let known: Vec<_> = catalog.snapshot(&tenant, RAW).await.unwrap().entries().map(|e| e.block).collect();
        let directories = std::fs::read_dir(root.join("default-tenant/raw")).unwrap();
        let mut names =
            directories.filter_map(|d| Ulid::from_string(&d.unwrap().file_name().into_string().unwrap()).ok());
        let name = names.find(|name| !known.contains(name)).unwrap();
        let size =
            |file: &str| std::fs::metadata(root.join(format!("default-tenant/raw/{name}/{file}"))).unwrap().len();
        let entry = Entry {
            block: name,
            min_ts: block.min_ts(),
            max_ts: block.max_ts(),
            samples: block.samples(),
            series: 10,
            samples_bytes: size("samples.parquet"),
            series_bytes: size("series.parquet"),
            ..entry(n)
        };
        let labels = vec!["instance".to_owned()];
        let change = Change { add: vec![entry], data_change: true, labels, ..Change::default() };
        catalog.commit(&tenant, RAW, numbered(change, "store-1", n as i64)).await.unwrap();
    }
    let first = catalog.snapshot(&tenant, RAW).await.unwrap().entries().next().unwrap().block;
    catalog.commit(&tenant, RAW, Change { remove: vec![first], ..Change::default() }).await.unwrap();
    let snapshot = catalog.snapshot(&tenant, RAW).await.unwrap();
    println!("{}: {} samples", root.display(), snapshot.entries().map(|e| e.samples).sum::<u64>());
}

/// Ten series of a hundred samples each.
#[async_trait]
impl Rows for Option<u64> {
    fn len(&self) -> usize {
        10
    }

    fn labels(&self, i: usize) -> Labels<'_> {
        SETS[i].as_labels()
    }

    fn id(&self, i: usize) -> SeriesId {
        SETS[i].as_labels().id()
    }

    fn samples(&self, _: usize) -> usize {
        100
    }

    async fn read(&self, range: Range<usize>, start: i64, _: i64) -> Result<Vec<Samples>> {
        let base = start + self.unwrap() as i64 * 1_500_000;
        let value = |i: usize, n: i64| if n == 50 { f64::NAN } else { i as f64 + n as f64 / 4.0 };
        Ok(range.map(|i| (0..100).map(|n| (base + n * 15_000, value(i, n))).unzip()).collect())
    }
}

static SETS: LazyLock<Vec<LabelSet>> = LazyLock::new(|| {
    let pairs = |i: usize| [("__name__".to_owned(), "up".to_owned()), ("instance".to_owned(), format!("{i:03}"))];
    (0..10).map(|i| pairs(i).into_iter().collect()).collect()
});

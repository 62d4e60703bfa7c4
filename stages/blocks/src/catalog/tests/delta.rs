//! Commits and snapshots in a local directory.

use std::sync::Arc;

use tempfile::tempdir;
use ulid::Ulid;
use weir_pipeline::{Clock, Tenant};

use crate::bucket::objects::Objects;
use crate::catalog::{BlockId, Catalog, Change, Covered, DeltaCatalog, Entry, Resolution, Settings, Snapshot};

fn catalog(root: &std::path::Path) -> DeltaCatalog {
    let objects = Arc::new(Objects::local(root).unwrap());
    DeltaCatalog::new(objects, Clock::system(), Settings::default())
}

fn entry(n: u64) -> Entry {
    let block = Ulid::from_parts(1_700_000_000_000 + n, u128::from(n));
    let ranges =
        vec![Covered { writer: "store-\"1\"".to_owned(), epoch: 3, stream: 7, first: n * 10, last: n * 10 + 9 }];
    let (samples_bytes, series_bytes) = (4096 + n, 512 + n);
    Entry {
        block,
        min_ts: n as i64,
        max_ts: n as i64 + 99,
        samples: 100,
        series: 5,
        samples_bytes,
        series_bytes,
        format: 1,
        ranges,
    }
}

fn add(n: impl IntoIterator<Item = u64>) -> Change {
    Change { add: n.into_iter().map(entry).collect(), data_change: true, ..Change::default() }
}

fn blocks(snapshot: &Snapshot) -> Vec<BlockId> {
    snapshot.entries().map(|entry| entry.block).collect()
}

const RAW: Resolution = Resolution::Raw;

#[tokio::test]
async fn blocks_are_added_and_replaced_and_old_snapshots_stay_as_they_were() {
    let dir = tempdir().unwrap();
    let tenant = Tenant::default();
    let catalog = catalog(dir.path());
    let none = catalog.snapshot(&tenant, RAW).await.unwrap();
    assert_eq!((none.version(), none.entries().len()), (None, 0));
    assert_eq!(catalog.commit(&tenant, RAW, add([1, 2])).await.unwrap(), 1);
    let old = catalog.snapshot(&tenant, RAW).await.unwrap();
    assert_eq!(blocks(&old), [entry(1).block, entry(2).block]);
    let change = Change { remove: vec![entry(1).block, entry(2).block], data_change: false, ..add([3]) };
    assert_eq!(catalog.commit(&tenant, RAW, change).await.unwrap(), 2);
    let new = catalog.snapshot(&tenant, RAW).await.unwrap();
    assert_eq!((new.version(), blocks(&new)), (Some(2), vec![entry(3).block]));
    assert_eq!((old.version(), blocks(&old)), (Some(1), vec![entry(1).block, entry(2).block]));
    assert_eq!(none.entries().len(), 0);
    let again = self::catalog(dir.path());
    assert_eq!(**again.snapshot(&tenant, RAW).await.unwrap().get(&entry(3).block).unwrap(), entry(3));
}

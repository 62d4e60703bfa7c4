//! Blocks in a bucket that speaks S3.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use async_trait::async_trait;
use tempfile::tempdir;
use weir_pipeline::{Clock, LabelSet, Labels, MatchOp, Matcher, Result, SeriesId, Tenant};

use super::{Objects, S3Server, objects};
use crate::block::{BlockShelf, Memory};
use crate::store::shelf::{Rows, Samples, Shelf};

const NOON: i64 = 1_700_000_000_000 / 86_400_000 * 86_400_000 + 43_200_000;

/// A hundred series of 50 samples each.
struct Hundred(Vec<LabelSet>);

fn hundred() -> Arc<Hundred> {
    let pairs = |i: usize| [("__name__".to_owned(), "up".to_owned()), ("instance".to_owned(), format!("{i:03}"))];
    Arc::new(Hundred((0..100).map(|i| pairs(i).into_iter().collect()).collect()))
}

fn samples(i: usize) -> Samples {
    (0..50).map(|n| (NOON + n * 15_000, (i as i64 * n) as f64)).collect()
}

#[async_trait]
impl Rows for Hundred {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, i: usize) -> Labels<'_> {
        self.0[i].as_labels()
    }

    fn id(&self, i: usize) -> SeriesId {
        self.labels(i).id()
    }

    fn samples(&self, _: usize) -> usize {
        50
    }

    fn have_starts(&self) -> bool {
        false
    }

    fn have_histograms(&self) -> bool {
        false
    }

    async fn read(&self, range: Range<usize>, _: i64, _: i64) -> Result<Vec<Samples>> {
        Ok(range.map(samples).collect())
    }
}

fn shelf(objects: Objects) -> BlockShelf {
    BlockShelf::new(Arc::new(objects), Clock::system(), Memory::mib(64, 1))
}

#[tokio::test]
async fn blocks_are_written_listed_read_and_removed() {
    let dir = tempdir().unwrap();
    let server = S3Server::start(dir.path()).await;
    let tenant = Tenant::default();
    let written = shelf(objects(&server, "prefix: weir/", "").await);
    server.faults().fail_every.store(3, SeqCst);
    written.write(&tenant, NOON, NOON + 3_600_000, hundred()).await.unwrap().unwrap();
    let again = shelf(objects(&server, "prefix: weir/", "").await);
    let listed = again.list().await.unwrap();
    let [(name, block)] = listed.as_slice() else { panic!("{listed:?}") };
    assert_eq!((name, block.samples(), block.min_ts()), (&tenant, 5000, NOON));
    let matcher = Matcher::new("instance", MatchOp::Equal, "042").unwrap();
    let rows = block.select(&[matcher], NOON, NOON + 3_600_000).await.unwrap();
    let numbers: Vec<u32> = rows.iter().map(|row| row.row).collect();
    assert_eq!(block.read(&numbers, NOON, NOON + 3_600_000).await.unwrap(), [samples(42)]);
    server.faults().fail_every.store(0, SeqCst);
    let (name, block) = (name.clone(), block.clone());
    drop(listed);
    again.remove(&name, block).await.unwrap();
    // The files go in the background, once nobody has the block.
    while !again.list().await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_block_that_the_bucket_does_not_give_is_not_called_damaged() {
    let dir = tempdir().unwrap();
    let server = S3Server::start(dir.path()).await;
    let tenant = Tenant::default();
    let write = shelf(objects(&server, "", "").await);
    write.write(&tenant, NOON, NOON + 3_600_000, hundred()).await.unwrap().unwrap();
    let again = shelf(objects(&server, "", "retry: { attempts: 1 }").await);
    // The listing is answered, what comes after it is not.
    server.faults().fail_gets.store(true, SeqCst);
    let error = again.list().await.unwrap_err();
    assert!(error.kind().is_retryable(), "{error:?}");
    assert_eq!(again.damaged(), 0);
    server.faults().fail_gets.store(false, SeqCst);
    assert_eq!(again.list().await.unwrap().len(), 1);
}

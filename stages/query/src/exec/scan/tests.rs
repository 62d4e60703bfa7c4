use std::sync::Arc;

use arrow::datatypes::Schema;
use async_trait::async_trait;
use datafusion::execution::memory_pool::{MemoryPool, UnboundedMemoryPool};
use weir_pipeline::{Labels, Result, SeriesId};

use super::*;
use crate::exec::context::Bounds;
use crate::exec::testing;

/// Series of so many samples each, by estimate.
struct Estimates(Vec<usize>);

#[async_trait]
impl Selected for Estimates {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, _: usize) -> Labels<'_> {
        Labels::from_canonical(&[])
    }

    fn id(&self, _: usize) -> SeriesId {
        SeriesId([0; 16])
    }

    fn samples_estimate(&self, series: usize) -> usize {
        self.0[series]
    }

    async fn read(&self, _: Range<usize>) -> Result<Vec<Run>> {
        Ok(Vec::new())
    }
}

fn check(estimates: &[usize], partitions: usize, wanted: &[Range<usize>]) {
    let selected: Arc<dyn Selected> = Arc::new(Estimates(estimates.to_vec()));
    let shares: Vec<_> = (0..partitions).map(|partition| share(&*selected, partition, partitions)).collect();
    assert_eq!(shares, wanted);
}

#[test]
fn partitions_share_series_by_their_samples() {
    check(&[], 2, &[0..0, 0..0]);
    check(&[5], 2, &[0..1, 1..1]);
    check(&[10, 10, 10, 10], 2, &[0..2, 2..4]);
    check(&[100, 1, 1, 1], 2, &[0..1, 1..4]);
    check(&[1, 1, 1, 100], 2, &[0..4, 4..4]);
    check(&[0, 0, 0], 3, &[0..1, 1..2, 2..3]);
}

#[test]
fn a_scan_shows_its_matchers_and_its_time() {
    let matchers = [Matcher::equal("__name__", "up"), Matcher::equal("job", "a")].into();
    let scan = Scan { matchers, start: 1, end: 2, labels: None, shared: false, lasts: None };
    assert_eq!(scan.to_string(), "{__name__=\"up\", job=\"a\"} from=1 to=2");
}

#[test]
fn a_run_is_the_other_one_continued_where_it_is_later_and_both_are_floats() {
    let run = |series, times: &[i64]| Run {
        series,
        ..crate::memory::of_floats(&times.iter().map(|t| (*t, 0.0)).collect::<Vec<_>>())
    };
    assert!(follows(&run(1, &[1, 2]), &run(1, &[3, 4])));
    assert!(!follows(&run(1, &[1, 2]), &run(2, &[3, 4])));
    assert!(!follows(&run(1, &[1, 3]), &run(1, &[3, 4])));
    assert!(!follows(&run(1, &[1, 5]), &run(1, &[3, 4])));
    let point = weir_pipeline::HistogramPoint { timestamp: 9, start: 0, histogram: Arc::default() };
    assert!(!follows(&run(1, &[1, 2]), &Run { histograms: vec![point], ..run(1, &[3]) }));
}

#[test]
fn what_scans_read_at_once_is_less_where_others_read_too() {
    // Each a quarter of a mebibyte.
    let selected = Arc::new(Estimates(vec![(256 << 10) / SAMPLE_BYTES; 100]));
    let bounds = Bounds { samples: 0, series: 0, ahead: 24 << 20 };
    let query = testing::query(bounds);
    let pool: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
    let mut readers: Vec<_> = (0..4)
        .map(|_| Reader {
            task: testing::task(&query, Arc::new(Schema::empty()), &pool),
            selected: selected.clone(),
            labels: None,
            lasts: None,
            rest: 0..selected.len(),
            ready: VecDeque::new(),
            ahead: None,
        })
        .collect();
    // Of 24 MiB for the runs and the batches of them 16 are taken, 8, and none is left.
    let shares: Vec<_> = readers.iter_mut().map(|reader| reader.next_share().unwrap()).collect();
    assert_eq!(shares, [Some(0..32), Some(0..16), Some(0..4), Some(0..4)]);
    assert_eq!(readers[2].next_share().unwrap(), Some(4..8));
    drop(readers.remove(0));
    assert_eq!(readers[2].next_share().unwrap(), Some(4..36));
}

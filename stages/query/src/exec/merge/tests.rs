use std::sync::Arc;

use datafusion::execution::memory_pool::{MemoryPool, UnboundedMemoryPool};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures_util::{StreamExt, stream};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::exec::context::Bounds;
use crate::exec::{samples, testing};

fn check(runs: &[&[(i64, f64)]], wanted: &[(i64, f64)]) {
    let mut pending = Pending { sorted: true, ..Pending::default() };
    for run in runs {
        let (timestamps, values): (Vec<_>, Vec<_>) = run.iter().copied().unzip();
        pending.add(Row { timestamps: &timestamps, values: &values, ..Row::default() }).unwrap();
    }
    pending.settle();
    let found: Vec<_> = pending.timestamps.into_iter().zip(pending.values).collect();
    assert_eq!(format!("{found:?}"), format!("{wanted:?}"));
}

#[test]
fn runs_become_one_in_order_of_time() {
    check(&[&[(1, 1.0), (3, 3.0)], &[(2, 2.0), (4, 4.0)]], &[(1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0)]);
    check(&[&[(5, 5.0)], &[], &[(1, 1.0)]], &[(1, 1.0), (5, 5.0)]);
    check(&[&[(1, 1.0)], &[(2, 2.0)]], &[(1, 1.0), (2, 2.0)]);
}

#[test]
fn one_time_keeps_one_value_whatever_the_order() {
    for values in [[1.0, 2.0, f64::NAN], [f64::NAN, 2.0, 1.0], [2.0, f64::NAN, 1.0]] {
        let runs = values.map(|value| [(7, value)]);
        check(&[&runs[0], &runs[1], &runs[2]], &[(7, 2.0)]);
    }
}

#[test]
fn of_one_value_the_start_that_is_known_stays_and_of_two_the_earlier() {
    for starts in [[0, 5, 7], [7, 5, 0], [5, 0, 7]] {
        let mut pending = Pending { sorted: true, ..Pending::default() };
        for start in starts {
            pending
                .add(Row { timestamps: &[1, 2], values: &[1.0, 2.0], starts: &[0, start], ..Row::default() })
                .unwrap();
        }
        pending.settle();
        assert_eq!((pending.timestamps, pending.values, pending.starts), (vec![1, 2], vec![1.0, 2.0], vec![0, 5]));
    }
}

/// A run of a series: its number, and its times. Each value is that of its time.
type Rows = Vec<(u8, Vec<i64>)>;

fn batch(rows: &[(u8, Vec<i64>)]) -> RecordBatch {
    let mut out = SamplesBuilder::new(rows.len(), 0);
    for (series, times) in rows {
        let values: Vec<f64> = times.iter().map(|time| *time as f64).collect();
        out.floats(times, &values, &[]);
        out.end_row([*series; 16], &[*series], false);
    }
    out.finish(samples::schema()).unwrap()
}

/// What is made of batches, and what is reserved once the last has come.
fn merged(batches: &[Rows]) -> (Vec<RecordBatch>, usize) {
    let pool: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
    let query = testing::query(Bounds { samples: 0, series: 0, ahead: 0 });
    let task = testing::task(&query, samples::schema(), &pool);
    let batches: Vec<_> = batches.iter().map(|rows| Ok(batch(rows))).collect();
    let input = Box::pin(RecordBatchStreamAdapter::new(samples::schema(), stream::iter(batches)));
    let partition = Partition { index: 0, count: 1, shared: Arc::default() };
    let mut out = SeriesMerge.run(partition, vec![input], task).unwrap();
    futures_util::FutureExt::now_or_never(async move {
        let mut found = Vec::new();
        while let Some(batch) = out.next().await {
            found.push(batch.unwrap());
        }
        (found, pool.reserved())
    })
    .expect("all input is there")
}

fn rows_of(batches: &[RecordBatch]) -> Rows {
    let rows = |batch: &RecordBatch| {
        let samples = Samples::try_new(batch).unwrap();
        let row = |row: usize| {
            let run = samples.row(row);
            assert!(run.timestamps.iter().zip(run.values).all(|(time, value)| *time as f64 == *value));
            (samples.labels(row)[0], run.timestamps.to_vec())
        };
        (0..samples.len()).map(row).collect::<Rows>()
    };
    batches.iter().flat_map(rows).collect()
}

proptest! {
    #[test]
    fn series_are_merged_however_rows_are_cut_into_batches(
        series in vec(vec(vec(0_i64..40, 0..4), 1..4), 0..6),
        cuts in vec(any::<bool>(), 24),
    ) {
        let mut rows: Rows = Vec::new();
        let mut expected: Rows = Vec::new();
        for (number, runs) in series.into_iter().enumerate() {
            let mut all: Vec<i64> = runs.iter().flatten().copied().collect();
            all.sort_unstable();
            all.dedup();
            expected.push((number as u8, all));
            rows.extend(runs.into_iter().map(|mut run| {
                run.sort_unstable();
                run.dedup();
                (number as u8, run)
            }));
        }
        let mut batches: Vec<Rows> = vec![Vec::new()];
        for (row, cut) in rows.into_iter().zip(cuts) {
            if cut {
                batches.push(Vec::new());
            }
            batches.last_mut().unwrap().push(row);
        }
        let (found, reserved) = merged(&batches);
        prop_assert_eq!(rows_of(&found), expected);
        prop_assert_eq!(reserved, 0);
    }
}

#[test]
fn a_series_alone_in_its_batch_is_handed_on_as_it_is() {
    let timestamps = |batch: &RecordBatch| Samples::try_new(batch).unwrap().row(0).timestamps.as_ptr();
    let pool: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
    let query = testing::query(Bounds { samples: 0, series: 0, ahead: 0 });
    let task = testing::task(&query, samples::schema(), &pool);
    let mut merging = Merging::new(task);
    let (one, other) = (batch(&[(1, vec![1, 2])]), batch(&[(2, vec![1, 2])]));
    let (before, after) = (timestamps(&one), timestamps(&other));
    merging.push(one).unwrap();
    assert!(merging.pull().unwrap().is_none(), "the next batch may go on with it");
    assert_eq!(pool.reserved(), 2 * SAMPLE_BYTES);
    merging.push(other).unwrap();
    assert_eq!(merging.pull().unwrap().map(|batch| timestamps(&batch)), Some(before));
    merging.finish().unwrap();
    assert_eq!(merging.pull().unwrap().map(|batch| timestamps(&batch)), Some(after));
}

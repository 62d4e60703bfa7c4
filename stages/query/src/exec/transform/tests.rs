use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::Int64Array;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::exec_err;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures_util::stream;

use super::*;

/// Hands on each row alone, and says at the end that it is the end.
#[derive(Default)]
struct Repeat {
    input: Option<RecordBatch>,
    /// Each output takes longer than a turn.
    slow: bool,
    /// What is refused.
    refused: Option<i64>,
}

impl Transform for Repeat {
    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        assert!(self.input.is_none(), "expected to be asked for what there is, first");
        self.input = Some(batch);
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.input = Some(batch(&[-1]));
        Ok(())
    }

    fn pull(&mut self) -> Result<Option<RecordBatch>> {
        let pace = Pace::new();
        while self.slow && !pace.is_over() {
            std::hint::spin_loop();
        }
        let Some(batch) = self.input.take().filter(|batch| batch.num_rows() > 0) else { return Ok(None) };
        if self.refused.is_some_and(|refused| values(&batch).first() == Some(&refused)) {
            return exec_err!("refused");
        }
        if batch.num_rows() > 1 {
            self.input = Some(batch.slice(1, batch.num_rows() - 1));
        }
        Ok(Some(batch.slice(0, 1)))
    }
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("value", DataType::Int64, false)]))
}

fn batch(values: &[i64]) -> RecordBatch {
    RecordBatch::try_new(schema(), vec![Arc::new(Int64Array::from(values.to_vec()))]).unwrap()
}

fn values(batch: &RecordBatch) -> Vec<i64> {
    batch.column(0).as_any().downcast_ref::<Int64Array>().unwrap().values().to_vec()
}

fn through(batches: &[&[i64]], repeat: Repeat) -> Batches {
    let batches: Vec<_> = batches.iter().map(|values| Ok(batch(values))).collect();
    run(Box::pin(RecordBatchStreamAdapter::new(schema(), stream::iter(batches))), repeat)
}

/// What comes, until nothing does; an error is -2.
async fn all(mut batches: Batches) -> Vec<i64> {
    let mut found = Vec::new();
    while let Some(item) = batches.next().await {
        found.extend(item.map_or_else(|_| vec![-2], |batch| values(&batch)));
    }
    found
}

#[tokio::test]
async fn all_output_comes_in_order_and_what_is_said_at_the_end_comes_last() {
    assert_eq!(all(through(&[], Repeat::default())).await, [-1]);
    assert_eq!(all(through(&[&[1, 2], &[], &[3]], Repeat::default())).await, [1, 2, 3, -1]);
}

#[tokio::test]
async fn nothing_comes_after_an_error() {
    let mut batches = through(&[&[1, 2], &[3]], Repeat { refused: Some(2), ..Repeat::default() });
    assert!(batches.next().await.unwrap().is_ok());
    assert!(batches.next().await.unwrap().is_err());
    assert!(batches.next().await.is_none());
    assert!(batches.next().await.is_none());
}

#[tokio::test]
async fn after_each_turn_others_have_the_thread_and_then_it_goes_on() {
    let turns = Arc::new(AtomicUsize::new(0));
    let counted = turns.clone();
    let beside = tokio::spawn(async move {
        loop {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(all(through(&[&[1, 2], &[3]], Repeat { slow: true, ..Repeat::default() })).await, [1, 2, 3, -1]);
    beside.abort();
    assert!(turns.load(Ordering::Relaxed) >= 4, "{turns:?} turns of others beside four outputs");
}

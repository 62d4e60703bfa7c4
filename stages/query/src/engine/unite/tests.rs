#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use arrow::array::{AsArray, Int64Array};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use datafusion::common::exec_err;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};

use super::*;

/// What a partition does next.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Give(i64),
    Wait,
    Fail,
}

use Turn::{Fail, Give, Wait};

/// A partition, and on how many different tasks all of them ran.
#[derive(Debug)]
struct Acting(&'static [Turn], SchemaRef, Arc<AtomicUsize>);

impl PartitionStream for Acting {
    fn schema(&self) -> &SchemaRef {
        &self.1
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (schema, beside) = (self.1.clone(), self.2.clone());
        let turns = stream::iter(self.0).filter_map(move |turn| {
            let (schema, beside) = (schema.clone(), beside.clone());
            async move {
                match turn {
                    Give(n) => Some(
                        RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(vec![*n]))]).map_err(Into::into),
                    ),
                    Fail => Some(exec_err!("failed")),
                    Wait => {
                        tokio::task::yield_now().await;
                        beside.fetch_add(usize::from(tokio::task::try_id().is_some()), SeqCst);
                        None
                    }
                }
            }
        });
        Box::pin(RecordBatchStreamAdapter::new(self.1.clone(), turns))
    }
}

/// What partitions give as one, sorted, or the error; and how often one went on in a task.
async fn united(partitions: &[&'static [Turn]]) -> (Result<Vec<i64>, String>, usize) {
    let schema: SchemaRef = Schema::new(vec![Field::new("n", DataType::Int64, false)]).into();
    let beside = Arc::new(AtomicUsize::new(0));
    let of =
        |turns: &&'static [Turn]| Arc::new(Acting(turns, schema.clone(), beside.clone())) as Arc<dyn PartitionStream>;
    let partitions = partitions.iter().map(of).collect();
    let plan = StreamingTableExec::try_new(schema.clone(), partitions, None, [], false, None).unwrap();
    let plan: Arc<dyn ExecutionPlan> = Arc::new(plan);
    let rows = unite(&plan, &Arc::default()).unwrap().try_collect::<Vec<_>>().await;
    let numbers = |batches: Vec<RecordBatch>| {
        let mut all: Vec<i64> =
            batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
        all.sort_unstable();
        all
    };
    (rows.map(numbers).map_err(|error| error.to_string()), beside.load(SeqCst))
}

#[tokio::test]
async fn what_is_there_at_once_needs_no_task() {
    assert_eq!(united(&[&[Give(1)], &[], &[Give(2)]]).await, (Ok(vec![1, 2]), 0));
    assert_eq!(united(&[&[Give(1), Give(2), Give(3)]]).await, (Ok(vec![1, 2, 3]), 0));
}

#[tokio::test]
async fn who_waits_goes_on_in_a_task_and_gives_the_rest() {
    assert_eq!(united(&[&[Give(1), Wait, Give(2)], &[Wait, Give(3)]]).await, (Ok(vec![1, 2, 3]), 2));
    let many = &[Give(1), Give(2), Give(3), Wait, Give(4)];
    assert_eq!(united(&[many, &[]]).await, (Ok(vec![1, 2, 3, 4]), 1));
}

#[tokio::test]
async fn an_error_is_told_wherever_it_comes() {
    let failed = || Err("Execution error: failed".to_owned());
    assert_eq!(united(&[&[Give(1)], &[Fail]]).await.0, failed());
    assert_eq!(united(&[&[Give(1)], &[Wait, Fail, Give(2)]]).await.0, failed());
}

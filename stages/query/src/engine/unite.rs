//! The partitions of a plan as one stream.
//!
//! What is there at once is taken where it is asked for: most queries are about a few series in memory, and for these another
//! task takes longer to come than the work takes. A partition that is not done then goes on as a task of its own, beside the
//! others.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::{RecordBatchReceiverStreamBuilder, RecordBatchStreamAdapter};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};

/// So many batches of a partition are taken at once. More show that there is work for several.
const FEW: usize = 2;

/// What was taken of a partition, and the partition where there may be more.
type Begun = (Vec<Result<RecordBatch>>, Option<SendableRecordBatchStream>);

/// The rows of all partitions, in no order where there are several.
///
/// # Errors
/// A partition can't begin.
pub(super) fn unite(plan: &Arc<dyn ExecutionPlan>, context: &Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
    let count = plan.output_partitioning().partition_count();
    if count == 1 {
        return plan.execute(0, context.clone());
    }
    let partitions = (0..count).map(|n| plan.execute(n, context.clone())).collect::<Result<Vec<_>>>()?;
    let schema = plan.schema();
    let united = {
        let schema = schema.clone();
        stream::once(async move {
            let begun = partitions.into_iter().map(begin);
            let (found, rest): (Vec<_>, Vec<_>) = begun.unzip();
            let found = stream::iter(found.into_iter().flatten());
            if rest.iter().all(Option::is_none) {
                return Ok(found.boxed());
            }
            let mut beside = RecordBatchReceiverStreamBuilder::new(schema, rest.len().max(1));
            for mut partition in rest.into_iter().flatten() {
                let taker = beside.tx();
                beside.spawn(async move {
                    while let Some(item) = partition.next().await {
                        let is_last = item.is_err();
                        // Nobody takes it any more, or nothing comes after it.
                        if taker.send(item).await.is_err() || is_last {
                            break;
                        }
                    }
                    Ok(())
                });
            }
            Ok::<_, DataFusionError>(found.chain(beside.build()).boxed())
        })
    };
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, united.try_flatten())))
}

/// Takes what is there at once.
fn begin(mut partition: SendableRecordBatchStream) -> Begun {
    let mut found = Vec::new();
    while found.len() < FEW {
        match partition.next().now_or_never() {
            Some(Some(Ok(batch))) => found.push(Ok(batch)),
            Some(Some(Err(error))) => {
                found.push(Err(error));
                return (found, None);
            }
            Some(None) => return (found, None),
            None => break,
        }
    }
    (found, Some(partition))
}

#[cfg(test)]
mod tests;

//! Operators as logical nodes hold them: what they do, before they have inputs.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

use super::{Operator, OperatorExec};

/// What a logical node does: an [`Operator`] that is not placed yet. Its `Debug` is what nodes are compared by, its `Display`
/// what `explain` shows.
pub(crate) trait Spec: fmt::Debug + fmt::Display + Any + Send + Sync {
    /// The name of the logical node.
    fn name(&self) -> &'static str;

    /// The operator over `inputs`, whose partitions are brought together where it needs that; a leaf has `partitions`.
    fn exec(
        self: Arc<Self>,
        schema: SchemaRef,
        inputs: Vec<Arc<dyn ExecutionPlan>>,
        partitions: usize,
    ) -> Arc<dyn ExecutionPlan>;
}

impl<O: Operator> Spec for O {
    fn name(&self) -> &'static str {
        O::NAME.strip_suffix("Exec").unwrap_or(O::NAME)
    }

    fn exec(
        self: Arc<Self>,
        schema: SchemaRef,
        inputs: Vec<Arc<dyn ExecutionPlan>>,
        partitions: usize,
    ) -> Arc<dyn ExecutionPlan> {
        let needs_one = |input: usize| input >= O::ROWS || self.needs_single_partition();
        let together = |(index, input): (usize, Arc<dyn ExecutionPlan>)| -> Arc<dyn ExecutionPlan> {
            let is_one = input.output_partitioning().partition_count() == 1;
            if is_one || !needs_one(index) { input } else { Arc::new(CoalescePartitionsExec::new(input)) }
        };
        let inputs = inputs.into_iter().enumerate().map(together).collect();
        Arc::new(OperatorExec::new(self, schema, inputs, partitions))
    }
}

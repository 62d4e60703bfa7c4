//! Operators: what PromQL needs beside DataFusion's own.
//!
//! Each is one [`Operator`], wrapped into an `ExecutionPlan` by [`OperatorExec`], which is the only place that knows
//! DataFusion's plan interface. A leaf declares at least two partitions of unknown partitioning and no ordering.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, ExecutionPlanProperties, InputDistributionRequirements,
    Partitioning, PlanProperties,
};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;

pub(crate) use weir_promql::annotations;
pub(crate) mod broadcast;
pub(crate) mod context;
pub(crate) mod histogram_quantile;
pub(crate) mod matching;
pub(crate) mod merge;
pub(crate) mod pace;
pub(crate) mod range_eval;
pub(crate) mod scalar;
pub(crate) mod scan;
pub(crate) mod source;
pub(crate) mod steps;
pub(crate) mod transform;

use context::QueryContext;

/// The batches of one partition.
pub(crate) type Batches = BoxStream<'static, Result<arrow::record_batch::RecordBatch>>;

/// What an operator does. Its `Display` is what `explain` shows of it.
pub(crate) trait Operator: fmt::Debug + fmt::Display + Any + Send + Sync {
    /// The name of the node in plans.
    const NAME: &'static str;

    /// Whether the whole of each input must come in one partition.
    fn needs_single_partition(&self) -> bool {
        false
    }

    /// How many partitions a leaf has.
    fn leaf_partitions(&self) -> usize {
        2
    }

    /// The output of one partition, from the same partition of each input.
    fn run(&self, partition: usize, inputs: Vec<SendableRecordBatchStream>, task: Task) -> Result<Batches>;
}

/// What an operator has while it runs one partition.
pub(crate) struct Task {
    /// What all operators of the query share.
    pub(crate) query: Arc<QueryContext>,
    /// What the operator buffers is reserved here.
    pub(crate) memory: MemoryReservation,
    /// The schema of the output.
    pub(crate) schema: SchemaRef,
}

/// The `ExecutionPlan` of an operator.
#[derive(Debug)]
pub(crate) struct OperatorExec<O> {
    operator: Arc<O>,
    inputs: Vec<Arc<dyn ExecutionPlan>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

// === impl Task ===

impl Task {
    fn new(name: &str, partition: usize, schema: SchemaRef, task: &TaskContext) -> Result<Self> {
        let query = task.session_config().get_extension::<QueryContext>();
        let query = query.ok_or_else(|| internal_datafusion_err!("{name} runs within a query only"))?;
        let memory = MemoryConsumer::new(format!("{name}[{partition}]")).register(task.memory_pool());
        Ok(Self { query, memory, schema })
    }
}

// === impl OperatorExec ===

impl<O: Operator> OperatorExec<O> {
    /// The plan of `operator` over `inputs`.
    pub(crate) fn new(operator: Arc<O>, schema: SchemaRef, inputs: Vec<Arc<dyn ExecutionPlan>>) -> Self {
        let partitions = match inputs.first() {
            None => operator.leaf_partitions(),
            Some(_) if operator.needs_single_partition() => 1,
            Some(input) => input.output_partitioning().partition_count(),
        };
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { operator, inputs, properties: Arc::new(properties), metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl<O: Operator> DisplayAs for OperatorExec<O> {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.operator.to_string();
        f.write_str(O::NAME)?;
        if text.is_empty() { Ok(()) } else { write!(f, ": {text}") }
    }
}

impl<O: Operator> ExecutionPlan for OperatorExec<O> {
    fn name(&self) -> &str {
        O::NAME
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        let one = if self.operator.needs_single_partition() {
            Distribution::SinglePartition
        } else {
            Distribution::UnspecifiedDistribution
        };
        InputDistributionRequirements::new(vec![one; self.inputs.len()])
    }

    /// Series stay where they are: a repartitioning by rows would tear their runs apart.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false; self.inputs.len()]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.inputs.iter().collect()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, inputs: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self::new(self.operator.clone(), self.schema(), inputs)))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let inputs = self.inputs.iter().map(|input| input.execute(partition, context.clone()));
        let inputs = inputs.collect::<Result<Vec<_>>>()?;
        let schema = self.schema();
        let task = Task::new(O::NAME, partition, schema.clone(), &context)?;
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let batches = self.operator.run(partition, inputs, task)?.inspect(move |batch| {
            if let Ok(batch) = batch {
                metrics.record_output(batch.num_rows());
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

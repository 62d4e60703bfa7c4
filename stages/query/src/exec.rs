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
use datafusion::physical_plan::coop::make_cooperative;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, ExecutionPlanProperties, InputDistributionRequirements,
    Partitioning, PlanProperties,
};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::sync::OnceCell;

pub(crate) mod absent;
pub(crate) mod aggregate;
pub(crate) mod binaries;
pub(crate) mod context;
pub(crate) mod counts;
pub(crate) mod dedup;
pub(crate) mod extend;
pub(crate) mod gather;
pub(crate) mod histogram;
pub(crate) mod info;
pub(crate) mod map;
pub(crate) mod matching;
pub(crate) mod merge;
pub(crate) mod pace;
pub(crate) mod params;
pub(crate) mod range_eval;
pub(crate) mod relabel;
pub(crate) mod repeat;
pub(crate) mod resample;
pub(crate) mod samples;
pub(crate) mod scalar;
pub(crate) mod scan;
pub(crate) mod set;
pub(crate) mod sort;
pub(crate) mod source;
pub(crate) mod spec;
pub(crate) mod steps;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod transform;

use context::{QueryContext, Shared};
use params::{Param, Params};

/// The batches of one partition.
pub(crate) type Batches = BoxStream<'static, Result<arrow::record_batch::RecordBatch>>;

/// What an operator does. Its `Display` is what `explain` shows of it.
pub(crate) trait Operator: fmt::Debug + fmt::Display + Any + Send + Sync {
    /// The name of the node in plans, which ends with `Exec`.
    const NAME: &'static str;

    /// How many inputs are rows. Further inputs are the numbers of [`Operator::params`].
    const ROWS: usize = 1;

    /// Whether the whole of each input of rows must come in one partition.
    fn needs_single_partition(&self) -> bool {
        false
    }

    /// The numbers that the operator takes.
    fn params(&self) -> &[Param] {
        &[]
    }

    /// The output of one partition, from the same partition of each input of rows.
    fn run(&self, partition: Partition, inputs: Vec<SendableRecordBatchStream>, task: Task) -> Result<Batches>;
}

/// Which partition an operator runs.
#[derive(Clone, Debug)]
pub(crate) struct Partition {
    /// From 0.
    pub(crate) index: usize,
    /// How many there are.
    pub(crate) count: usize,
    /// What the first partition that runs leaves for the others.
    pub(crate) shared: Shared,
}

/// What an operator has while it runs one partition.
pub(crate) struct Task {
    /// What all operators of the query share.
    pub(crate) query: Arc<QueryContext>,
    /// What the operator buffers is reserved here.
    pub(crate) memory: MemoryReservation,
    /// The schema of the output.
    pub(crate) schema: SchemaRef,
    /// The numbers that the operator takes.
    pub(crate) params: Params,
}

/// The `ExecutionPlan` of an operator.
#[derive(Debug)]
pub(crate) struct OperatorExec<O> {
    operator: Arc<O>,
    inputs: Vec<Arc<dyn ExecutionPlan>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
    partitions: usize,
    shared: Shared,
    params: Arc<OnceCell<Params>>,
}

// === impl Task ===

impl Task {
    fn new(name: &str, schema: SchemaRef, task: &TaskContext) -> Result<Self> {
        let query = task.session_config().get_extension::<QueryContext>();
        let query = query.ok_or_else(|| internal_datafusion_err!("{name} runs within a query only"))?;
        let memory = MemoryConsumer::new(name).register(task.memory_pool());
        Ok(Self { query, memory, schema, params: Params::default() })
    }
}

// === impl OperatorExec ===

impl<O: Operator> OperatorExec<O> {
    /// The plan of `operator` over `inputs`; a leaf has `partitions`, at least two.
    pub(crate) fn new(
        operator: Arc<O>,
        schema: SchemaRef,
        inputs: Vec<Arc<dyn ExecutionPlan>>,
        partitions: usize,
    ) -> Self {
        let count = match inputs.first() {
            _ if O::ROWS == 0 => partitions.max(2),
            Some(input) if !operator.needs_single_partition() => input.output_partitioning().partition_count(),
            _ => 1,
        };
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(count),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        // What reads lets others have the thread, so that DataFusion need not wrap it.
        let scheduling = if O::ROWS == 0 { SchedulingType::Cooperative } else { SchedulingType::NonCooperative };
        let properties = Arc::new(properties.with_scheduling_type(scheduling));
        let metrics = ExecutionPlanMetricsSet::new();
        Self { operator, inputs, properties, metrics, partitions, shared: Arc::default(), params: Arc::default() }
    }
}

impl<O: Operator> OperatorExec<O> {
    /// Reads the numbers, once for all partitions, and then runs.
    fn with_params(
        &self,
        partition: Partition,
        rows: Vec<SendableRecordBatchStream>,
        mut task: Task,
        context: Arc<TaskContext>,
    ) -> Batches {
        let (operator, cell) = (self.operator.clone(), self.params.clone());
        let inputs: Vec<_> = self.inputs.iter().skip(O::ROWS).cloned().collect();
        transform::opened(async move {
            let read = async {
                let inputs = inputs.iter().map(|input| input.execute(0, context.clone()));
                Params::read(operator.params(), inputs.collect::<Result<_>>()?).await
            };
            task.params = cell.get_or_try_init(|| read).await?.clone();
            operator.run(partition, rows, task)
        })
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
        let requirement = |input: usize| {
            let whole = input >= O::ROWS || self.operator.needs_single_partition();
            if whole { Distribution::SinglePartition } else { Distribution::UnspecifiedDistribution }
        };
        InputDistributionRequirements::new((0..self.inputs.len()).map(requirement).collect())
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
        Ok(Arc::new(Self::new(self.operator.clone(), self.schema(), inputs, self.partitions)))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let rows = self.inputs.iter().take(O::ROWS).map(|input| input.execute(partition, context.clone()));
        let rows = rows.collect::<Result<Vec<_>>>()?;
        let schema = self.schema();
        let task = Task::new(O::NAME, schema.clone(), &context)?;
        let rows_out = MetricBuilder::new(&self.metrics).output_rows(partition);
        let count = self.properties.output_partitioning().partition_count();
        let partition = Partition { index: partition, count, shared: self.shared.clone() };
        let batches = if self.operator.params().is_empty() {
            self.operator.run(partition, rows, task)?
        } else {
            self.with_params(partition, rows, task, context)
        };
        let batches = batches.inspect(move |batch| {
            if let Ok(batch) = batch {
                rows_out.add(batch.num_rows());
            }
        });
        let batches = Box::pin(RecordBatchStreamAdapter::new(schema, batches));
        Ok(if O::ROWS == 0 { make_cooperative(batches) } else { batches })
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

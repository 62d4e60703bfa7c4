//! The logical nodes of PromQL: what DataFusion has no node of its own for.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::common::{DFSchema, DFSchemaRef, Result, internal_err};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};

use crate::exec::broadcast::Broadcast;
use crate::exec::histogram_quantile::HistogramQuantile;
use crate::exec::matching::Match;
use crate::exec::range_eval::RangeEval;
use crate::exec::scalar::Scalar;
use crate::exec::scan::{self, Scan};
use crate::exec::steps;

/// What a node does.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    /// Reads samples.
    Scan(Scan),
    /// Merges the runs of each series.
    Merge,
    /// Makes step vectors of samples.
    RangeEval(RangeEval),
    /// Two instant vectors, one to one.
    Match(Match),
    /// An instant vector and a number known only when the query runs.
    Broadcast(Broadcast),
    /// `scalar(v)`
    Scalar(Scalar),
    /// `histogram_quantile(φ, v)`
    HistogramQuantile(HistogramQuantile),
}

/// A logical node.
#[derive(Clone, Debug)]
pub(crate) struct PromqlNode {
    work: Work,
    inputs: Vec<LogicalPlan>,
    schema: DFSchemaRef,
    /// What nodes are compared by: numbers that are NaN have to equal themselves.
    key: String,
}

/// The plan of `work` over `inputs`, whose output has step vectors of `steps` steps.
pub(crate) fn node(work: Work, inputs: Vec<LogicalPlan>, steps: usize) -> Result<LogicalPlan> {
    let schema = match &work {
        Work::Scan(_) | Work::Merge => scan::schema(),
        _ => steps::schema(steps),
    };
    let schema = Arc::new(DFSchema::try_from(schema)?);
    let key = format!("{work:?}");
    Ok(LogicalPlan::Extension(Extension { node: Arc::new(PromqlNode { work, inputs, schema, key }) }))
}

// === impl PromqlNode ===

impl PromqlNode {
    /// What it does.
    pub(crate) fn work(&self) -> &Work {
        &self.work
    }
}

impl UserDefinedLogicalNodeCore for PromqlNode {
    fn name(&self) -> &str {
        match &self.work {
            Work::Scan(_) => "MetricsScan",
            Work::Merge => "SeriesMerge",
            Work::RangeEval(_) => "RangeEval",
            Work::Match(_) => "Match",
            Work::Broadcast(_) => "Broadcast",
            Work::Scalar(_) => "Scalar",
            Work::HistogramQuantile(_) => "HistogramQuantile",
        }
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        self.inputs.iter().collect()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        let text = match &self.work {
            Work::Merge | Work::Scalar(_) => return Ok(()),
            Work::Scan(scan) => scan.to_string(),
            Work::RangeEval(eval) => eval.to_string(),
            Work::Match(matching) => matching.to_string(),
            Work::Broadcast(broadcast) => broadcast.to_string(),
            Work::HistogramQuantile(quantile) => quantile.to_string(),
        };
        write!(f, ": {text}")
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        if !exprs.is_empty() || inputs.len() != self.inputs.len() {
            return internal_err!("{} has no expressions, and {} inputs", self.name(), self.inputs.len());
        }
        Ok(Self { inputs, ..self.clone() })
    }
}

impl PartialEq for PromqlNode {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.inputs == other.inputs && self.schema == other.schema
    }
}

impl Eq for PromqlNode {}

impl PartialOrd for PromqlNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match self.key.cmp(&other.key) {
            Ordering::Equal => self.inputs.partial_cmp(&other.inputs),
            unequal => Some(unequal),
        }
    }
}

impl Hash for PromqlNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
        self.inputs.hash(state);
    }
}

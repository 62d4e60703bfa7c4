//! The logical node of PromQL: what DataFusion has no node of its own for.

use std::any::Any;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use arrow::datatypes::SchemaRef;
use datafusion::common::{DFSchema, DFSchemaRef, Result, internal_err};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};

use crate::exec::spec::Spec;

/// A logical node.
#[derive(Clone, Debug)]
pub(crate) struct PromqlNode {
    spec: Arc<dyn Spec>,
    inputs: Vec<LogicalPlan>,
    schema: DFSchemaRef,
    /// What nodes are compared by, once they are: numbers that are NaN have to equal themselves.
    key: OnceLock<String>,
}

/// The plan of `spec` over `inputs`, whose output has `schema`.
pub(crate) fn node(spec: impl Spec, inputs: Vec<LogicalPlan>, schema: SchemaRef) -> Result<LogicalPlan> {
    let schema = Arc::new(DFSchema::try_from(schema)?);
    let node = PromqlNode { spec: Arc::new(spec), inputs, schema, key: OnceLock::new() };
    Ok(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
}

/// The node of a plan, where it is one of PromQL's.
pub(crate) fn promql(plan: &LogicalPlan) -> Option<&PromqlNode> {
    match plan {
        LogicalPlan::Extension(Extension { node }) => node.as_any().downcast_ref(),
        _ => None,
    }
}

// === impl PromqlNode ===

impl PromqlNode {
    /// What it does.
    pub(crate) fn spec(&self) -> &Arc<dyn Spec> {
        &self.spec
    }

    /// The plans below it.
    pub(crate) fn children(&self) -> &[LogicalPlan] {
        &self.inputs
    }

    fn key(&self) -> &str {
        self.key.get_or_init(|| format!("{:?}", self.spec))
    }

    /// What it does, where that is an `O`.
    pub(crate) fn downcast<O: Spec>(&self) -> Option<&O> {
        let any: &dyn Any = &*self.spec;
        any.downcast_ref()
    }
}

impl UserDefinedLogicalNodeCore for PromqlNode {
    fn name(&self) -> &str {
        self.spec.name()
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
        let text = self.spec.to_string();
        f.write_str(self.spec.name())?;
        if text.is_empty() { Ok(()) } else { write!(f, ": {text}") }
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        if !exprs.is_empty() || inputs.len() != self.inputs.len() {
            return internal_err!("{} has no expressions, and {} inputs", self.spec.name(), self.inputs.len());
        }
        Ok(Self { inputs, ..self.clone() })
    }
}

impl PartialEq for PromqlNode {
    fn eq(&self, other: &Self) -> bool {
        self.spec.name() == other.spec.name()
            && self.key() == other.key()
            && self.inputs == other.inputs
            && self.schema == other.schema
    }
}

impl Eq for PromqlNode {}

impl PartialOrd for PromqlNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self.spec.name(), self.key()).cmp(&(other.spec.name(), other.key())) {
            Ordering::Equal => self.inputs.partial_cmp(&other.inputs),
            unequal => Some(unequal),
        }
    }
}

impl Hash for PromqlNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
        self.inputs.hash(state);
    }
}

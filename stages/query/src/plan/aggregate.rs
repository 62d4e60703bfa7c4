//! Aggregations.

use datafusion::logical_expr::LogicalPlan;
use weir_pipeline::Result;

use super::Planner;
use crate::syntax::ast::{Aggregate, Span};

impl Planner<'_> {
    /// `op by (…) (param, e)`
    pub(super) fn aggregate(&self, aggregate: &Aggregate, span: Span) -> Result<LogicalPlan> {
        Err(self.unsupported(span, &format!("aggregation {:?}", aggregate.op.as_str())))
    }
}

//! Functions over histograms, classic ones among them.

use weir_pipeline::Result;

use super::number::Number;
use super::{Planned, Planner};
use crate::exec::histogram_quantile::HistogramQuantile;
use crate::syntax::ast::Expr;

impl Planner<'_> {
    /// `histogram_quantile(φ, v)`
    pub(super) fn histogram_quantile(&self, quantile: &Expr, buckets: &Expr) -> Result<Planned> {
        let quantiles = match self.number(quantile)? {
            Number::Const(value) => vec![value],
            Number::Steps(values) => values,
            Number::Plan(_) => return Err(self.unsupported(quantile.span, "a quantile that depends on series")),
        };
        let work = HistogramQuantile { quantiles, steps: self.steps, quantile_span: quantile.span, span: buckets.span };
        self.vector_node(work, vec![self.vector(buckets)?]).map(Planned::Vector)
    }
}

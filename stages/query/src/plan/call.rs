//! Calls of functions.

use weir_pipeline::Result;

use super::node::{Work, node};
use super::number::Number;
use super::{Planned, Planner, internal};
use crate::exec::histogram_quantile::HistogramQuantile;
use crate::exec::scalar::Scalar;
use crate::functions;
use crate::syntax::ast::{Call, Expr, ExprKind, Span};

impl Planner<'_> {
    /// `f(args)`
    pub(super) fn call(&self, call: &Call, span: Span) -> Result<Planned> {
        match (call.function.name, call.args.as_slice()) {
            ("time", []) => Ok(Planned::Scalar(Number::time(self.steps))),
            ("vector", [number]) => match self.plan(number)? {
                Planned::Scalar(number) => self.number_plan(&number).map(Planned::Vector),
                _ => Err(self.error(number.span, "expected a number")),
            },
            ("scalar", [vector]) => {
                let steps = self.steps.count;
                let plan = node(Work::Scalar(Scalar { steps }), vec![self.vector(vector)?], steps);
                Ok(Planned::Scalar(Number::Plan(Box::new(plan.map_err(internal)?))))
            }
            ("histogram_quantile", [quantile, buckets]) => self.histogram_quantile(quantile, buckets),
            (name, [window]) if functions::range_function(name).is_some() && name != functions::INSTANT => {
                self.over_range(name, window)
            }
            (name, _) => Err(self.unsupported(span, &format!("function {name:?}"))),
        }
    }

    fn over_range(&self, name: &str, window: &Expr) -> Result<Planned> {
        match &unwrapped(window).kind {
            ExprKind::Matrix { selector, range } => {
                let range = self.duration(range)?;
                self.range(name, selector, range, unwrapped(window).span).map(Planned::Vector)
            }
            ExprKind::Subquery(_) => Err(self.unsupported(window.span, "a subquery")),
            _ => Err(self.error(window.span, "expected a range vector")),
        }
    }

    fn histogram_quantile(&self, quantile: &Expr, buckets: &Expr) -> Result<Planned> {
        let quantiles = match self.plan(quantile)? {
            Planned::Scalar(Number::Const(value)) => vec![value],
            Planned::Scalar(Number::Steps(values)) => values,
            Planned::Scalar(Number::Plan(_)) => {
                return Err(self.unsupported(quantile.span, "a quantile that depends on series"));
            }
            _ => return Err(self.error(quantile.span, "expected a number")),
        };
        let work = HistogramQuantile { quantiles, steps: self.steps, quantile_span: quantile.span, span: buckets.span };
        let plan = node(Work::HistogramQuantile(work), vec![self.vector(buckets)?], self.steps.count);
        plan.map(Planned::Vector).map_err(internal)
    }
}

/// The expression within its parentheses.
fn unwrapped(expr: &Expr) -> &Expr {
    match &expr.kind {
        ExprKind::Paren(inner) => unwrapped(inner),
        _ => expr,
    }
}

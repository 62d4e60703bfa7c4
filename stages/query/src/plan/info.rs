//! `info`: which info series there are, and when to look at them.
//!
//! Source: Prometheus' `promql/info.go`.

use weir_pipeline::labels::METRIC;
use weir_pipeline::{Error, MatchOp, Matcher, Result};

use super::{Planned, Planner};
use crate::exec::info::Info;
use crate::syntax::ast::{At, DurationExpr, Expr, ExprKind, Selector, Shift, Span};

/// The info metric, where none is named.
const TARGET_INFO: &str = "target_info";

impl Planner<'_> {
    /// `info(v, {…})`
    pub(super) fn info(&self, vector: &Expr, selector: Option<&Expr>) -> Result<Planned> {
        let matchers = match selector.map(|selector| &selector.unwrapped().kind) {
            Some(ExprKind::Selector(selector)) => selector.matchers.as_slice(),
            _ => &[],
        };
        let (names, data) = matchers.iter().cloned().partition(|matcher| matcher.name == METRIC);
        let names = effective(names)?;
        let (at, offset) = self.moment(vector)?.unwrap_or_default();
        let offset = (offset != 0).then_some(DurationExpr::Literal(offset, Span::default()));
        let shift = Shift { at, offset };
        let base = self.vector(vector)?;
        let info = Info { names, data };
        let matchers = info.names.iter().chain(&info.data).cloned().collect();
        let series = self.lookback("info", &Selector { matchers, shift, extension: None }, vector.span)?;
        self.vector_node(info, vec![base, series]).map(Planned::Vector)
    }

    /// The time of `@`, and the offset, by which the first selector of an expression looks: those of subqueries around add
    /// up, up to the innermost `@`.
    fn moment(&self, expr: &Expr) -> Result<Option<(Option<At>, i64)>> {
        match &expr.kind {
            ExprKind::Number(_) | ExprKind::String(_) => Ok(None),
            ExprKind::Selector(Selector { shift, .. }) | ExprKind::Matrix { selector: Selector { shift, .. }, .. } => {
                Ok(Some((shift.at, self.offset(shift)?)))
            }
            ExprKind::Subquery(subquery) => match self.moment(&subquery.expr)? {
                Some((None, offset)) => {
                    Ok(Some((subquery.shift.at, offset.saturating_add(self.offset(&subquery.shift)?))))
                }
                found => Ok(found),
            },
            ExprKind::Paren(inner) | ExprKind::Unary { expr: inner, .. } => self.moment(inner),
            ExprKind::Binary(binary) => self.first_moment([&binary.lhs, &binary.rhs]),
            ExprKind::Aggregate(aggregate) => {
                self.first_moment(std::iter::once(&aggregate.expr).chain(&aggregate.param))
            }
            ExprKind::Call(call) => self.first_moment(&call.args),
        }
    }

    fn first_moment<'a>(&self, all: impl IntoIterator<Item = &'a Expr>) -> Result<Option<(Option<At>, i64)>> {
        for expr in all {
            let found = self.moment(expr)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

/// What the names of info series must match: where only some are ruled out, they at least end like one.
fn effective(names: Vec<Matcher>) -> Result<Vec<Matcher>> {
    if names.iter().any(|matcher| matches!(matcher.op, MatchOp::Equal | MatchOp::Match)) {
        return Ok(names);
    }
    if names.is_empty() {
        return Ok(vec![Matcher::equal(METRIC, TARGET_INFO)]);
    }
    let info = Matcher::new(METRIC, MatchOp::Match, ".+_info");
    let info = info.map_err(|error| Error::internal("expected a pattern").with_source(error))?;
    Ok(std::iter::once(info).chain(names).collect())
}

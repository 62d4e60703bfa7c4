//! Selectors and subqueries: from where range functions get their windows.

use datafusion::logical_expr::LogicalPlan;
use weir_pipeline::Result;

use super::node::node;
use super::number::Number;
use super::{Planned, Planner, internal};
use crate::annotations::Place;
use crate::exec::counts::{Counted, Scope};
use crate::exec::dedup::Dedup;
use crate::exec::extend::Extend;
use crate::exec::merge::SeriesMerge;
use crate::exec::range_eval::RangeEval;
use crate::exec::resample::Resample;
use crate::exec::samples;
use crate::exec::scan::Scan;
use crate::exec::steps::Steps;
use crate::functions::range;
use crate::syntax::ast::{At, Expr, ExprKind, Selector, Shift, Span, Subquery};

/// The place of a window: what a range function sees at each step.
struct Windows<'a> {
    /// The samples come from a selector, or from evaluating an expression again and again.
    from: From<'a>,
    range: i64,
    shift: &'a Shift,
    counted: Counted,
}

enum From<'a> {
    Selector(&'a Selector),
    Subquery(&'a Subquery),
}

impl Planner<'_> {
    /// An instant selector.
    pub(super) fn instant(&self, selector: &Selector, span: Span) -> Result<LogicalPlan> {
        self.lookback(range::INSTANT, selector, span)
    }

    /// The range function `name` over the lookback of an instant selector.
    pub(super) fn lookback(&self, name: &str, selector: &Selector, span: Span) -> Result<LogicalPlan> {
        let from = From::Selector(selector);
        let windows = Windows { from, range: self.lookback, shift: &selector.shift, counted: Counted::Value };
        self.over(name, Vec::new(), Place::At(span), &windows)
    }

    /// The range function `name` over a range vector, with the numbers among its arguments. Its first argument is `first`, and the
    /// call stands at `span`.
    pub(super) fn range(
        &self,
        name: &str,
        range_vector: &Expr,
        args: Vec<Number>,
        first: &Expr,
        span: Span,
    ) -> Result<LogicalPlan> {
        let first = first.unwrapped();
        let place = match first.kind {
            ExprKind::Subquery(_) => Place::Subquery(first.span),
            _ => Place::Within(first.span, span),
        };
        self.over(name, args, place, &self.windows(range_vector)?)
    }

    /// A whole query that is a range vector, at the only step.
    pub(super) fn matrix(&self, expr: &Expr) -> Result<Planned> {
        let windows = self.windows(expr)?;
        let eval = self.eval(range::INSTANT, Place::At(expr.span), &windows)?;
        let end = eval.at.unwrap_or(self.steps.start).saturating_sub(eval.offset);
        let (start, samples) = (end.saturating_sub(eval.range), self.samples(&windows, &eval, Scope::Whole)?);
        let samples = match eval.extension {
            Some((extension, _)) => {
                let extend = Extend { extension, start, end };
                node(extend, vec![samples], samples::schema()).map_err(internal)?
            }
            None => samples,
        };
        // What an extension adds at the window's beginning is part of the answer.
        let after = if eval.extension.is_some() { start.saturating_sub(1) } else { start };
        let stored = matches!(windows.from, From::Selector(_));
        Ok(Planned::Matrix { plan: samples, after, until: end, stored })
    }

    fn windows<'a>(&self, expr: &'a Expr) -> Result<Windows<'a>> {
        let expr = expr.unwrapped();
        match &expr.kind {
            ExprKind::Matrix { selector, range } => {
                let range = self.duration(range, false)?;
                let (from, shift) = (From::Selector(selector), &selector.shift);
                Ok(Windows { from, range, shift, counted: Counted::Samples })
            }
            ExprKind::Subquery(subquery) => {
                let range = self.duration(&subquery.range, false)?;
                let (from, shift) = (From::Subquery(subquery), &subquery.shift);
                Ok(Windows { from, range, shift, counted: Counted::Computed })
            }
            _ => Err(self.error(expr.span, "expected a range vector")),
        }
    }

    fn over(&self, name: &str, args: Vec<Number>, place: Place, windows: &Windows<'_>) -> Result<LogicalPlan> {
        let (args, numbers) = self.params(args);
        let mut eval = self.eval(name, place, windows)?;
        eval.args = args;
        let mut inputs = vec![self.samples(windows, &eval, Scope::Within)?];
        inputs.extend(numbers);
        self.vector_node(eval, inputs)
    }

    fn eval(&self, name: &str, place: Place, windows: &Windows<'_>) -> Result<RangeEval> {
        let extension = match windows.from {
            From::Selector(selector) => selector.extension.map(|extension| (extension, self.lookback)),
            From::Subquery(_) => None,
        };
        Ok(RangeEval {
            function: name.to_owned(),
            args: Vec::new(),
            range: windows.range,
            steps: self.steps,
            offset: self.offset(windows.shift)?,
            at: self.at(windows.shift),
            extension,
            stats: false,
            place,
            counted: (self.scope, windows.counted),
        })
    }

    /// The time of `@`.
    fn at(&self, shift: &Shift) -> Option<i64> {
        shift.at.map(|at| match at {
            At::Time(time) => time,
            At::Start => self.asked.start,
            At::End => self.asked.end,
        })
    }

    pub(super) fn offset(&self, shift: &Shift) -> Result<i64> {
        shift.offset.as_ref().map_or(Ok(0), |offset| self.duration(offset, true))
    }

    /// The samples that the windows of `eval` need, one row for each series. What they are computed of counts in `scope`.
    fn samples(&self, windows: &Windows<'_>, eval: &RangeEval, scope: Scope) -> Result<LogicalPlan> {
        let (after, end) = eval.reach();
        match windows.from {
            From::Selector(selector) => {
                let (matchers, start) = (selector.matchers.as_slice().into(), after.saturating_add(1));
                let lasts = self.lasts(windows, eval);
                let scan = Scan { matchers, start, end, labels: None, shared: false, lasts };
                let scan = node(scan, Vec::new(), samples::schema()).map_err(internal)?;
                let merged = node(SeriesMerge, vec![scan], samples::schema()).map_err(internal)?;
                if self.replica_labels.is_empty() {
                    return Ok(merged);
                }
                let labels = self.replica_labels.to_vec();
                let counters = ["increase", "irate", "rate", "resets"].contains(&eval.function.as_str());
                node(Dedup { labels, counters }, vec![merged], samples::schema()).map_err(internal)
            }
            From::Subquery(subquery) => (Planner { scope, ..*self }).subquery(subquery, after, end),
        }
    }

    /// The steps before each of which a selector needs only the last sample. Replicas need all, to be told apart.
    fn lasts(&self, windows: &Windows<'_>, eval: &RangeEval) -> Option<Steps> {
        let of_last =
            windows.counted == Counted::Value && [range::INSTANT, "timestamp"].contains(&eval.function.as_str());
        let alone = eval.at.is_none() && eval.extension.is_none() && self.replica_labels.is_empty();
        let start = eval.steps.start.saturating_sub(eval.offset);
        (of_last && alone && eval.steps.count > 1).then_some(Steps { start, ..eval.steps })
    }

    /// The values of an expression at times after the first and up to the last, as samples. Its steps are multiples of its step
    /// since the Unix epoch.
    fn subquery(&self, subquery: &Subquery, after: i64, end: i64) -> Result<LogicalPlan> {
        let step = subquery.step.as_ref().map_or(Ok(self.subquery_step), |step| self.duration(step, false))?;
        let step = step.max(1);
        let mut start = after / step * step;
        if start <= after {
            start = start.saturating_add(step);
        }
        let count = usize::try_from(end.saturating_sub(start) / step).unwrap_or_default();
        if end < start {
            return node(crate::exec::resample::Nothing, Vec::new(), samples::schema()).map_err(internal);
        }
        let Some(count) = Steps::checked_count(count) else {
            return Err(self.error(subquery.expr.span, "expected fewer steps: increase the step of the subquery"));
        };
        let steps = Steps { start, step, count };
        let inner = (Planner { steps, until: end, ..*self }).vector(&subquery.expr)?;
        node(Resample { steps, with_hints: self.scope == Scope::Whole }, vec![inner], samples::schema())
            .map_err(internal)
    }
}

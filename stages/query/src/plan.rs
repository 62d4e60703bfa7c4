//! From the syntax tree to DataFusion's logical plan.
//!
//! A selector becomes scan, merge and evaluation; an aggregation becomes DataFusion's own, grouped by one key; functions
//! and operators with numbers become projections. Numbers that need no series are folded here.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr as Column, LogicalPlan, LogicalPlanBuilder, col, lit};
use weir_pipeline::{Error, Result};

use crate::exec::range_eval::RangeEval;
use crate::exec::scan::Scan;
use crate::exec::steps::{self, DROP_NAME, LABELS, STEPS, Steps};
use crate::functions;
use crate::syntax::Position;
use crate::syntax::ast::{Aggregate, AggregateOp, At, DurationExpr, Expr, ExprKind, Selector, Span};

mod binary;
mod call;
mod nesting;
pub(crate) mod node;
pub(crate) mod number;
pub(crate) mod physical;

use node::{Work, node};
use number::Number;

/// What the plan of an expression yields.
#[derive(Clone, Debug)]
pub(crate) enum Planned {
    /// A number at each step.
    Scalar(Number),
    /// An instant vector.
    Vector(LogicalPlan),
    /// A text.
    Text(String),
    /// Samples, and the window that they are in: open on the left, closed on the right.
    Matrix(LogicalPlan, i64, i64),
}

/// Plans one query.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planner<'a> {
    /// The text of the query, for positions.
    pub(crate) text: &'a str,
    /// When to evaluate.
    pub(crate) steps: Steps,
    /// What `@ end()` is: no step is after it, and none need be at it.
    pub(crate) end: i64,
    /// How far instant selectors look back, in milliseconds.
    pub(crate) lookback: i64,
}

/// A fault of planning is a fault of the program: the query was checked before.
fn internal(error: datafusion::common::DataFusionError) -> Error {
    Error::internal("the query can't be planned").with_source(error)
}

// === impl Planner ===

impl Planner<'_> {
    /// The plan of a query.
    ///
    /// # Errors
    /// It has something that is not supported yet, or is too deep.
    pub(crate) fn query(&self, expr: &Expr) -> Result<Planned> {
        if nesting::aggregations(expr) > nesting::MAX_AGGREGATIONS {
            let text = format!("expected at most {} aggregations within each other", nesting::MAX_AGGREGATIONS);
            return Err(self.error(expr.span, &text));
        }
        self.plan(expr)
    }

    fn plan(&self, expr: &Expr) -> Result<Planned> {
        match &expr.kind {
            ExprKind::Number(number) => Ok(Planned::Scalar(Number::Const(*number))),
            ExprKind::String(text) => Ok(Planned::Text(text.clone())),
            ExprKind::Paren(inner) => self.plan(inner),
            ExprKind::Unary { negative, expr } => self.unary(*negative, expr),
            ExprKind::Binary(binary) => self.binary(binary, expr.span),
            ExprKind::Aggregate(aggregate) => self.aggregate(aggregate, expr.span).map(Planned::Vector),
            ExprKind::Call(call) => self.call(call, expr.span),
            ExprKind::Selector(selector) => {
                let plan = self.range(functions::INSTANT, selector, self.lookback, expr.span)?;
                Ok(Planned::Vector(plan))
            }
            ExprKind::Matrix { selector, range } => self.matrix(selector, range, expr.span),
            ExprKind::Subquery(_) => Err(self.unsupported(expr.span, "a subquery")),
        }
    }

    /// The plan of an expression that is an instant vector.
    fn vector(&self, expr: &Expr) -> Result<LogicalPlan> {
        match self.plan(expr)? {
            Planned::Vector(plan) => Ok(plan),
            _ => Err(self.error(expr.span, "expected an instant vector")),
        }
    }

    /// The plan of a whole query that is a number or an instant vector.
    pub(crate) fn number_plan(&self, number: &Number) -> Result<LogicalPlan> {
        if let Number::Plan(plan) = number {
            return Ok((**plan).clone());
        }
        let columns = vec![
            lit(ScalarValue::Binary(Some(Vec::new()))).alias(LABELS),
            lit(false).alias(DROP_NAME),
            lit(number.steps_literal(self.steps.count)?).alias(STEPS),
        ];
        let plan = LogicalPlanBuilder::empty(true).project(columns).and_then(LogicalPlanBuilder::build);
        plan.map_err(internal)
    }

    fn unary(&self, negative: bool, expr: &Expr) -> Result<Planned> {
        let planned = self.plan(expr)?;
        if !negative {
            return Ok(planned);
        }
        match planned {
            Planned::Scalar(Number::Plan(plan)) => {
                self.negate(*plan).map(|plan| Planned::Scalar(Number::Plan(Box::new(plan))))
            }
            Planned::Scalar(number) => Ok(Planned::Scalar(number.map(|value| -value))),
            Planned::Vector(plan) => self.negate(plan).map(Planned::Vector),
            Planned::Text(_) | Planned::Matrix(..) => Err(self.error(expr.span, "expected a number or a vector")),
        }
    }

    fn negate(&self, input: LogicalPlan) -> Result<LogicalPlan> {
        let steps = functions::call("promql_negate", vec![col(STEPS)]).map_err(internal)?;
        project(input, vec![col(LABELS), lit(true).alias(DROP_NAME), steps.alias(STEPS)])
    }

    /// A selector, evaluated by the range function `name`.
    fn range(&self, name: &str, selector: &Selector, range: i64, span: Span) -> Result<LogicalPlan> {
        let eval = self.eval(name, selector, range, span)?;
        let samples = self.samples(selector, &eval, span)?;
        node(Work::RangeEval(eval), vec![samples], self.steps.count).map_err(internal)
    }

    fn eval(&self, name: &str, selector: &Selector, range: i64, span: Span) -> Result<RangeEval> {
        let at = selector.shift.at.map(|at| match at {
            At::Time(time) => time,
            At::Start => self.steps.start,
            At::End => self.end,
        });
        let offset = selector.shift.offset.as_ref().map_or(Ok(0), |offset| self.duration(offset))?;
        Ok(RangeEval { function: name.to_owned(), range, steps: self.steps, offset, at, span })
    }

    /// The samples that the windows of `eval` need, merged by series.
    fn samples(&self, selector: &Selector, eval: &RangeEval, span: Span) -> Result<LogicalPlan> {
        if selector.extension.is_some() {
            return Err(self.unsupported(span, "an anchored or smoothed selector"));
        }
        let (first, last) = eval.window_ends();
        let start = first.saturating_sub(eval.range).saturating_add(1);
        let scan = Scan { matchers: selector.matchers.clone(), start, end: last };
        let scan = node(Work::Scan(scan), Vec::new(), 0).map_err(internal)?;
        node(Work::Merge, vec![scan], 0).map_err(internal)
    }

    fn matrix(&self, selector: &Selector, range: &DurationExpr, span: Span) -> Result<Planned> {
        let range = self.duration(range)?;
        let eval = self.eval(functions::INSTANT, selector, range, span)?;
        let (_, end) = eval.window_ends();
        Ok(Planned::Matrix(self.samples(selector, &eval, span)?, end.saturating_sub(range), end))
    }

    fn aggregate(&self, aggregate: &Aggregate, span: Span) -> Result<LogicalPlan> {
        let name = match aggregate.op {
            AggregateOp::Sum => "promql_sum",
            AggregateOp::Avg => "promql_avg",
            AggregateOp::Min => "promql_min",
            AggregateOp::Max => "promql_max",
            AggregateOp::Count => "promql_count",
            other => return Err(self.unsupported(span, &format!("aggregation {:?}", other.as_str()))),
        };
        let input = self.vector(&aggregate.expr)?;
        let mut args = vec![col(LABELS)];
        args.extend(aggregate.labels.iter().map(|label| lit(label.as_str())));
        let select = if aggregate.without { "promql_without" } else { "promql_by" };
        let labels = functions::call(select, args).map_err(internal)?;
        let input = project(input, vec![labels.alias(LABELS), col(DROP_NAME), col(STEPS)])?;
        grouped(input, name).map_err(internal)
    }

    fn duration(&self, duration: &DurationExpr) -> Result<i64> {
        match duration {
            DurationExpr::Literal(milliseconds, _) => Ok(*milliseconds),
            DurationExpr::Expr(expr) => Err(self.unsupported(expr.span, "a duration expression")),
        }
    }

    fn unsupported(&self, span: Span, what: &str) -> Error {
        self.error(span, &format!("{what} is not supported yet"))
    }

    fn error(&self, span: Span, text: &str) -> Error {
        Error::unprocessable(format!("{}: {text}", Position::of(self.text, span)))
    }
}

fn project(input: LogicalPlan, columns: Vec<Column>) -> Result<LogicalPlan> {
    LogicalPlanBuilder::from(input).project(columns).and_then(LogicalPlanBuilder::build).map_err(internal)
}

/// Aggregates rows of the same labels: by one key, with the labels carried along and compared.
fn grouped(input: LogicalPlan, name: &str) -> datafusion::common::Result<LogicalPlan> {
    const KEY: &str = "key";
    let key = functions::call("promql_key", vec![col(LABELS)])?.alias(KEY);
    let drop_name = datafusion::functions_aggregate::expr_fn::bool_or(col(DROP_NAME));
    let aggregates = vec![
        functions::aggregate("promql_labels", col(LABELS))?.alias(LABELS),
        drop_name.alias(DROP_NAME),
        functions::aggregate(name, col(STEPS))?.alias(STEPS),
    ];
    LogicalPlanBuilder::from(input)
        .project(vec![key, col(LABELS), col(DROP_NAME), col(STEPS)])?
        .aggregate(vec![col(KEY)], aggregates)?
        .project(vec![col(LABELS), col(DROP_NAME), col(STEPS)])?
        .build()
}

//! From the syntax tree to DataFusion's logical plan.
//!
//! A selector becomes scan, merge and evaluation; an aggregation, a function, an operator each become a node over those of
//! their operands. Numbers that need no series are folded here. What is the same at all steps is evaluated once.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, lit};
use weir_pipeline::{Error, Result};

use crate::exec::counts::Scope;
use crate::exec::map::{Function, Map};
use crate::exec::params::Param;
use crate::exec::repeat::Repeat;
use crate::exec::spec::Spec;
use crate::exec::steps::{self, DROP_NAME, LABELS, STEPS, Steps};
use crate::syntax::Position;
use crate::syntax::ast::{AggregateOp, Expr, ExprKind, Span};

mod absent;
mod aggregate;
mod binary;
mod call;
mod duration;
mod histogram;
mod info;
mod invariant;
mod labels;
mod nesting;
pub(crate) mod node;
pub(crate) mod number;
pub(crate) mod physical;
pub(crate) mod rewrite;
mod selector;

use node::node;
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
    /// Samples.
    Matrix {
        /// All, and maybe more around them.
        plan: LogicalPlan,
        /// They are later than this.
        after: i64,
        /// And not later than this.
        until: i64,
        /// Whether they are in the store, and not computed.
        stored: bool,
    },
}

/// When a query is asked for, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// What `start()` is.
    pub(crate) start: i64,
    /// What `end()` is: no step is after it, and none need be at it.
    pub(crate) end: i64,
    /// What `step()` is, in milliseconds: 0 for one time only.
    pub(crate) step: i64,
}

/// Plans one query.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planner<'a> {
    /// The text of the query, for positions.
    pub(crate) text: &'a str,
    /// When the query is asked for.
    pub(crate) asked: Asked,
    /// When to evaluate what is planned: the steps of the query, or of the subquery around.
    pub(crate) steps: Steps,
    /// Until when that is: no step is after it, and none need be at it.
    pub(crate) until: i64,
    /// How far instant selectors look back, in milliseconds.
    pub(crate) lookback: i64,
    /// The step of subqueries that do not say one, in milliseconds.
    pub(crate) subquery_step: i64,
    /// The labels in which replicas of one scraper differ.
    pub(crate) replica_labels: &'a [String],
    /// For which steps of the query what is planned counts.
    pub(crate) scope: Scope,
}

/// A fault of planning is a fault of the program: the query was checked before.
fn internal(error: datafusion::common::DataFusionError) -> Error {
    Error::internal("the query can't be planned").with_source(error)
}

/// Whether the rows of an instant query come in an order that it asks for.
pub(crate) fn is_ordered(expr: &Expr) -> bool {
    match &expr.unwrapped().kind {
        ExprKind::Call(call) => call.function.name.starts_with("sort"),
        ExprKind::Aggregate(aggregate) => matches!(aggregate.op, AggregateOp::Topk | AggregateOp::Bottomk),
        _ => false,
    }
}

// === impl Planner ===

impl Planner<'_> {
    /// The plan of a query.
    ///
    /// # Errors
    /// It has something that is not supported yet, can't be answered, or is too deep.
    pub(crate) fn query(&self, expr: &Expr) -> Result<Planned> {
        self.check_durations(expr)?;
        if nesting::aggregations(expr) > nesting::MAX_AGGREGATIONS {
            let text = format!("expected at most {} aggregations within each other", nesting::MAX_AGGREGATIONS);
            return Err(self.error(expr.span, &text));
        }
        if let ExprKind::Matrix { .. } | ExprKind::Subquery(_) = expr.unwrapped().kind {
            return self.matrix(expr.unwrapped());
        }
        self.plan(expr)
    }

    /// The plan of an expression that is no range vector.
    fn plan(&self, expr: &Expr) -> Result<Planned> {
        if self.steps.count > 1 && invariant::is_worth_once(expr) {
            return self.once(expr);
        }
        match &expr.kind {
            ExprKind::Number(number) => Ok(Planned::Scalar(Number::Const(*number))),
            ExprKind::String(text) => Ok(Planned::Text(text.clone())),
            ExprKind::Paren(inner) => self.plan(inner),
            ExprKind::Unary { negative, expr } => self.unary(*negative, expr),
            ExprKind::Binary(binary) => self.binary(binary, expr.span),
            ExprKind::Aggregate(aggregate) => self.aggregate(aggregate, expr.span).map(Planned::Vector),
            ExprKind::Call(call) => self.call(call, expr.span),
            ExprKind::Selector(selector) => self.instant(selector, expr.span).map(Planned::Vector),
            ExprKind::Matrix { .. } | ExprKind::Subquery(_) => {
                Err(self.error(expr.span, "expected a number or an instant vector"))
            }
        }
    }

    /// What is the same at all steps, evaluated at the first.
    fn once(&self, expr: &Expr) -> Result<Planned> {
        let steps = Steps { count: 1, ..self.steps };
        let repeat = |plan| self.vector_node(Repeat, vec![plan]);
        let scope = if self.scope == Scope::Steps { Scope::Once } else { self.scope };
        Ok(match (Self { steps, until: steps.start, scope, ..*self }).plan(expr)? {
            Planned::Vector(plan) => Planned::Vector(repeat(plan)?),
            Planned::Scalar(Number::Plan(plan)) => Planned::Scalar(Number::Plan(Box::new(repeat(*plan)?))),
            Planned::Scalar(Number::Steps(values)) => {
                Planned::Scalar(Number::Const(values.first().copied().unwrap_or(f64::NAN)))
            }
            other => other,
        })
    }

    /// The plan of an expression that is an instant vector.
    fn vector(&self, expr: &Expr) -> Result<LogicalPlan> {
        match self.plan(expr)? {
            Planned::Vector(plan) => Ok(plan),
            _ => Err(self.error(expr.span, "expected an instant vector")),
        }
    }

    /// The number that an expression is.
    fn number(&self, expr: &Expr) -> Result<Number> {
        match self.plan(expr)? {
            Planned::Scalar(number) => Ok(number),
            _ => Err(self.error(expr.span, "expected a number")),
        }
    }

    /// The numbers that an operator takes, and the inputs that those are which are known only when the query runs.
    fn params(&self, numbers: Vec<Number>) -> (Vec<Param>, Vec<LogicalPlan>) {
        let (mut params, mut inputs) = (Vec::with_capacity(numbers.len()), Vec::new());
        for number in numbers {
            params.push(match number {
                Number::Const(number) => Param::Const(number),
                Number::Steps(numbers) => Param::Steps(Arc::new(numbers)),
                Number::Plan(plan) => {
                    inputs.push(*plan);
                    Param::Input
                }
            });
        }
        (params, inputs)
    }

    /// A node whose output is an instant vector.
    fn vector_node(&self, spec: impl Spec, inputs: Vec<LogicalPlan>) -> Result<LogicalPlan> {
        node(spec, inputs, steps::schema(self.steps.count)).map_err(internal)
    }

    /// The plan of a whole query that is a number: a vector of one row.
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
                self.negate(*plan, expr.span).map(|plan| Planned::Scalar(Number::Plan(Box::new(plan))))
            }
            Planned::Scalar(number) => Ok(Planned::Scalar(number.map(|value| -value))),
            Planned::Vector(plan) => self.negate(plan, expr.span).map(Planned::Vector),
            Planned::Text(_) | Planned::Matrix { .. } => Err(self.error(expr.span, "expected a number or a vector")),
        }
    }

    fn negate(&self, input: LogicalPlan, span: Span) -> Result<LogicalPlan> {
        let map = Map { function: Function::Element("-".to_owned()), args: Vec::new(), steps: self.steps, span };
        self.vector_node(map, vec![input])
    }

    fn unsupported(&self, span: Span, what: &str) -> Error {
        self.error(span, &format!("{what} is not supported yet"))
    }

    fn error(&self, span: Span, text: &str) -> Error {
        Error::unprocessable(format!("{}: {text}", Position::of(self.text, span)))
    }
}

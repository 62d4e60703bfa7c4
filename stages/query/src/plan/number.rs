//! Numbers: those that need no series are known when the query is planned.

use arrow::array::Float64Array;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::LogicalPlan;
use weir_pipeline::Result;

use super::{internal, steps};
use crate::exec::steps::Steps;

/// A number at each step.
#[derive(Clone, Debug)]
pub(crate) enum Number {
    /// The same at all steps.
    Const(f64),
    /// One for each step.
    Steps(Vec<f64>),
    /// Known when the query runs: a vector of one row.
    Plan(Box<LogicalPlan>),
}

// === impl Number ===

impl Number {
    /// `time()`
    pub(crate) fn time(steps: Steps) -> Self {
        Self::Steps((0..steps.count).map(|step| steps.time(step) as f64 / 1000.0).collect())
    }

    /// The number with `f` applied; one that is not known yet stays as it is.
    pub(super) fn map(self, f: impl Fn(f64) -> f64) -> Self {
        match self {
            Self::Const(value) => Self::Const(f(value)),
            Self::Steps(values) => Self::Steps(values.into_iter().map(f).collect()),
            Self::Plan(plan) => Self::Plan(plan),
        }
    }

    /// What `f` makes of two numbers that are known; `None` where one is not.
    pub(super) fn zip(&self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Option<Self> {
        Some(match (self, other) {
            (Self::Plan(_), _) | (_, Self::Plan(_)) => return None,
            (Self::Const(a), Self::Const(b)) => Self::Const(f(*a, *b)),
            (Self::Const(a), Self::Steps(b)) => Self::Steps(b.iter().map(|b| f(*a, *b)).collect()),
            (Self::Steps(a), Self::Const(b)) => Self::Steps(a.iter().map(|a| f(*a, *b)).collect()),
            (Self::Steps(a), Self::Steps(b)) => Self::Steps(a.iter().zip(b).map(|(a, b)| f(*a, *b)).collect()),
        })
    }

    /// The value at each step, where it is known.
    pub(crate) fn values(&self, count: usize) -> Option<Vec<f64>> {
        match self {
            Self::Const(value) => Some(vec![*value; count]),
            Self::Steps(values) => Some(values.clone()),
            Self::Plan(_) => None,
        }
    }

    /// The number as a step vector.
    pub(super) fn steps_literal(&self, count: usize) -> Result<ScalarValue> {
        let values = Float64Array::from(self.values(count).unwrap_or_default());
        let list = steps::list(count, values).map_err(internal)?;
        Ok(ScalarValue::Struct(std::sync::Arc::new(list)))
    }
}

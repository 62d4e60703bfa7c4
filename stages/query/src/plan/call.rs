//! Calls of functions: the whole of it is one `match`.

use datafusion::logical_expr::LogicalPlan;
use weir_pipeline::{Error, Result};

use super::number::Number;
use super::{Planned, Planner};
use crate::exec::map::{Function, Map};
use crate::exec::scalar::Scalar;
use crate::functions::{element, math};
use crate::syntax::ast::{Call, Expr, ExprKind, Extension, Span, ValueType};

impl Planner<'_> {
    /// `f(args)`
    pub(super) fn call(&self, call: &Call, span: Span) -> Result<Planned> {
        let name = call.function.name;
        match (name, call.args.as_slice()) {
            ("time", []) => Ok(Planned::Scalar(Number::time(self.steps))),
            ("pi", []) => Ok(Planned::Scalar(Number::Const(std::f64::consts::PI))),
            ("start", []) => Ok(Planned::Scalar(Number::Const(seconds(self.asked.start)))),
            ("end", []) => Ok(Planned::Scalar(Number::Const(seconds(self.asked.end)))),
            ("step", []) => Ok(Planned::Scalar(Number::Const(seconds(self.asked.step)))),
            ("range", []) => {
                Ok(Planned::Scalar(Number::Const(seconds(self.asked.end.saturating_sub(self.asked.start)))))
            }
            ("min_of" | "max_of", [a, b]) => self.extreme(name, a, b, span).map(Planned::Scalar),
            ("vector", [number]) => self.number_plan(&self.number(number)?).map(Planned::Vector),
            ("scalar", [vector]) => self.scalar(vector),
            ("timestamp" | "start_timestamp", [arg]) if is_selector(arg) => self.timestamp(name, arg.unwrapped()),
            ("histogram_quantile" | "histogram_quantiles" | "histogram_fraction", args) => {
                self.histogram(name, args, span)
            }
            ("label_replace" | "label_join", [vector, texts @ ..]) => self.relabel(name, vector, texts),
            ("sort" | "sort_desc" | "sort_by_label" | "sort_by_label_desc", [vector, names @ ..]) => {
                self.sort(name, vector, names, span)
            }
            ("absent" | "absent_over_time", [arg]) => self.absent(name, arg),
            ("info", [vector, selector @ ..]) => self.info(vector, selector.first()),
            (_, args) if args.iter().any(|arg| arg.value_type() == ValueType::Matrix) => {
                self.range_call(call, span).map(Planned::Vector)
            }
            _ if element::find(name).is_some() => self.element_call(call, span).map(Planned::Vector),
            _ => Err(self.unsupported(span, &format!("function {name:?}"))),
        }
    }

    /// `min_of(a, b)`, `max_of(a, b)`
    fn extreme(&self, name: &str, a: &Expr, b: &Expr, span: Span) -> Result<Number> {
        let (a, b) = (self.number(a)?, self.number(b)?);
        // Which is what these functions of an element are.
        let (of, function): (fn(f64, f64) -> f64, _) =
            if name == "min_of" { (math::min, "clamp_max") } else { (math::max, "clamp_min") };
        match a.zip(&b, of) {
            Some(number) => Ok(number),
            None => {
                let plan = self.map(function, self.number_plan(&a)?, vec![b], span)?;
                Ok(Number::Plan(Box::new(plan)))
            }
        }
    }

    fn scalar(&self, vector: &Expr) -> Result<Planned> {
        let scalar = Scalar { steps: self.steps.count };
        let plan = self.vector_node(scalar, vec![self.vector(vector)?])?;
        Ok(Planned::Scalar(Number::Plan(Box::new(plan))))
    }

    fn timestamp(&self, name: &str, arg: &Expr) -> Result<Planned> {
        match &arg.kind {
            ExprKind::Selector(selector) => self.lookback(name, selector, arg.span).map(Planned::Vector),
            _ => Err(self.error(arg.span, "expected a selector")),
        }
    }

    /// A function over a range vector, which may stand anywhere among numbers.
    fn range_call(&self, call: &Call, span: Span) -> Result<LogicalPlan> {
        let is_matrix = |arg: &&Expr| arg.value_type() == ValueType::Matrix;
        let Some(matrix) = call.args.iter().find(is_matrix) else {
            return Err(self.error(span, "expected a range vector"));
        };
        self.check_extension(call.function.name, matrix)?;
        let numbers: Vec<&Expr> = call.args.iter().filter(|arg| !is_matrix(arg)).collect();
        let numbers = numbers.into_iter().map(|number| self.number(number)).collect::<Result<_>>()?;
        self.range(call.function.name, matrix, numbers, call.args.first().unwrap_or(matrix), span)
    }

    /// Whether the function knows windows that are extended as `matrix` says.
    pub(super) fn check_extension(&self, name: &str, matrix: &Expr) -> Result<()> {
        let ExprKind::Matrix { selector, .. } = &matrix.unwrapped().kind else { return Ok(()) };
        let Some(extension) = selector.extension else { return Ok(()) };
        let known: &[&str] = match extension {
            Extension::Anchored => &ANCHORED,
            Extension::Smoothed => &SMOOTHED,
        };
        if known.contains(&name) {
            return Ok(());
        }
        let (extension, known) = (extension.as_str(), known.join(", "));
        let text = format!("{extension} modifier can only be used with: {known} - not with {name}");
        Err(Error::unprocessable(text))
    }

    /// A function over each element of a vector: by default of the vector of the time.
    fn element_call(&self, call: &Call, span: Span) -> Result<LogicalPlan> {
        let (input, numbers) = match call.args.split_first() {
            Some((vector, numbers)) => (self.vector(vector)?, numbers),
            None => (self.number_plan(&Number::time(self.steps))?, [].as_slice()),
        };
        let numbers = numbers.iter().map(|number| self.number(number)).collect::<Result<_>>()?;
        self.map(call.function.name, input, numbers, span)
    }

    /// The element function `name` over each element of a vector.
    fn map(&self, name: &str, input: LogicalPlan, numbers: Vec<Number>, span: Span) -> Result<LogicalPlan> {
        let (args, others) = self.params(numbers);
        let function = Function::Element(name.to_owned());
        let mut inputs = vec![input];
        inputs.extend(others);
        self.vector_node(Map { function, args, steps: self.steps, span }, inputs)
    }
}

/// Functions over `anchored` and over `smoothed` range vectors.
const ANCHORED: [&str; 5] = ["changes", "delta", "increase", "rate", "resets"];
const SMOOTHED: [&str; 3] = ["delta", "increase", "rate"];

fn is_selector(expr: &Expr) -> bool {
    matches!(expr.unwrapped().kind, ExprKind::Selector(_))
}

fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1000.0
}

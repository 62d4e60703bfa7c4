//! Functions over histograms, classic ones among them.

use weir_pipeline::Result;

use super::{Planned, Planner};
use crate::annotations::Place;
use crate::exec::histogram::{Histograms, Question};
use crate::syntax::ast::{Expr, ExprKind, Span};

impl Planner<'_> {
    /// `histogram_quantile(φ, v)`, `histogram_quantiles(v, label, φ, …)`, `histogram_fraction(lower, upper, v)`
    pub(super) fn histogram(&self, name: &str, args: &[Expr], span: Span) -> Result<Planned> {
        let (question, vector, numbers) = match (name, args) {
            ("histogram_quantiles", [vector, label, quantiles @ ..]) => {
                (Question::Quantiles(self.text_of(label)?), vector, quantiles)
            }
            ("histogram_quantile", [numbers @ .., vector]) => (Question::Quantile, vector, numbers),
            ("histogram_fraction", [numbers @ .., vector]) => (Question::Fraction, vector, numbers),
            _ => return Err(self.error(span, "expected histograms")),
        };
        let arg_places = numbers.iter().map(|number| Place::Within(number.unwrapped().span, span)).collect();
        let numbers = numbers.iter().map(|number| self.number(number)).collect::<Result<_>>()?;
        let (args, others) = self.params(numbers);
        let mut inputs = vec![self.vector(vector)?];
        inputs.extend(others);
        let histograms = Histograms { question, args, arg_places, steps: self.steps, span: vector.unwrapped().span };
        self.vector_node(histograms, inputs).map(Planned::Vector)
    }

    /// The text that an argument is.
    pub(super) fn text_of(&self, expr: &Expr) -> Result<String> {
        match &expr.unwrapped().kind {
            ExprKind::String(text) => Ok(text.clone()),
            _ => Err(self.error(expr.span, "expected a text")),
        }
    }
}

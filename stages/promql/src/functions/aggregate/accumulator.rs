//! Floats and native histograms of one group at one step together.

use std::sync::Arc;

use weir_pipeline::Value;

use super::{Fold, Histograms, OfHistograms};
use crate::annotations::{Note, Notes};

/// What an aggregation has so far of one group at one step. Whoever keeps its parts for many groups and steps elsewhere
/// puts them together for histograms and for the result.
#[derive(Clone, Debug)]
pub struct Accumulator<F: Fold> {
    /// Of floats, and of histograms where they count as floats.
    pub float: Option<F::State>,
    /// Of histograms that are added up.
    pub histograms: Option<Box<Histograms>>,
}

// === impl Accumulator ===

impl<F: Fold> Default for Accumulator<F> {
    fn default() -> Self {
        Self { float: None, histograms: None }
    }
}

impl<F: Fold> Accumulator<F> {
    /// Takes in a value.
    pub fn add(&mut self, value: &Value, notes: &mut Notes) {
        match (value, F::HISTOGRAMS) {
            (Value::Float(float), _) => self.add_float(*float),
            (Value::Histogram(_), OfHistograms::Counted) => self.add_float(0.0),
            (Value::Histogram(_), OfHistograms::Ignored) => notes.push(Note::HistogramIgnoredInAggregation(F::NAME)),
            (Value::Histogram(histogram), how) => match &mut self.histograms {
                Some(histograms) => histograms.add(histogram),
                none => *none = Histograms::of(how, histogram).map(Box::new),
            },
        }
    }

    fn add_float(&mut self, value: f64) {
        match &mut self.float {
            Some(state) => F::add(state, value),
            none => *none = Some(F::of(value)),
        }
    }

    /// Takes in what another has.
    pub fn merge(&mut self, other: Self) {
        match (&mut self.float, other.float) {
            (Some(own), Some(other)) => F::merge(own, other),
            (own, other) => *own = own.or(other),
        }
        match (&mut self.histograms, other.histograms) {
            (Some(own), Some(other)) => own.merge(*other),
            (own @ None, other) => *own = other,
            (Some(_), None) => {}
        }
    }

    /// The result; none of floats and histograms together.
    pub fn result(&self, notes: &mut Notes) -> Option<Value> {
        match (self.float, &self.histograms) {
            (Some(_), Some(_)) => {
                notes.push(Note::MixedFloatsHistogramsAggregation);
                None
            }
            (Some(state), None) => Some(Value::Float(F::result(state))),
            (None, Some(histograms)) => histograms.result(notes).map(|result| Value::Histogram(Arc::new(result))),
            (None, None) => None,
        }
    }
}

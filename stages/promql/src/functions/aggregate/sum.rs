//! `sum`, compensated.

use super::{Fold, OfHistograms};
use crate::functions::compensated;

/// `sum`
#[derive(Debug, PartialEq, Eq, Hash)]
pub enum Sum {}

impl Fold for Sum {
    const NAME: &'static str = "sum";
    const STATE: &'static [&'static str] = &["sum", "lost"];
    const HISTOGRAMS: OfHistograms = OfHistograms::Summed;
    type State = compensated::Sum;

    fn of(value: f64) -> compensated::Sum {
        compensated::Sum::of(value)
    }

    fn add(state: &mut compensated::Sum, value: f64) {
        state.add(value);
    }

    fn merge(state: &mut compensated::Sum, other: compensated::Sum) {
        state.merge(other);
    }

    fn result(state: compensated::Sum) -> f64 {
        state.total()
    }

    fn save(state: compensated::Sum, i: usize) -> f64 {
        if i == 0 { state.sum } else { state.lost }
    }

    fn load(number: impl Fn(usize) -> f64) -> compensated::Sum {
        compensated::Sum { sum: number(0), lost: number(1) }
    }
}

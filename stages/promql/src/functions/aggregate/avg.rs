//! `avg`, from a compensated sum.

use super::{Fold, OfHistograms};
use crate::functions::compensated::{Mean, Sum};

/// `avg`
#[derive(Debug, PartialEq, Eq, Hash)]
pub enum Avg {}

impl Fold for Avg {
    const NAME: &'static str = "avg";
    const STATE: &'static [&'static str] = &["sum", "lost", "count", "incremental"];
    const HISTOGRAMS: OfHistograms = OfHistograms::Averaged;
    type State = Mean;

    fn of(value: f64) -> Mean {
        Mean::of(value)
    }

    fn merge(state: &mut Mean, other: Mean) {
        state.merge(other);
    }

    fn result(state: Mean) -> f64 {
        state.mean()
    }

    fn save(state: Mean, i: usize) -> f64 {
        match i {
            0 => state.sum.sum,
            1 => state.sum.lost,
            2 => state.count,
            _ => f64::from(u8::from(state.incremental)),
        }
    }

    fn load(number: impl Fn(usize) -> f64) -> Mean {
        Mean { sum: Sum { sum: number(0), lost: number(1) }, count: number(2), incremental: number(3) != 0.0 }
    }
}

//! `sum`, compensated.

use super::Fold;
use crate::functions::compensated::Sum;

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) enum Add {}

impl Fold for Add {
    const NAME: &'static str = "promql_sum";
    const STATE: &'static [&'static str] = &["sum", "lost"];
    type State = Sum;

    fn of(value: f64) -> Sum {
        Sum::of(value)
    }

    fn merge(state: &mut Sum, other: Sum) {
        state.merge(other);
    }

    fn result(state: Sum) -> f64 {
        state.total()
    }

    fn save(state: Sum, i: usize) -> f64 {
        if i == 0 { state.sum } else { state.lost }
    }

    fn load(number: impl Fn(usize) -> f64) -> Sum {
        Sum { sum: number(0), lost: number(1) }
    }
}

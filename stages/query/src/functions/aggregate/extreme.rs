//! `min` and `max`: NaN only where all values are.

use super::Fold;

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) enum Min {}

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) enum Max {}

impl Fold for Min {
    const NAME: &'static str = "promql_min";
    const STATE: &'static [&'static str] = &["min"];
    type State = f64;

    fn of(value: f64) -> f64 {
        value
    }

    fn merge(state: &mut f64, other: f64) {
        if *state > other || state.is_nan() {
            *state = other;
        }
    }

    fn result(state: f64) -> f64 {
        state
    }

    fn save(state: f64, _: usize) -> f64 {
        state
    }

    fn load(number: impl Fn(usize) -> f64) -> f64 {
        number(0)
    }
}

impl Fold for Max {
    const NAME: &'static str = "promql_max";
    const STATE: &'static [&'static str] = &["max"];
    type State = f64;

    fn of(value: f64) -> f64 {
        value
    }

    fn merge(state: &mut f64, other: f64) {
        if *state < other || state.is_nan() {
            *state = other;
        }
    }

    fn result(state: f64) -> f64 {
        state
    }

    fn save(state: f64, _: usize) -> f64 {
        state
    }

    fn load(number: impl Fn(usize) -> f64) -> f64 {
        number(0)
    }
}

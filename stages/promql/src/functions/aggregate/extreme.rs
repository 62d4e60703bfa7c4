//! `min` and `max`: NaN only where all values are.

use super::{Fold, OfHistograms};

/// `max`
#[derive(Debug, PartialEq, Eq, Hash)]
pub enum Max {}

impl Fold for Max {
    const NAME: &'static str = "max";
    const STATE: &'static [&'static str] = &["max"];
    const HISTOGRAMS: OfHistograms = OfHistograms::Ignored;
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

/// `min`
#[derive(Debug, PartialEq, Eq, Hash)]
pub enum Min {}

impl Fold for Min {
    const NAME: &'static str = "min";
    const STATE: &'static [&'static str] = &["min"];
    const HISTOGRAMS: OfHistograms = OfHistograms::Ignored;
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

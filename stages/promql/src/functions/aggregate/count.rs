//! `count`: floats and histograms alike.

use super::{Fold, OfHistograms};

/// `count`
#[derive(Debug, PartialEq, Eq, Hash)]
pub enum Count {}

impl Fold for Count {
    const NAME: &'static str = "count";
    const STATE: &'static [&'static str] = &["count"];
    const HISTOGRAMS: OfHistograms = OfHistograms::Counted;
    type State = f64;

    fn of(_: f64) -> f64 {
        1.0
    }

    fn merge(state: &mut f64, other: f64) {
        *state += other;
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

//! `group`: 1 where there is anything.

use super::{Fold, OfHistograms};

/// `group`
#[derive(Debug, PartialEq, Eq, Hash)]
pub enum Group {}

impl Fold for Group {
    const NAME: &'static str = "group";
    const STATE: &'static [&'static str] = &["group"];
    const HISTOGRAMS: OfHistograms = OfHistograms::Counted;
    type State = f64;

    fn of(_: f64) -> f64 {
        1.0
    }

    fn merge(_: &mut f64, _: f64) {}

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

//! What aggregations make of the values of one group at one step.
//!
//! Shape: floats are folded into a small [`Fold::State`], of which a `Vec` holds those of all groups and steps. Native
//! histograms are rare and large: what is kept of them stands apart, boxed, where there are any. States of both merge in
//! any order. `quantile`, `topk` and `bottomk` keep values instead, `limit_ratio` and `count_values` look at each alone.
//!
//! Source: `aggregation`, `aggregationK` and `aggregationCountValues` of Prometheus' `promql/engine.go`.

use std::fmt::Debug;
use std::hash::Hash;

mod accumulator;
mod avg;
mod count;
pub mod count_values;
mod extreme;
mod group;
mod histograms;
pub mod limit_ratio;
pub mod parameter;
pub mod quantile;
mod sum;
mod top;
mod variance;

pub use accumulator::Accumulator;
pub use avg::Avg;
pub use count::Count;
pub use extreme::{Max, Min};
pub use group::Group;
pub use histograms::Histograms;
pub use sum::Sum;
pub use top::{Best, Top};
pub use variance::{Moments, Stddev, Stdvar};

/// What an aggregation does to the floats of one group at one step, and which native histograms it takes.
pub trait Fold: Debug + PartialEq + Eq + Hash + Send + Sync + 'static {
    /// The name, as in PromQL.
    const NAME: &'static str;
    /// What its state is called, number by number.
    const STATE: &'static [&'static str];
    /// What it does to histograms.
    const HISTOGRAMS: OfHistograms;
    /// What is kept of the values so far.
    type State: Copy + Default + Debug + Send + Sync;

    /// The state after the first value.
    fn of(value: f64) -> Self::State;
    /// Takes in a value.
    fn add(state: &mut Self::State, value: f64) {
        Self::merge(state, Self::of(value));
    }
    /// Takes in another state.
    fn merge(state: &mut Self::State, other: Self::State);
    /// The result.
    fn result(state: Self::State) -> f64;
    /// Number `i` of the state.
    fn save(state: Self::State, i: usize) -> f64;
    /// The state from its numbers.
    fn load(number: impl Fn(usize) -> f64) -> Self::State;
}

/// What an aggregation does to native histograms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfHistograms {
    /// They go, with a note.
    Ignored,
    /// Each is as good as a float.
    Counted,
    /// They are added up. Where there are floats, too, there is no result.
    Summed,
    /// Likewise, and divided by how many there are.
    Averaged,
}

#[cfg(test)]
mod tests;

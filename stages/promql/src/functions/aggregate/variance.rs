//! `stddev` and `stdvar` of all values of a group, by Welford's method; partial states merge by Chan's.

use super::{Fold, OfHistograms};

/// `stddev`
#[derive(Debug, PartialEq, Eq, Hash)]
pub enum Stddev {}

/// `stdvar`
#[derive(Debug, PartialEq, Eq, Hash)]
pub enum Stdvar {}

/// How many values, about which mean, how far from it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    /// How many.
    pub count: f64,
    /// Their mean.
    pub mean: f64,
    /// The sum of the squares of what each is off the mean. NaN once a value was not finite.
    pub squares: f64,
}

// === impl Moments ===

impl Moments {
    /// Those of one value.
    pub fn of(value: f64) -> Self {
        Self { count: 1.0, mean: value, squares: if value.is_finite() { 0.0 } else { f64::NAN } }
    }

    /// Takes in a value.
    pub fn add(&mut self, value: f64) {
        self.count += 1.0;
        let delta = value - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (value - self.mean);
    }

    /// Takes in those of other values.
    pub fn merge(&mut self, other: Self) {
        let count = self.count + other.count;
        let (delta, share) = (other.mean - self.mean, other.count / count);
        self.squares += other.squares + delta * delta * self.count * share;
        self.mean += delta * share;
        self.count = count;
    }

    /// The variance.
    pub fn variance(self) -> f64 {
        self.squares / self.count
    }

    fn save(self, i: usize) -> f64 {
        match i {
            0 => self.count,
            1 => self.mean,
            _ => self.squares,
        }
    }

    fn load(number: impl Fn(usize) -> f64) -> Self {
        Self { count: number(0), mean: number(1), squares: number(2) }
    }
}

// === impl Stddev ===

impl Fold for Stddev {
    const NAME: &'static str = "stddev";
    const STATE: &'static [&'static str] = &["count", "mean", "squares"];
    const HISTOGRAMS: OfHistograms = OfHistograms::Ignored;
    type State = Moments;

    fn of(value: f64) -> Moments {
        Moments::of(value)
    }

    fn add(state: &mut Moments, value: f64) {
        state.add(value);
    }

    fn merge(state: &mut Moments, other: Moments) {
        state.merge(other);
    }

    fn result(state: Moments) -> f64 {
        state.variance().sqrt()
    }

    fn save(state: Moments, i: usize) -> f64 {
        state.save(i)
    }

    fn load(number: impl Fn(usize) -> f64) -> Moments {
        Moments::load(number)
    }
}

// === impl Stdvar ===

impl Fold for Stdvar {
    const NAME: &'static str = "stdvar";
    const STATE: &'static [&'static str] = &["count", "mean", "squares"];
    const HISTOGRAMS: OfHistograms = OfHistograms::Ignored;
    type State = Moments;

    fn of(value: f64) -> Moments {
        Moments::of(value)
    }

    fn add(state: &mut Moments, value: f64) {
        state.add(value);
    }

    fn merge(state: &mut Moments, other: Moments) {
        state.merge(other);
    }

    fn result(state: Moments) -> f64 {
        state.variance()
    }

    fn save(state: Moments, i: usize) -> f64 {
        state.save(i)
    }

    fn load(number: impl Fn(usize) -> f64) -> Moments {
        Moments::load(number)
    }
}

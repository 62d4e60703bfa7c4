//! Sums and means of many native histograms, with what rounding takes from each number kept apart.
//!
//! Source: `KahanAdd` of Prometheus' `model/histogram/float_histogram.go`; `sum_over_time`, `avg_over_time` and the
//! aggregations `sum` and `avg` of its `promql`.

use weir_pipeline::histogram::{Buckets, Histogram, ResetHint};

use super::combine::{Lost, add, combine};
use super::{Combined, Incompatible, divide, scale};

mod partial;

/// Numbers below this can be added without overflow, as many as there may be.
const SMALL: f64 = 1e290;

/// A running sum.
#[derive(Clone, Debug)]
pub struct CompensatedSum {
    sum: Histogram,
    lost: Option<Lost>,
    seen: Seen,
}

/// A running mean: a sum and a count, and once the sum would overflow an incremental mean.
#[derive(Clone, Debug)]
pub struct CompensatedMean {
    /// The sum, or the mean where `incremental`.
    sum: CompensatedSum,
    count: f64,
    incremental: bool,
}

/// What the histograms so far were like.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    reset: bool,
    not_reset: bool,
    reconciled_bounds: bool,
}

// === impl Seen ===

impl Seen {
    fn see(&mut self, histogram: &Histogram) {
        self.reset |= histogram.reset == ResetHint::Reset;
        self.not_reset |= histogram.reset == ResetHint::NotReset;
    }
}

// === impl CompensatedSum ===

impl CompensatedSum {
    /// The sum of one histogram.
    pub fn new(first: Histogram) -> Self {
        let mut seen = Seen::default();
        seen.see(&first);
        Self { sum: first, lost: None, seen }
    }

    /// Adds a histogram; with `Err` nothing was added.
    pub fn add(&mut self, other: &Histogram) -> Result<Combined, Incompatible> {
        self.seen.see(other);
        let sum = &mut self.sum;
        let lost = self.lost.get_or_insert_with(|| Lost {
            positive: vec![0.0; sum.positive.counts.len()],
            negative: vec![0.0; sum.negative.counts.len()],
            ..Lost::default()
        });
        let combined = combine(sum, Some(lost), other, 1.0)?;
        self.seen.reconciled_bounds |= combined.reconciled_bounds;
        Ok(combined)
    }

    /// The sum.
    pub fn total(&self) -> Histogram {
        let mut total = self.sum.clone();
        if let Some(lost) = self.lost() {
            // They have the same buckets.
            let _same = add(&mut total, &lost);
        }
        total
    }

    /// What rounding took, in the buckets of the sum.
    fn lost(&self) -> Option<Histogram> {
        let lost = self.lost.as_ref()?;
        let side = |of: &Buckets, lost: &Vec<f64>| Buckets { spans: of.spans.clone(), counts: lost.clone() };
        Some(Histogram {
            reset: self.sum.reset,
            schema: self.sum.schema,
            zero_threshold: self.sum.zero_threshold,
            zero_count: lost.zero_count,
            count: lost.count,
            sum: lost.sum,
            positive: side(&self.sum.positive, &lost.positive),
            negative: side(&self.sum.negative, &lost.negative),
            custom: self.sum.custom.clone(),
        })
    }

    /// Whether one of the histograms was reset and another was not, as their hints say.
    pub fn resets_collide(&self) -> bool {
        self.seen.reset && self.seen.not_reset
    }

    /// Whether some had custom buckets with other bounds.
    pub fn reconciled_bounds(&self) -> bool {
        self.seen.reconciled_bounds
    }

    fn change(&mut self, change: impl Fn(&mut Histogram), each: impl Fn(&mut f64)) {
        change(&mut self.sum);
        if let Some(lost) = &mut self.lost {
            [&mut lost.zero_count, &mut lost.count, &mut lost.sum].into_iter().for_each(&each);
            lost.positive.iter_mut().chain(&mut lost.negative).for_each(&each);
        }
    }

    fn divide(&mut self, by: f64) {
        self.change(|sum| divide(sum, by), |lost| *lost /= by);
    }

    fn scale(&mut self, factor: f64) {
        self.change(|sum| scale(sum, factor), |lost| *lost *= factor);
    }
}

// === impl CompensatedMean ===

impl CompensatedMean {
    /// The mean of one histogram.
    pub fn new(first: Histogram) -> Self {
        Self { sum: CompensatedSum::new(first), count: 1.0, incremental: false }
    }

    /// Adds a histogram; after `Err` there is no mean to speak of.
    pub fn add(&mut self, other: &Histogram) -> Result<Combined, Incompatible> {
        self.count += 1.0;
        if !self.incremental {
            let small = |of: &Histogram| numbers(of).all(|number| number.abs() < SMALL);
            if small(&self.sum.sum) && small(other) {
                return self.sum.add(other);
            }
            let mut sum = self.sum.clone();
            let combined = sum.add(other)?;
            if !numbers(&sum.sum).any(f64::is_infinite) {
                self.sum = sum;
                return Ok(combined);
            }
            // The sum would overflow: go on with means, each weighed by its share of the count.
            self.incremental = true;
            self.sum.seen = sum.seen;
            self.sum.divide(self.count - 1.0);
        }
        self.sum.scale((self.count - 1.0) / self.count);
        let mut part = other.clone();
        divide(&mut part, self.count);
        self.sum.add(&part)
    }

    /// The mean.
    pub fn mean(&self) -> Histogram {
        if self.incremental {
            return self.sum.total();
        }
        let mut mean = self.sum.clone();
        mean.divide(self.count);
        mean.total()
    }

    /// Whether one of the histograms was reset and another was not, as their hints say.
    pub fn resets_collide(&self) -> bool {
        self.sum.resets_collide()
    }

    /// Whether some had custom buckets with other bounds.
    pub fn reconciled_bounds(&self) -> bool {
        self.sum.reconciled_bounds()
    }
}

/// Every number of a histogram that may not overflow.
fn numbers(of: &Histogram) -> impl Iterator<Item = f64> + '_ {
    let buckets = of.positive.counts.iter().chain(&of.negative.counts).chain(&of.custom);
    [of.zero_count, of.count, of.sum].into_iter().chain(buckets.copied())
}

#[cfg(test)]
mod tests;

//! Sums with Neumaier's compensation, as Prometheus 3 adds (`util/kahansum`).

/// A running sum and what rounding took from it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sum {
    /// The sum so far.
    pub sum: f64,
    /// What is to be added to it at the end.
    pub lost: f64,
}

/// A running mean: a compensated sum and a count, and once the sum would overflow an incremental mean.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mean {
    /// The sum, or the mean where `incremental`.
    pub sum: Sum,
    /// How many values went in.
    pub count: f64,
    /// Whether `sum` holds the mean.
    pub incremental: bool,
}

// === impl Sum ===

impl Sum {
    /// The sum of one value. Not the same as adding to zero: that would lose the sign of `-0`.
    pub fn of(value: f64) -> Self {
        Self { sum: value, lost: 0.0 }
    }

    /// Adds a value.
    pub fn add(&mut self, value: f64) {
        let total = self.sum + value;
        if total.is_infinite() {
            self.lost = 0.0;
        } else if self.sum.abs() >= value.abs() {
            self.lost += (self.sum - total) + value;
        } else {
            self.lost += (value - total) + self.sum;
        }
        self.sum = total;
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: Self) {
        self.add(other.sum);
        if self.sum.is_finite() {
            self.lost += other.lost;
        }
    }

    /// The sum.
    pub fn total(self) -> f64 {
        if self.sum.is_infinite() { self.sum } else { self.sum + self.lost }
    }
}

// === impl Mean ===

impl Mean {
    /// The mean of one value.
    pub fn of(value: f64) -> Self {
        Self { sum: Sum::of(value), count: 1.0, incremental: false }
    }

    /// Adds a value.
    pub fn add(&mut self, value: f64) {
        self.merge(Self::of(value));
    }

    /// Adds another mean.
    pub fn merge(&mut self, mut other: Self) {
        let count = self.count + other.count;
        if !self.incremental && !other.incremental {
            let mut sum = self.sum;
            sum.merge(other.sum);
            if !sum.sum.is_infinite() {
                *self = Self { sum, count, incremental: false };
                return;
            }
        }
        // The sum would overflow: go on with means, each weighed by its share of the count.
        self.make_incremental();
        other.make_incremental();
        let (own, others) = (self.count / count, count / other.count);
        self.sum = Sum { sum: self.sum.sum * own, lost: self.sum.lost * own };
        self.sum.merge(Sum { sum: other.sum.sum / others, lost: other.sum.lost / others });
        self.count = count;
    }

    fn make_incremental(&mut self) {
        if !self.incremental {
            self.sum = Sum { sum: self.sum.sum / self.count, lost: self.sum.lost / self.count };
            self.incremental = true;
        }
    }

    /// The mean.
    pub fn mean(self) -> f64 {
        if self.incremental {
            self.sum.sum + self.sum.lost
        } else {
            self.sum.sum / self.count + self.sum.lost / self.count
        }
    }
}

//! Latencies in a histogram of fixed size: exact to 3 %, from a microsecond to an hour.

use std::time::Duration;

/// Buckets per power of two.
const FINE: usize = 32;
const BUCKETS: usize = 33 * FINE;

/// Latencies, counted.
#[derive(Clone, Debug)]
pub(crate) struct Latencies {
    counts: Vec<u64>,
    total: u64,
    max: Duration,
}

// === impl Latencies ===

impl Default for Latencies {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0, max: Duration::ZERO }
    }
}

impl Latencies {
    pub(crate) fn record(&mut self, latency: Duration) {
        let micros = (latency.as_micros() as u64).max(1);
        let power = micros.ilog2() as usize;
        let fine = ((micros as u128 * FINE as u128) >> power) as usize - FINE;
        if let Some(count) = self.counts.get_mut((power * FINE + fine).min(BUCKETS - 1)) {
            *count += 1;
        }
        self.total += 1;
        self.max = self.max.max(latency);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
        self.max = self.max.max(other.max);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.total
    }

    /// The `q`-quantile in milliseconds: the upper end of its bucket, and never more than the greatest.
    pub(crate) fn quantile(&self, q: f64) -> f64 {
        let rank = (self.total as f64 * q).ceil().max(1.0) as u64;
        let mut seen = 0;
        let bucket = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        let upper = bucket.map_or(0.0, |i| {
            let (power, fine) = (i / FINE, i % FINE);
            (1u64 << power) as f64 * (1.0 + (fine + 1) as f64 / FINE as f64) / 1000.0
        });
        upper.min(self.max())
    }

    /// The greatest, in milliseconds.
    pub(crate) fn max(&self) -> f64 {
        self.max.as_secs_f64() * 1000.0
    }
}

#[cfg(test)]
mod tests;

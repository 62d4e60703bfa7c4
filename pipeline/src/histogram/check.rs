//! Which native histograms make sense.
//!
//! Source: `FloatHistogram.Validate` of Prometheus' `model/histogram`.

use super::{Buckets, Histogram, MAX_BUCKETS};

/// The schemas whose bounds are powers.
const EXPONENTIAL: std::ops::RangeInclusive<i32> = -4..=8;

// === impl Histogram ===

impl Histogram {
    /// Whether its spans are those of its buckets, and few enough: what is not so can't be kept.
    pub fn is_whole(&self) -> bool {
        self.positive.is_whole() && self.negative.is_whole() && self.custom.len() <= MAX_BUCKETS
    }

    /// Says what of it makes no sense.
    ///
    /// # Errors
    /// What was expected, in a sentence.
    pub fn check(&self) -> Result<(), String> {
        if !self.is_whole() {
            return Err(format!("expected spans of as many buckets as there are, at most {MAX_BUCKETS}"));
        }
        let custom = self.has_custom_buckets();
        if custom {
            self.check_custom()?;
        } else if !EXPONENTIAL.contains(&self.schema) {
            return Err(format!("expected a schema from -4 to 8, or -53 for custom buckets, got `{}`", self.schema));
        } else if !self.custom.is_empty() {
            return Err("expected no custom bounds in a histogram of exponential buckets".into());
        }
        let sides = [&self.positive, &self.negative];
        // The first offset is where buckets begin; of custom buckets there is none before 0.
        let is_backward = |b: &Buckets| b.spans.iter().skip(usize::from(!custom)).any(|span| span.offset < 0);
        if sides.into_iter().any(is_backward) {
            return Err("expected spans that go forward".into());
        }
        let counts = sides.into_iter().flat_map(|side| &side.counts).chain([&self.count, &self.zero_count]);
        match counts.into_iter().find(|count| **count < 0.0) {
            Some(count) => Err(format!("expected counts from 0 on, got `{count}`")),
            None => Ok(()),
        }
    }

    fn check_custom(&self) -> Result<(), String> {
        if !self.custom.is_sorted_by(|a, b| a < b) || self.custom.iter().any(|bound| bound.is_nan()) {
            return Err("expected custom bounds that rise".into());
        }
        if self.custom.last() == Some(&f64::INFINITY) {
            return Err("expected custom bounds without the last one, which is +Inf".into());
        }
        if self.zero_count != 0.0 || self.zero_threshold != 0.0 || self.negative != Buckets::default() {
            return Err("expected custom buckets without a zero bucket and without negative buckets".into());
        }
        let reach: i64 = self.positive.spans.iter().map(|s| i64::from(s.offset) + i64::from(s.length)).sum();
        if reach > self.custom.len() as i64 + 1 {
            return Err(format!("expected custom bounds of {reach} buckets, got {}", self.custom.len()));
        }
        Ok(())
    }
}

// === impl Buckets ===

impl Buckets {
    fn is_whole(&self) -> bool {
        let length: u64 = self.spans.iter().map(|span| u64::from(span.length)).sum();
        length == self.counts.len() as u64 && self.counts.len().max(self.spans.len()) <= MAX_BUCKETS
    }
}

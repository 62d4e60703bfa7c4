//! The parameters of aggregations, which may change from step to step, and what is wrong with them.
//!
//! Source: `rangeEvalAgg` of Prometheus' `promql/engine.go`.

use crate::annotations::{Note, Notes, go_float};
use crate::functions::math;

/// The least and the greatest number of series: what Go's 64 bits hold.
const COUNTS: (f64, f64) = (i64::MIN as f64, 9_223_372_036_854_774_784.0);

/// The parameters of all steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameters {
    min: f64,
    max: f64,
    any_nan: bool,
}

/// How many series of each group stay at a step with this parameter of `topk`, `bottomk` or `limitk`: none below 1.
pub fn count(parameter: f64) -> usize {
    // Fractions go. What is no number and what is below 0 is 0.
    parameter as usize
}

/// The part of the series that stays at a step with this parameter of `limit_ratio`; `None` for none.
pub fn ratio(parameter: f64) -> Option<f64> {
    (parameter != 0.0).then(|| parameter.clamp(-1.0, 1.0))
}

// === impl Parameters ===

impl Parameters {
    /// Those of some steps, at least one.
    pub fn of(steps: impl IntoIterator<Item = f64>) -> Self {
        let mut all = Self { min: f64::MAX, max: f64::MIN, any_nan: false };
        for parameter in steps {
            all.min = math::min(all.min, parameter);
            all.max = math::max(all.max, parameter);
            all.any_nan |= parameter.is_nan();
        }
        all
    }

    /// Of `topk`, `bottomk` and `limitk`: whether any series can stay at any step.
    ///
    /// # Errors
    /// A parameter is no number of series.
    pub fn check_counts(self) -> Result<bool, String> {
        if self.max < 1.0 {
            return Ok(false);
        }
        if self.any_nan {
            return Err("Parameter value is NaN".into());
        }
        if self.min <= COUNTS.0 {
            return Err(format!("Scalar value {} underflows int64", go_float(self.min)));
        }
        if self.max >= COUNTS.1 {
            return Err(format!("Scalar value {} overflows int64", go_float(self.max)));
        }
        Ok(true)
    }

    /// Of `limit_ratio`: whether any series can stay at any step.
    ///
    /// # Errors
    /// A parameter is NaN.
    pub fn check_ratios(self, notes: &mut Notes) -> Result<bool, String> {
        if self.max == 0.0 && self.min == 0.0 {
            return Ok(false);
        }
        if self.any_nan {
            return Err("Ratio value is NaN".into());
        }
        if self.max > 1.0 {
            notes.push(Note::InvalidRatio(self.max, 1.0));
        }
        if self.min < -1.0 {
            notes.push(Note::InvalidRatio(self.min, -1.0));
        }
        Ok(true)
    }

    /// Of `quantile`.
    pub fn check_quantiles(self, notes: &mut Notes) {
        if self.any_nan {
            notes.push(Note::InvalidQuantile(f64::NAN));
        }
        if self.max > 1.0 {
            notes.push(Note::InvalidQuantile(self.max));
        }
        if self.min < 0.0 {
            notes.push(Note::InvalidQuantile(self.min));
        }
    }
}

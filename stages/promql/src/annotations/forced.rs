//! What is said of buckets that had to be made monotonic, and how Go writes numbers and times.

use std::collections::BTreeMap;

use crate::calendar::Moment;

/// Where `histogram_quantile` had to make buckets monotonic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forced {
    /// The first and the last time, in milliseconds since the Unix epoch.
    pub times: (i64, i64),
    /// The least and the greatest bucket.
    pub buckets: (f64, f64),
    /// The greatest difference.
    pub diff: f64,
    /// The steps that it was among.
    pub evaluated: Evaluated,
}

/// The steps at which something is evaluated, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Evaluated {
    /// The first.
    pub start: i64,
    /// From one to the next.
    pub step: i64,
    /// How many.
    pub count: usize,
}

/// In how many samples there was something, by where it was evaluated and when.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Counts(BTreeMap<(Key, Evaluated), AtSteps>);

/// What tells places in a query from each other.
pub(super) type Key = (u32, u32);

/// How many at each time.
type AtSteps = BTreeMap<i64, i64>;

// === impl Counts ===

impl Counts {
    /// Adds a sample of what stands at `place`.
    pub(super) fn add(&mut self, place: Key, forced: &Forced) {
        let steps = self.0.entry((place, forced.evaluated)).or_default();
        *steps.entry(forced.times.0).or_default() += 1;
    }

    /// How many Prometheus says that there were: at each step but the first that has any it adds what it has to itself
    /// (`rangeEval` merges the function's annotations into a map that has the same ones).
    fn total(&self) -> i64 {
        let of_place = |((_, evaluated), steps): (&(Key, Evaluated), &AtSteps)| {
            let (mut total, mut seen) = (0_i64, false);
            for n in 0..evaluated.count {
                let time = evaluated.start.saturating_add(evaluated.step.saturating_mul(n as i64));
                total = total.wrapping_add(steps.get(&time).copied().unwrap_or_default());
                if total > 0 && seen {
                    total = total.wrapping_mul(2);
                }
                seen |= total > 0;
            }
            total
        };
        self.0.iter().map(of_place).fold(0, i64::wrapping_add)
    }
}

// === impl Forced ===

impl Forced {
    pub(super) fn merge(self, other: Self) -> Self {
        Self {
            times: (self.times.0.min(other.times.0), self.times.1.max(other.times.1)),
            buckets: (self.buckets.0.min(other.buckets.0), self.buckets.1.max(other.buckets.1)),
            diff: self.diff.max(other.diff),
            evaluated: self.evaluated,
        }
    }

    pub(super) fn describe(self, counts: &Counts) -> String {
        let (from, to) = (go_float(self.buckets.0), go_float(self.buckets.1));
        let (first, last) = (rfc3339(self.times.0), rfc3339(self.times.1));
        let diff = two_digits(self.diff);
        format!(
            ", from buckets {from} to {to}, with a max diff of {diff}, over {} samples from {first} to {last}",
            counts.total()
        )
    }
}

/// A float as Go's `%g` writes it.
pub fn go_float(value: f64) -> String {
    match value {
        v if v.is_nan() => "NaN".to_owned(),
        v if v.is_infinite() => if v > 0.0 { "+Inf" } else { "-Inf" }.to_owned(),
        v if v != 0.0 && !(1e-4..1e6).contains(&v.abs()) => {
            let text = format!("{v:e}");
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |e| ('-', e));
            format!("{digits}e{sign}{exponent:0>2}")
        }
        v => v.to_string(),
    }
}

/// A float as Go's `%.2g` writes it.
pub(super) fn two_digits(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return go_float(value);
    }
    let rounded = format!("{value:.1e}");
    let (digits, exponent) = rounded.split_once('e').unwrap_or((&rounded, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..2).contains(&exponent) {
        let rounded: f64 = rounded.parse().unwrap_or(value);
        return rounded.to_string();
    }
    let digits = digits.strip_suffix(".0").unwrap_or(digits);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// A time in seconds, in UTC: `1970-01-01T00:00:00Z`.
pub(super) fn rfc3339(milliseconds: i64) -> String {
    let Moment { year, month, day, hour, minute, second, .. } = Moment::of(milliseconds.div_euclid(1000));
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

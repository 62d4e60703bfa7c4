//! Native histograms as text, for labels: `{count:20, sum:10, [-1,-0.5):1, [-0.001,0.001]:2, (0.5,1]:1}`.
//!
//! Source: `String` of Prometheus' `model/histogram/float_histogram.go`.

use std::fmt::{self, Display, Formatter};

use weir_pipeline::histogram::Histogram;

use super::bucket::{Bucket, negative, positive, zero_bucket};
use crate::annotations::go_float;

/// A histogram's count, sum and buckets that are not empty, ascending.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a>(pub &'a Histogram);

// === impl Text ===

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(of) = self;
        write!(f, "{{count:{}, sum:{}", go_float(of.count), go_float(of.sum))?;
        let zero = std::iter::once(zero_bucket(of));
        let buckets = negative(of).rev().chain(zero).chain(positive(of));
        for Bucket { lower, upper, lower_inclusive, upper_inclusive, count } in buckets.filter(|b| b.count != 0.0) {
            let open = if lower_inclusive { '[' } else { '(' };
            let close = if upper_inclusive { ']' } else { ')' };
            write!(f, ", {open}{},{}{close}:{}", go_float(lower), go_float(upper), go_float(count))?;
        }
        f.write_str("}")
    }
}

#[cfg(test)]
mod tests;

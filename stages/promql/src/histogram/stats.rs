//! Histograms of which only the count and the sum are wanted.
//!
//! Source: `HistogramStatsIterator` of Prometheus' `promql/histogram_stats_iterator.go`.

use std::sync::Arc;

use weir_pipeline::histogram::{Histogram, HistogramPoint, ResetHint};

use super::detect_reset;

/// Drops the buckets of the histograms of one series, in order of time. What they tell of resets is found out first, and
/// said by hints.
pub fn drop_buckets(points: &mut [HistogramPoint]) {
    let mut before: Option<Arc<Histogram>> = None;
    for point in points {
        let whole = point.histogram.clone();
        if whole.is_stale() {
            continue;
        }
        let reset = match (whole.reset, &before) {
            (ResetHint::Unknown, Some(before)) if detect_reset(&whole, before) => ResetHint::Reset,
            (ResetHint::Unknown, Some(_)) => ResetHint::NotReset,
            (hint, _) => hint,
        };
        let Histogram { schema, count, sum, .. } = *whole;
        point.histogram = Arc::new(Histogram { reset, schema, count, sum, ..Histogram::default() });
        before = Some(whole);
    }
}

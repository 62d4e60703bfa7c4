//! Whether a native histogram is one that may be stored.
//!
//! Source: `Validate` of Prometheus' `model/histogram/float_histogram.go`, whose words these are.

use weir_pipeline::histogram::{Buckets, Histogram};

use crate::annotations::go_float;

const OFFSET: &str = "histogram has a span whose offset is negative";
const BUCKET: &str = "histogram has a bucket whose observation count is negative";

/// What is wrong with a histogram. Whether the buckets add up to the count is not looked at: rounding may be why not.
pub fn validate(histogram: &Histogram) -> Result<(), String> {
    match histogram.schema {
        _ if histogram.has_custom_buckets() => custom(histogram)?,
        -4..=8 => exponential(histogram)?,
        schema => {
            return Err(format!(
                "histogram has an invalid schema, which must be between -4 and 8 for exponential buckets, or -53 for \
                 custom buckets, got schema {schema}"
            ));
        }
    }
    if histogram.count < 0.0 {
        let count = go_float(histogram.count);
        return Err(format!("observation count is  {count}: histogram's observation count is negative"));
    }
    counts("positive", &histogram.positive)
}

fn custom(histogram: &Histogram) -> Result<(), String> {
    bounds(&histogram.custom).map_err(|error| format!("custom buckets: {error}"))?;
    let covered = spans(&histogram.positive, 0).map_err(|error| format!("custom buckets: {error}"))?;
    let bounds = histogram.custom.len();
    if bounds as u64 + 1 < covered {
        return Err(format!(
            "custom buckets: only {bounds} custom bounds defined which is insufficient to cover total span length of \
             {covered}: histogram custom bounds are too few"
        ));
    }
    let wrong = match histogram {
        Histogram { zero_count, .. } if *zero_count != 0.0 => "must have zero count of 0",
        Histogram { zero_threshold, .. } if *zero_threshold != 0.0 => "must have zero threshold of 0",
        Histogram { negative, .. } if !negative.spans.is_empty() => "must not have negative spans",
        Histogram { negative, .. } if !negative.counts.is_empty() => "must not have negative buckets",
        _ => return Ok(()),
    };
    Err(format!("custom buckets: {wrong}"))
}

fn exponential(histogram: &Histogram) -> Result<(), String> {
    spans(&histogram.positive, 1).map_err(|error| format!("positive side: {error}"))?;
    spans(&histogram.negative, 1).map_err(|error| format!("negative side: {error}"))?;
    counts("negative", &histogram.negative)?;
    if histogram.zero_count < 0.0 {
        return Err(format!("zero bucket has observation count of {}: {BUCKET}", go_float(histogram.zero_count)));
    }
    if !histogram.custom.is_empty() {
        return Err("histogram with exponential schema must not have custom bounds".to_owned());
    }
    Ok(())
}

fn bounds(bounds: &[f64]) -> Result<(), String> {
    let mut before: Option<f64> = None;
    for bound in bounds {
        if bound.is_nan() {
            return Err("histogram custom bounds must not be NaN".to_owned());
        }
        if let Some(before) = before.filter(|before| bound <= before) {
            let (before, bound) = (fixed(before), fixed(*bound));
            return Err(format!(
                "previous bound is {before} and current is {bound}: histogram custom bounds must be in strictly \
                 increasing order"
            ));
        }
        before = Some(*bound);
    }
    if before == Some(f64::INFINITY) {
        return Err("last +Inf bound must not be explicitly defined: histogram custom bounds must be finite".to_owned());
    }
    Ok(())
}

/// Spans from the one numbered `first` on must not go back, and all must have as many buckets as there are. How many
/// indices they cover.
fn spans(buckets: &Buckets, first: usize) -> Result<u64, String> {
    if let Some((at, span)) = buckets.spans.iter().enumerate().skip(first).find(|(_, span)| span.offset < 0) {
        return Err(format!("span number {} with offset {}: {OFFSET}", at + 1, span.offset));
    }
    let length: u64 = buckets.spans.iter().map(|span| u64::from(span.length)).sum();
    let counts = buckets.counts.len();
    if length != counts as u64 {
        return Err(format!(
            "spans need {length} buckets, have {counts} buckets: histogram spans specify different number of buckets \
             than provided"
        ));
    }
    let offsets: u64 = buckets.spans.iter().map(|span| u64::try_from(span.offset).unwrap_or(0)).sum();
    Ok(length + offsets)
}

fn counts(side: &str, buckets: &Buckets) -> Result<(), String> {
    match buckets.counts.iter().enumerate().find(|(_, count)| **count < 0.0) {
        None => Ok(()),
        Some((at, count)) => {
            let count = go_float(*count);
            Err(format!("{side} side: bucket number {} has observation count of {count}: {BUCKET}", at + 1))
        }
    }
}

/// A float as Go's `%f` writes it.
fn fixed(value: f64) -> String {
    if value.is_finite() { format!("{value:.6}") } else { go_float(value) }
}

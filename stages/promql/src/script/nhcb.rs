//! Classic histograms as native ones with custom buckets: what `load_with_nhcb` adds.
//!
//! Source: `appendCustomHistogram` of `promql/promqltest/test.go` and `util/convertnhcb` of Prometheus 3.14.0.

use std::collections::BTreeMap;

use weir_pipeline::LabelSet;
use weir_pipeline::labels::METRIC;

use super::storage::{Sample, Samples};
use crate::histogram::classic::from_classic;

/// The label that holds the upper bound of a classic bucket.
const BOUND: &str = "le";

/// The parts of one classic histogram at one time.
#[derive(Debug, Default)]
struct Classic {
    /// Upper bounds, and how many are at most that.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: Option<f64>,
}

/// What a series is of a classic histogram.
#[derive(Clone, Copy, Debug)]
enum Part {
    Bucket(f64),
    Count,
    Sum,
}

/// The native histograms of the classic ones among these series.
pub(super) fn convert(loaded: &[Samples]) -> Result<Vec<Samples>, String> {
    let mut all: BTreeMap<LabelSet, BTreeMap<i64, Classic>> = BTreeMap::new();
    for series in loaded {
        let Some((labels, part)) = part(&series.labels)? else { continue };
        let times = all.entry(labels).or_default();
        for sample in &series.samples {
            if let Some(float) = sample.value.float() {
                times.entry(sample.time).or_default().set(part, float);
            }
        }
    }
    all.into_iter().map(|(labels, times)| native(labels, times)).collect()
}

fn native(labels: LabelSet, times: BTreeMap<i64, Classic>) -> Result<Samples, String> {
    let mut samples = Vec::with_capacity(times.len());
    for (time, Classic { mut buckets, count, sum }) in times {
        buckets.sort_by(|one, two| one.0.total_cmp(&two.0));
        let Some(histogram) = from_classic(&buckets, count, sum) else {
            return Err(format!("{labels}: expected the buckets at {time}ms to grow up to the count"));
        };
        samples.push(Sample { time, start: 0, value: histogram.into() });
    }
    Ok(Samples { labels, samples })
}

/// The labels of the native histogram that a series is part of, and which part.
fn part(labels: &LabelSet) -> Result<Option<(LabelSet, Part)>, String> {
    let name = labels.as_labels().metric();
    let (base, part) = if let Some(base) = name.strip_suffix("_bucket") {
        let Some(bound) = labels.as_labels().get(BOUND) else {
            return Err(format!("expected a label `{BOUND}` in {labels}"));
        };
        // A bound that is no number is none, as in Prometheus.
        match bound.parse::<f64>() {
            Ok(bound) if !bound.is_nan() => (base, Part::Bucket(bound)),
            _ => return Ok(None),
        }
    } else if let Some(base) = name.strip_suffix("_count") {
        (base, Part::Count)
    } else if let Some(base) = name.strip_suffix("_sum") {
        (base, Part::Sum)
    } else {
        return Ok(None);
    };
    let mut builder = labels.as_labels().to_builder();
    builder.set(METRIC, base).remove(BOUND);
    Ok(Some((builder.build(), part)))
}

// === impl Classic ===

impl Classic {
    fn set(&mut self, part: Part, value: f64) {
        match part {
            Part::Bucket(bound) => self.buckets.push((bound, value)),
            Part::Count => self.count = Some(value),
            Part::Sum => self.sum = Some(value),
        }
    }
}

//! Windows of histograms, alone and among floats, most from Prometheus' own cases.

use proptest::prelude::*;
use weir_pipeline::histogram::{BucketSpan, Buckets, CUSTOM_SCHEMA, ResetHint};

use super::*;
use crate::annotations::HistogramOperation;

const MINUTE: i64 = 60_000;

/// So many observations of 1.
fn exponential(count: f64) -> Histogram {
    let positive = Buckets { spans: vec![BucketSpan { offset: 0, length: 1 }], counts: vec![count] };
    Histogram { count, sum: count, positive, ..Histogram::default() }
}

fn custom(count: f64, bounds: &[f64]) -> Histogram {
    Histogram { schema: CUSTOM_SCHEMA, custom: bounds.to_vec(), ..exponential(count) }
}

fn hinted(reset: ResetHint, histogram: Histogram) -> Histogram {
    Histogram { reset, ..histogram }
}

fn gauge(count: f64) -> Histogram {
    hinted(ResetHint::Gauge, exponential(count))
}

fn reset(count: f64) -> Histogram {
    hinted(ResetHint::Reset, exponential(count))
}

fn every(interval: i64, histograms: impl IntoIterator<Item = impl Into<Option<Histogram>>>) -> Loaded {
    Loaded::default().and(interval, histograms)
}

/// At `at` milliseconds, looking back for `range`: how many observations and what there is to say.
#[track_caller]
fn check(
    series: &Loaded,
    name: &str,
    (at, range): (i64, i64),
    extension: Option<Extension>,
    count: impl Into<Option<f64>>,
    notes: &[Note],
) {
    let (found, found_notes) = series.eval(name, (at, range), extension, &[]);
    let found_count = found.as_ref().map(|value| match value {
        Value::Histogram(histogram) => {
            let in_buckets: f64 = histogram.positive.counts.iter().sum();
            assert!((in_buckets - histogram.count).abs() < 1e-9, "{name}: {histogram:?}");
            assert!((histogram.sum - histogram.count).abs() < 1e-9, "{name}: {histogram:?}");
            histogram.count
        }
        Value::Float(value) => *value,
    });
    let same = match (found_count, count.into()) {
        (Some(found), Some(wanted)) => (found - wanted).abs() < 1e-9,
        (found, wanted) => found == wanted,
    };
    assert!(same, "{name}: {found:?}");
    assert_eq!(found_notes, notes, "{name}");
}

const NONE: Option<Extension> = None;
const ANCHORED: Option<Extension> = Some(Extension::Anchored);
const SMOOTHED: Option<Extension> = Some(Extension::Smoothed);

#[test]
fn a_rate_of_histograms_is_a_histogram_of_rates() {
    let series = every(15_000, (1..=8).map(|count| exponential(f64::from(count))));
    check(&series, "increase", (50_000, MINUTE), NONE, 4.0, &[]);
    check(&series, "rate", (50_000, MINUTE), NONE, 4.0 / 60.0, &[]);
    check(&series, "irate", (50_000, MINUTE), NONE, 1.0 / 15.0, &[]);
    check(&series, "delta", (50_000, MINUTE), NONE, 4.0, &[Note::HistogramNotGauge]);
    check(&series, "idelta", (50_000, MINUTE), NONE, 1.0, &[Note::HistogramNotGauge]);
    let (found, _) = series.eval("increase", (50_000, MINUTE), None, &[]);
    let Some(Value::Histogram(found)) = found else { panic!("{found:?}") };
    assert_eq!(found.reset, ResetHint::Gauge);
}

#[test]
fn resets_of_histograms_lose_nothing_to_counters() {
    let series = every(MINUTE, [5.0, 10.0, 3.0, 6.0].map(exponential));
    check(&series, "resets", (3 * MINUTE, 4 * MINUTE), NONE, 1.0, &[]);
    check(&series, "changes", (3 * MINUTE, 4 * MINUTE), NONE, 3.0, &[]);
    check(&series, "increase", (3 * MINUTE, 4 * MINUTE), NONE, 11.0 * 4.0 / 3.0, &[]);
    check(&series, "irate", (2 * MINUTE, 4 * MINUTE), NONE, 3.0 / 60.0, &[]);
    check(&every(MINUTE, [gauge(3.0), gauge(5.0)]), "idelta", (MINUTE, 2 * MINUTE), NONE, 2.0, &[]);
}

#[test]
fn start_timestamps_of_histograms_tell_of_resets() {
    let deltas = |before: i64| {
        let mut series = every(MINUTE, [None, None].into_iter().chain((0..16).map(|_| Some(exponential(60.0)))));
        series.histograms.iter_mut().for_each(|point| point.start = point.timestamp - before);
        series
    };
    for (before, rate) in [(60_000, 1.0), (59_999, 1.0), (1, 1.0), (0, 0.0)] {
        check(&deltas(before), "rate", (12 * MINUTE, 5 * MINUTE), NONE, rate, &[]);
        check(&deltas(before), "irate", (12 * MINUTE, 5 * MINUTE), NONE, rate, &[]);
        check(&deltas(before), "resets", (12 * MINUTE, 5 * MINUTE), NONE, 4.0 * rate, &[]);
    }
    check(&deltas(30_000), "increase", (2 * MINUTE, MINUTE), NONE, 60.0, &[]);
    check(&deltas(0), "increase", (2 * MINUTE, MINUTE), NONE, None, &[]);
    check(&deltas(1), "start_timestamp", (2 * MINUTE, MINUTE), NONE, 119.999, &[]);
    check(&deltas(1), "timestamp", (2 * MINUTE, MINUTE), NONE, 120.0, &[]);
    let mut overlap = every(MINUTE, [60.0, 120.0, 180.0].map(exponential));
    overlap.histograms.iter_mut().for_each(|point| point.start = point.timestamp - 2 * MINUTE);
    check(&overlap, "increase", (2 * MINUTE, 3 * MINUTE), NONE, 180.0, &[Note::StartTimeOverlap]);
}

#[test]
fn a_gauge_is_no_counter() {
    let series = every(MINUTE, [exponential(1.0), gauge(2.0), exponential(3.0)]);
    let not_counter = [Note::HistogramNotCounter];
    check(&series, "increase", (2 * MINUTE, 3 * MINUTE), NONE, 3.0, &not_counter);
    check(&series, "irate", (2 * MINUTE, 3 * MINUTE), NONE, 1.0 / 60.0, &not_counter);
    check(&series, "increase", (2 * MINUTE, 2 * MINUTE), ANCHORED, 2.0, &not_counter);
    check(&series, "delta", (2 * MINUTE, 2 * MINUTE), ANCHORED, 2.0, &[Note::HistogramNotGauge]);
}

#[test]
fn exponential_and_custom_buckets_do_not_mix() {
    let mixed = [exponential(1.0), custom(2.0, &[5.0, 10.0]), exponential(4.0), custom(1.0, &[5.0, 10.0])];
    let series = every(30_000, mixed);
    let notes = [Note::MixedExponentialCustom];
    for name in ["rate", "increase", "sum_over_time", "avg_over_time"] {
        check(&series, name, (MINUTE, 61_000), NONE, None, &notes);
    }
    check(&series, "rate", (MINUTE, MINUTE), ANCHORED, None, &notes);
    check(&series, "rate", (45_000, 30_000), SMOOTHED, None, &notes);
    check(&series, "instant", (45_000, 300_000), SMOOTHED, None, &notes);
    check(&series, "idelta", (MINUTE, MINUTE), NONE, None, &[Note::HistogramNotGauge, Note::MixedExponentialCustom]);
    check(&series, "delta", (MINUTE, 61_000), NONE, 3.0 * 61.0 / 60.0, &[Note::HistogramNotGauge]);
}

#[test]
fn other_custom_bounds_are_reconciled_and_noted() {
    let series = every(MINUTE, [custom(1.0, &[5.0, 10.0]), custom(3.0, &[5.0, 20.0])]);
    let note = |operation| [Note::MismatchedCustomBuckets(operation)];
    check(&series, "increase", (MINUTE, 2 * MINUTE), NONE, 3.0, &note(HistogramOperation::Subtraction));
    check(&series, "sum_over_time", (MINUTE, 2 * MINUTE), NONE, 4.0, &note(HistogramOperation::Aggregation));
    check(&series, "avg_over_time", (MINUTE, 2 * MINUTE), NONE, 2.0, &note(HistogramOperation::Aggregation));
}

#[test]
fn hints_that_collide_are_noted_in_sums() {
    let not_reset = hinted(ResetHint::NotReset, exponential(2.0));
    let series = every(MINUTE, [reset(1.0), not_reset]);
    let notes = [Note::CounterResetCollision(HistogramOperation::Aggregation)];
    check(&series, "sum_over_time", (MINUTE, 2 * MINUTE), NONE, 3.0, &notes);
    check(&series, "avg_over_time", (MINUTE, 2 * MINUTE), NONE, 1.5, &notes);
}

#[test]
fn functions_of_floats_pass_over_histograms_and_say_so_where_there_are_floats() {
    let alone = every(MINUTE, [1.0, 2.0].map(exponential));
    let among = Loaded::floats(MINUTE, [None, None, Some(1.0), Some(3.0)]).and(MINUTE, [1.0, 2.0].map(exponential));
    let args = [0.5, 0.5];
    let functions = [
        ("deriv", 2.0 / 60.0),
        ("predict_linear", 3.0 + 0.5 * 2.0 / 60.0),
        ("double_exponential_smoothing", 3.0),
        ("max_over_time", 3.0),
        ("min_over_time", 1.0),
        ("ts_of_max_over_time", 180.0),
        ("ts_of_min_over_time", 120.0),
        ("quantile_over_time", 2.0),
        ("mad_over_time", 1.0),
        ("stddev_over_time", 1.0),
        ("stdvar_over_time", 1.0),
    ];
    for (name, wanted) in functions {
        assert_eq!(alone.eval(name, (MINUTE, 2 * MINUTE), None, &args), (None, vec![]), "{name}");
        let (found, notes) = among.eval(name, (3 * MINUTE, 4 * MINUTE), None, &args);
        let Some(Value::Float(found)) = found else { panic!("{name}: {found:?}") };
        assert!((found - wanted).abs() < 1e-9, "{name}: {found}");
        assert_eq!(notes, [Note::HistogramIgnoredInMixedRange], "{name}");
    }
    let one = among.eval("deriv", (2 * MINUTE, 3 * MINUTE), None, &[]);
    assert_eq!(one, (None, vec![Note::HistogramIgnoredInMixedRange]));
}

#[test]
fn floats_and_histograms_do_not_mix_where_both_could_be_taken() {
    let mixed = Loaded::floats(MINUTE, [1.0, 2.0]).and(MINUTE, [None, None, Some(exponential(3.0))]);
    let window = (2 * MINUTE, 3 * MINUTE);
    for name in ["rate", "increase", "delta", "irate", "idelta", "sum_over_time", "avg_over_time"] {
        check(&mixed, name, window, NONE, None, &[Note::MixedFloatsHistograms]);
    }
    check(&mixed, "rate", window, ANCHORED, None, &[Note::MixedFloatsHistograms]);
    check(&mixed, "instant", window, SMOOTHED, None, &[Note::MixedFloatsHistograms]);
    check(&mixed, "count_over_time", window, NONE, 3.0, &[]);
    check(&mixed, "present_over_time", window, NONE, 1.0, &[]);
    check(&mixed, "first_over_time", window, NONE, 1.0, &[]);
    check(&mixed, "last_over_time", window, NONE, 3.0, &[]);
    check(&mixed, "instant", window, NONE, 3.0, &[]);
    check(&mixed, "ts_of_first_over_time", window, NONE, 0.0, &[]);
    check(&mixed, "ts_of_last_over_time", window, NONE, 120.0, &[]);
    check(&mixed, "changes", window, NONE, 2.0, &[]);
    check(&mixed, "resets", window, NONE, 1.0, &[]);
    check(&mixed, "irate", (MINUTE, 2 * MINUTE), NONE, 1.0 / 60.0, &[]);
}

#[test]
fn the_anchor_is_the_last_sample_before_the_window_of_either_kind() {
    let series = Loaded::floats(MINUTE, [None, None, Some(5.0), Some(2.0), Some(3.0)]);
    let series = series.and(MINUTE, [1.0, 2.0].map(exponential));
    check(&series, "resets", (3 * MINUTE, MINUTE), ANCHORED, 1.0, &[]);
    check(&series, "resets", (4 * MINUTE, MINUTE), ANCHORED, 0.0, &[]);
    check(&series, "changes", (3 * MINUTE, MINUTE), ANCHORED, 1.0, &[]);
    check(&series, "changes", (2 * MINUTE, MINUTE), ANCHORED, 1.0, &[]);
    let back = Loaded::floats(MINUTE, [None, None, None, Some(5.0)]).and(MINUTE, [1.0, 2.0, 3.0].map(exponential));
    check(&back, "resets", (3 * MINUTE, MINUTE), ANCHORED, 1.0, &[]);
}

#[test]
fn anchored_and_smoothed_histograms_change_like_floats() {
    let series = every(15_000, (1..=8).map(|count| exponential(f64::from(count))));
    check(&series, "increase", (50_000, MINUTE), ANCHORED, 3.0, &[]);
    check(&series, "rate", (50_000, MINUTE), ANCHORED, 0.05, &[]);
    check(&series, "increase", (50_000, MINUTE), SMOOTHED, 10.0 / 3.0, &[]);
    check(&series, "increase", (5_000, MINUTE), SMOOTHED, 1.0 / 3.0, &[]);
    check(&series, "rate", (0, MINUTE), SMOOTHED, 0.0, &[]);
    check(&series, "instant", (7_000, 300_000), SMOOTHED, 1.0 + 7.0 / 15.0, &[]);
    check(&series, "instant", (15_000, 300_000), SMOOTHED, 2.0, &[]);
    check(&series, "instant", (110_000, 300_000), SMOOTHED, 8.0, &[]);
}

#[test]
fn no_reset_of_anchored_and_smoothed_histograms_counts_twice() {
    let at_end = every(30_000, [exponential(5.0), exponential(10.0), reset(3.0)]);
    check(&at_end, "increase", (70_000, 70_000), ANCHORED, 8.0, &[]);
    let two = every(30_000, [exponential(5.0), reset(3.0)]);
    check(&two, "increase", (30_000, 30_000), ANCHORED, 3.0, &[]);
    let middle = every(15_000, [exponential(5.0), exponential(10.0), reset(2.0), exponential(6.0)]);
    check(&middle, "instant", (20_000, 300_000), SMOOTHED, 2.0 / 3.0, &[]);
    let boundary = every(10_000, [None, Some(exponential(396.0)), Some(reset(110.0)), Some(exponential(194.0))]);
    check(&boundary, "rate", (20_500, 1_000), SMOOTHED, 9.7, &[]);
    let double = every(10_000, [exponential(10.0), reset(5.0), reset(2.0), exponential(4.0)]);
    check(&double, "increase", (15_000, 14_000), SMOOTHED, 5.5, &[]);
    let both = every(20_000, [exponential(10.0), reset(5.0)]);
    check(&both, "increase", (15_000, 10_000), SMOOTHED, 2.5, &[]);
    let right = every(10_000, [exponential(5.0), exponential(10.0), reset(3.0)]);
    check(&right, "rate", (15_000, 10_000), SMOOTHED, 0.4, &[]);
}

#[test]
fn a_stale_histogram_ends_the_series() {
    let stale = Histogram { sum: weir_pipeline::STALE, ..Histogram::default() };
    let series = every(MINUTE, [exponential(1.0), stale]);
    check(&series, "instant", (0, MINUTE), NONE, 1.0, &[]);
    check(&series, "instant", (MINUTE, 5 * MINUTE), NONE, None, &[]);
    check(&series, "timestamp", (MINUTE, 5 * MINUTE), NONE, None, &[]);
}

proptest! {
    #[test]
    fn no_kernel_of_histograms_panics(
        counts in prop::collection::vec((any::<f64>(), any::<bool>(), 0_usize..4, any::<i64>()), 1..12),
        floats in prop::collection::vec(any::<f64>(), 0..4),
        (start, end) in (-20_000_i64..20_000, -20_000_i64..20_000),
    ) {
        const HINTS: [ResetHint; 4] = [ResetHint::Unknown, ResetHint::Reset, ResetHint::NotReset, ResetHint::Gauge];
        let points = counts.iter().zip(0_i64..).map(|(&(count, custom_buckets, hint, start), i)| {
            let histogram = if custom_buckets { custom(count, &[1.0]) } else { exponential(count) };
            HistogramPoint { timestamp: i * 1000, start, histogram: Arc::new(hinted(HINTS[hint], histogram)) }
        });
        let histograms: Vec<_> = points.collect();
        let timestamps: Vec<_> = (0_i64..).map(|i| i * 2000 + 1).take(floats.len()).collect();
        for extension in [NONE, ANCHORED, SMOOTHED] {
            let window = Window {
                timestamps: &timestamps, values: &floats, histograms: &histograms, starts: &[],
                start, end, step: end, args: &[0.5, 0.5], extension,
            };
            for function in RANGE_FUNCTIONS {
                let _ = (function.eval)(&window, &mut Notes::default());
            }
        }
    }
}

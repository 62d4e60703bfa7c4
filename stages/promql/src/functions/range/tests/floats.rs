//! Windows of floats, most from Prometheus' own cases.

use proptest::prelude::*;
use weir_pipeline::STALE;

use super::*;

const MINUTE: i64 = 60_000;
const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;

/// At the minute `at`, looking back for so many minutes.
fn check(series: &Loaded, name: &str, at: f64, range: f64, wanted: impl Into<Option<f64>>) {
    check_args(series, name, (at, range), &[], wanted);
}

fn check_args(series: &Loaded, name: &str, (at, range): (f64, f64), args: &[f64], wanted: impl Into<Option<f64>>) {
    let notes = same(series, name, (at, range), None, args, wanted.into());
    assert_eq!(notes, [], "{name}");
}

fn check_extended(
    series: &Loaded,
    name: &str,
    (at, range): (f64, f64),
    extension: Extension,
    wanted: impl Into<Option<f64>>,
) {
    let notes = same(series, name, (at, range), Some(extension), &[], wanted.into());
    assert_eq!(notes, [], "{name}");
}

fn same(
    series: &Loaded,
    name: &str,
    (at, range): (f64, f64),
    extension: Option<Extension>,
    args: &[f64],
    wanted: Option<f64>,
) -> Vec<Note> {
    let milliseconds = |minutes: f64| (minutes * 60_000.0) as i64;
    let (found, notes) = series.eval(name, (milliseconds(at), milliseconds(range)), extension, args);
    let same = match (&found, wanted) {
        (None, None) => true,
        (Some(Value::Float(found)), Some(wanted)) => {
            found.is_nan() && wanted.is_nan() || *found == wanted || (found - wanted).abs() < 1e-9 * wanted.abs()
        }
        _ => false,
    };
    assert!(same, "{name} at {at}: got {found:?}, wanted {wanted:?}");
    notes
}

fn minutes(values: impl IntoIterator<Item = impl Into<Option<f64>>>) -> Loaded {
    Loaded::floats(MINUTE, values)
}

fn steps(first: f64, by: f64, count: usize) -> impl Iterator<Item = f64> {
    (0..count).map(move |i| first + by * i as f64)
}

#[test]
fn a_rate_reaches_to_the_edges_of_the_window_and_never_below_zero() {
    let series = minutes(steps(0.0, 60.0, 20));
    check(&series, "rate", 15.0, 5.0, 1.0);
    check(&series, "increase", 15.0, 5.0, 300.0);
    check(&series, "delta", 15.0, 5.0, 300.0);
    let metric = Loaded::floats(15_000, steps(1.0, 1.0, 5).chain(steps(9.0, 1.0, 5)));
    let increase = |at: i64, wanted: Option<f64>| check(&metric, "increase", at as f64 / 60.0, 1.0, wanted);
    increase(5, None);
    increase(20, Some(1.8333333333333333));
    increase(35, Some(2.8333333333333333));
    increase(65, Some(4.0));
    increase(80, Some(8.0));
    increase(125, Some(4.0));
}

#[test]
fn counters_lose_nothing_in_resets_but_gauges_do() {
    let series = minutes([0.0, 60.0, 120.0, 0.0, 60.0, 120.0]);
    check(&series, "increase", 5.0, 6.0, 240.0);
    check(&series, "delta", 5.0, 6.0, 144.0);
    check(&series, "irate", 3.0, 5.0, 0.0);
    check(&series, "idelta", 3.0, 5.0, -120.0);
    check(&series, "irate", 4.0, 5.0, 1.0);
    check(&series, "irate", 4.0, 1.0, None);
}

#[test]
fn start_timestamps_tell_of_resets() {
    let before = [30_000, 90_000, 150_000, 60_000, 120_000, 180_000, 59_999, 119_999, 179_999];
    let before = Vec::from_iter(before.into_iter().chain([1_000, 61_000, 121_000, 1, 60_001, 120_001]));
    let values = [None, None].into_iter().chain(steps(0.0, 60.0, 15).map(Some));
    let series = minutes(values).since(&before);
    let increases = [420.0, 780.0, 675.0, 675.0, 1275.0, 1080.0, 900.0, 1725.0, 1440.0];
    let resets = [1.0, 2.0, 1.0, 1.0, 2.0, 1.0, 1.0, 2.0, 1.0];
    for (at, (increase, resets)) in (7..).zip(increases.into_iter().zip(resets)) {
        check(&series, "increase", f64::from(at), 5.0, increase);
        check(&series, "rate", f64::from(at), 5.0, increase / 300.0);
        check(&series, "resets", f64::from(at), 5.0, resets);
    }
}

#[test]
fn deltas_with_start_timestamps_are_counters_that_start_anew_each_time() {
    for (before, rate) in [(60_000, 1.0), (59_999, 1.0), (1, 1.0), (0, 0.0)] {
        let series = minutes([None, None].into_iter().chain([Some(60.0); 16])).since(&[before; 16]);
        check(&series, "rate", 12.0, 5.0, rate);
        check(&series, "irate", 12.0, 5.0, rate);
        check(&series, "idelta", 12.0, 5.0, 0.0);
        check(&series, "delta", 12.0, 5.0, 0.0);
    }
}

#[test]
fn a_counter_that_starts_within_the_window_starts_at_zero() {
    let at_6 = |values: &[f64], since: i64, skipped: usize| {
        let none = std::iter::repeat_n(None, skipped);
        let series = minutes(none.chain(values.iter().copied().map(Some)));
        let times = series.timestamps.clone();
        series.since(&times.iter().map(|time| time - times[0] + since).collect::<Vec<_>>())
    };
    let check_6 = |values: &[f64], since, skipped, wanted: Option<f64>| {
        check(&at_6(values, since, skipped), "increase", 6.0, 5.0, wanted);
    };
    check_6(&[1.0, 2.0, 3.0, 4.0, 5.0], 60_000, 2, Some(5.0));
    check_6(&[1.0, 2.0, 3.0, 4.0, 5.0], 30_000, 2, Some(5.0));
    check_6(&[1.0, 2.0, 3.0, 4.0, 5.0], 0, 2, Some(5.0));
    check_6(&[1.0, 2.0, 3.0, 4.0], 30_000, 2, Some(5.142857142857143));
    check_6(&[2.0, 3.0], 90_000, 3, Some(3.6));
    check_6(&[3.0], 150_000, 4, Some(3.0));
    check_6(&[3.0], 180_000, 4, None);
    check_6(&[3.0], 0, 4, None);
}

#[test]
fn samples_whose_starts_overlap_are_noted_once_a_window() {
    let series = minutes([None, None, Some(60.0), Some(120.0), Some(180.0)]).since(&[120_000, 120_000, 120_000]);
    let notes = same(&series, "rate", (4.0, 3.0), None, &[], Some(1.0));
    assert_eq!(notes, [Note::StartTimeOverlap]);
    check(&series, "irate", 4.0, 3.0, 1.0);
}

#[test]
fn an_unknown_start_is_no_reset() {
    let increase = |starts: [i64; 2]| {
        let mut series = minutes([None, None, Some(1.0), Some(1.0)]);
        series.starts = starts.to_vec();
        series.eval("resets", (3 * MINUTE, 61_000), None, &[]).0
    };
    assert_eq!(increase([0, 120_000]), Some(Value::Float(0.0)));
    assert_eq!(increase([120_000, 120_000]), Some(Value::Float(0.0)));
    assert_eq!(increase([60_000, 120_000]), Some(Value::Float(1.0)));
    assert_eq!(increase([180_000, 120_000]), Some(Value::Float(0.0)));
}

#[test]
fn an_anchored_window_begins_with_the_last_sample_before_it() {
    let metric = Loaded::floats(15_000, steps(1.0, 1.0, 5).chain(steps(9.0, 1.0, 5)));
    let wanted = [(5, 0.0), (20, 1.0), (35, 2.0), (50, 3.0), (65, 4.0), (80, 7.0)];
    for (at, wanted) in wanted {
        check_extended(&metric, "increase", (f64::from(at) / 60.0, 1.0), Extension::Anchored, wanted);
    }
    let anchored = |series: &Loaded, name, at, range, wanted: Option<f64>| {
        check_extended(series, name, (at, range), Extension::Anchored, wanted);
    };
    anchored(&minutes([Some(1.0), Some(2.0), None]), "increase", 2.0, 1.0, None);
    anchored(&minutes([3.0, 2.0, 4.0]), "delta", 1.5, 1.0, Some(-1.0));
    let falling = minutes(steps(99.0, -1.0, 11));
    anchored(&falling, "changes", 5.5, 5.0, Some(5.0));
    anchored(&falling, "resets", 5.5, 5.0, Some(5.0));
    let sparse = minutes([Some(2.0), None, Some(1.0), None, None, None, None, None, Some(0.0)]);
    anchored(&sparse, "changes", 3.0, 1.0, None);
    anchored(&sparse, "changes", 8.0, 1.0, Some(0.0));
    anchored(&sparse, "resets", 8.0, 1.0 + 1e-3 / 60.0, Some(1.0));
}

#[test]
fn a_smoothed_window_ends_on_lines_between_samples() {
    let smoothed = |series: &Loaded, name, at, range, wanted: Option<f64>| {
        check_extended(series, name, (at, range), Extension::Smoothed, wanted);
    };
    smoothed(&minutes([Some(1.0), Some(2.0), None, Some(4.0), Some(5.0)]), "increase", 2.0, 1.0, Some(1.0));
    smoothed(&minutes([3.0, 2.0, 4.0]), "increase", 1.5, 1.0, Some(2.0));
    smoothed(&minutes([11.0, -1.0, 100.0, 0.0]), "delta", 5.5, 5.0, Some(-5.0));
    smoothed(&minutes([0.0, 0.0, 100.0, 0.0, 0.0, 11.0, -1.0]), "delta", 5.75, 5.0, Some(2.0));
    smoothed(&minutes([9.0, 8.0, 5.0, 4.0]), "increase", 2.25, 2.0, Some(12.0));
    let late = Loaded::floats(10_000, [None, Some(5.0), Some(6.0), Some(7.0)]);
    smoothed(&late, "rate", 5.0 / 60.0, 5.0 / 60.0, None);
    smoothed(&late, "rate", 1.0, 5.0 / 60.0, None);
}

#[test]
fn a_bare_range_with_an_extension_has_samples_at_its_ends() {
    let extended = |extension: Extension, end: i64, range: i64| {
        let loaded = Loaded::floats(10_000, steps(0.0, 1.0, 10)).seen(end, range, Some(extension));
        let Loaded { timestamps, values, .. } = &loaded;
        let (start, extension) = (end - range, Some(extension));
        extend(&Window { timestamps, values, start, end, step: end, extension, ..Window::default() })
    };
    let between = [(20_000, 2.0), (30_000, 3.0)];
    let with = |first, last| Vec::from_iter([first].into_iter().chain(between).chain([last]));
    assert_eq!(extended(Extension::Anchored, 35_000, 20_000), with((15_000, 1.0), (35_000, 3.0)));
    assert_eq!(extended(Extension::Smoothed, 35_000, 20_000), with((15_000, 1.5), (35_000, 3.5)));
    assert_eq!(extended(Extension::Smoothed, 300_000, 20_000), []);
}

#[test]
fn an_instant_is_the_last_sample_unless_it_ends_the_series() {
    let series = minutes([Some(1.0), Some(2.0), Some(STALE), None, Some(NAN)]);
    check(&series, "instant", 1.5, 5.0, 2.0);
    check(&series, "instant", 2.5, 5.0, None);
    check(&series, "instant", 4.0, 5.0, NAN);
    check(&series, "timestamp", 1.5, 5.0, 60.0);
    check(&series, "timestamp", 2.5, 5.0, None);
    check(&series, "start_timestamp", 1.5, 5.0, 0.0);
    check(&series.since(&[30_000; 4]), "start_timestamp", 1.5, 5.0, 30.0);
}

#[test]
fn a_smoothed_instant_lies_between_the_samples_around_it() {
    let series = Loaded::floats(10_000, steps(1.0, 1.0, 11));
    let smoothed = |name, at: i64, wanted: Option<f64>| {
        check_extended(&series, name, (at as f64 / 60.0, 5.0), Extension::Smoothed, wanted);
    };
    smoothed("instant", 10, Some(2.0));
    smoothed("instant", 15, Some(2.5));
    smoothed("instant", 105, Some(11.0));
    smoothed("instant", -5, None);
    smoothed("timestamp", 15, Some(10.0));
    let stale = Loaded::floats(10_000, [1.0, STALE, 3.0]);
    check_extended(&stale, "instant", (0.25, 5.0), Extension::Smoothed, 2.5);
}

#[test]
fn a_line_has_a_slope_and_a_future() {
    let series = minutes(steps(0.0, 60.0, 6));
    check(&series, "deriv", 5.0, 6.0, 1.0);
    check_args(&series, "predict_linear", (5.0, 6.0), &[60.0], 360.0);
    check(&minutes([3.0, 3.0, 3.0]), "deriv", 2.0, 5.0, 0.0);
    check(&minutes([INF, INF]), "deriv", 2.0, 5.0, NAN);
    check(&minutes([3.0]), "deriv", 2.0, 5.0, None);
    check_args(&minutes([3.0]), "predict_linear", (2.0, 5.0), &[60.0], None);
}

#[test]
fn smoothing_follows_a_straight_trend() {
    let series = minutes(steps(0.0, 10.0, 101));
    check_args(&series, "double_exponential_smoothing", (100.0, 101.0), &[0.01, 0.1], 1000.0);
    check_args(&minutes([1.0]), "double_exponential_smoothing", (1.0, 5.0), &[0.01, 0.1], None);
    check_args(&minutes([1.0, 3.0]), "double_exponential_smoothing", (1.0, 5.0), &[0.5, 0.5], 3.0);
}

#[test]
fn sums_and_means_keep_what_rounding_takes() {
    let series = minutes([1.0, 1e100, 1.0, -1e100]);
    check(&series, "sum_over_time", 3.0, 5.0, 2.0);
    check(&series, "avg_over_time", 3.0, 5.0, 0.5);
    check(&minutes([f64::MAX, f64::MAX, f64::MAX]), "avg_over_time", 3.0, 5.0, f64::MAX);
    check(&minutes([f64::MAX, f64::MAX]), "sum_over_time", 3.0, 5.0, INF);
    check(&minutes([INF, 1.0]), "avg_over_time", 3.0, 5.0, INF);
    check(&minutes([INF, -INF]), "avg_over_time", 3.0, 5.0, NAN);
}

#[test]
fn nan_is_the_greatest_and_the_least_only_where_all_are() {
    let series = minutes([NAN, 2.0, NAN, 1.0, 2.0, 1.0]);
    check(&series, "max_over_time", 5.0, 6.0, 2.0);
    check(&series, "min_over_time", 5.0, 6.0, 1.0);
    check(&series, "ts_of_max_over_time", 5.0, 6.0, 240.0);
    check(&series, "ts_of_min_over_time", 5.0, 6.0, 300.0);
    check(&series, "ts_of_first_over_time", 5.0, 6.0, 0.0);
    check(&series, "ts_of_last_over_time", 5.0, 6.0, 300.0);
    check(&minutes([NAN, NAN]), "max_over_time", 5.0, 6.0, NAN);
    check(&series, "changes", 5.0, 6.0, 5.0);
    check(&minutes([NAN, NAN, 1.0]), "changes", 5.0, 6.0, 1.0);
}

#[test]
fn samples_are_counted_and_their_spread_is_measured() {
    let series = minutes([0.0, 8.0, 8.0, 2.0, 3.0]);
    check(&series, "count_over_time", 4.0, 5.0, 5.0);
    check(&series, "present_over_time", 4.0, 5.0, 1.0);
    check(&series, "stdvar_over_time", 4.0, 5.0, 10.56);
    check(&series, "stddev_over_time", 4.0, 5.0, 10.56_f64.sqrt());
    check(&series, "first_over_time", 4.0, 5.0, 0.0);
    check(&series, "last_over_time", 4.0, 5.0, 3.0);
    check(&minutes([4.0, 6.0, 2.0, 1.0, 999.0, 1.0, 2.0]), "mad_over_time", 6.0, 7.0, 1.0);
    check(&minutes([1.0, NAN]), "mad_over_time", 6.0, 7.0, NAN);
}

#[test]
fn a_quantile_outside_0_to_1_is_noted() {
    let series = minutes([0.0, 1.0, 2.0]);
    check_args(&series, "quantile_over_time", (2.0, 5.0), &[0.75], 1.5);
    for (quantile, value) in [(-1.0, -INF), (2.0, INF)] {
        let notes = same(&series, "quantile_over_time", (2.0, 5.0), None, &[quantile], Some(value));
        assert_eq!(notes, [Note::InvalidQuantile(quantile)]);
    }
}

proptest! {
    #[test]
    fn functions_agree_with_each_other(values in prop::collection::vec(-1e6..1e6_f64, 1..40)) {
        let series = minutes(values.iter().copied());
        let value = |name: &str, args: &[f64]| match series.eval(name, (40 * MINUTE, 41 * MINUTE), None, args).0 {
            Some(Value::Float(value)) => value,
            other => panic!("{name}: {other:?}"),
        };
        let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
        prop_assert!(near(value("sum_over_time", &[]), value("avg_over_time", &[]) * value("count_over_time", &[])));
        prop_assert_eq!(value("quantile_over_time", &[0.0]), value("min_over_time", &[]));
        prop_assert_eq!(value("quantile_over_time", &[1.0]), value("max_over_time", &[]));
        prop_assert_eq!(value("stddev_over_time", &[]), value("stdvar_over_time", &[]).sqrt());
        prop_assert!(value("resets", &[]) <= value("changes", &[]));
        let max_at = value("ts_of_max_over_time", &[]) as usize / 60;
        prop_assert_eq!(values[max_at], value("max_over_time", &[]));
    }

    #[test]
    fn a_linear_counter_has_its_slope_as_rate(first in 1000_u32..5000, by in 0_u32..1000, count in 2_usize..30) {
        let series = minutes(steps(f64::from(first) * 1000.0, f64::from(by), count));
        let (rate, _) = series.eval("rate", (count as i64 * MINUTE - MINUTE, count as i64 * MINUTE), None, &[]);
        let Some(Value::Float(rate)) = rate else { panic!("no rate") };
        prop_assert!((rate - f64::from(by) / 60.0).abs() < 1e-9);
    }

    #[test]
    fn no_kernel_panics(
        samples in prop::collection::btree_map(any::<i64>(), any::<f64>(), 1..20),
        starts in prop::collection::vec(any::<i64>(), 20),
        (start, end) in any::<(i64, i64)>(),
        args in any::<[f64; 2]>(),
    ) {
        let timestamps: Vec<_> = samples.keys().copied().collect();
        let values: Vec<_> = samples.values().copied().collect();
        let starts = starts.get(..values.len()).unwrap_or_default();
        for extension in [None, Some(Extension::Anchored), Some(Extension::Smoothed)] {
            let window = Window {
                timestamps: &timestamps, values: &values, starts, start, end, step: end, args: &args, extension,
                histograms: &[],
            };
            for function in RANGE_FUNCTIONS {
                let _ = (function.eval)(&window, &mut Notes::default());
            }
            let _ = extend(&window);
        }
    }
}

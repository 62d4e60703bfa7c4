//! What becomes of samples that are loaded.

use weir_pipeline::STALE;
use weir_pipeline::histogram::ResetHint::{self, Gauge, NotReset, Unknown};

use super::*;

/// The message of a script's last load.
fn refused(text: &str) -> String {
    let mut storage = Storage::default();
    let mut result = Ok(());
    for command in parse(text).unwrap() {
        if let CommandKind::Load(load) = command.kind {
            assert_eq!(result, Ok(()));
            result = storage.load(&load);
        }
    }
    result.unwrap_err()
}

#[test]
fn samples_are_a_step_apart_from_the_epoch_on() {
    let got = stored("load 30s\n a 1 _ 3\n b{c=\"d\"} _x2 4\n");
    assert_eq!(got.len(), 2);
    assert_eq!((got[0].labels.to_string().as_str(), &got[0].floats), ("a", &vec![(0, 0, 1.0), (60_000, 0, 3.0)]));
    assert_eq!(got[1].floats, [(60_000, 0, 4.0)]);
    assert!(stored("load 30s\n a _x5\n").is_empty());
}

#[test]
fn loads_add_up_and_within_one_the_last_line_of_a_series_counts() {
    let floats = |text| stored(text)[0].floats.iter().map(|(time, _, value)| (*time, *value)).collect::<Vec<_>>();
    assert_eq!(floats("load 1s\n a 1 2\n a 3 4\n"), [(0, 3.0), (1000, 4.0)]);
    assert_eq!(floats("load 1s\n a 1 2\n\nload 1s\n a _x2 3\n"), [(0, 1.0), (1000, 2.0), (2000, 3.0)]);
    assert_eq!(floats("load 1s\n a 1 2\n\nclear\nload 1s\n a 3\n"), [(0, 3.0)]);
    // The same sample again is none.
    assert_eq!(floats("load 1s\n a 1 2\n\nload 1s\n a _ 2 3\n"), [(0, 1.0), (1000, 2.0), (2000, 3.0)]);
}

#[test]
fn samples_that_come_too_late_are_refused_with_their_whole_load() {
    assert_eq!(
        refused("load 1s\n a 1 2\n\nload 1s\n b 1\n a 1\n"),
        "a: expected a sample after 1000ms, got one at 0ms"
    );
    assert_eq!(refused("load 1s\n a 1 2\n\nload 1s\n a _ 3\n"), "a: expected a sample after 1000ms, got one at 1000ms");
    let mut storage = Storage::default();
    for command in parse("load 1s\n a 1 2\n\nload 1s\n b 1\n a 1\n").unwrap() {
        let CommandKind::Load(load) = command.kind else { continue };
        let _ = storage.load(&load);
    }
    assert_eq!(storage.series().len(), 1);
}

#[test]
fn a_mark_of_staleness_is_of_the_kind_of_the_sample_before_it() {
    let got = stored("load 1s\n a {{count:1}} stale 1 stale\n");
    let histograms: Vec<_> =
        got[0].histograms.iter().map(|point| (point.timestamp, point.histogram.is_stale())).collect();
    assert_eq!(histograms, [(0, false), (1000, true)]);
    let floats: Vec<_> = got[0].floats.iter().map(|(time, _, value)| (*time, value.to_bits())).collect();
    assert_eq!(floats, [(2000, 1f64.to_bits()), (3000, STALE.to_bits())]);
    let got = stored("load 1s\n a {{count:1}}\n\nload 1s\n a _ stale\n");
    assert_eq!((got[0].histograms.len(), got[0].floats.len()), (2, 0));
}

/// The hints of the histograms of one series.
fn hints(items: &str) -> Vec<ResetHint> {
    let got = stored(&format!("load 1m\n a {items}\n"));
    got[0].histograms.iter().map(|point| point.histogram.reset).collect()
}

#[test]
fn the_first_histogram_of_a_chunk_is_unknown_and_later_ones_are_not_reset() {
    let check = |items: &str, expected: &[ResetHint]| assert_eq!(hints(items), expected, "{items}");
    check("{{count:1}}x3", &[Unknown, NotReset, NotReset, NotReset]);
    check("{{count:1}} {{count:2}} {{count:1}} {{count:1}}", &[Unknown, NotReset, Unknown, NotReset]);
    // What the literal says does not last, but for gauges and resets.
    check("{{count:1 counter_reset_hint:not_reset}}", &[Unknown]);
    check("{{count:1}} {{count:2 counter_reset_hint:unknown}}", &[Unknown, NotReset]);
    check("{{count:1}} {{count:2 counter_reset_hint:reset}} {{count:3}}", &[Unknown, Unknown, NotReset]);
    check(
        "{{count:2 counter_reset_hint:gauge}} {{count:1 counter_reset_hint:gauge}} {{count:3}}",
        &[Gauge, Gauge, Unknown],
    );
    check(
        "{{count:1}} {{count:2 counter_reset_hint:gauge}} {{count:3}} {{count:4}}",
        &[Unknown, Gauge, Unknown, NotReset],
    );
    // A float between them ends a chunk.
    check("{{count:1}} 5 {{count:2}} {{count:3}}", &[Unknown, Unknown, NotReset]);
}

#[test]
fn other_buckets_or_fewer_observations_begin_a_chunk() {
    let check = |first: &str, second: &str, expected: ResetHint| {
        assert_eq!(hints(&format!("{first} {second}")), [Unknown, expected], "{first} {second}");
    };
    let buckets = "{{schema:1 count:4 z_bucket:1 z_bucket_w:0.1 buckets:[1 0 2]}}";
    check(buckets, buckets, NotReset);
    check(buckets, "{{schema:0 count:4 z_bucket:1 z_bucket_w:0.1 buckets:[1 0 2]}}", Unknown);
    check(buckets, "{{schema:1 count:4 z_bucket:1 z_bucket_w:0.2 buckets:[1 0 2]}}", Unknown);
    check(buckets, "{{schema:1 count:4 z_bucket:0 z_bucket_w:0.1 buckets:[1 0 2]}}", Unknown);
    check(buckets, "{{schema:1 count:4 z_bucket:1 z_bucket_w:0.1 buckets:[2 0 1]}}", Unknown);
    check(buckets, "{{schema:1 count:4 z_bucket:1 z_bucket_w:0.1 buckets:[3]}}", Unknown);
    // Buckets may come, and those that were empty go.
    check(buckets, "{{schema:1 count:9 z_bucket:1 z_bucket_w:0.1 buckets:[2 1 2 4] n_buckets:[1]}}", NotReset);
    check("{{count:1 buckets:[1 0]}}", "{{count:1 buckets:[1]}}", NotReset);
    check("{{count:1 buckets:[0 1]}}", "{{count:1 buckets:[1] offset:1}}", NotReset);
    check("{{count:1 n_buckets:[1]}}", "{{count:1}}", Unknown);
    let custom = "{{schema:-53 count:1 custom_values:[1 2] buckets:[1]}}";
    check(custom, custom, NotReset);
    check(custom, "{{schema:-53 count:1 custom_values:[1 3] buckets:[1]}}", Unknown);
}

#[test]
fn a_mark_of_staleness_ends_a_chunk_and_reads_as_nothing_else() {
    assert_eq!(
        hints("{{count:1}} {{count:2}} stale stale {{count:3}} {{count:4}}"),
        [Unknown, NotReset, Unknown, Unknown, Unknown, NotReset]
    );
    assert_eq!(
        hints("{{count:1 counter_reset_hint:gauge}} stale {{count:2 counter_reset_hint:gauge}}x1"),
        [Gauge, Unknown, Gauge, Gauge]
    );
}

#[test]
fn a_chunk_ends_with_its_day_and_once_it_is_full() {
    let got = stored("load 12h\n a {{count:1}}x4\n");
    let hints: Vec<_> = got[0].histograms.iter().map(|point| point.histogram.reset).collect();
    assert_eq!(hints, [Unknown, NotReset, Unknown, NotReset, Unknown]);
    // What hardly changes takes 5 bits, and from sample 128 on 24 more for the start: 2048 bytes are full after 659.
    let begins = |items: &str| {
        let hints = super::hints_of(&stored(&format!("load 1m\n a {items}\n"))[0]);
        let begins = hints.into_iter().enumerate().filter(|(_, hint)| *hint == Unknown);
        begins.map(|(at, _)| at).collect::<Vec<_>>()
    };
    assert_eq!(begins("{{count:1 sum:1 buckets:[1]}}x1000"), [0, 659]);
    let literal = |i: u32| {
        let bucket = |k: u32| f64::from(i) * (1.0 + f64::from(k) / 7.0);
        format!("{{{{count:{0} sum:{1} buckets:[{1} {2} {3}]}}}}", i * 9, bucket(1), bucket(2), bucket(3))
    };
    let row: Vec<_> = (1..200).map(literal).collect();
    let begins = begins(&row.join(" "));
    assert!(begins.len() > 3 && begins.windows(2).all(|pair| (10..100).contains(&(pair[1] - pair[0]))), "{begins:?}");
}

#[test]
fn classic_histograms_come_as_native_ones_too() {
    let script = "load_with_nhcb 1m\n h_bucket{a=\"b\",le=\"1\"} 1 2\n h_bucket{a=\"b\",le=\"+Inf\"} 3 5\n h_sum{a=\"b\"} 9 10\n \
                  h_count{a=\"b\"} 3 5\n h_bucket{a=\"b\",le=\"x\"} 7 7\n other 1\n";
    let got = stored(script);
    assert_eq!(got.len(), 7);
    let native = got.iter().find(|series| !series.histograms.is_empty()).unwrap();
    assert_eq!(native.labels.to_string(), r#"h{a="b"}"#);
    let literals: Vec<_> = native.histograms.iter().map(|point| format_histogram(&point.histogram)).collect();
    assert_eq!(
        literals,
        [
            "{{schema:-53 count:3 sum:9 custom_values:[1] buckets:[1 2]}}",
            "{{schema:-53 count:5 sum:10 custom_values:[1] counter_reset_hint:not_reset buckets:[2 3]}}",
        ]
    );
    let check =
        |line: &str, expected: &str| assert_eq!(refused(&format!("load_with_nhcb 1m\n {line}\n")), expected, "{line}");
    check("h_bucket 1", "expected a label `le` in h_bucket");
    check("h_bucket{le=\"1\"} 5\n h_bucket{le=\"2\"} 4", "h: expected the buckets at 0ms to grow up to the count");
}

#[test]
fn a_histogram_that_is_not_valid_is_refused() {
    assert!(refused("load 1m\n a {{schema:99}}\n").starts_with("a: the histogram at 0ms is not valid: "));
    assert!(
        refused("load 1m\n a _ {{count:1 buckets:[-1]}}\n").starts_with("a: the histogram at 60000ms is not valid: ")
    );
}

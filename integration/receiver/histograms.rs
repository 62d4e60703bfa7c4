//! Native histograms: of integers and floats, of every shape of buckets, and those that make no sense.

use serde_json::{Value, json};
use weir_pipeline::STALE;
use weir_stages::remote_write::Version;

use super::wire::{Histogram, Series, Side};
use super::{Ground, seconds};

fn side(spans: &[(i32, u32)], counts: &[f64]) -> Side {
    (spans.to_vec(), counts.to_vec())
}

/// How the API shows a histogram.
fn shown(count: &str, sum: &str, buckets: Value) -> Value {
    match buckets.as_array().unwrap().is_empty() {
        true => json!({ "count": count, "sum": sum }),
        false => json!({ "count": count, "sum": sum, "buckets": buckets }),
    }
}

/// Zero bucket, positive and negative buckets, with a gap.
fn full(at: i64) -> Histogram {
    let buckets = json!([
        [1, "-2", "-1", "1"],
        [1, "-1", "-0.5", "2"],
        [3, "-0.001", "0.001", "3"],
        [0, "0.5", "1", "4"],
        [0, "4", "8", "5"],
        [0, "8", "16", "6"]
    ]);
    Histogram {
        at,
        count: 21.0,
        sum: 12.5,
        zero: (0.001, 3.0),
        positive: side(&[(0, 1), (2, 2)], &[4.0, 5.0, 6.0]),
        negative: side(&[(0, 2)], &[2.0, 1.0]),
        shown: shown("21", "12.5", buckets),
        ..Histogram::default()
    }
}

/// Those of custom buckets: two bounds, three buckets.
fn custom(at: i64) -> Histogram {
    let buckets = json!([[3, "-Inf", "0.5", "1"], [0, "0.5", "2.5", "2"], [0, "2.5", "+Inf", "3"]]);
    Histogram {
        at,
        count: 6.0,
        sum: 9.0,
        schema: -53,
        custom: vec![0.5, 2.5],
        positive: side(&[(0, 3)], &[1.0, 2.0, 3.0]),
        shown: shown("6", "9", buckets),
        ..Histogram::default()
    }
}

/// All shapes that are taken, as integers where they are whole.
fn good(at: i64) -> Vec<(&'static str, Histogram)> {
    let plain = Histogram { at, count: 3.0, sum: 4.5, ..Histogram::default() };
    let positive = side(&[(0, 2)], &[1.0, 2.0]);
    let above = json!([[0, "0.5", "1", "1"], [0, "1", "2", "2"]]);
    let below = json!([[1, "-2", "-1", "2"], [1, "-1", "-0.5", "1"]]);
    let finer = json!([[0, "1", "1.0027112750502025", "3"]]);
    let fine = json!([[0, "0.9170040432046711", "1", "1"], [0, "1", "1.0905077326652577", "2"]]);
    let coarse = json!([[0, "0.0000152587890625", "1", "1"], [0, "1", "65536", "2"]]);
    let whole = |buckets| shown("3", "4.5", buckets);
    vec![
        ("all kinds of buckets", full(at)),
        ("custom buckets", custom(at)),
        ("positive buckets", Histogram { positive: positive.clone(), shown: whole(above.clone()), ..plain.clone() }),
        ("negative buckets", Histogram { negative: positive.clone(), shown: whole(below), ..plain.clone() }),
        ("a fine schema", Histogram { schema: 3, positive: positive.clone(), shown: whole(fine), ..plain.clone() }),
        (
            "a schema that is too fine",
            // 9 becomes 8: pairs of buckets become one.
            Histogram { schema: 9, positive: side(&[(1, 2)], &[1.0, 2.0]), shown: whole(finer), ..plain.clone() },
        ),
        (
            "a coarse schema",
            Histogram { schema: -4, positive: positive.clone(), shown: whole(coarse), ..plain.clone() },
        ),
        (
            "the zero bucket alone",
            Histogram { zero: (0.5, 3.0), shown: whole(json!([[3, "-0.5", "0.5", "3"]])), ..plain.clone() },
        ),
        ("none", Histogram { at, shown: shown("0", "0", json!([])), ..Histogram::default() }),
        ("a gauge", Histogram { positive: positive.clone(), shown: whole(above.clone()), reset: 3, ..plain.clone() }),
        (
            "observations of NaN",
            Histogram { count: 5.0, sum: f64::NAN, positive, shown: shown("5", "NaN", above), ..plain },
        ),
    ]
}

/// The same with counts that are no integers.
fn halves(histogram: Histogram) -> Histogram {
    let half = |side: &Side| (side.0.clone(), side.1.iter().map(|count| count / 2.0).collect());
    let mut shown = histogram.shown.clone();
    let halve = |value: &mut Value| {
        let count: f64 = value.as_str().unwrap().parse().unwrap();
        *value = json!((count / 2.0).to_string());
    };
    halve(&mut shown["count"]);
    shown
        .get_mut("buckets")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
        .for_each(|bucket| halve(&mut bucket[3]));
    Histogram {
        is_float: true,
        count: histogram.count / 2.0,
        zero: (histogram.zero.0, histogram.zero.1 / 2.0),
        positive: half(&histogram.positive),
        negative: half(&histogram.negative),
        shown,
        ..histogram
    }
}

#[test]
fn every_shape_of_histogram_is_readable() {
    let ground = Ground::start();
    for (name, histogram) in good(ground.at) {
        let float = Histogram { is_float: true, ..histogram.clone() };
        for histogram in [histogram.clone(), float, halves(histogram)] {
            ground.takes(name, &[Series::named("seconds").histogram(histogram)]);
        }
    }
    ground.end();
}

#[test]
fn histograms_come_with_all_that_samples_come_with() {
    let ground = Ground::start();
    let at = ground.at;
    let trace = [("trace_id", "abc")];
    let one = || Series::named("seconds").histogram(full(at));
    ground.takes("with metadata", &[one().said(3, "How long.", "seconds")]);
    ground.takes("with an exemplar", &[one().exemplar(&trace, at, 0.7)]);
    ground.takes("with both", &[one().said(3, "How long.", "seconds").exemplar(&trace, at, 0.7)]);
    let several = [
        one().histogram(full(at + 1000)).said(3, "How long.", "seconds"),
        Series::new(&[("job", "a"), ("__name__", "size")]).histogram(custom(at)).said(4, "How large.", "bytes"),
        Series::named("plain").sample(at, 1.0).said(2, "No histogram.", ""),
    ];
    ground.takes("several with metadata", &several);
    let of = |before: i64| Series::named("seconds").histogram(full(at - before));
    ground.takes("out of order", &[of(0).histogram(full(at - 1000)), of(3000), of(2000)]);
    for version in Version::ALL {
        let tenant = ground.tenant();
        for _ in 0..2 {
            assert_eq!(ground.send(&tenant, version, &[one()]).status, 204);
            ground.has(&tenant, &[&one()], "once");
        }
    }
    let began = Series::named("seconds").histogram(Histogram { start: at - 5000, ..full(at) });
    let tenant = ground.check("that says when it began", Version::V2, &[began], 204, "");
    let found = ground.query(&tenant, "start_timestamp(seconds)", at);
    assert_eq!(found[0]["value"][1].as_str().map(|text| text.parse::<f64>()), Some(seconds(at - 5000).parse()));
    // The end of a series.
    let tenant = ground.tenant();
    let stale = Histogram { sum: STALE, ..Histogram { at: at + 1000, ..Histogram::default() } };
    let ends = Series::named("ends").histogram(full(at)).histogram(stale);
    assert_eq!(ground.send(&tenant, Version::V2, &[ends]).written, Some([0, 2, 0]));
    let read = |after: i64| ground.query(&tenant, "histogram_count(ends)", at + after).as_array().unwrap().len();
    assert_eq!((read(999), read(1000)), (1, 0));
    ground.end();
}

#[test]
fn a_histogram_that_makes_no_sense_is_refused_by_name_and_its_neighbours_are_written() {
    let ground = Ground::start();
    let at = ground.at;
    let cases = [
        (
            "a count",
            Histogram { count: 22.0, ..full(at) },
            "expected buckets with the `22` observations counted, got `21`",
        ),
        (
            "fewer buckets than spans",
            Histogram { positive: side(&[(0, 2)], &[1.0]), count: 7.0, ..full(at) },
            "expected spans of as many buckets as there are",
        ),
        (
            "spans that go back",
            Histogram { positive: side(&[(0, 1), (-3, 2)], &[4.0, 5.0, 6.0]), ..full(at) },
            "expected spans that go forward",
        ),
        ("a schema", Histogram { schema: 53, ..full(at) }, "expected a schema from -4 to 8, or -53"),
        ("bounds", Histogram { custom: vec![2.5, 0.5], ..custom(at) }, "expected custom bounds that rise"),
        ("too few bounds", Histogram { custom: vec![0.5], ..custom(at) }, "expected custom bounds of 3 buckets, got 1"),
        ("bounds of none", Histogram { custom: vec![0.5], ..full(at) }, "expected no custom bounds"),
        (
            "a negative count",
            Histogram { is_float: true, positive: side(&[(0, 1)], &[-1.0]), ..full(at) },
            "expected counts from 0 on, got `-1`",
        ),
    ];
    for (name, histogram, told) in cases {
        for version in Version::ALL {
            let bad = Series::named("bad").histogram(histogram.clone()).bad();
            let good = [Series::named("good").histogram(full(at)), Series::named("up").sample(at, 1.0)];
            let series = [bad, good[0].clone(), good[1].clone()];
            ground.check(name, version, &series, 400, told);
            // In the same series as well.
            let tenant = ground.tenant();
            let beside =
                Series::named("seconds").histogram(full(at)).histogram(Histogram { at: at + 1, ..histogram.clone() });
            let got = ground.send(&tenant, version, &[beside]);
            assert_eq!((got.status, got.text.contains(told)), (400, true), "{name}: {}", got.text);
            assert_eq!(got.written, (version == Version::V2).then_some([0, 1, 0]), "{name}");
            ground.has(&tenant, &[&Series::named("seconds").histogram(full(at))], name);
        }
    }
    ground.end();
}

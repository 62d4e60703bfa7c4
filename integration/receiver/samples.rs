//! Samples: values and names of all kinds, series that are wrong beside good ones, and times in any order.

use weir_pipeline::STALE;
use weir_stages::remote_write::Version;

use super::Ground;
use super::wire::{Series, integer, packed};

/// Names and values, in the order in which they are sent.
type Labels = &'static [(&'static str, &'static str)];

/// Label sets that are taken: the compliance tests' and an empty value, which is no label.
const GOOD: [(&str, Labels); 8] = [
    ("simple", &[("__name__", "up")]),
    ("several, out of order", &[("z", "1"), ("__name__", "up"), ("job", "api"), ("Instance", "a:9090")]),
    ("a newline in a value", &[("__name__", "up"), ("text", "a\nb\"c\\")]),
    ("dots in names", &[("__name__", "http.server.duration"), ("service.name", "api")]),
    ("spaces in names", &[("__name__", "a name"), ("a label", "v")]),
    ("other letters", &[("__name__", "größe"), ("größe", "🦀")]),
    ("a colon", &[("__name__", "job:up:sum")]),
    ("an empty value", &[("__name__", "up"), ("none", "")]),
];

/// Label sets that are refused, and what is told.
const BAD: [(&str, Labels, &str); 5] = [
    ("no name", &[("job", "api")], "expected a label `__name__`"),
    ("no labels", &[], "expected a label `__name__`"),
    ("an empty name", &[("__name__", ""), ("job", "api")], "expected a label `__name__`"),
    ("a label twice", &[("__name__", "up"), ("job", "a"), ("job", "b")], "expected each label once, got `job` twice"),
    ("a label without a name", &[("__name__", "up"), ("", "a")], "expected label names that are not empty"),
];

const VALUES: [f64; 9] =
    [1.0, STALE, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 0.1, 123_456_789.5, -4_503_599_627_370_497.0];

/// Series that are wrong by themselves fail a request of 2.0; 1.0 has no word for a part, and passes over them.
fn status(version: Version) -> (u16, bool) {
    if version == Version::V2 { (400, true) } else { (204, false) }
}

#[test]
fn every_value_of_every_good_label_set_is_readable_and_no_bad_label_set_is_written() {
    let ground = Ground::start();
    for value in VALUES {
        for (name, labels) in GOOD {
            ground.takes(&format!("{name}, {value}"), &[Series::new(labels).sample(ground.at, value)]);
        }
        for (name, labels, told) in BAD {
            for version in Version::ALL {
                let (status, tells) = status(version);
                let series = [Series::new(labels).sample(ground.at, value).bad()];
                ground.check(&format!("{name}, {value}"), version, &series, status, if tells { told } else { "" });
            }
        }
    }
    ground.end();
}

#[test]
fn of_several_series_the_good_ones_are_written_beside_the_bad() {
    let ground = Ground::start();
    let at = ground.at;
    let one = |i: &str| Series::new(&[("__name__", "up"), ("i", i)]).sample(at, 1.0);
    let nameless = |i: &str| Series::new(&[("i", i)]).sample(at, 1.0).bad();
    ground.takes("four", &["1", "2", "3", "4"].map(one));
    for version in Version::ALL {
        let (status, tells) = status(version);
        let told = if tells { "series 1 {i=\"1\"}: expected a label `__name__`" } else { "" };
        ground.check("four without names", version, &["1", "2", "3", "4"].map(nameless), status, told);
        let told = if tells { "series 2 {i=\"2\"}: expected a label `__name__`" } else { "" };
        let some = [one("1"), nameless("2"), one("3"), one("4")];
        ground.check("one of four without a name", version, &some, status, told);
    }
    ground.takes(
        "a series in two parts",
        &[one("1"), one("2"), Series::new(&[("i", "1"), ("__name__", "up")]).sample(at + 1000, 2.0)],
    );
    ground.takes("nothing", &[]);
    // References, which 1.0 does not have. One beyond the symbols, and half a pair.
    for (refs, told) in [(vec![7, 99], "expected a label among"), (vec![1], "expected pairs of label references")] {
        let bad = Series::named("up").sample(at, 1.0).beside(packed(1, &refs)).bad();
        ground.check("references", Version::V2, &[one("1"), bad, one("2")], 400, told);
    }
    let said = [Series::named("empty").said(1, "A counter.", "").bad(), one("1")];
    ground.check("a series without samples", Version::V2, &said, 400, "expected samples or histograms");
    ground.end();
}

#[test]
fn samples_come_in_any_order_within_the_bounds_of_time() {
    let ground = Ground::start();
    let at = ground.at;
    let up = |times: &[i64]| times.iter().fold(Series::named("up"), |up, t| up.sample(at + t, *t as f64));
    ground.takes("ascending", &[up(&[0, 1000, 2000])]);
    ground.takes("out of order within a series", &[up(&[2000, 0, 1000])]);
    ground.takes("out of order within a request", &[up(&[2000]), up(&[1000]), up(&[0])]);
    ground.takes("an hour ago", &[up(&[-3_000_000, 0])]);
    for version in Version::ALL {
        let tenant = ground.tenant();
        for times in [&[4000, 5000][..], &[1000], &[3000, 2000]] {
            let got = ground.send(&tenant, version, &[up(times)]);
            let written = (version == Version::V2).then_some([times.len() as u64, 0, 0]);
            assert_eq!((got.status, got.written), (204, written), "{times:?}");
        }
        let all = up(&[1000, 2000, 3000, 4000, 5000]);
        ground.has(&tenant, &[&all], "out of order among requests");

        // What is too early or too late is told by name, and its neighbours are there.
        for (name, time) in [("too_old", -31 * 86_400_000), ("too_far_in_future", 20 * 60_000)] {
            let tenant = ground.tenant();
            let series = [up(&[0, time, 1000]), Series::named("beside").sample(at, 1.0)];
            let got = ground.send(&tenant, version, &series);
            let written = (version == Version::V2).then_some([3, 0, 0]);
            assert_eq!((got.status, got.written), (400, written), "{name}: {}", got.text);
            assert!(got.text.starts_with(&format!("{name}: 1 rejected: series `up`")), "{}", got.text);
            ground.has(&tenant, &[&up(&[0, 1000]), &series[1]], name);
        }
    }
    ground.end();
}

#[test]
fn a_sample_that_comes_again_is_written_once() {
    let ground = Ground::start();
    let at = ground.at;
    for version in Version::ALL {
        let tenant = ground.tenant();
        let series = [Series::named("up").sample(at, 1.0).sample(at + 1000, f64::NAN)];
        for _ in 0..3 {
            assert_eq!(ground.send(&tenant, version, &series).status, 204);
            ground.has(&tenant, &[&series[0]], "again");
        }
        let twice = [Series::named("twice").sample(at, 1.0).sample(at, 1.0), Series::named("twice").sample(at, 1.0)];
        let tenant = ground.tenant();
        assert_eq!(ground.send(&tenant, version, &twice).status, 204);
        ground.has(&tenant, &[&Series::named("twice").sample(at, 1.0)], "twice");
    }
    ground.end();
}

#[test]
fn of_two_values_at_one_time_the_same_one_stays_whichever_comes_first_and_that_is_counted() {
    let ground = Ground::start();
    let at = ground.at;
    // What stays, and what does not: a number before none, then the greater bits.
    let pairs = [(2.0, 1.0), (1.0, f64::NAN), (f64::INFINITY, 7.0), (-1.0, 1.0), (7.0, STALE)];
    for (stays, goes) in pairs {
        for values in [[stays, goes], [goes, stays]] {
            let tenant = ground.tenant();
            for (nth, value) in values.into_iter().enumerate() {
                let got = ground.send(&tenant, Version::V2, &[Series::named("up").sample(at, value)]);
                // The one that comes second and goes is told so.
                let lost = nth == 1 && value.to_bits() == goes.to_bits();
                let expect = if lost { (400, Some([0, 0, 0])) } else { (204, Some([1, 0, 0])) };
                assert_eq!((got.status, got.written), expect, "{values:?}: {}", got.text);
                assert!(!lost || got.text.contains("duplicate_timestamp"), "{}", got.text);
            }
            ground.has(&tenant, &[&Series::named("up").sample(at, stays)], &format!("{values:?}"));
        }
    }
    // Those that came late are counted when the head puts them in their places.
    let counted = ground.weir.metric("weir_store_conflicts_total");
    assert!(counted >= pairs.len() as f64, "{counted}");
    ground.end();
}

#[test]
fn a_staleness_marker_ends_a_series_until_its_next_sample() {
    let ground = Ground::start();
    let at = ground.at;
    for version in Version::ALL {
        let tenant = ground.tenant();
        let up = Series::named("up").sample(at, 1.0).sample(at + 1000, STALE).sample(at + 3000, 3.0);
        assert_eq!(ground.send(&tenant, version, &[up]).status, 204);
        for (after, expect) in [(0, Some("1")), (999, Some("1")), (1000, None), (2999, None), (3000, Some("3"))] {
            let found = ground.query(&tenant, "up", at + after);
            assert_eq!(found[0]["value"][1].as_str(), expect, "{after}: {found}");
        }
    }
    ground.end();
}

#[test]
fn a_start_timestamp_is_readable_where_the_version_has_one() {
    let ground = Ground::start();
    let at = ground.at;
    for version in Version::ALL {
        let series = [Series::named("jobs_total").since(at - 5000, at, 1.0).said(1, "Jobs.", "")];
        let tenant = ground.check("a counter", version, &series, 204, "");
        let found = ground.query(&tenant, "start_timestamp(jobs_total)", at);
        let start = found[0]["value"][1].as_str().map(|text| text.parse::<f64>().unwrap());
        let expect = (version == Version::V2).then(|| (at - 5000) as f64 / 1000.0);
        assert_eq!(start.filter(|start| *start != 0.0), expect, "{found}");
    }
    // Drafts of 2.0 had it in the series, and so do the compliance tests.
    let draft = Series::named("jobs_total").sample(at, 1.0).beside(integer(6, (at - 5000) as u64));
    ground.check("a field of a draft", Version::V2, &[draft], 204, "");
    ground.end();
}

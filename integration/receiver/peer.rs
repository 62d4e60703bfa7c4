//! The same requests of 1.0 to a real Prometheus: statuses and what is readable are the same, but for what is meant.

use serde_json::Value;
use weir_pipeline::STALE;
use weir_stages::remote_write::{self, Version};

use super::wire::{Histogram, Series, request};
use super::{Ground, millis, seconds, text};
use crate::harness::process::free_address;
use crate::harness::{http, peers, writers};

/// A name, requests one after the other, and why Weir does something else, where it does.
type Row = (&'static str, Vec<Vec<Series>>, &'static str);

/// Samples and histograms by labels, of one case.
type Found = Vec<(String, Vec<(i64, String)>, usize)>;

fn rows(at: i64) -> Vec<Row> {
    let one = |name: &str| Series::named(name);
    let up = |times: &[i64]| times.iter().fold(one("up"), |up, t| up.sample(at + t, *t as f64));
    let whole = || Histogram {
        at,
        count: 3.0,
        sum: 4.5,
        zero: (0.001, 0.0),
        positive: (vec![(0, 2)], vec![1.0, 2.0]),
        ..Histogram::default()
    };
    let float = || Histogram { is_float: true, ..whole() };
    vec![
        ("a sample", vec![vec![one("up").sample(at, 1.0)]], ""),
        (
            "labels out of order",
            vec![vec![Series::new(&[("z", "1"), ("__name__", "up"), ("a", "\n")]).sample(at, 1.0)]],
            "",
        ),
        ("an empty value", vec![vec![Series::new(&[("__name__", "up"), ("a", "")]).sample(at, 1.0)]], ""),
        ("NaN", vec![vec![one("up").sample(at, f64::NAN)]], ""),
        ("infinities", vec![vec![one("up").sample(at, f64::INFINITY).sample(at + 1, f64::NEG_INFINITY)]], ""),
        ("small and large", vec![vec![one("up").sample(at, -0.0).sample(at + 1, 1e-7).sample(at + 2, 1e21)]], ""),
        ("an end", vec![vec![one("up").sample(at, 1.0).sample(at + 1, STALE)]], ""),
        (
            "several series",
            vec![vec![one("a").sample(at, 1.0), one("b").sample(at, 2.0), one("c").sample(at, 3.0)]],
            "",
        ),
        ("no name", vec![vec![Series::new(&[("a", "1")]).sample(at, 1.0)]], "takes no series without a name"),
        (
            "no name among others",
            vec![vec![one("a").sample(at, 1.0), Series::new(&[("a", "1")]).sample(at, 1.0)]],
            "takes no series without a name",
        ),
        (
            "a label twice",
            vec![vec![Series::new(&[("__name__", "up"), ("a", "1"), ("a", "2")]).sample(at, 1.0)]],
            "is no fault of the server's: what gets 500 is sent again for ever",
        ),
        ("nothing", vec![vec![]], ""),
        ("no samples", vec![vec![one("up")]], ""),
        ("out of order among requests", vec![vec![up(&[3000])], vec![up(&[1000])], vec![up(&[2000])]], ""),
        ("out of order within a request", vec![vec![up(&[3000]), up(&[1000])]], ""),
        ("the same again", vec![vec![up(&[0, 1000])], vec![up(&[0, 1000])]], ""),
        ("a histogram", vec![vec![one("seconds").histogram(whole())]], ""),
        ("a histogram of floats", vec![vec![one("seconds").histogram(float())]], ""),
        (
            "the same histogram again",
            vec![vec![one("seconds").histogram(whole())], vec![one("seconds").histogram(whole())]],
            "",
        ),
        ("an exemplar", vec![vec![one("up").sample(at, 1.0).exemplar(&[("trace_id", "a")], at, 0.5)]], ""),
        (
            "a long exemplar",
            vec![vec![one("up").sample(at, 1.0).exemplar(&[("trace_id", &"x".repeat(129))], at, 0.5)]],
            "",
        ),
        ("metadata", vec![vec![one("up").sample(at, 1.0).said(2, "Whether it is up.", "")]], ""),
        (
            "two values at one time",
            vec![vec![up(&[0])], vec![one("up").sample(at, 7.0)]],
            "is no fault of the sender's: the greater value is kept, and counted",
        ),
        (
            "too old",
            vec![vec![up(&[-40 * 86_400_000])]],
            "is no fault of the server's: what gets 500 is sent again for ever",
        ),
        (
            "a count",
            vec![vec![one("bad").histogram(Histogram { count: 4.0, ..whole() })]],
            "is no fault of the server's: what gets 500 is sent again for ever",
        ),
        ("dots in names", vec![vec![Series::new(&[("__name__", "a.b"), ("c.d", "e")]).sample(at, 1.0)]], ""),
    ]
}

/// The label by which a case is known.
fn marked(mut series: Series, i: usize) -> Series {
    series.labels.push(("case".into(), i.to_string()));
    series
}

/// What a server has of a case.
fn found(ask: impl Fn(&str, &[(&str, &str)]) -> Value, i: usize, at: i64) -> (Found, Vec<String>) {
    let (query, time) = (format!("{{case=\"{i}\"}}[2h]"), seconds(at + 3_600_000));
    let data = ask("query", &[("query", &query), ("time", &time)]);
    let series = |series: &Value| {
        let value = |v: &Value| (millis(&v[0]), text(&v[1]));
        let values = series["values"].as_array().into_iter().flatten().map(value).collect();
        (series["metric"].to_string(), values, series["histograms"].as_array().map_or(0, Vec::len))
    };
    let mut found: Found = data["result"].as_array().unwrap().iter().map(series).collect();
    found.sort();
    let (start, end) = (seconds(at - 3_600_000), seconds(at + 3_600_000));
    let data = ask("query_exemplars", &[("query", &format!("{{case=\"{i}\"}}")), ("start", &start), ("end", &end)]);
    (found, data.as_array().into_iter().flatten().map(|one| one["exemplars"].to_string()).collect())
}

#[test]
fn a_prometheus_says_the_same_and_has_the_same() {
    let ground = Ground::start();
    let dir = tempfile::tempdir().unwrap();
    let config = "storage: { tsdb: { out_of_order_time_window: 2h }, exemplars: { max_exemplars: 1000 } }\n";
    let features = ["--enable-feature=native-histograms,exemplar-storage"];
    let Some(prometheus) = peers::prometheus_with(dir.path(), config, free_address(), &features) else { return };
    let mut wrong = Vec::new();
    for (i, (name, requests, why)) in rows(ground.at).into_iter().enumerate() {
        let mut statuses = vec![];
        for request_ in requests {
            let series: Vec<_> = request_.into_iter().map(|series| marked(series, i)).collect();
            let mut body = Vec::new();
            remote_write::compress(&request(Version::V1, &series), &mut body).unwrap();
            let theirs = writers::post_to(prometheus.address, "/api/v1/write", &body).unwrap();
            let ours = ground.send("default-tenant", Version::V1, &series);
            statuses.push((theirs.status, ours.status, theirs.text(), ours.text));
        }
        let theirs = found(|endpoint, params| http::api(prometheus.address, endpoint, params), i, ground.at);
        let ours = found(|endpoint, params| ground.api("default-tenant", endpoint, params), i, ground.at);
        let alike = statuses.iter().all(|(theirs, ours, ..)| theirs == ours) && theirs == ours;
        if alike != why.is_empty() {
            wrong.push(format!("{name}: {statuses:?}\nprometheus: {theirs:?}\nweir: {ours:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    let good = request(Version::V1, &[Series::named("up").sample(ground.at, 1.0)]);
    let packed = |bytes: &[u8]| {
        let mut out = Vec::new();
        remote_write::compress(bytes, &mut out).unwrap();
        out
    };
    let bodies = [vec![], b"no snappy".to_vec(), packed(&good[..good.len() - 3]), packed(b"no message"), good];
    for body in bodies {
        let theirs = writers::post_to(prometheus.address, "/api/v1/write", &body).unwrap();
        let ours = writers::post(ground.weir.receive, &body).unwrap();
        assert_eq!((theirs.status, ours.status), (400, 400), "{}: {}", theirs.text(), ours.text());
    }
    ground.end();
}

//! Tests of `otlp`: what becomes of a message, and the replay of the fuzz corpus.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod exemplars;
mod json;

use std::path::Path;

use weir_pipeline::testing::{self, settings, text};

use super::*;
use crate::remote_write::wire::{put_bytes, put_integer};

/// A second, in nanoseconds.
const SECOND: u64 = 1_000_000_000;

/// A message below a field.
fn sub(field: u32, parts: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes(field, &parts.concat(), &mut out);
    out
}

fn string(field: u32, text: &str) -> Vec<u8> {
    sub(field, &[text.as_bytes().to_vec()])
}

fn int(field: u32, value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    put_integer(field, value, &mut out);
    out
}

fn fixed(field: u32, value: u64) -> Vec<u8> {
    [vec![(field << 3 | 1) as u8], value.to_le_bytes().to_vec()].concat()
}

fn double(field: u32, value: f64) -> Vec<u8> {
    fixed(field, value.to_bits())
}

/// An attribute with a text.
fn attribute(field: u32, name: &str, value: &str) -> Vec<u8> {
    sub(field, &[string(1, name), sub(2, &[string(1, value)])])
}

/// A request of one resource and one scope.
fn request(resource: &[(&str, &str)], metrics: &[Vec<u8>]) -> Vec<u8> {
    let attributes: Vec<_> = resource.iter().map(|(name, value)| attribute(1, name, value)).collect();
    let scope = [sub(1, &[string(1, "scope")]), metrics.concat()];
    sub(1, &[sub(1, &attributes), sub(2, &scope)])
}

fn metric(name: &str, unit: &str, data: Vec<u8>) -> Vec<u8> {
    sub(2, &[string(1, name), string(2, "what it is"), string(3, unit), data])
}

/// A number at `seconds`.
fn number(seconds: u64, value: f64, attributes: &[(&str, &str)]) -> Vec<u8> {
    let attributes: Vec<_> = attributes.iter().map(|(name, value)| attribute(7, name, value)).collect();
    sub(1, &[fixed(3, seconds * SECOND), double(4, value), attributes.concat()])
}

fn gauge(points: &[Vec<u8>]) -> Vec<u8> {
    sub(5, points)
}

fn sum(points: &[Vec<u8>], temporality: u64, monotonic: bool) -> Vec<u8> {
    sub(7, &[points.concat(), int(2, temporality), int(3, u64::from(monotonic))])
}

fn read_with(body: &[u8], yaml: &str) -> Decoded {
    decode(body, Tenant::default(), &Limits::default(), &settings::<Otlp>(yaml).unwrap()).unwrap()
}

fn read(body: &[u8]) -> Decoded {
    read_with(body, "{}")
}

/// What becomes of a request.
fn check(body: &[u8], expect: &str) {
    let decoded = read(body);
    assert_eq!(text(&decoded.batch), expect);
    assert!(decoded.refused.is_empty(), "{}", decoded.refused);
}

#[test]
fn gauges_and_sums_become_samples_with_the_labels_of_their_resource() {
    let resource = [("service.name", "api"), ("service.namespace", "shop"), ("service.instance.id", "i-1")];
    let points = [number(1, 1.5, &[("http.method", "GET")]), number(2, 2.5, &[])];
    check(
        &request(&resource, &[metric("queue.size", "", gauge(&points))]),
        "queue_size{http_method=\"GET\", instance=\"i-1\", job=\"shop/api\"} 1.5 1000\n\
         queue_size{instance=\"i-1\", job=\"shop/api\"} 2.5 2000\n",
    );
    let whole = sub(1, &[fixed(2, SECOND), fixed(3, 2 * SECOND), fixed(6, -7i64 as u64)]);
    let decoded = read(&request(&[], &[metric("requests", "1", sum(&[whole], 2, true))]));
    assert_eq!(text(&decoded.batch), "requests_total -7 2000\n");
    assert_eq!(decoded.batch.series(0).start_timestamps, [1000]);
    let said = &decoded.batch.metadata()[0];
    let said = (said.metric.as_str(), said.kind, said.help.as_str(), said.unit.as_str());
    assert_eq!(said, ("requests_total", MetricKind::Counter, "what it is", ""));
    // A point without a value ends its series.
    let empty = sub(1, &[fixed(3, SECOND), int(8, 1)]);
    check(&request(&[], &[metric("a", "", gauge(&[empty]))]), "a stale 1000\n");
}

#[test]
fn a_histogram_becomes_buckets_that_add_up_and_a_summary_quantiles() {
    let counts: Vec<u8> = [3u64, 0, 2].iter().flat_map(|n| n.to_le_bytes()).collect();
    let bounds: Vec<u8> = [0.5f64, 10.0].iter().flat_map(|n| n.to_le_bytes()).collect();
    let point = |sum: Vec<u8>| {
        sub(
            1,
            &[
                fixed(3, SECOND),
                fixed(4, 5),
                sum,
                sub(6, std::slice::from_ref(&counts)),
                sub(7, std::slice::from_ref(&bounds)),
            ],
        )
    };
    let histogram = |sum| metric("latency", "ms", sub(9, &[point(sum), int(2, 2)]));
    let buckets = "latency_milliseconds_count 5 1000\n\
         latency_milliseconds_bucket{le=\"0.5\"} 3 1000\n\
         latency_milliseconds_bucket{le=\"10\"} 3 1000\n\
         latency_milliseconds_bucket{le=\"+Inf\"} 5 1000\n";
    check(&request(&[], &[histogram(double(5, 12.5))]), &format!("latency_milliseconds_sum 12.5 1000\n{buckets}"));
    check(&request(&[], &[histogram(Vec::new())]), buckets);
    let quantile = |q, v| sub(6, &[double(1, q), double(2, v)]);
    let point = [fixed(3, SECOND), fixed(4, 4), double(5, 2.0), quantile(0.5, 0.25), quantile(1.0, 0.75)];
    check(
        &request(&[], &[metric("size", "By", sub(11, &[sub(1, &point)]))]),
        "size_bytes_sum 2 1000\nsize_bytes_count 4 1000\n\
         size_bytes{quantile=\"0.5\"} 0.25 1000\nsize_bytes{quantile=\"1\"} 0.75 1000\n",
    );
}

#[test]
fn an_exponential_histogram_becomes_a_native_one() {
    let side = |field, offset: i64, counts: &[u64]| {
        let counts = counts.iter().flat_map(|n| int(1, *n)[1..].to_vec()).collect();
        sub(field, &[int(1, weir_pipeline::varint::zigzag(offset)), sub(2, &[counts])])
    };
    let point = |scale: i64, count: u64, positive: Vec<u8>| {
        let zero = [fixed(7, 1), double(14, 0.25)].concat();
        let head = [fixed(2, SECOND), fixed(3, 2 * SECOND), fixed(4, count), double(5, 9.5)].concat();
        let scale = int(6, weir_pipeline::varint::zigzag(scale));
        sub(1, &[head, scale, zero, positive, side(9, -3, &[4])])
    };
    let of = |points: &[Vec<u8>]| request(&[], &[metric("h", "s", sub(10, &[points.concat(), int(2, 2)]))]);
    let decoded = read(&of(&[point(3, 300, side(8, 1, &[0, 200, 0, 95, 0]))]));
    assert!(decoded.refused.is_empty(), "{}", decoded.refused);
    let series = decoded.batch.series(0);
    assert_eq!((series.labels.to_string().as_str(), series.histograms.len()), ("h_seconds", 1));
    let (at, histogram) = (&series.histograms[0], &*series.histograms[0].histogram);
    assert_eq!((at.start, at.timestamp, histogram.schema, histogram.count, histogram.sum), (1000, 2000, 3, 300.0, 9.5));
    assert_eq!((histogram.zero_count, histogram.zero_threshold), (1.0, 0.25));
    // A bucket is called by its upper bound: one more than there.
    let spans = |buckets: &weir_pipeline::histogram::Buckets| {
        (buckets.spans.iter().map(|span| (span.offset, span.length)).collect::<Vec<_>>(), buckets.counts.clone())
    };
    assert_eq!(spans(&histogram.positive), (vec![(3, 3)], vec![200.0, 0.0, 95.0]));
    assert_eq!(spans(&histogram.negative), (vec![(-2, 1)], vec![4.0]));
    // Finer than there is becomes as fine as there is, and what does not add up is refused.
    let fine = read(&of(&[point(10, 9, side(8, 3, &[1, 1, 1, 1]))]));
    let histogram = fine.batch.series(0).histograms[0].histogram.clone();
    assert_eq!((histogram.schema, spans(&histogram.positive)), (8, (vec![(1, 2)], vec![1.0, 3.0])));
    let wrong = read(&of(&[point(3, 7, side(8, 1, &[1])), point(-5, 6, side(8, 1, &[1]))]));
    assert_eq!((wrong.batch.series_count(), wrong.refused.samples(Reason::InvalidHistogram)), (0, 2));
}

#[test]
fn what_a_resource_says_beside_its_identity_is_in_target_info() {
    let resource = [("service.name", "api"), ("host.name", "h"), ("k8s.pod", "p")];
    let all = request(&resource, &[metric("a", "", gauge(&[number(1, 1.0, &[]), number(401, 2.0, &[])]))]);
    let samples = "a{job=\"api\"} 1 1000\na{job=\"api\"} 2 401000\n";
    let info = "target_info{host_name=\"h\", job=\"api\", k8s_pod=\"p\"} 1 ";
    let told: String = [1000, 151_000, 301_000, 401_000].iter().map(|at| format!("{info}{at}\n")).collect();
    check(&all, &format!("{samples}{told}"));
    // The same twice is told once.
    let twice = text(&read(&[all.clone(), all.clone()].concat()).batch);
    assert_eq!((twice.matches("target_info").count(), twice.matches("a{").count()), (4, 4));
    let labels = |yaml: &str| text(&read_with(&all, yaml).batch).lines().map(str::to_owned).collect::<Vec<_>>();
    let promoted = labels("{ promote_resource_attributes: [host.name, other], target_info: false }");
    assert_eq!(promoted, ["a{host_name=\"h\", job=\"api\"} 1 1000", "a{host_name=\"h\", job=\"api\"} 2 401000"]);
    let kept = labels("{ keep_identifying_resource_attributes: true }");
    assert_eq!(kept[2], "target_info{host_name=\"h\", job=\"api\", k8s_pod=\"p\", service_name=\"api\"} 1 1000");
    // Nobody could find these.
    let unknown = request(&[("host.name", "h")], &[metric("a", "", gauge(&[number(1, 1.0, &[])]))]);
    check(&unknown, "a 1 1000\n");
    // A day at most, whatever a point's time is.
    let old = request(&resource, &[metric("a", "", gauge(&[number(1, 1.0, &[]), number(4_000_000, 2.0, &[])]))]);
    assert_eq!(text(&read(&old).batch).matches("target_info").count(), 577);
}

#[test]
fn what_cannot_be_taken_is_counted_by_point_and_the_rest_is_good() {
    let points = [number(1, 1.0, &[]), number(2, 2.0, &[])];
    let all = request(
        &[],
        &[
            metric("delta", "", sum(&points, 1, true)),
            metric("unsaid", "", sum(&points, 0, true)),
            metric("___", "", gauge(&points)),
            metric("good", "", gauge(&points)),
            metric("none", "", Vec::new()),
            metric("labels", "", gauge(&[number(1, 1.0, &[("--", "x")])])),
        ],
    );
    let decoded = read(&all);
    assert_eq!(text(&decoded.batch), "good 1 1000\ngood 2 2000\n");
    let counts: Vec<_> = decoded.refused.counts().iter().map(|c| (c.reason.as_str(), c.samples)).collect();
    let expect = [("temporality", 4), ("invalid_labels", 3), ("unsupported", 0)];
    assert_eq!(counts, expect);
    let told = decoded.refused.to_string();
    for line in [
        "metric `delta`: expected cumulative temporality",
        "metric `___`: expected a name with a letter or a digit",
        "metric `none`: expected a gauge, a sum, a histogram or a summary",
        "metric `labels`: expected an attribute of which a label can be made, got `--`",
    ] {
        assert!(told.lines().any(|told| told == line), "{line} in\n{told}");
    }
}

#[test]
fn labels_beyond_the_limits_cost_their_series_alone() {
    let points = [number(1, 1.0, &[("a", "xxxxx")]), number(2, 2.0, &[("a", "x")])];
    let limits = Limits { value_bytes: 4, ..Limits::default() };
    let body = request(&[], &[metric("a", "", gauge(&points))]);
    let decoded = decode(&body, Tenant::default(), &limits, &Otlp::default()).unwrap();
    assert_eq!(text(&decoded.batch), "a{a=\"x\"} 2 2000\n");
    assert_eq!(decoded.refused.counts()[0].reason, Reason::LabelLimit);
    let limits = Limits { batch_bytes: 50, ..Limits::default() };
    let error = decode(&body, Tenant::default(), &limits, &Otlp::default()).unwrap_err();
    assert_eq!(error.message(), "expected samples that take at most 50 bytes in memory");
}

#[test]
fn names_are_those_of_prometheus() {
    let check = |name: &str, unit: &str, kind: Kind, expect: Option<&str>| {
        assert_eq!(names::metric(name, unit, kind).as_deref(), expect, "{name} {unit} {kind:?}");
    };
    check("http.server.duration", "s", Kind::Other, Some("http_server_duration_seconds"));
    check("system.io", "By/s", Kind::Gauge, Some("system_io_bytes_per_second"));
    check("system.io", "foo/By", Kind::Gauge, Some("system_io_foo_per_By"));
    check("active.seconds", "s", Kind::Gauge, Some("active_seconds"));
    check("total.requests", "1", Kind::Counter, Some("requests_total"));
    check("use", "1", Kind::Gauge, Some("use_ratio"));
    check("use", "1", Kind::Counter, Some("use_total"));
    check("faults", "{fault}", Kind::Counter, Some("faults_total"));
    check("faults", "{fault}/s", Kind::Counter, Some("faults_per_second_total"));
    check("cpu", "%", Kind::Gauge, Some("cpu_percent"));
    check("2nd", "", Kind::Gauge, Some("_2nd"));
    check("a__b..c:d", "", Kind::Gauge, Some("a_b_c:d"));
    check("_a_", "__x y//z", Kind::Gauge, Some("a_x_y_per_z"));
    check("größe", "", Kind::Gauge, Some("gr_e"));
    check("", "", Kind::Gauge, None);
    check("...", "", Kind::Gauge, None);
    for (label, expect) in [
        ("http.method", Some("http_method")),
        ("1st", Some("key_1st")),
        ("_a", Some("key_a")),
        ("__a__", Some("__a__")),
        ("a..b", Some("a__b")),
        ("ü", Some("key_")),
        ("--", None),
        ("", None),
    ] {
        assert_eq!(names::label(label).as_deref(), expect, "{label}");
    }
    for (unit, expect) in [("s", "seconds"), ("1", ""), ("By/s", "bytes_per_second"), ("/s", "per_second"), ("{x}", "")]
    {
        assert_eq!(names::unit(unit), expect, "{unit}");
    }
}

#[test]
fn values_of_attributes_become_texts_and_keys_of_one_name_stand_together() {
    let any = |value: &[Vec<u8>]| sub(7, &[string(1, "a"), sub(2, value)]);
    let check = |attributes: &[Vec<u8>], expect: &str| {
        let point = sub(1, &[fixed(3, SECOND), attributes.concat()]);
        let decoded = read(&request(&[], &[metric("m", "", gauge(&[point]))]));
        assert_eq!(decoded.batch.series(0).labels.get("a").unwrap_or_default(), expect);
    };
    check(&[any(&[int(2, 1)])], "true");
    check(&[any(&[int(3, -5i64 as u64)])], "-5");
    check(&[any(&[double(4, 1.0)])], "1");
    check(&[any(&[double(4, 1e21)])], "1e+21");
    check(&[any(&[double(4, 1.5e-7)])], "1.5e-7");
    check(&[any(&[sub(7, &[vec![1, 2, 255]])])], "AQL/");
    check(&[any(&[])], "");
    let list = sub(5, &[sub(1, &[string(1, "<x>\n")]), sub(1, &[int(3, 2)]), sub(1, &[])]);
    check(&[any(&[list])], "[\"\\u003cx\\u003e\\n\",2,null]");
    let map = sub(6, &[sub(1, &[string(1, "k"), sub(2, &[double(4, 0.5)])]), sub(1, &[string(1, "b")])]);
    check(&[any(&[map])], "{\"b\":null,\"k\":0.5}");
    check(&[attribute(7, "b", "x"), attribute(7, "a", "2"), attribute(7, "a", "1")], "2;1");
    let point = sub(1, &[fixed(3, SECOND), attribute(7, "x.y", "1"), attribute(7, "x-y", "2")]);
    let labels = read(&request(&[], &[metric("m", "", gauge(&[point]))]));
    assert_eq!(labels.batch.series(0).labels.to_string(), "m{x_y=\"2;1\"}");
}

#[test]
fn what_is_no_message_fails_as_a_whole() {
    let good = request(&[("service.name", "x")], &[metric("a", "", gauge(&[number(1, 1.0, &[])]))]);
    for cut in 1..good.len() {
        assert!(decode(&good[..cut], Tenant::default(), &Limits::default(), &Otlp::default()).is_err(), "{cut}");
    }
    let mut deep = string(1, "x");
    for _ in 0..40 {
        deep = sub(5, &[sub(1, &[deep])]);
    }
    let point = sub(1, &[sub(7, &[string(1, "a"), sub(2, &[deep])])]);
    let check = |body: &[u8], expect: &str| {
        let error = decode(body, Tenant::default(), &Limits::default(), &Otlp::default()).unwrap_err();
        assert!(error.message().starts_with(expect), "{}", error.message());
    };
    let begin = "expected an `ExportMetricsServiceRequest`, got ";
    let too_deep = format!("{begin}values that stand too deep in each other");
    check(&request(&[], &[metric("a", "", gauge(&[point]))]), &too_deep);
    let not_text = sub(1, &[sub(2, &[sub(2, &[sub(1, &[vec![0xff]])])])]);
    check(&not_text, &format!("{begin}a text that is not UTF-8"));
    check(&int(1, 1), &format!("{begin}a field of the wrong wire type"));
}

#[test]
fn no_message_makes_it_panic() {
    let resource = [("service.name", "api"), ("host.name", "h")];
    let points = [number(1, 1.0, &[("a", "b")]), number(9, 2.0, &[])];
    let counts: Vec<u8> = [1u64, 2].iter().flat_map(|n| n.to_le_bytes()).collect();
    let bounds: Vec<u8> = 0.5f64.to_le_bytes().to_vec();
    let point = [fixed(3, SECOND), fixed(4, 3), double(5, 1.0), sub(6, &[counts]), sub(7, &[bounds])];
    let histogram = sub(9, &[sub(1, &point), int(2, 2)]);
    let quantile = sub(6, &[double(1, 0.5), double(2, 1.0)]);
    let summary = sub(11, &[sub(1, &[fixed(3, SECOND), quantile])]);
    let mut deep = string(1, "x");
    for _ in 0..20 {
        deep = sub(6, &[sub(1, &[string(1, "k"), sub(2, &[deep])])]);
    }
    let nested = sub(1, &[sub(7, &[string(1, "a"), sub(2, &[deep])])]);
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/otlp");
    if std::env::var_os("WEIR_UPDATE_CORPUS").is_some() {
        std::fs::create_dir_all(&corpus).unwrap();
        for (name, body) in [
            ("gauge", request(&resource, &[metric("a.b", "s", gauge(&points))])),
            ("sum", request(&resource, &[metric("a.b", "1", sum(&points, 2, true))])),
            ("delta", request(&resource, &[metric("a.b", "1", sum(&points, 1, true))])),
            ("histogram", request(&resource, &[metric("h", "ms", histogram)])),
            ("summary", request(&resource, &[metric("s", "", summary)])),
            ("exponential", request(&resource, &[metric("e", "", sub(10, &[points.concat(), int(2, 2)]))])),
            ("nested", request(&resource, &[metric("n", "", gauge(&[nested]))])),
            ("cut", request(&resource, &[metric("a.b", "s", gauge(&points))])[..40].to_vec()),
            ("empty", Vec::new()),
        ] {
            std::fs::write(corpus.join(name), body).unwrap();
        }
    }
    let files = testing::replay(&corpus, 2000, b"", fuzz::fuzz);
    assert!(files >= 9, "{files}");
}

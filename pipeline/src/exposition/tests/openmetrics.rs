//! What OpenMetrics says.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use super::*;

fn check(body: &str, expect: &[&str]) {
    let expect: Vec<_> = expect.iter().copied().chain(["eof"]).collect();
    for end in ["# EOF\n", "# EOF"] {
        assert_eq!(events(format!("{body}{end}").as_bytes(), Format::OpenMetrics).unwrap(), expect, "{body}");
    }
}

#[test]
fn an_empty_body_ends_too() {
    check("", &[]);
}

#[test]
fn what_is_said_of_metrics_has_units_and_more_kinds() {
    check(
        "# HELP a_seconds A \\\"text\\\".\n# TYPE a_seconds gauge\n# UNIT a_seconds seconds\n",
        &["help a_seconds: \"A \\\"text\\\".\"", "type a_seconds: Gauge", "unit a_seconds: \"seconds\""],
    );
    check("# HELP a \n# UNIT a \n# HELP \"a.b\"  x\n", &["help a: \"\"", "unit a: \"\"", "help a.b: \" x\""]);
    for (name, kind) in [
        ("counter", "Counter"),
        ("gauge", "Gauge"),
        ("histogram", "Histogram"),
        ("gaugehistogram", "GaugeHistogram"),
        ("summary", "Summary"),
        ("info", "Info"),
        ("stateset", "StateSet"),
        ("unknown", "Unknown"),
    ] {
        check(&format!("# TYPE a {name}\n"), &[&format!("type a: {kind}")]);
    }
}

#[test]
fn timestamps_are_seconds_and_become_milliseconds() {
    check("a 1 1520879607.789\n", &["a{} 1.0 @1520879607789"]);
    check("a 1 -1.5\na 1 0\n", &["a{} 1.0 @-1500", "a{} 1.0 @0"]);
    check("a 1 1.0009\na 1 1.7268398142239082e+09\n", &["a{} 1.0 @1000", "a{} 1.0 @1726839814223"]);
}

#[test]
fn samples_may_have_an_exemplar() {
    check("a_bucket{le=\"+Inf\"} 1 # {id=\"x\"} 4\n", &["a_bucket{le=\"+Inf\"} 1.0 # {id=\"x\"} 4.0"]);
    check("a_total 17.0 5 # {id=\"x\",b=\"\\n\"} 5 1.5\n", &["a_total{} 17.0 @5000 # {id=\"x\",b=\"\\n\"} 5.0 @1500"]);
    check("a_total 17.0 # {} 5\n", &["a_total{} 17.0 # {} 5.0"]);
    check("a_total 1 # {\"id.x\"=\"y\"} -Inf\n", &["a_total{} 1.0 # {id.x=\"y\"} -inf"]);
}

#[test]
fn created_series_are_samples_like_others() {
    check("a_total 1\na_created 1520872607.123\n", &["a_total{} 1.0", "a_created{} 1520872607.123"]);
}

#[test]
fn names_may_be_quoted() {
    check("{\"a.b\",c=\"d\"} 1\n{c=\"d\",\"a.b\"} 2\n", &["a.b{c=\"d\"} 1.0", "a.b{c=\"d\"} 2.0"]);
    check("a{b=\"c\",} NaN\n", &["a{b=\"c\"} NaN"]);
}

#[test]
fn nothing_comes_after_the_end() {
    let mut parser = Parser::new(b"a 1\n# EOF\n", Format::OpenMetrics);
    assert_eq!(parser.by_ref().count(), 2);
    assert_eq!(parser.next(), None);
}

#[test]
fn a_batch_of_openmetrics_has_units() {
    let body = b"# TYPE a_seconds gauge\n# UNIT a_seconds seconds\na_seconds 1 2.5\n# EOF\n";
    let batch = collect(Parser::new(body, Format::OpenMetrics), Tenant::default(), 0).unwrap();
    assert_eq!((batch.metadata()[0].unit.as_str(), batch.series(0).timestamps), ("seconds", [2500].as_slice()));
    assert_eq!(write(&batch), "# TYPE a_seconds gauge\na_seconds 1 2500\n");
}

#[test]
fn what_weir_says_of_itself_reads() {
    #[derive(Clone, Debug, PartialEq, Eq, Hash, prometheus_client::encoding::EncodeLabelSet)]
    struct Pipeline {
        pipeline: String,
    }

    let metrics = crate::Metrics::default();
    let labels = Pipeline { pipeline: "a \"b\"\\\n".to_owned() };
    let counter = metrics.register("weir_a", "A", Family::<Pipeline, Counter>::default());
    counter.get_or_create(&labels).inc();
    metrics.register("weir_b_seconds", "B", Histogram::new([0.5])).observe(0.25);
    metrics.register("weir_c", "C", Gauge::<f64, AtomicU64>::default()).set(f64::NAN);
    let body = metrics.encode();
    assert_eq!(Format::from_content_type(crate::metrics::OPENMETRICS), Some(Format::OpenMetrics));
    let read = events(body.as_bytes(), Format::OpenMetrics).unwrap_or_else(|error| panic!("{error}: {body}"));
    let samples: Vec<_> = read.iter().map(String::as_str).filter(|line| line.contains('{')).collect();
    assert_eq!(
        samples,
        [
            "weir_a_total{pipeline=\"a \\\"b\\\"\\\\\\n\"} 1.0",
            "weir_b_seconds_sum{} 0.25",
            "weir_b_seconds_count{} 1.0",
            "weir_b_seconds_bucket{le=\"0.5\"} 1.0",
            "weir_b_seconds_bucket{le=\"+Inf\"} 1.0",
            "weir_c{} NaN",
        ]
    );
}

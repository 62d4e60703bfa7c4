//! Federation.

use prost::Message;
use weir_pipeline::histogram::{BucketSpan, Buckets, CUSTOM_SCHEMA, ResetHint};
use weir_pipeline::metrics::{OPENMETRICS, TEXT};
use weir_pipeline::{Histogram, HistogramPoint, STALE};

use super::*;
use crate::api::federate::protobuf::MetricFamily;

/// Two metrics whose last samples are 15 seconds old, and what is not to be seen.
async fn federated() -> Running {
    let mut all = Memory::default();
    let mut add = |labels: &[(&str, &str)], samples: &[(i64, f64)]| {
        let (timestamps, values) = samples.iter().map(|(before, value)| (NOW - before, *value)).unzip();
        all.add(labels.iter().copied().collect(), Run { timestamps, values, ..Run::default() });
    };
    add(&[("__name__", "up"), ("instance", "b:1"), ("job", "x")], &[(30_000, 0.0), (15_000, 1.0)]);
    add(&[("__name__", "up"), ("A", "\"\n\\"), ("job", "x")], &[(15_000, f64::INFINITY)]);
    add(&[("__name__", "up"), ("job", "gone")], &[(30_000, 1.0), (15_000, STALE)]);
    add(&[("__name__", "up"), ("job", "old")], &[(300_000, 1.0)]);
    add(&[("__name__", "a.b"), ("job", "x")], &[(0, 0.5)]);
    over(all, "").await
}

#[tokio::test]
async fn the_last_samples_come_as_text_or_openmetrics() {
    let running = federated().await;
    let path = "/federate?match[]=up&match[]={__name__=~\".%2B\"}";
    let got = running.get(path).await;
    assert_eq!((got.status, got.header("content-type")), (200, Some(TEXT)));
    let at = NOW - 15_000;
    let expect = format!(
        "# TYPE \"a.b\" untyped\n{{\"a.b\",job=\"x\",instance=\"\"}} 0.5 {NOW}\n# TYPE up untyped\n\
         up{{A=\"\\\"\\n\\\\\",job=\"x\",instance=\"\"}} +Inf {at}\nup{{instance=\"b:1\",job=\"x\"}} 1 {at}\n"
    );
    assert_eq!(got.text(), expect);
    let got = running.with(Method::GET, path, &[("accept", "application/openmetrics-text")]).await;
    assert_eq!((got.status, got.header("content-type")), (200, Some(OPENMETRICS)));
    let expect = expect
        .replace("untyped", "unknown")
        .replace(&NOW.to_string(), "1500000000.123")
        .replace(&at.to_string(), "1499999985.123");
    assert_eq!(got.text(), format!("{expect}# EOF\n"));
    assert!(running.seen().iter().all(|query| !query.partial));
}

#[tokio::test]
async fn what_is_not_selected_does_not_come_and_mistakes_are_told_as_text() {
    let running = federated().await;
    let check = async |path: &str, status: u16, text: &str| {
        let got = running.get(path).await;
        assert_eq!((got.status, got.text()), (status, text), "{path}");
    };
    check("/federate", 200, "").await;
    check("/federate?match[]=none", 200, "").await;
    let old = format!("# TYPE up untyped\nup{{job=\"old\",instance=\"\"}} 1 {}\n", NOW - 300_000);
    check("/federate?match[]=up{job=\"old\"}&lookback_delta=10m", 200, &old).await;
    assert_eq!(running.get("/federate?match[]={").await.status, 400);
    let got = running.get("/federate?match[]={job=\"\"}").await;
    assert_eq!((got.status, got.header("content-type")), (400, Some("text/plain; charset=utf-8")));
    running.seen();
    running.get("/federate?match[]=up&partial_response=true").await;
    assert!(running.seen()[0].partial);
}

/// What a Prometheus that takes native histograms accepts.
const PROTOBUF: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,\
    application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

/// Native histograms of one metric: exponential, of a gauge, with custom buckets, ended, and before a float.
async fn with_histograms() -> Running {
    let spans = vec![BucketSpan { offset: 0, length: 1 }, BucketSpan { offset: 1, length: 1 }];
    let positive = Buckets { spans, counts: vec![1.0, 2.5] };
    let plain = Histogram {
        schema: 3,
        zero_threshold: 0.25,
        zero_count: 0.5,
        count: 4.0,
        sum: 9.0,
        positive,
        ..Histogram::default()
    };
    let custom = Histogram { schema: CUSTOM_SCHEMA, zero_threshold: 0.0, zero_count: 0.0, ..plain.clone() };
    let custom = Histogram { custom: vec![0.5, 1.0], count: 3.5, ..custom };
    let gauge = Histogram { reset: ResetHint::Gauge, ..plain.clone() };
    let mut all = Memory::default();
    let mut add = |job: &str, before: i64, histogram: &Histogram, float: Option<i64>| {
        let histogram = histogram.clone().into();
        let point = HistogramPoint { timestamp: NOW - before, start: NOW - 60_000, histogram };
        let (timestamps, values) = float.map(|before| (NOW - before, 7.0)).into_iter().unzip();
        let run = Run { timestamps, values, histograms: vec![point], ..Run::default() };
        all.add([("__name__", "h"), ("instance", "i"), ("job", job)].into_iter().collect(), run);
    };
    add("plain", 15_000, &plain, Some(30_000));
    add("gauge", 15_000, &gauge, None);
    add("custom", 15_000, &custom, None);
    add("ended", 15_000, &Histogram { sum: STALE, ..Histogram::default() }, Some(30_000));
    add("float", 30_000, &plain, Some(15_000));
    over(all, "").await
}

#[tokio::test]
async fn native_histograms_come_in_protobuf() {
    let running = with_histograms().await;
    let got = running.with(Method::GET, "/federate?match[]=h", &[("accept", PROTOBUF)]).await;
    let media = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
    assert_eq!((got.status, got.header("content-type")), (200, Some(media)));
    let (mut rest, mut families) = (got.body.clone(), Vec::new());
    while !rest.is_empty() {
        families.push(MetricFamily::decode_length_delimited(&mut rest).unwrap());
    }
    assert!(families.iter().all(|family| family.name.as_deref() == Some("h")));
    let kinds: Vec<_> = families.iter().map(|family| (family.kind.unwrap(), family.metric.len())).collect();
    assert_eq!(kinds, [(3, 1), (4, 2), (5, 1)]);
    let float = &families[0].metric[0];
    assert_eq!((float.untyped.as_ref().unwrap().value, float.timestamp_ms), (Some(7.0), Some(NOW - 15_000)));
    let labels: Vec<_> = float.label.iter().map(|pair| (pair.name.as_deref(), pair.value.as_deref())).collect();
    assert_eq!(labels, [(Some("instance"), Some("i")), (Some("job"), Some("float"))]);
    let [custom, plain] = &families[1].metric[..] else { panic!("two histograms") };
    let custom = custom.histogram.as_ref().unwrap();
    let buckets: Vec<_> = custom.bucket.iter().map(|b| (b.upper_bound, b.cumulative_count_float)).collect();
    assert_eq!(buckets, [(Some(0.5), Some(1.0)), (Some(1.0), Some(1.0))]);
    assert_eq!((custom.schema, custom.sample_count_float, custom.positive_span.len()), (None, Some(3.5), 0));
    assert_eq!(plain.timestamp_ms, Some(NOW - 15_000));
    let plain = plain.histogram.as_ref().unwrap();
    assert_eq!((plain.schema, plain.zero_threshold, plain.zero_count_float), (Some(3), Some(0.25), Some(0.5)));
    assert_eq!((plain.sample_count_float, plain.sample_sum), (Some(4.0), Some(9.0)));
    let spans: Vec<_> = plain.positive_span.iter().map(|span| (span.offset, span.length)).collect();
    assert_eq!((spans, &plain.positive_count[..]), (vec![(Some(0), Some(1)), (Some(1), Some(1))], &[1.0, 2.5][..]));
    let created = plain.created_timestamp.as_ref().unwrap();
    assert_eq!((created.seconds, created.nanos), (1_499_999_940, 123_000_000));
}

#[tokio::test]
async fn text_has_those_with_custom_buckets_as_classic_ones_and_no_others() {
    let running = with_histograms().await;
    let (at, path) = (NOW - 15_000, "/federate?match[]=h");
    let labels = "{instance=\"i\",job=\"custom\"";
    let expect = format!(
        "# TYPE h untyped\nh{{instance=\"i\",job=\"float\"}} 7 {at}\n# TYPE h histogram\n\
         h_bucket{labels},le=\"0.5\"}} 1 {at}\nh_bucket{labels},le=\"1\"}} 1 {at}\nh_bucket{labels},le=\"+Inf\"}} 3.5 {at}\n\
         h_sum{labels}}} 9 {at}\nh_count{labels}}} 3.5 {at}\n"
    );
    assert_eq!(running.get(path).await.text(), expect);
    let got = running.with(Method::GET, path, &[("accept", "application/openmetrics-text")]).await;
    let expect = expect.replace("untyped", "unknown").replace("le=\"1\"", "le=\"1.0\"");
    let expect = expect.replace(&at.to_string(), "1499999985.123");
    assert_eq!(got.text(), format!("{expect}# EOF\n"));
}

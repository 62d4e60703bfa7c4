//! The last samples in protobuf, which has a form for native histograms.
//!
//! Shape: a message for each metric and kind, its length before it as a varint.
//!
//! Source: `io/prometheus/client/metrics.proto` of `prometheus/client_model`.

use prost::Message;
use weir_pipeline::histogram::Buckets;
use weir_pipeline::query::Value;
use weir_pipeline::{Histogram, LabelSet};

use super::{Family, Kind, Last, Sample, classic, labels_of};
use crate::api::json::Drain;
use crate::api::pieces::{Gone, PIECE};

/// The type of the body.
pub(super) const MEDIA: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

#[derive(Clone, PartialEq, Message)]
pub(in crate::api) struct MetricFamily {
    #[prost(string, optional, tag = "1")]
    pub(in crate::api) name: Option<String>,
    #[prost(int32, optional, tag = "3")]
    pub(in crate::api) kind: Option<i32>,
    #[prost(message, repeated, tag = "4")]
    pub(in crate::api) metric: Vec<Metric>,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::api) struct Metric {
    #[prost(message, repeated, tag = "1")]
    pub(in crate::api) label: Vec<LabelPair>,
    #[prost(message, optional, tag = "5")]
    pub(in crate::api) untyped: Option<Untyped>,
    #[prost(int64, optional, tag = "6")]
    pub(in crate::api) timestamp_ms: Option<i64>,
    #[prost(message, optional, tag = "7")]
    pub(in crate::api) histogram: Option<HistogramMessage>,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::api) struct LabelPair {
    #[prost(string, optional, tag = "1")]
    pub(in crate::api) name: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(in crate::api) value: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::api) struct Untyped {
    #[prost(double, optional, tag = "1")]
    pub(in crate::api) value: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::api) struct HistogramMessage {
    #[prost(double, optional, tag = "2")]
    pub(in crate::api) sample_sum: Option<f64>,
    #[prost(message, repeated, tag = "3")]
    pub(in crate::api) bucket: Vec<Bucket>,
    #[prost(double, optional, tag = "4")]
    pub(in crate::api) sample_count_float: Option<f64>,
    #[prost(sint32, optional, tag = "5")]
    pub(in crate::api) schema: Option<i32>,
    #[prost(double, optional, tag = "6")]
    pub(in crate::api) zero_threshold: Option<f64>,
    #[prost(double, optional, tag = "8")]
    pub(in crate::api) zero_count_float: Option<f64>,
    #[prost(message, repeated, tag = "9")]
    pub(in crate::api) negative_span: Vec<Span>,
    #[prost(double, repeated, packed = "false", tag = "11")]
    pub(in crate::api) negative_count: Vec<f64>,
    #[prost(message, repeated, tag = "12")]
    pub(in crate::api) positive_span: Vec<Span>,
    #[prost(double, repeated, packed = "false", tag = "14")]
    pub(in crate::api) positive_count: Vec<f64>,
    #[prost(message, optional, tag = "15")]
    pub(in crate::api) created_timestamp: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::api) struct Bucket {
    #[prost(double, optional, tag = "2")]
    pub(in crate::api) upper_bound: Option<f64>,
    #[prost(double, optional, tag = "4")]
    pub(in crate::api) cumulative_count_float: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::api) struct Span {
    #[prost(sint32, optional, tag = "1")]
    pub(in crate::api) offset: Option<i32>,
    #[prost(uint32, optional, tag = "2")]
    pub(in crate::api) length: Option<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::api) struct Timestamp {
    #[prost(int64, tag = "1")]
    pub(in crate::api) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(in crate::api) nanos: i32,
}

/// Writes the samples.
pub(super) fn write(last: &Last, out: &mut Vec<u8>, drain: &mut Drain<'_>) -> Result<(), Gone> {
    let mut samples = last.iter().peekable();
    while let Some(((family, labels), sample)) = samples.next() {
        let mut message = MetricFamily::from(family);
        message.metric.push(metric(labels, sample));
        while let Some(((_, labels), sample)) = samples.next_if(|((next, _), _)| next == family) {
            message.metric.push(metric(labels, sample));
        }
        out.extend(message.encode_length_delimited_to_vec());
        if out.len() >= PIECE {
            drain(out)?;
        }
    }
    Ok(())
}

fn metric(labels: &LabelSet, sample: &Sample) -> Metric {
    let pair = |(name, value): (&str, &str)| LabelPair { name: Some(name.to_owned()), value: Some(value.to_owned()) };
    let (untyped, histogram) = match &sample.value {
        Value::Float(value) => (Some(Untyped { value: Some(*value) }), None),
        Value::Histogram(histogram) => (None, Some(HistogramMessage::of(histogram, sample.start))),
    };
    Metric { label: labels_of(labels).map(pair).collect(), untyped, timestamp_ms: Some(sample.time), histogram }
}

fn spans(buckets: &Buckets) -> Vec<Span> {
    buckets.spans.iter().map(|span| Span { offset: Some(span.offset), length: Some(span.length) }).collect()
}

// === impl MetricFamily ===

impl From<&Family> for MetricFamily {
    fn from(family: &Family) -> Self {
        let kind = match family.kind {
            Kind::Float => 3,
            Kind::Histogram => 4,
            Kind::GaugeHistogram => 5,
        };
        Self { name: Some(family.metric.clone()), kind: Some(kind), metric: Vec::new() }
    }
}

// === impl HistogramMessage ===

impl HistogramMessage {
    fn of(histogram: &Histogram, start: i64) -> Self {
        let nanos = (start.rem_euclid(1000) * 1_000_000) as i32;
        let created = Timestamp { seconds: start.div_euclid(1000), nanos };
        let whole = Self {
            sample_count_float: Some(histogram.count),
            sample_sum: Some(histogram.sum),
            created_timestamp: (start != 0).then_some(created),
            ..Self::default()
        };
        if histogram.has_custom_buckets() {
            let bucket = |(bound, count)| Bucket { upper_bound: Some(bound), cumulative_count_float: Some(count) };
            return Self { bucket: classic(histogram).into_iter().map(bucket).collect(), ..whole };
        }
        Self {
            schema: Some(histogram.schema),
            zero_threshold: Some(histogram.zero_threshold),
            zero_count_float: Some(histogram.zero_count),
            negative_span: spans(&histogram.negative),
            negative_count: histogram.negative.counts.clone(),
            positive_span: spans(&histogram.positive),
            positive_count: histogram.positive.counts.clone(),
            ..whole
        }
    }
}

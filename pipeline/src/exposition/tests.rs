//! Tests of `exposition`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bad;
mod files;
mod laws;
mod openmetrics;
mod other;
mod text;

use super::*;
use crate::batch::Batch;
use crate::tenant::Tenant;

/// What a body says, an event a line.
fn events(body: &[u8], format: Format) -> Result<Vec<String>, ParseError> {
    Parser::new(body, format).map(|event| event.map(|event| show(&event))).collect()
}

fn show(event: &Event<'_>) -> String {
    match event {
        Event::Help { metric, text } => format!("help {metric}: {text:?}"),
        Event::Type { metric, kind } => format!("type {metric}: {kind:?}"),
        Event::Unit { metric, unit } => format!("unit {metric}: {unit:?}"),
        Event::Comment(text) => format!("comment {text:?}"),
        Event::Eof => "eof".to_owned(),
        Event::Sample(s) => {
            let exemplar = s.exemplar.as_ref().map(|e| format!(" # {}", shown("", e.labels, e.value, e.timestamp)));
            shown(&s.name, s.labels, s.value, s.timestamp) + &exemplar.unwrap_or_default()
        }
    }
}

fn shown(name: &str, labels: LabelText<'_>, value: f64, timestamp: Option<i64>) -> String {
    let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    let timestamp = timestamp.map(|t| format!(" @{t}")).unwrap_or_default();
    format!("{name}{{{}}} {value:?}{timestamp}", labels.join(","))
}

#[test]
fn the_format_is_named_by_the_media_type() {
    let check =
        |content_type: &str, expect| assert_eq!(Format::from_content_type(content_type), expect, "{content_type}");
    check("text/plain; version=0.0.4; charset=utf-8", Some(Format::Text));
    check("text/plain", Some(Format::Text));
    check("Text/Plain;version=1.0.0;escaping=allow-utf-8", Some(Format::Text));
    check("application/openmetrics-text; version=1.0.0; charset=utf-8", Some(Format::OpenMetrics));
    check("application/openmetrics-text;version=0.0.1", Some(Format::OpenMetrics));
    check("application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited", None);
    check("text/html", None);
    check("", None);
}

#[test]
fn the_series_is_the_text_up_to_the_closing_brace() {
    let check = |line: &str, expect: &str| {
        let Some(Ok(Event::Sample(sample))) = Parser::new(line.as_bytes(), Format::Text).next() else {
            panic!("expected a sample: {line}");
        };
        assert_eq!(sample.series, expect);
    };
    check("up 1", "up");
    check("  up \t 1", "up");
    check("up{a=\"b\"} 1", "up{a=\"b\"}");
    check("up { a = \"}\" , } 1", "up { a = \"}\" , }");
    check("{\"a.b\"} 1", "{\"a.b\"}");
}

#[test]
fn only_what_is_escaped_is_copied() {
    let text = b"a{b=\"c\",d=\"\\n\"} 1";
    let Some(Ok(Event::Sample(sample))) = Parser::new(text, Format::Text).next() else { panic!("expected a sample") };
    assert!(matches!(sample.name, Cow::Borrowed("a")));
    let labels: Vec<_> = sample.labels.iter().collect();
    assert!(matches!(labels[0], (Cow::Borrowed("b"), Cow::Borrowed("c"))));
    assert!(matches!(labels[1], (Cow::Borrowed("d"), Cow::Owned(_))));
}

#[test]
fn labels_become_the_canonical_encoding() {
    let body = b"a{z=\"1\",B=\"2\",empty=\"\"} 1\nb 2\n";
    let mut labels = SeriesLabels::default();
    let mut shown = Vec::new();
    for event in Parser::new(body, Format::Text) {
        let Ok(Event::Sample(sample)) = event else { panic!("expected samples") };
        let mut encoded = Vec::new();
        labels.read(&sample).encode_into(&mut encoded);
        shown.push(crate::Labels::check(&encoded).unwrap().to_string());
    }
    assert_eq!(shown, ["a{B=\"2\", z=\"1\"}", "b"]);
}

#[test]
fn a_label_that_is_set_gives_back_what_it_was() {
    let Some(Ok(Event::Sample(sample))) = Parser::new(b"a{b=\"c\",e=\"\"} 1", Format::Text).next() else {
        panic!("expected a sample")
    };
    let mut labels = SeriesLabels::default();
    labels.read(&sample);
    assert_eq!(labels.set("b", "d").as_deref(), Some("c"));
    assert_eq!(labels.set("job", "x"), None);
    assert_eq!((labels.get("b"), labels.get("job"), labels.get("no")), (Some("d"), Some("x"), None));
    assert_eq!((labels.get("e"), labels.iter().count()), (Some(""), 3));
}

#[test]
fn a_text_becomes_a_batch_with_what_it_says_of_metrics() {
    let text = "# HELP up Whether it is.\n# TYPE up gauge\nup{job=\"a\"} 1\nup{job=\"a\"} 0 7\nup{job=\"b\"} 1\n";
    let batch = batch(text, Tenant::default(), 5).unwrap();
    let series: Vec<_> = batch.iter().map(|s| format!("{} {:?} {:?}", s.labels, s.timestamps, s.values)).collect();
    assert_eq!(series, ["up{job=\"a\"} [5, 7] [1.0, 0.0]", "up{job=\"b\"} [5] [1.0]"]);
    let said = &batch.metadata()[0];
    assert_eq!((&*said.metric, said.kind, &*said.help), ("up", MetricKind::Gauge, "Whether it is."));
}

#[test]
fn a_batch_is_written_sorted_with_timestamps() {
    let text = "# TYPE h histogram\nh_sum{a=\"\\\\\\\"\\n\"} 0.1 5\nb 1e300 -2\nh_bucket{le=\"+Inf\"} 3 5\nh_bucket{le=\"+Inf\"} 2 4\n\
        {\"a.b\",\"c d\"=\"e\"} NaN 1\nb -0 1\nb -inf 2\n# HELP nothing Is \\\\ said\\nof it.\n";
    let written = write(&batch(text, Tenant::default(), 0).unwrap());
    assert_eq!(
        written,
        "{\"a.b\",\"c d\"=\"e\"} NaN 1\nb 1e300 -2\nb -0 1\nb -Inf 2\n# TYPE h histogram\n\
         h_bucket{le=\"+Inf\"} 2 4\nh_bucket{le=\"+Inf\"} 3 5\nh_sum{a=\"\\\\\\\"\\n\"} 0.1 5\n\
         # HELP nothing Is \\\\ said\\nof it.\n# TYPE nothing untyped\n"
    );
}

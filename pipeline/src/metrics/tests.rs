//! Tests of `metrics`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::*;
use crate::exposition::{Format, Parser};

#[test]
fn what_is_registered_twice_is_one_metric() {
    let metrics = Metrics::default();
    let first: Counter = metrics.register("weir_things", "Things", Counter::default());
    let second: Counter = metrics.clone().register("weir_things", "Things", Counter::default());
    first.inc();
    second.inc();
    assert_eq!(
        metrics.encode(),
        "# HELP weir_things Things.\n# TYPE weir_things counter\nweir_things_total 2\n# EOF\n"
    );
}

#[test]
fn a_name_is_of_the_type_that_came_first() {
    let metrics = Metrics::default();
    let things: Counter = metrics.register("weir_things", "Things", Counter::default());
    let gauge: Gauge = metrics.register("weir_things", "Things", Gauge::default());
    gauge.set(7);
    things.inc();
    assert_eq!(
        metrics.encode(),
        "# HELP weir_things Things.\n# TYPE weir_things counter\nweir_things_total 1\n# EOF\n"
    );
}

#[test]
fn the_page_reads_as_openmetrics_whatever_the_labels_hold() {
    let metrics = Metrics::default();
    metrics.info("weir_build", "The version that runs", &[("version", "1.0\n\"\\")]);
    let family = metrics.register("weir_things", "Things", Family::<Vec<(String, String)>, Counter>::default());
    for value in ["", "a b", "\"", "\\", "\n", "{}", "ä"] {
        family.get_or_create(&vec![("name".to_owned(), value.to_owned())]).inc();
    }
    let text = metrics.encode();
    let read: Result<Vec<_>, _> = Parser::new(text.as_bytes(), Format::OpenMetrics).collect();
    assert!(read.is_ok(), "{read:?}: {text}");
}

#[test]
fn the_page_reads_as_text_too() {
    let metrics = Metrics::default();
    metrics.info("weir_build", "The version that runs", &[("version", "1.0")]);
    let things: Counter = metrics.register("weir_things", "Things", Counter::default());
    let level: Gauge = metrics.register("weir_level", "How high", Gauge::default());
    things.inc();
    level.set(7);
    assert_eq!(
        metrics.encode_text(),
        "# HELP weir_build_info The version that runs.\n# TYPE weir_build_info gauge\nweir_build_info{version=\"1.0\"} 1\n\
         # HELP weir_things_total Things.\n# TYPE weir_things_total counter\nweir_things_total 1\n\
         # HELP weir_level How high.\n# TYPE weir_level gauge\nweir_level 7\n"
    );
}

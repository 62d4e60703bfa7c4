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

#[test]
fn what_is_registered_is_described() {
    let metrics = Metrics::default();
    let _: Counter = metrics.register("weir_things", "Things", Counter::default());
    let _: Family<Vec<(String, String)>, Gauge> = metrics.register("weir_level", "How high", Family::default());
    metrics.info("weir_build", "The version that runs", &[]);
    let described = metrics.described();
    let shown: Vec<_> = described.iter().map(|d| (d.name.as_str(), d.kind, d.help.as_str())).collect();
    let expect = [
        ("weir_build_info", "info", "The version that runs"),
        ("weir_level", "gauge", "How high"),
        ("weir_things_total", "counter", "Things"),
    ];
    assert_eq!(shown, expect);
}

#[test]
fn the_process_is_told_of_as_by_every_client() {
    use super::process::Reading;
    let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 4 0 1000 2000 3";
    let status = "Name:\ta\nVmSize:\t   2048 kB\nVmRSS:\t    1024 kB\nThreads:\t4\n";
    let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 4096  files\n";
    let reading = Reading::of(stat, status, limits, "cpu 1\nbtime 1700000000\n", Some(9.0));
    let expect = [2.0, 1_048_576.0, 2_097_152.0, 1_700_000_010.0, 9.0, 1024.0, 4.0].map(Some);
    assert_eq!(format!("{reading:?}"), format!("Reading({expect:?})"));
    assert_eq!(format!("{:?}", Reading::of("", "x", "", "", None)), format!("Reading({:?})", [None::<f64>; 7]));

    let metrics = Metrics::default();
    metrics.process();
    metrics.process();
    let text = metrics.encode();
    assert_eq!(text.matches("# TYPE process_").count(), 7, "{text}");
    assert!(text.contains("process_cpu_seconds_total "), "{text}");
    let read: Result<Vec<_>, _> = Parser::new(text.as_bytes(), Format::OpenMetrics).collect();
    assert!(read.is_ok(), "{read:?}: {text}");
}

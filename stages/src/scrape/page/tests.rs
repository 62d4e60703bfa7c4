//! Bodies and what becomes of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::super::tests::{job, show};
use super::*;

const AT: i64 = 1_700_000_000_000;

/// What a body became: samples and markers, without the target's labels.
struct Got {
    result: Result<Vec<String>, String>,
    counts: Counts,
    last: Option<Last>,
    metadata: usize,
}

fn read_as(settings: &str, body: &str, format: Format, last: Option<&Last>) -> Got {
    let job = job(&format!(
        "{settings}{} static_configs: [ {{ targets: [h] }} ]",
        if settings.is_empty() { "" } else { "," }
    ));
    let target = job.targets().remove(0);
    let tenant = Tenant::default();
    let mut page = Page::new(&target, &job, (&tenant, AT), last, true);
    let result = page.read(body.as_bytes(), format);
    let counts = page.counts;
    match result {
        Err(failure) => Got { result: Err(failure.to_string()), counts, last: None, metadata: 0 },
        Ok(()) => {
            let read = page.finish();
            let batch = read.out.build();
            let plain = |line: String| line.replace("instance=\"h\", job=\"j\"", "T").replace("{T}", "");
            let shown = show(&batch).into_iter().map(|line| plain(line).replace(" 1700000000000", "")).collect();
            Got { result: Ok(shown), counts, metadata: batch.metadata().len(), last: Some(Last::new(batch, read.rows)) }
        }
    }
}

fn read(settings: &str, body: &str, last: Option<&Last>) -> Got {
    read_as(settings, body, Format::Text, last)
}

#[test]
fn samples_get_the_labels_of_the_target_and_the_time_of_the_scrape() {
    let got = read("", "a 1\nb{c=\"d\",instance=\"x\"} 2\n", None);
    assert_eq!(got.result.unwrap(), ["a 1", "b{c=\"d\", exported_instance=\"x\", T} 2"]);
    assert_eq!(got.counts, Counts { scraped: 2, kept: 2, added: 2, ..Counts::default() });
    let got = read("honor_labels: true", "b{c=\"d\",instance=\"x\"} 2\n", None);
    assert_eq!(got.result.unwrap(), ["b{c=\"d\", instance=\"x\", job=\"j\"} 2"]);
}

#[test]
fn times_of_the_body_are_kept_unless_they_are_not_honored() {
    assert_eq!(read("", "a 1 5\nb 2\n", None).result.unwrap(), ["a 1 5", "b 2"]);
    assert_eq!(read("honor_timestamps: false", "a 1 5\nb 2\n", None).result.unwrap(), ["a 1", "b 2"]);
}

#[test]
fn series_that_are_gone_end() {
    let last = read("", "a 1\nb 1\nc 1 5\n", None).last.unwrap();
    let got = read("", "b 2\nd 3\n", Some(&last));
    assert_eq!(got.result.unwrap(), ["b 2", "d 3", "a stale"]);
    assert_eq!(got.counts, Counts { scraped: 2, kept: 2, added: 1, ..Counts::default() });
}

#[test]
fn series_with_their_own_time_end_only_where_that_is_wanted() {
    let check = |settings: &str, expect: &[&str]| {
        let last = read(settings, "a 1 5\nb 1\n", None).last.unwrap();
        assert_eq!(read(settings, "b 1\n", Some(&last)).result.unwrap(), expect, "{settings}");
    };
    check("", &["b 1"]);
    check("track_timestamps_staleness: true", &["b 1", "a stale"]);
    check("honor_timestamps: false", &["b 1", "a stale"]);
}

#[test]
fn an_empty_body_has_no_series() {
    let last = read("", "a 1\n", None).last.unwrap();
    for format in [Format::Text, Format::OpenMetrics] {
        let got = read_as("", "", format, Some(&last));
        assert_eq!((got.result.unwrap(), got.counts), (vec!["a stale".to_owned()], Counts::default()));
    }
}

#[test]
fn a_series_that_comes_twice_counts_once_unless_each_has_its_time() {
    let got = read("", "a{b=\"1\",c=\"2\"} 1\na{c=\"2\",b=\"1\"} 2\n", None);
    assert_eq!(got.result.unwrap(), ["a{b=\"1\", c=\"2\", T} 1"]);
    assert_eq!(got.counts, Counts { scraped: 2, kept: 2, added: 1, duplicate: 1, ..Counts::default() });
    let got = read("", "a 1 5\na 2 6\n", None);
    assert_eq!(got.result.unwrap(), ["a 1 5", "a 2 6"]);
    assert_eq!(got.counts, Counts { scraped: 2, kept: 2, added: 1, ..Counts::default() });
    // What was there twice does not end while it is there once.
    let last = read("track_timestamps_staleness: true", "a 1 5\na 2 6\n", None).last.unwrap();
    assert_eq!(read("", "a 1 7\n", Some(&last)).result.unwrap(), ["a 1 7", "a stale"]);
    assert_eq!(read("track_timestamps_staleness: true", "a 1 7\n", Some(&last)).result.unwrap(), ["a 1 7"]);
}

#[test]
fn samples_far_in_the_future_are_left_out() {
    let got = read("", "a 1 1700000600001\nb 1 1700000600000\n", None);
    assert_eq!(got.result.unwrap(), ["b 1 1700000600000"]);
    assert_eq!(got.counts, Counts { scraped: 2, kept: 2, added: 1, out_of_bounds: 1, ..Counts::default() });
}

#[test]
fn a_mistake_says_where_it_is_and_how_many_samples_came_before() {
    let got = read("", "a 1\nb 2\nc x\nd 1\n", None);
    assert_eq!(got.result.unwrap_err(), "3:3: expected a number as value, got `x`");
    assert_eq!(got.counts.scraped, 2);
    let got = read_as("", "a 1\n", Format::OpenMetrics, None);
    assert_eq!(got.result.unwrap_err(), "2:1: expected `# EOF` at the end, got the end of the text");
}

#[test]
fn limits_fail_the_scrape() {
    let check = |settings: &str, body: &str, expect: Result<(), &str>| {
        let got = read(settings, body, None).result.map(drop);
        assert_eq!(got, expect.map_err(str::to_owned), "{settings}");
    };
    check("sample_limit: 2", "a 1\nb 1\n", Ok(()));
    check("sample_limit: 2", "a 1\nb 1\nc 1\nd 1\n", Err("expected at most 2 samples, got `4`"));
    check("label_limit: 4", "a{b=\"c\",d=\"\"} 1\n", Ok(()));
    check("label_limit: 4", "a{b=\"c\",d=\"e\"} 1\n", Err("`a`: expected at most 4 labels, got `5`"));
    check("label_name_length_limit: 8", "a{long=\"e\"} 1\n", Ok(()));
    check(
        "label_name_length_limit: 8",
        "a{too_long_=\"e\"} 1\n",
        Err("`a`: expected label names of at most 8 bytes, got `too_long_` of 9"),
    );
    check("label_value_length_limit: 3", "a{b=\"ccc\"} 1\n", Ok(()));
    check(
        "label_value_length_limit: 3",
        "a{b=\"cccc\"} 1\n",
        Err("`a`: expected values of at most 3 bytes, got `b` with `cccc` of 4"),
    );
    check(
        "label_value_length_limit: 3",
        "abcd 1\n",
        Err("`abcd`: expected values of at most 3 bytes, got `__name__` with `abcd` of 4"),
    );
}

#[test]
fn beyond_the_sample_limit_samples_are_still_counted() {
    assert_eq!(read("sample_limit: 2", "a 1\nb 1\nc 1\nd 1\n", None).counts.scraped, 4);
}

#[test]
fn exemplars_go_along_unless_their_labels_are_too_long() {
    let check = |exemplar: &str, expect: &[(&str, f64, i64)], left_out: u64| {
        let body = format!("# TYPE a counter\n# UNIT b_seconds seconds\na_total 1 5 # {exemplar}\n# EOF\n");
        let job = job("static_configs: [ { targets: [h] } ]");
        let target = job.targets().remove(0);
        let mut page = Page::new(&target, &job, (&Tenant::default(), AT), None, true);
        page.read(body.as_bytes(), Format::OpenMetrics).unwrap();
        assert_eq!(page.counts.exemplars, left_out);
        let batch = page.finish().out.build();
        let exemplars = batch.iter().flat_map(|series| series.exemplars);
        let shown: Vec<_> = exemplars.map(|e| (e.labels.to_string(), e.value, e.timestamp)).collect();
        let expect: Vec<_> = expect.iter().map(|(labels, v, t)| (labels.to_string(), *v, *t)).collect();
        assert_eq!((shown, batch.sample_count()), (expect, 1));
    };
    check("{t=\"x\"} 0.5", &[("{t=\"x\"}", 0.5, 5000)], 0);
    check("{t=\"x\"} 1 4.5", &[("{t=\"x\"}", 1.0, 4500)], 0);
    check(&format!("{{t=\"{}\"}} 1", "x".repeat(128)), &[], 1);
}

#[test]
fn what_is_said_of_a_metric_goes_along_once() {
    let body = "# TYPE a_seconds counter\n# UNIT a_seconds seconds\na_seconds_total 1 5\n# EOF\n";
    assert_eq!(read_as("", body, Format::OpenMetrics, None).metadata, 1);
}

#[test]
fn what_is_said_of_metrics_has_a_mark_that_does_not_depend_on_the_order() {
    let said = |body: &str| {
        let job = job("static_configs: [ { targets: [h] } ]");
        let target = job.targets().remove(0);
        let tenant = Tenant::default();
        let mut page = Page::new(&target, &job, (&tenant, AT), None, false);
        page.read(body.as_bytes(), Format::Text).unwrap();
        let read = page.finish();
        assert_eq!(read.out.build().metadata().len(), 0);
        read.said
    };
    let one = said("# HELP a b\n# TYPE a gauge\n# HELP c d\na 1\n");
    assert_eq!(one, said("# HELP c d\na 5\n# HELP a b\n# comment\n# TYPE a gauge\n"));
    assert_ne!(one, said("# HELP a b\n# TYPE a counter\n# HELP c d\na 1\n"));
    assert_eq!(said(""), 0);
}

#[test]
fn rules_change_drop_and_may_not_unname_series() {
    let rules = r#"metric_relabel_configs: [
        { source_labels: [__name__], regex: 'go_.*', action: drop },
        { source_labels: [code], regex: '(.).*', target_label: class, replacement: '${1}xx' },
        { regex: code, action: labeldrop } ]"#;
    let body = "go_gc 1\nr{code=\"404\"} 2\nup 3\n";
    let got = read_as(rules, body, Format::Text, None);
    assert_eq!(got.result.unwrap(), ["r{class=\"4xx\", T} 2", "up 3"]);
    assert_eq!(got.counts, Counts { scraped: 3, kept: 2, added: 2, ..Counts::default() });
    // The limits are those of what is left.
    let limited = read_as(&format!("{rules}, sample_limit: 2, label_limit: 4"), body, Format::Text, None);
    assert!(limited.result.is_ok());
    let unnamed = "metric_relabel_configs: [ { target_label: __name__, replacement: '' } ]";
    let error = read_as(unnamed, "up 1\n", Format::Text, None).result.unwrap_err();
    assert_eq!(error, "`up`: expected `metric_relabel_configs` to leave a name");
}

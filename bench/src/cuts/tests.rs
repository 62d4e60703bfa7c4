//! Tests of `cuts`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::time::Instant;

use super::watch::{Counts, Log};
use super::*;

fn after(start: Instant, millis: u64) -> Instant {
    start + Duration::from_millis(millis)
}

/// From one number of milliseconds after a moment to another.
fn window(start: Instant, work: Work, begin: u64, end: u64, took: u64) -> Window {
    let took = Duration::from_millis(took);
    Window { work, begin: after(start, begin), end: after(start, end), took }
}

#[test]
fn a_cut_is_known_by_what_the_metrics_say_once_it_has_ended_and_merges_follow_it() {
    let page = |cuts: u64, seconds: f64, merges: u64| {
        Counts::read(&format!(
            "# TYPE prometheus_tsdb_compaction_duration_seconds histogram\n\
             prometheus_tsdb_compaction_duration_seconds_sum {seconds}\n\
             prometheus_tsdb_compaction_duration_seconds_count {cuts}\n\
             weir_store_merges_total {merges}\n"
        ))
    };
    let start = Instant::now();
    let mut log = Log::new(start);
    for (at, counts) in [
        (1000, page(0, 0.0, 0)),
        (2000, page(1, 0.5, 0)),
        (3000, page(1, 0.5, 1)),
        (4000, page(1, 0.5, 1)),
        (5000, page(2, 0.75, 1)),
    ] {
        log.note(counts, after(start, at), after(start, at + 10));
    }
    let expect = [
        window(start, Work::Cut, 500, 2010, 500),
        window(start, Work::Merge, 2000, 3010, 0),
        window(start, Work::Cut, 3750, 5010, 250),
    ];
    assert_eq!(log.windows, expect);
}

#[test]
fn a_request_belongs_to_the_cut_that_was_under_way_at_any_moment_of_it() {
    let start = Instant::now();
    let windows = [window(start, Work::Cut, 100, 200, 90), window(start, Work::Merge, 200, 300, 0)];
    let check = |due, latency, expect| {
        let request = Timed { due: after(start, due), latency: Duration::from_millis(latency) };
        assert_eq!(during(&request, &windows), expect, "{due} {latency}");
    };
    check(0, 50, None);
    check(0, 150, Some(Work::Cut));
    check(0, 1000, Some(Work::Cut));
    check(150, 1, Some(Work::Cut));
    check(190, 50, Some(Work::Cut));
    check(250, 10, Some(Work::Merge));
    check(301, 10, None);
}

#[test]
fn what_cuts_cost_is_told_by_the_requests_that_were_under_way_meanwhile() {
    let start = Instant::now();
    let request =
        |i: u64| Timed { due: after(start, i * 10), latency: Duration::from_millis(if i < 50 { 4 } else { 2 }) };
    let requests: Vec<Timed> = (0..100).map(request).collect();
    let cost = Cost::of(&requests, &[window(start, Work::Cut, 0, 495, 450)]);
    assert_eq!(
        (cost.cuts, cost.during_cuts.requests, cost.during_merges.requests, cost.between.requests),
        (1, 50, 0, 50)
    );
    assert_eq!((cost.cut_seconds, cost.longest_cut_seconds), (0.45, 0.45));
    assert!((1.9..2.1).contains(&cost.p99_ratio), "{}", cost.p99_ratio);
}

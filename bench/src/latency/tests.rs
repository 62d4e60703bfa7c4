//! Tests of `latency`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

#[test]
fn quantiles_are_exact_to_a_thirtieth() {
    let mut all = Latencies::default();
    for micros in 1..=100_000u64 {
        all.record(Duration::from_micros(micros));
    }
    for (q, expect) in [(0.5, 50.0), (0.9, 90.0), (0.99, 99.0), (1.0, 100.0)] {
        let got = all.quantile(q);
        assert!((got / expect - 1.0).abs() < 0.04, "{q}: {got}");
    }
    assert_eq!(all.max(), 100.0);
    assert_eq!(Latencies::default().quantile(0.5), 0.0);
}

#[test]
fn an_hour_is_counted_too() {
    let mut all = Latencies::default();
    all.record(Duration::from_secs(3600));
    all.record(Duration::ZERO);
    let mut sum = Latencies::default();
    sum.merge(&all);
    assert_eq!((sum.quantile(1.0), sum.total), (3_600_000.0, 2));
}

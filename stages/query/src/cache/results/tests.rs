#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use weir_pipeline::testing;

use super::super::steps::Steps;
use super::*;

fn key(expr: &str) -> Key {
    let expr = expr.into();
    Key { tenant: Tenant::default(), expr, step: 10, phase: 0, lookback: None, replica_labels: None }
}

fn extent(number: u64, points: usize) -> Extent {
    let floats: Vec<(i64, f64)> = (0..points as i64).map(|time| (time, 0.0)).collect();
    let series = vec![([("a", "b")].into_iter().collect(), floats.into())];
    Extent { number, steps: Steps { first: 0, last: 0, step: 1 }, series }
}

fn results(most: u64) -> Results {
    Results::new(most, Telemetry::new(&testing::context()))
}

#[test]
fn what_was_asked_least_recently_makes_room() {
    let results = results(9_000);
    // About 2 KB each.
    for name in ["a", "b", "c", "d"] {
        results.keep(key(name), extent(1, 100));
    }
    assert!(results.get(&key("a")).is_some());
    results.keep(key("e"), extent(1, 100));
    assert!(results.get(&key("b")).is_none());
    assert!(["a", "c", "d", "e"].iter().all(|name| results.get(&key(name)).is_some()));
    let bytes = results.inner.lock().unwrap().bytes;
    assert!(bytes <= 9_000 && bytes > 6_000, "{bytes}");
}

#[test]
fn a_result_that_is_too_large_is_not_kept_nor_is_an_older_one_instead_of_a_newer() {
    let results = results(10_000);
    results.keep(key("a"), extent(5, 10));
    results.keep(key("a"), extent(4, 20));
    assert_eq!(results.get(&key("a")).unwrap().number, 5);
    results.keep(key("a"), extent(6, 1_000));
    assert!(results.get(&key("a")).is_none());
    assert_eq!(results.inner.lock().unwrap().bytes, 0);
}

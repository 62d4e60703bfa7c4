//! Tests of `walk`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

fn values(shape: Shape, rounds: u64) -> Vec<f64> {
    let mut walk = Walk::new(shape, 7);
    (1..=rounds).map(|round| walk.step(round)).collect()
}

#[test]
fn counters_and_buckets_never_fall() {
    for shape in [
        Shape::Counter { step: 1500, idle: 10, scale: 2 },
        Shape::Bucket { group: 4, share: 700 },
        Shape::Bucket { group: 3, share: 1000 },
        Shape::Sum { group: 4 },
    ] {
        let values = values(shape, 500);
        assert!(values.is_sorted(), "{shape:?}");
        assert!(values.first() < values.last(), "{shape:?} moves");
    }
}

#[test]
fn a_wider_bucket_holds_at_least_as_much() {
    let narrow = values(Shape::Bucket { group: 5, share: 300 }, 300);
    let wide = values(Shape::Bucket { group: 5, share: 301 }, 300);
    assert!(narrow.iter().zip(&wide).all(|(n, w)| n <= w));
}

#[test]
fn gauges_stay_near_their_centre_and_rest_as_often_as_they_should() {
    let values = values(Shape::Gauge { center: 1 << 28, quantum: 4096, idle: 60, scale: 0 }, 10_000);
    assert!(values.iter().all(|v| (2e8..3.5e8).contains(v) && v % 4096.0 == 0.0));
    let rests = values.windows(2).filter(|w| w[0] == w[1]).count();
    assert!((5500..7000).contains(&rests), "{rests} rests");
}

//! Of two values at one time one stays, and who sent the other hears of it.

use super::*;

/// Appends float samples of `a`, and says how many are written, and what the sender hears of the others.
async fn send(store: &Store, samples: &[(i64, f64)]) -> (u64, Option<(u64, String)>) {
    let ack = store.append(&batch(&["a"], samples)).await.unwrap();
    assert!(ack.balances(samples.len() as u64), "{ack:?}");
    let rejected = ack.entries().iter().find(|entry| entry.outcome == Outcome::Rejected);
    let told = rejected.map(|entry| {
        assert_eq!(entry.reason, "duplicate_timestamp");
        (entry.count, entry.detail.clone().unwrap())
    });
    (ack.count(Outcome::Written), told)
}

fn told(count: u64, ts: i64) -> Option<(u64, String)> {
    Some((count, format!("series `a{{job=\"j\"}}` has another value at `{ts}` already, which stays")))
}

#[tokio::test]
async fn a_value_that_loses_is_rejected_and_the_rest_is_written() {
    let ground = ground();
    let store = ground.open().await;
    assert_eq!(send(&store, &[(NOW, 5.0)]).await, (1, None));
    assert_eq!(send(&store, &[(NOW, 3.0), (NOW + 1, 1.0)]).await, (1, told(1, NOW)));
    // The same again is no other value, and a greater one stays from now on.
    assert_eq!(send(&store, &[(NOW, 5.0), (NOW + 1, 1.0)]).await, (2, None));
    assert_eq!(send(&store, &[(NOW, 7.0)]).await, (1, None));
    assert_eq!(send(&store, &[(NOW, 6.0), (NOW, f64::NAN)]).await, (0, told(2, NOW)));
    let expect = [(NOW, 7.0), (NOW + 1, 1.0)];
    assert_eq!(content(&store).await[&up("a")], expect);
    // Nor does one come back that the log has.
    drop(store);
    ground.fs.crash(5);
    let store = ground.open().await;
    assert_eq!(content(&store).await[&up("a")], expect);
    assert_eq!(send(&store, &[(NOW, 6.0)]).await, (0, told(1, NOW)));
}

#[tokio::test]
async fn a_value_is_found_that_is_not_the_last_one() {
    let ground = ground();
    let store = ground.open().await;
    // Of these a chunk is finished, and another one grows.
    let all: Vec<_> = (0..150).map(|n| (NOW + n, 10.0)).collect();
    assert_eq!(send(&store, &all).await, (150, None));
    let late = (NOW - 5, 10.0);
    assert_eq!(send(&store, &[late]).await, (1, None));
    for ts in [late.0, NOW, NOW + 60, NOW + 119, NOW + 120, NOW + 148, NOW + 149] {
        assert_eq!(send(&store, &[(ts, 9.0)]).await, (0, told(1, ts)));
        assert_eq!(send(&store, &[(ts, 10.0)]).await, (1, None), "{ts}");
    }
    assert_eq!(content(&store).await[&up("a")].len(), 151);
}

#[tokio::test]
async fn a_histogram_that_loses_is_rejected() {
    let ground = ground();
    let store = ground.open().await;
    // The sum of a histogram has a fraction of a half.
    assert_eq!(send(&store, &[(NOW, 5.5)]).await, (1, None));
    assert_eq!(send(&store, &[(NOW, 3.5)]).await, (0, told(1, NOW)));
    assert_eq!(send(&store, &[(NOW, 5.5)]).await, (1, None));
    assert_eq!(content(&store).await[&up("a")], [(NOW, 5.5)]);
}

#[tokio::test]
async fn among_blocks_a_value_loses_when_it_is_read() {
    let ground = ground();
    let store = ground.open().await;
    assert_eq!(send(&store, &[(NOW, 5.0)]).await, (1, None));
    store.cut().await.unwrap();
    assert_eq!(send(&store, &[(NOW, 3.0)]).await, (1, None));
    assert_eq!(content(&store).await[&up("a")], [(NOW, 5.0)]);
}

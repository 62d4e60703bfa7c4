//! Tests of `exact`.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::throttle::{ThrottleConfig, ThrottledStore};
use object_store::{Error, ObjectStore, ObjectStoreExt};
use tokio::time::Instant;
use weir_pipeline::testing::context;

use super::{Exact, Patience, Pauses, Probe};

#[tokio::test(start_paused = true)]
async fn whatever_goes_on_below_there_is_an_end_to_waiting() {
    let hour = Duration::from_secs(3600);
    let slow = ThrottleConfig {
        wait_delete_per_call: hour,
        wait_get_per_call: hour,
        wait_list_per_call: hour,
        wait_list_with_delimiter_per_call: hour,
        wait_put_per_call: hour,
        ..ThrottleConfig::default()
    };
    let store = Arc::new(ThrottledStore::new(InMemory::new(), slow));
    let exact = Exact::new(store, Probe::new(&context()), Patience::default());
    let path = Path::from("a");
    let begin = Instant::now();
    let check = |result: Result<(), Error>, n: u32| {
        let error = result.unwrap_err().to_string();
        assert_eq!(error, "Generic S3 error: no answer within the time for all attempts");
        assert_eq!(begin.elapsed().as_secs(), u64::from(95 * n), "1m, 30s and 5s each");
    };
    check(exact.put(&path, "1".into()).await.map(|_| ()), 1);
    check(exact.get(&path).await.map(|_| ()), 2);
    check(exact.get_ranges(&path, &[0..1, 5..6]).await.map(|_| ()), 3);
    check(exact.delete(&path).await, 4);
    check(exact.list(None).try_collect::<Vec<_>>().await.map(|_| ()), 5);
    check(exact.list_with_delimiter(None).await.map(|_| ()), 6);
}

#[test]
fn pauses_grow_at_random_up_to_the_longest_and_come_to_an_end() {
    let milliseconds = Duration::from_millis;
    let pauses: Vec<Duration> = Pauses::new(6, milliseconds(100), milliseconds(500)).collect();
    let bounds = [(50, 100), (100, 200), (200, 400), (250, 500), (250, 500)];
    assert_eq!(pauses.len(), bounds.len());
    for (pause, (least, most)) in pauses.iter().zip(bounds) {
        assert!((milliseconds(least)..=milliseconds(most)).contains(pause), "{pauses:?}");
    }
    assert_eq!(Pauses::new(1, milliseconds(1), milliseconds(1)).count(), 0);
}

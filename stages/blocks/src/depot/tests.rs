use futures_util::FutureExt;
use tokio::time::sleep;

use super::*;

/// One after the other, each after so many seconds.
async fn seconds_each(seconds: &[u64]) -> Result<usize> {
    let wait = |seconds: &u64| {
        let seconds = *seconds;
        async move { sleep(Duration::from_secs(seconds)).await }.boxed()
    };
    let mut under_way = stream::iter(seconds.iter().map(wait).collect::<Vec<_>>()).buffered(1);
    let mut count = 0;
    while next_in_time(&mut under_way).await?.is_some() {
        count += 1;
    }
    Ok(count)
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_goes_on_answering_is_waited_for() {
    let begun = Instant::now();
    assert_eq!(seconds_each(&[9; 100]).await.unwrap(), 100);
    assert_eq!(begun.elapsed(), Duration::from_secs(900));
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_stops_answering_is_given_up_on() {
    let begun = Instant::now();
    let error = seconds_each(&[9, 9, 11, 1]).await.unwrap_err();
    assert_eq!((error.kind(), error.to_string()), (Kind::TimedOut, "no answer within 10s".to_owned()));
    assert_eq!(begun.elapsed(), Duration::from_secs(28));
}

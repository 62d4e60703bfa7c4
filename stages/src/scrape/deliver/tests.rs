//! Batches that are offered again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use weir_pipeline::testing::Recorder;
use weir_pipeline::{Result, Tenant};

use super::*;

fn batch() -> Batch {
    Batch::builder(Tenant::default()).build()
}

/// Offers a batch for 15 s to a rest that answers the n-th attempt so.
async fn send(
    answer: impl Fn(u32) -> Result<Ack> + Send + Sync + 'static,
) -> (std::result::Result<u32, (String, u32)>, Duration) {
    let attempt = Arc::new(AtomicU32::new(0));
    let rest = Recorder::<Write>::new(move |_| answer(attempt.fetch_add(1, Ordering::SeqCst) + 1));
    offer(&rest, &CancellationToken::new()).await
}

async fn offer(
    rest: &Recorder<Write>,
    shutdown: &CancellationToken,
) -> (std::result::Result<u32, (String, u32)>, Duration) {
    let start = Instant::now();
    let until = start + Duration::from_secs(15);
    let delivery = Delivery { next: &rest.next(), shutdown, until, random: &mut Random::new(7) };
    let sent = delivery.send(batch()).await;
    (sent.map(|(_, attempts)| attempts).map_err(|lost| (lost.error.to_string(), lost.attempts)), start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_taken_is_offered_once() {
    assert_eq!(send(|_| Ok(Ack::default())).await, (Ok(1), Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn errors_that_may_pass_are_waited_for_with_growing_pauses() {
    let (sent, took) = send(|n| if n < 4 { Err(Error::unavailable("busy")) } else { Ok(Ack::default()) }).await;
    assert_eq!(sent, Ok(4));
    // Pauses of 100, 200 and 400 ms, each by up to a half shorter.
    assert!(took >= Duration::from_millis(350) && took <= Duration::from_millis(703), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn the_rest_may_ask_for_a_longer_pause() {
    let retry_after = Some(Duration::from_secs(7));
    let busy = move |n| {
        if n < 2 { Err(Error::new(Kind::Overloaded { retry_after }, "slow down")) } else { Ok(Ack::default()) }
    };
    let (sent, took) = send(busy).await;
    assert_eq!((sent, took.as_secs()), (Ok(2), 7));
}

#[tokio::test(start_paused = true)]
async fn errors_that_do_not_pass_lose_the_batch_at_once() {
    for kind in [Kind::Invalid, Kind::Unprocessable, Kind::Closed, Kind::Internal] {
        let (sent, took) = send(move |_| Err(Error::new(kind, "no"))).await;
        assert_eq!((sent, took), (Err(("no".to_owned(), 1)), Duration::ZERO), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn when_the_time_is_up_the_batch_is_lost_for_the_last_reason() {
    let (sent, took) = send(|_| Err(Error::unavailable("busy"))).await;
    let (error, attempts) = sent.unwrap_err();
    assert_eq!(error, "busy");
    assert!((7..=12).contains(&attempts), "{attempts}");
    assert!(took <= Duration::from_secs(15) && took > Duration::from_secs(9), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_rest_that_is_not_ready_or_hangs_is_not_waited_for_beyond_the_time() {
    for hangs in [true, false] {
        let rest = Recorder::<Write>::new(|_| Ok(Ack::default()));
        rest.set_ready(hangs);
        rest.set_open(!hangs);
        let (sent, took) = offer(&rest, &CancellationToken::new()).await;
        let late = "the rest of the pipeline took longer than the interval".to_owned();
        assert_eq!((sent, took), (Err((late, 1)), Duration::from_secs(15)));
        assert_eq!(rest.in_flight(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn when_the_program_stops_the_batch_is_offered_a_last_time() {
    let shutdown = CancellationToken::new();
    let rest = Recorder::<Write>::new(|_| Err(Error::unavailable("busy")));
    let stop = async {
        sleep(Duration::from_millis(1)).await;
        shutdown.cancel();
    };
    let ((sent, took), ()) = tokio::join!(offer(&rest, &shutdown), stop);
    assert_eq!((sent, took.as_millis()), (Err(("busy".to_owned(), 2)), 1));
}

//! Tests of `replicate::gate`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use futures_util::FutureExt;

use super::*;

fn gate() -> Gate {
    Gate::new(Duration::from_millis(100), Duration::from_secs(1), 7)
}

/// Fails the next request that is let through, and says how long it had to wait.
async fn fail(gate: &Gate, retry_after: Option<Duration>) -> Duration {
    let begin = Instant::now();
    gate.pass().await.failed(&Error::unavailable("full"), retry_after);
    begin.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_member_that_answers_may_be_asked_by_everyone() {
    let gate = gate();
    let passes = [gate.pass().now_or_never(), gate.pass().now_or_never(), gate.pass().now_or_never()];
    assert!(passes.iter().all(Option::is_some) && gate.is_open() && gate.failing().is_none());
}

#[tokio::test(start_paused = true)]
async fn after_each_failure_the_pause_grows_up_to_a_limit_and_success_ends_it() {
    let gate = gate();
    assert_eq!(fail(&gate, None).await, Duration::ZERO);
    let begin = Instant::now();
    for longest in [100, 200, 400, 800, 1000, 1000] {
        let waited = fail(&gate, None).await;
        let longest = Duration::from_millis(longest);
        // Timers are as fine as a millisecond.
        assert!(waited >= longest / 2 && waited <= longest + Duration::from_millis(1), "{waited:?} of {longest:?}");
    }
    let (since, error) = gate.failing().unwrap();
    assert_eq!((since, error.to_string().as_str()), (begin, "full"));
    gate.pass().await.succeeded();
    assert!(gate.is_open());
    assert_eq!(fail(&gate, None).await, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn those_who_fail_at_once_come_back_one_after_the_other() {
    let mut waited = Vec::new();
    for seed in 1..20 {
        let gate = Gate::new(Duration::from_secs(100), Duration::from_secs(100), seed << 32);
        fail(&gate, None).await;
        waited.push(fail(&gate, None).await);
    }
    waited.sort_unstable();
    waited.dedup();
    assert!(waited.len() > 15, "{waited:?}");
    assert!(waited[waited.len() - 1] - waited[0] > Duration::from_secs(20), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_member_that_says_when_to_come_back_is_heeded_up_to_the_limit() {
    let gate = gate();
    fail(&gate, Some(Duration::from_millis(700))).await;
    let waited = fail(&gate, Some(Duration::from_secs(3600))).await;
    assert!(waited >= Duration::from_millis(700) && waited < Duration::from_millis(710), "{waited:?}");
    let waited = fail(&gate, None).await;
    assert!(waited >= Duration::from_millis(1000) && waited < Duration::from_millis(1010), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn one_request_finds_out_whether_a_member_is_back_and_the_others_wait_for_it() {
    let gate = gate();
    fail(&gate, None).await;
    let probe = gate.pass().await;
    let mut others = std::pin::pin!(gate.pass());
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(futures_util::poll!(others.as_mut()).is_pending());
    probe.succeeded();
    assert!(futures_util::poll!(others.as_mut()).is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_given_up_lets_the_next_one_through() {
    let gate = gate();
    fail(&gate, None).await;
    let probe = gate.pass().await;
    let mut other = std::pin::pin!(gate.pass());
    assert!(futures_util::poll!(other.as_mut()).is_pending());
    drop(probe);
    assert!(other.await.probe);
}

#[tokio::test(start_paused = true)]
async fn of_requests_that_fail_together_only_the_first_makes_the_pause() {
    let gate = gate();
    let (a, b) = (gate.pass().await, gate.pass().await);
    a.failed(&Error::unavailable("first"), None);
    let until = gate.state().0.as_ref().unwrap().until;
    b.failed(&Error::unavailable("second"), None);
    assert_eq!(gate.state().0.as_ref().unwrap().until, until);
    assert_eq!(gate.failing().unwrap().1.to_string(), "second");
}

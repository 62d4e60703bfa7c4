//! Waiting, memory, and the end.

use std::future::pending;

use tokio::sync::Notify;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_pipeline_that_never_answers_is_given_up_after_the_timeout() {
    let running = start(settings(), |_| Box::pin(pending())).await;
    let got = running.write(&[V2], body(Version::V2, 1)).await;
    assert_eq!((got.status, got.header("retry-after"), got.header(SAMPLES_WRITTEN)), (503, Some("1"), Some("0")));
    assert_eq!(got.text, "expected the request to be done within 30s\n");
}

#[tokio::test]
async fn requests_beyond_the_memory_are_told_to_come_again() {
    let mut settings = settings();
    settings.in_flight = Bytes::kib(1);
    let gate = Arc::new(Notify::new());
    let hold = gate.clone();
    let running = start(settings, move |batch| {
        let hold = hold.clone();
        Box::pin(async move {
            hold.notified().await;
            Ok(Ack::written(batch.sample_count() as u64))
        })
    });
    let running = Arc::new(running.await);
    // Larger than all of the budget, and taken because it is alone.
    let first = tokio::spawn({
        let running = running.clone();
        async move { running.write(&[], body(Version::V1, 1000)).await }
    });
    while running.seen.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let got = running.write(&[V2], body(Version::V2, 1)).await;
    assert_eq!((got.status, got.header("retry-after"), got.header(SAMPLES_WRITTEN)), (503, Some("1"), Some("0")));
    gate.notify_one();
    assert_eq!(first.await.unwrap().status, 204);
    gate.notify_one();
    assert_eq!(running.write(&[], body(Version::V1, 1)).await.status, 204);
}

#[tokio::test]
async fn at_shutdown_a_request_in_flight_is_answered_and_no_other_is_taken() {
    let gate = Arc::new(Notify::new());
    let hold = gate.clone();
    let running = start(settings(), move |batch| {
        let hold = hold.clone();
        Box::pin(async move {
            hold.notified().await;
            Ok(Ack::written(batch.sample_count() as u64))
        })
    });
    let running = Arc::new(running.await);
    let idle = tokio::net::TcpStream::connect(running.address).await.unwrap();
    let flying = tokio::spawn({
        let running = running.clone();
        async move { running.write(&[], body(Version::V1, 1)).await }
    });
    while running.seen.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    running.context.shutdown.cancel();
    while tokio::net::TcpStream::connect(running.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!running.task.is_finished(), "it waits for the request");
    gate.notify_one();
    assert_eq!(flying.await.unwrap().status, 204);
    let running = Arc::into_inner(running).unwrap();
    running.task.await.unwrap().unwrap();
    drop(idle);
}

#[tokio::test]
async fn an_address_in_use_ends_the_source_by_name() {
    let running = start_good().await;
    let taken = Receive { listen: running.address.into(), ..settings() };
    let next = Next::new(tower::service_fn(|_| pending::<Result<Ack>>()));
    let error = taken.run(running.context.clone(), next).await.unwrap_err();
    assert_eq!(error.message(), format!("expected an address to listen on, got `{}`", running.address));
    assert!(error.report().contains("in use"), "{}", error.report());
}

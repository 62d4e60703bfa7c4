//! Waiting, memory, and the end.

use std::future::pending;

use tokio::sync::Notify;

use super::*;

/// A receiver whose pipeline answers one request for each time that the gate is notified.
async fn held(settings: Receive) -> (Arc<Running>, Arc<Notify>) {
    let gate = Arc::new(Notify::new());
    let hold = gate.clone();
    let running = start(settings, move |batch| {
        let hold = hold.clone();
        Box::pin(async move {
            hold.notified().await;
            Ok(Ack::written(batch.sample_count() as u64))
        })
    });
    (Arc::new(running.await), gate)
}

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
    let (running, gate) = held(settings).await;
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

/// A body of 2.0 with so many series that have the same long label, and so many that have one of their own, each of 60 KiB.
fn wide(same: usize, own: usize) -> Vec<u8> {
    let mut all = Batch::builder(Tenant::default());
    for i in 0..same + own {
        let long = format!("{:060}", i.saturating_sub(same)).repeat(1 << 10);
        let labels: LabelSet = [("__name__", "up"), ("long", long.as_str())].into_iter().collect();
        all.series(labels.as_labels()).sample(1, 1.0);
    }
    let mut body = Vec::new();
    encode(&all.build(), Version::V2, &mut body);
    packed(&body)
}

#[tokio::test]
async fn what_a_small_body_becomes_is_charged_while_it_does() {
    let mut settings = settings();
    (settings.in_flight, settings.max_batch) = (Bytes::mib(6), Bytes::mib(12));
    let (running, gate) = held(settings).await;
    let first = tokio::spawn({
        let running = running.clone();
        async move { running.write(&[], body(Version::V1, 1)).await }
    });
    while running.seen.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    // Both would become more than a batch may be: there is no memory before that shows. The second is decoded elsewhere.
    for (same, own) in [(300, 0), (300, 30)] {
        let got = running.write(&[V2], wide(same, own)).await;
        assert_eq!((got.status, got.header("retry-after"), got.header(SAMPLES_WRITTEN)), (503, Some("1"), Some("0")));
        assert_eq!(got.text, "expected to find memory for the request, and all of it is in use\n");
    }
    assert_eq!(running.seen.lock().unwrap().len(), 1);
    gate.notify_one();
    assert_eq!(first.await.unwrap().status, 204);
    // Alone each is taken as far as a batch may go.
    let got = running.write(&[V2], wide(300, 0)).await;
    assert_eq!((got.status, got.text.as_str()), (400, "expected samples that take at most 12582912 bytes in memory\n"));
    gate.notify_one();
    assert_eq!(running.write(&[V2], wide(150, 0)).await.status, 204);
}

#[tokio::test]
async fn at_shutdown_a_request_in_flight_is_answered_and_no_other_is_taken() {
    let (running, gate) = held(settings()).await;
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

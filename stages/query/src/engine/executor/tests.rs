//! Tests of `engine::executor`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::time::Duration;

use super::*;

#[tokio::test]
async fn a_program_with_one_thread_computes_where_it_waits() {
    let executor = Executor::start().unwrap();
    assert!(matches!(executor, Executor::Here(_)));
    let name = async || Ok(std::thread::current().name().map(str::to_owned));
    let here = name().await.unwrap();
    for need in [Need::Little, Need::Usual] {
        assert_eq!(executor.run(need, name()).await.unwrap(), here);
    }
    // But for what its stack is too small for.
    assert_eq!(executor.run(Need::Much, name()).await.unwrap().as_deref(), Some("query"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn work_that_never_rests_holds_up_nobody_here() {
    let executor = Executor::start().unwrap();
    let (started, begun) = tokio::sync::oneshot::channel();
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let work = tokio::spawn({
        let executor = executor.clone();
        async move {
            let spin = async move {
                started.send(()).unwrap();
                while stopped.try_recv().is_err() {
                    std::hint::spin_loop();
                }
                Ok(std::thread::current().name().map(str::to_owned))
            };
            executor.run(Need::Usual, spin).await
        }
    });
    begun.await.unwrap();
    // The only worker here still turns.
    tokio::time::sleep(Duration::from_millis(1)).await;
    stop.send(()).unwrap();
    assert_eq!(work.await.unwrap().unwrap().as_deref(), Some("query"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn work_nobody_waits_for_ends_and_a_panic_is_an_error() {
    let executor = Executor::start().unwrap();
    let (held, gone) = tokio::sync::oneshot::channel::<()>();
    let endless = async move {
        let _held = held;
        std::future::pending::<Result<()>>().await
    };
    assert!(tokio::time::timeout(Duration::from_millis(1), executor.run(Need::Little, endless)).await.is_err());
    // What the work held is dropped with it.
    assert!(gone.await.is_err());
    for need in [Need::Little, Need::Usual, Need::Much] {
        let panics = executor.run::<()>(need, async { panic!("on purpose") }).await;
        assert_eq!(panics.unwrap_err().to_string(), "the query panicked");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_waits_for_nothing_is_done_where_it_is_asked_for_and_goes_on_elsewhere_once_it_rests() {
    let executor = Executor::start().unwrap();
    let name = || std::thread::current().name().map(str::to_owned);
    let here = name();
    let work = async move {
        let first = name();
        let started = tokio::spawn(async move { name() }).await.unwrap();
        Ok((first, started, name()))
    };
    let (first, started, then) = executor.run(Need::Little, work).await.unwrap();
    assert_eq!(first, here);
    assert_eq!((started.as_deref(), then.as_deref()), (Some("query"), Some("query")));
}

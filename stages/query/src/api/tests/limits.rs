//! Time, turns, and clients that go away.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::*;

/// Waits until `ready`, for as long as a slow machine may need.
async fn until(mut ready: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if ready() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it did not come to pass");
}

#[tokio::test]
async fn a_question_has_as_long_as_it_asks_for_and_no_longer_than_the_setting() {
    let running = start(settings("timeout: 400ms"), async |_| pending().await).await;
    for path in ["query?query=up", "query?query=up&timeout=1h", "query?query=up&timeout=200ms", "labels"] {
        let got = running.get(&format!("/api/v1/{path}")).await;
        let body = r#"{"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}"#;
        assert_eq!((got.status, got.text()), (503, body), "{path}");
        let limit = running.seen()[0].timeout.unwrap();
        assert!(limit <= Duration::from_millis(if path.contains("200ms") { 200 } else { 400 }), "{path}: {limit:?}");
    }
    let got = running.get("/api/v1/query?query=up&timeout=0").await;
    assert_eq!(got.error(), "query timed out in query execution");
    assert!(running.seen().is_empty());
}

#[tokio::test]
async fn questions_wait_for_their_turn() {
    let go = Arc::new(Notify::new());
    let (waiting, going) = (go.clone(), Arc::new(AtomicUsize::new(0)));
    let count = going.clone();
    let running = start(settings("max_concurrent: 2"), move |_| {
        let (go, going) = (waiting.clone(), count.clone());
        async move {
            going.fetch_add(1, Ordering::SeqCst);
            go.notified().await;
            going.fetch_sub(1, Ordering::SeqCst);
            Ok(Answer::from(Data::Names(Vec::new())))
        }
    })
    .await;
    let running = Arc::new(running);
    let asked: Vec<_> = (0..5)
        .map(|_| {
            let running = running.clone();
            tokio::spawn(async move { running.get("/api/v1/labels").await.status })
        })
        .collect();
    until(|| going.load(Ordering::SeqCst) == 2).await;
    let late = running.get("/api/v1/query?query=up&timeout=5ms").await;
    assert_eq!((late.status, late.error().as_str()), (503, "query timed out in query queue"));
    assert_eq!(running.seen.lock().unwrap().len(), 2);
    for answer in asked {
        go.notify_one();
        until(|| going.load(Ordering::SeqCst) < 3).await;
        go.notify_one();
        assert_eq!(answer.await.unwrap(), 200);
    }
    assert_eq!(running.seen.lock().unwrap().len(), 5);
}

/// Tells when it goes.
struct Going(Arc<AtomicUsize>);

impl Drop for Going {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_its_question() {
    let gone = Arc::new(AtomicUsize::new(0));
    let count = gone.clone();
    let running = start(settings("max_concurrent: 1"), move |_| {
        let going = Going(count.clone());
        async move {
            let _going = going;
            pending().await
        }
    })
    .await;
    for times in 1..=2 {
        let mut client = TcpStream::connect(running.address).await.unwrap();
        client.write_all(b"GET /api/v1/query?query=up HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        until(|| running.seen.lock().unwrap().len() == times).await;
        assert_eq!(gone.load(Ordering::SeqCst), times - 1);
        drop(client);
        until(|| gone.load(Ordering::SeqCst) == times).await;
    }
}

#[tokio::test]
async fn at_the_end_questions_are_answered_and_then_it_returns() {
    let go = Arc::new(Notify::new());
    let waiting = go.clone();
    let running = start(settings(""), move |_| {
        let go = waiting.clone();
        async move {
            go.notified().await;
            Ok(Answer::from(Data::Names(Vec::new())))
        }
    })
    .await;
    let Running { address, context, seen, task, .. } = running;
    let mut client = TcpStream::connect(address).await.unwrap();
    let request = b"GET /api/v1/labels HTTP/1.1\r\nHost: x\r\n\r\nGET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n";
    client.write_all(request).await.unwrap();
    // One that is open and idle does not keep the program.
    let _idle = TcpStream::connect(address).await.unwrap();
    until(|| seen.lock().unwrap().len() == 1).await;
    context.shutdown.cancel();
    tokio::task::yield_now().await;
    assert!(!task.is_finished());
    go.notify_one();
    let mut text = String::new();
    client.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with(r#"{"status":"success","data":[]}"#), "{text}");
    tokio::time::timeout(Duration::from_secs(30), task).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn no_more_connections_are_held_than_set() {
    let running = start(settings("connections: 1"), async |_| Ok(Answer::from(Data::Names(Vec::new())))).await;
    let mut first = TcpStream::connect(running.address).await.unwrap();
    first.write_all(b"GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut buffer = [0; 1024];
    assert!(first.read(&mut buffer).await.unwrap() > 0);
    let mut second = TcpStream::connect(running.address).await.unwrap();
    second.write_all(b"GET /-/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(50), second.read(&mut buffer)).await;
    assert!(early.is_err(), "the second connection was served beside the first");
    drop(first);
    assert!(second.read(&mut buffer).await.unwrap() > 0);
}

//! Answers that are compressed on their way.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use super::*;
use crate::node::{frames, wire};

/// Batches of which one is long, one short.
fn batches() -> [Batch; 2] {
    let line = |i: usize| format!("requests_total{{namespace=\"monitoring\",pod=\"pod-{i}\"}} {} 1\n", i * 7);
    [batch(&(0..500).map(line).collect::<String>()), batch("up 1 1")]
}

/// A node that answers with these.
async fn node(extra: &str) -> Running {
    start_with(extra, |_| samples(stream::iter(batches().map(Ok)))).await
}

/// The bytes of an answer that is not compressed.
fn plain() -> usize {
    let frame = |batch: &Batch| frames::frame(|out| wire::encode_batch(batch, out)).len();
    batches().iter().map(frame).sum::<usize>() + frames::END.len()
}

/// The bytes of answers that a node has sent.
fn body_bytes(running: &Running) -> usize {
    let encoded = running.context.metrics.encode();
    let name = "weir_readers_body_bytes_total{pipeline=\"in\"} ";
    encoded.lines().find_map(|line| line.strip_prefix(name)).unwrap().parse().unwrap()
}

#[tokio::test]
async fn batches_are_compressed_unless_that_is_not_wanted_and_read_as_the_same() {
    let check = async |extra: &str| {
        let running = node(extra).await;
        let expect: Vec<String> = batches().iter().map(text).collect();
        assert_eq!(read(running.address).await.unwrap(), expect);
        body_bytes(&running)
    };
    let (packed, plain) = (check("").await, plain());
    assert!(packed < plain / 2, "{packed} of {plain}");
    assert_eq!(check("compression: none").await, plain);
}

#[tokio::test]
async fn who_does_not_say_that_it_takes_what_is_compressed_gets_an_answer_as_it_is() {
    let running = node("").await;
    let mut body = Vec::new();
    wire::encode_query(&question(), &mut body).unwrap();
    let request = Request::post(format!("http://{}/weir/v1/read", running.address));
    let request = request.header("content-type", "application/vnd.weir.question");
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let answer = client.request(request.body(Full::new(body.into())).unwrap()).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes().len(), plain());
}

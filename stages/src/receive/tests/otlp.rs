//! Metrics in OTLP over HTTP.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use weir_pipeline::testing::text;

use super::*;
use crate::remote_write::wire::{put_bytes, put_integer};

const PATH: &str = "/api/v1/otlp/v1/metrics";

fn sub(field: u32, parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes(field, &parts.concat(), &mut out);
    out
}

/// A request with a gauge `up` at a second, and so many points of a sum that is delta.
fn request(deltas: usize) -> Vec<u8> {
    let mut at = vec![0x19];
    at.extend_from_slice(&1_000_000_000u64.to_le_bytes());
    let point = sub(1, &[&at]);
    let mut temporality = Vec::new();
    put_integer(2, 1, &mut temporality);
    let gauge = sub(2, &[&sub(1, &[b"up"]), &sub(5, &[&point])]);
    let sum = sub(2, &[&sub(1, &[b"delta"]), &sub(7, &[&point.repeat(deltas), &temporality])]);
    let metrics = if deltas > 0 { [gauge, sum].concat() } else { gauge };
    sub(1, &[&sub(2, &[&metrics])])
}

fn zipped(body: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(body).unwrap();
    out.finish().unwrap()
}

async fn post(running: &Running, headers: &[(&str, &str)], body: Vec<u8>) -> (u16, Vec<u8>, HeaderMap) {
    let request = headers.iter().fold(running.post(PATH), |r, (name, value)| r.header(*name, *value));
    let response = running.client.request(request.body(full(body)).unwrap()).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    (status, response.into_body().collect().await.unwrap().to_bytes().to_vec(), headers)
}

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const GZIP: (&str, &str) = ("content-encoding", "gzip");

#[tokio::test]
async fn metrics_become_a_batch_of_their_tenant() {
    let running = start_good().await;
    for (headers, body) in [
        (vec![PROTOBUF, ("x-scope-orgid", "a")], request(0)),
        (vec![PROTOBUF, GZIP, ("thanos-tenant", "a")], zipped(&request(0))),
    ] {
        let (status, body, headers) = post(&running, &headers, body).await;
        assert_eq!((status, body.as_slice()), (200, &b""[..]));
        assert_eq!(headers["content-type"], "application/x-protobuf");
    }
    let seen = running.seen.lock().unwrap();
    for batch in &*seen {
        assert_eq!((batch.tenant().as_str(), text(batch).as_str()), ("a", "up 0 1000\n"));
    }
    let count = "weir_receive_samples_total{pipeline=\"in\",protocol=\"otlp\"} 2\n";
    assert!(running.context.metrics.encode().contains(count));
}

/// A request with a gauge `up` at a second, and so many points of a sum that is delta, in JSON.
fn json(deltas: usize) -> Vec<u8> {
    let point = serde_json::json!({ "timeUnixNano": "1000000000" });
    let delta = serde_json::json!({
        "name": "delta", "sum": { "dataPoints": vec![point.clone(); deltas], "aggregationTemporality": 1 }
    });
    let up = serde_json::json!({ "name": "up", "gauge": { "dataPoints": [point] } });
    let metrics = if deltas > 0 { vec![up, delta] } else { vec![up] };
    let scopes = serde_json::json!([{ "scope": { "name": "s" }, "metrics": metrics }]);
    serde_json::json!({ "resourceMetrics": [{ "scopeMetrics": scopes }] }).to_string().into_bytes()
}

#[tokio::test]
async fn requests_in_json_are_answered_in_json() {
    let running = start_good().await;
    const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");
    let check = async |headers: &[(&str, &str)], body: Vec<u8>, status: u16, expect: serde_json::Value| {
        let got = post(&running, headers, body).await;
        let json: serde_json::Value = serde_json::from_slice(&got.1).unwrap();
        assert_eq!((got.0, json), (status, expect));
        assert_eq!(got.2["content-type"], "application/json");
    };
    check(&[JSON], json(0), 200, serde_json::json!({})).await;
    check(&[JSON, GZIP], zipped(&json(0)), 200, serde_json::json!({})).await;
    assert!(running.seen.lock().unwrap().iter().all(|batch| text(batch) == "up 0 1000\n"));
    let told = "metric `delta`: expected cumulative temporality";
    let partial = serde_json::json!({ "partialSuccess": { "rejectedDataPoints": "2", "errorMessage": told } });
    check(&[JSON], json(2), 200, partial).await;
    let wrong = "expected an `ExportMetricsServiceRequest` in JSON: EOF while parsing an object at line 1 column 1";
    check(&[JSON], b"{".to_vec(), 400, serde_json::json!({ "code": 3, "message": wrong })).await;
}

#[tokio::test]
async fn gzip_may_have_several_members() {
    let running = start_good().await;
    let check = async |headers: &[(&str, &str)], members: &[&[u8]]| {
        let body = members.iter().flat_map(|member| zipped(member)).collect();
        let (status, body, _) = post(&running, headers, body).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let seen: Vec<String> = running.seen.lock().unwrap().drain(..).map(|batch| text(&batch)).collect();
        assert_eq!(seen, ["up 0 1000\n"]);
    };
    let message = request(0);
    let (first, last) = message.split_at(7);
    check(&[PROTOBUF, GZIP], &[first, last]).await;
    check(&[PROTOBUF, GZIP], &[&message, b""]).await;
    // So long that it is read elsewhere, which its last member does not say.
    let json = [json(0), vec![b' '; 3 << 20]].concat();
    check(&[("content-type", "application/json"), GZIP], &[&json, b" "]).await;
    check(&[("content-type", "application/json"), GZIP], &[b" ", &json]).await;
}

#[tokio::test]
async fn what_is_left_out_is_told_in_partial_success_and_the_rest_is_written() {
    let running = start_good().await;
    let (status, body, _) = post(&running, &[PROTOBUF], request(3)).await;
    let told = sub(2, &[b"metric `delta`: expected cumulative temporality"]);
    let mut rejected = Vec::new();
    put_integer(1, 3, &mut rejected);
    assert_eq!((status, body), (200, sub(1, &[&rejected, &told])));
    assert_eq!(running.seen.lock().unwrap().len(), 1);
    let count = "weir_receive_rejected_samples_total{pipeline=\"in\",reason=\"temporality\"} 3\n";
    assert!(running.context.metrics.encode().contains(count));
    // As much is told of what the pipeline rejects.
    let answer = |_| -> BoxFuture<'static, Result<Ack>> {
        let mut ack = Ack::default();
        ack.reject("too_old", "up at 1000", 1);
        Box::pin(std::future::ready(Ok(ack)))
    };
    let running = start(settings(), answer).await;
    let (status, body, _) = post(&running, &[PROTOBUF], request(0)).await;
    let mut rejected = Vec::new();
    put_integer(1, 1, &mut rejected);
    assert_eq!((status, body), (200, sub(1, &[&rejected, &sub(2, &[b"too_old: 1 rejected: up at 1000"])])));
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_with_its_code() {
    let mut settings = settings();
    (settings.max_body, settings.max_decoded) = (Bytes::kib(1), Bytes::kib(2));
    let overloaded = Error::new(Kind::Overloaded { retry_after: Some(Duration::from_secs(7)) }, "no");
    let running = start(settings, move |_| Box::pin(std::future::ready(Err(overloaded.clone())))).await;
    let check = async |headers: &[(&str, &str)], body: Vec<u8>, status: u16, code: u64, text: &str| {
        let got = post(&running, headers, body).await;
        let mut expect = Vec::new();
        put_integer(1, code, &mut expect);
        put_bytes(2, text.as_bytes(), &mut expect);
        assert_eq!((got.0, String::from_utf8_lossy(&got.1)), (status, String::from_utf8_lossy(&expect)), "{headers:?}");
        got.2
    };
    let expected = "expected the content type `application/x-protobuf` or `application/json`";
    let media = |got: &str| format!("{expected}, got `{got}`");
    check(&[], request(0), 415, 3, &media("")).await;
    check(&[("content-type", "text/json")], b"{}".to_vec(), 415, 3, &media("text/json")).await;
    let encoding = "expected the content encoding `gzip` or none, got `snappy`";
    check(&[PROTOBUF, ("content-encoding", "snappy")], request(0), 415, 3, encoding).await;
    check(&[PROTOBUF], vec![0; 1025], 413, 8, "expected a body of at most 1024 bytes").await;
    let bomb = zipped(&[0; 4096]);
    let too_long = "expected at most 2048 bytes after decompression, got `4096`";
    check(&[PROTOBUF, GZIP], bomb.clone(), 400, 3, too_long).await;
    // One whose end says less than it holds.
    let mut lies = bomb;
    let end = lies.len() - 4;
    lies[end..].copy_from_slice(&9u32.to_le_bytes());
    check(&[PROTOBUF, GZIP], lies, 400, 3, "expected at most 2048 bytes after decompression").await;
    let mut lies = zipped(&request(0));
    let end = lies.len() - 4;
    lies[end..].copy_from_slice(&9u32.to_le_bytes());
    let corrupt = "expected a body in gzip: corrupt gzip stream does not have a matching checksum";
    check(&[PROTOBUF, GZIP], lies, 400, 3, corrupt).await;
    // One that ends with a member shorter than all.
    let members = [zipped(&[0; 4096]), zipped(&request(0))].concat();
    check(&[PROTOBUF, GZIP], members, 400, 3, "expected at most 2048 bytes after decompression").await;
    check(&[PROTOBUF, GZIP], request(0), 400, 3, "expected a body in gzip: invalid gzip header").await;
    let malformed = "expected an `ExportMetricsServiceRequest`, got a field number that does not exist at byte 0";
    check(&[PROTOBUF], vec![0], 400, 3, malformed).await;
    let headers = check(&[PROTOBUF], request(0), 429, 8, "no").await;
    assert_eq!(headers["retry-after"], "7");
}

//! Requests over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Mutex;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::tests::job;
use super::super::tests::server::{Answer, Server};
use super::*;

/// What a target that answers so is found to have, by a job with these settings.
async fn fetch(settings: &str, answer: Answer) -> (Result<String, (Reason, String)>, Server) {
    let answer = Mutex::new(Some(answer));
    let server = Server::start(move |_| answer.lock().unwrap().take().expect("one request")).await;
    (fetch_from(settings, &server.address.to_string()).await, server)
}

async fn fetch_from(settings: &str, address: &str) -> Result<String, (Reason, String)> {
    let job = job(&format!("static_configs: [ {{ targets: ['{address}'] }} ], {settings}"));
    let fetched = Http::new(&job).unwrap().fetch(&job.targets()[0], &job).await;
    fetched
        .map(|fetched| format!("{:?} {}", fetched.format, String::from_utf8(fetched.body).unwrap()))
        .map_err(|failure| (failure.reason, failure.to_string()))
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_request_says_what_is_wanted() {
    let settings = "scrape_timeout: 1500ms, metrics_path: /m, params: { a: ['b c'] }";
    let (got, server) = fetch(settings, Answer::text("a 1\n")).await;
    assert_eq!(got.unwrap(), "Text a 1\n");
    let (path, headers) = server.asked().remove(0);
    assert_eq!(path, "/m?a=b+c");
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("host"), server.address.to_string());
    assert_eq!(header("accept-encoding"), "gzip");
    assert_eq!(header("user-agent"), concat!("weir/", env!("CARGO_PKG_VERSION")));
    assert_eq!(header("x-prometheus-scrape-timeout-seconds"), "1.5");
    assert_eq!(
        header("accept"),
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;\
         version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
    );
    let (_, server) = fetch("enable_compression: false", Answer::text("")).await;
    assert_eq!(server.asked()[0].1["accept-encoding"], "identity");
}

#[tokio::test]
async fn bodies_come_plain_and_in_gzip() {
    let packed = |body: Vec<u8>| Answer::text(body).header("content-encoding", "gzip");
    assert_eq!(fetch("", packed(gzip(b"a 1\n"))).await.0.unwrap(), "Text a 1\n");
    let twice = [gzip(b"a 1\n"), gzip(b"b 2\n")].concat();
    assert_eq!(fetch("", packed(twice)).await.0.unwrap(), "Text a 1\nb 2\n");
    let parts = Answer::parts(vec![b"a 1\n".to_vec(), b"b 2\n".to_vec()]);
    assert_eq!(fetch("", parts).await.0.unwrap(), "Text a 1\nb 2\n");
    assert_eq!(fetch("", Answer::of("image/png", "")).await.0.unwrap(), "Text ");
}

#[tokio::test]
async fn the_size_of_a_body_is_limited_while_it_is_read() {
    let large = (Reason::BodySizeLimit, "expected a body of at most 1KiB, got a larger one".to_owned());
    let zeros = vec![b' '; 100_000];
    let announced = fetch("body_size_limit: 1KiB", Answer::text(zeros.clone())).await.0;
    assert_eq!(announced.unwrap_err(), large);
    let unannounced = Answer::parts((0..100).map(|_| vec![b' '; 1000]).collect());
    assert_eq!(fetch("body_size_limit: 1KiB", unannounced).await.0.unwrap_err(), large);
    let bomb = Answer::text(gzip(&zeros)).header("content-encoding", "gzip");
    assert_eq!(fetch("body_size_limit: 1KiB", bomb).await.0.unwrap_err(), large);
    let fits = Answer::text(vec![b' '; 1024]);
    assert_eq!(fetch("body_size_limit: 1KiB", fits).await.0.unwrap().len(), 1024 + 5);
}

#[tokio::test]
async fn answers_that_are_no_metrics_say_why() {
    let check = async |settings: &str, answer: Answer, reason: Reason, expect: &str| {
        assert_eq!(fetch(settings, answer).await.0.unwrap_err(), (reason, expect.to_owned()));
    };
    let status = |status| Answer::text("no").status(status);
    check("", status(500), Reason::Status, "expected status 200, got `500 Internal Server Error`").await;
    check("", status(204), Reason::Status, "expected status 200, got `204 No Content`").await;
    check("", status(302), Reason::Status, "expected status 200, got `302 Found`").await;
    let what = "expected a content type of text or OpenMetrics, or `fallback_scrape_protocol` in the job, got";
    check("", Answer::of("text/html", "<html>"), Reason::ContentType, &format!("{what} `text/html`")).await;
    check("", Answer::of("", "a 1"), Reason::ContentType, &format!("{what} none")).await;
    let other = Answer::text("a 1").header("content-encoding", "br");
    check("", other, Reason::Http, "expected a body in gzip or plain, got `br`").await;
    let garbage = Answer::text("not gzip at all").header("content-encoding", "gzip");
    check("", garbage, Reason::Http, "expected a body in gzip: invalid gzip header").await;
}

#[tokio::test]
async fn bodies_that_break_off_are_not_taken_for_whole() {
    let mut cut = gzip(&b"some_metric 1\n".repeat(100));
    cut.truncate(cut.len() - 9);
    let cut = Answer::text(cut).header("content-encoding", "gzip");
    let (reason, message) = fetch("", cut).await.0.unwrap_err();
    assert_eq!(reason, Reason::Http);
    assert!(message.starts_with("expected a body in gzip: "), "{message}");

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answer = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 8\r\n\r\na 1\n";
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            stream.read_buf(&mut request).await.unwrap();
        }
        stream.write_all(head).await.unwrap();
    };
    let (fetched, ()) = tokio::join!(fetch_from("", &address), answer);
    let (reason, message) = fetched.unwrap_err();
    assert_eq!(reason, Reason::Http);
    assert!(message.starts_with("expected more of the body: "), "{message}");
}

#[tokio::test]
async fn the_format_is_that_of_the_answer_or_the_fallback() {
    let openmetrics = Answer::of("application/openmetrics-text; version=1.0.0; charset=utf-8", "# EOF\n");
    assert_eq!(fetch("", openmetrics).await.0.unwrap(), "OpenMetrics # EOF\n");
    let fallback = "fallback_scrape_protocol: OpenMetricsText1.0.0";
    assert_eq!(fetch(fallback, Answer::of("", "# EOF\n")).await.0.unwrap(), "OpenMetrics # EOF\n");
    assert_eq!(fetch(fallback, Answer::text("a 1\n")).await.0.unwrap(), "Text a 1\n");
}

#[tokio::test]
async fn where_nobody_listens_there_is_no_connection() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let (reason, message) = fetch_from("", &address).await.unwrap_err();
    assert_eq!(reason, Reason::Connect);
    assert!(message.starts_with("expected an answer: ") && message.contains("refused"), "{message}");
}

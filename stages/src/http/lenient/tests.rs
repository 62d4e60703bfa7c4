//! Tests of `http::lenient`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::*;

/// What comes out where these pieces come in one after the other; `|` is an answer in between.
async fn read(pieces: &[&str]) -> String {
    let (client, server) = duplex(4 << 20);
    let (mut client, mut server) = (client, Lenient::new(server, true));
    let mut out = Vec::new();
    for piece in pieces {
        if *piece == "|" {
            server.write_all(b"HTTP/1.1 200 OK").await.unwrap();
            continue;
        }
        client.write_all(piece.as_bytes()).await.unwrap();
        let mut some = [0; 1 << 10];
        // What is held until its line is whole does not come yet.
        while let Ok(n) = tokio::time::timeout(std::time::Duration::from_millis(1), server.read(&mut some)).await {
            out.extend_from_slice(&some[..n.unwrap()]);
        }
    }
    drop(client);
    server.read_to_end(&mut out).await.unwrap();
    String::from_utf8(out).unwrap()
}

#[tokio::test(start_paused = true)]
async fn raw_characters_of_a_request_line_are_encoded_and_nothing_else_is_touched() {
    let check = async |pieces: &[&str], expect: &str| assert_eq!(read(pieces).await, expect, "{pieces:?}");
    let head = "Host: \"a\"\r\n\r\n";
    check(&["GET /?q=up{a=\"b\"} HTTP/1.1\r\n", head], &format!("GET /?q=up%7Ba=%22b%22%7D HTTP/1.1\r\n{head}")).await;
    check(&["GE", "T /?q=1<", "2 HTTP/1.1\r", "\n", head], &format!("GET /?q=1%3C2 HTTP/1.1\r\n{head}")).await;
    check(&["POST /a HTTP/1.1\r\n\r\n", "GET /\"\n"], "POST /a HTTP/1.1\r\n\r\nGET /\"\n").await;
    // The next request on the same connection.
    check(&["GET / HTTP/1.1\r\n\r\n", "|", "GET /\" HTTP/1.1\r\n"], "GET / HTTP/1.1\r\n\r\nGET /%22 HTTP/1.1\r\n")
        .await;
    // A body that waited for `100 Continue`.
    check(&["POST / HTTP/1.1\r\n\r\n", "|", "query=\"a\""], "POST / HTTP/1.1\r\n\r\nquery=\"a\"").await;
    check(&["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\"", "|", "\0\0\""], "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\"\0\0\"").await;
    check(&["hello \"you\"\n"], "hello \"you\"\n").await;
    // What ends within a line comes out as it is.
    check(&["GET /\""], "GET /\"").await;
    check(&[""], "").await;
}

#[tokio::test(start_paused = true)]
async fn a_line_without_an_end_is_let_go() {
    let long = format!("GET /{}", "\"".repeat(2 * LINE));
    assert_eq!(read(&[&long]).await.len(), long.len());
}

#[tokio::test(start_paused = true)]
async fn a_query_too_long_for_an_address_goes_on_as_a_header() {
    let check = async |line: &str, expect: &str| {
        let head = "Host: a\r\n\r\n";
        assert_eq!(read(&[&format!("{line}\r\n{head}")]).await, format!("{expect}\r\n{head}"));
    };
    let long = "q=1&".repeat(TARGET / 4);
    let expect = format!("GET /a HTTP/1.1\r\nx-weir-long-query: {}{long}", MARK.as_str());
    check(&format!("GET /a?{long} HTTP/1.1"), &expect).await;
    let short = format!("GET /{} HTTP/1.1", &long[1..]);
    check(&short, &short).await;
    // A path has no other place.
    let path = format!("GET /{long} HTTP/1.1");
    check(&path, &path).await;
}

#[test]
fn a_long_query_is_that_of_the_request_and_a_header_from_outside_is_none() {
    let check = |address: &str, header: &[&str], expect: &str| {
        let mut request = Request::get(address);
        for value in header {
            request = request.header(LONG_QUERY, *value);
        }
        let mut request = request.body(()).unwrap();
        settle(&mut request);
        assert_eq!(query(request.uri(), request.extensions()), expect);
        assert!(request.headers().is_empty());
    };
    let own = format!("{}q=1", MARK.as_str());
    check("/a", &[&own], "q=1");
    check("/a", &[&own, "q=2"], "q=1");
    check("/a?b=2", &["q=1"], "b=2");
    check("/a?b=2", &["0123456789abcdef0123456789abcdef:q=1"], "b=2");
    check("/a?b=2", &[], "b=2");
}

//! Long queries, in addresses and in bodies.

use std::fmt::Write as _;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use weir_pipeline::Ask;

use super::*;
use crate::syntax::MAX_QUERY_BYTES;

/// The answer to a `GET` of an address that no address of our HTTP library can be.
async fn get(running: &Running, path: &str) -> String {
    let mut client = TcpStream::connect(running.address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    client.read_to_string(&mut text).await.unwrap();
    text
}

fn shown(query: &Query) -> (&str, i64) {
    let Ask::Instant { expr, time } = &query.ask else { panic!("{query:?}") };
    (expr, *time)
}

#[tokio::test]
async fn an_address_may_be_nearly_as_long_as_for_go() {
    let running = start_with(Data::Names(Vec::new())).await;
    for bytes in [1 << 10, 60 << 10, 64 << 10, 200 << 10, 1000 << 10] {
        let name = "a".repeat(bytes);
        let text = get(&running, &format!("/api/v1/query?query={name}%20%2B%20b&time=1")).await;
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{bytes}: {}", &text[..100]);
        assert_eq!(shown(&running.seen()[0]), (format!("{name} + b").as_str(), 1000));
    }
    let text = get(&running, &format!("/api/v1/query?query={}", "a".repeat(1100 << 10))).await;
    assert!(text.starts_with("HTTP/1.1 414 "), "{}", &text[..100]);
}

#[tokio::test]
async fn the_longest_query_fits_a_form_with_each_byte_encoded() {
    let running = start_with(Data::Names(Vec::new())).await;
    let query = "a".repeat(MAX_QUERY_BYTES);
    let form = query.bytes().fold("query=".to_owned(), |mut form, byte| {
        write!(form, "%{byte:02X}").unwrap();
        form
    });
    let got = running.post("/api/v1/query?time=1", form).await;
    assert_eq!((got.status, shown(&running.seen()[0])), (200, (query.as_str(), 1000)));
    let got = running.post("/api/v1/query", format!("query={query}a")).await;
    let expected =
        "invalid parameter \"query\": 1:1: parse error: expected a query of at most 1048576 bytes, got 1048577";
    assert_eq!((got.status, got.error().as_str()), (400, expected));
}

#[tokio::test]
async fn a_long_chain_is_asked_formatted_and_shown_as_a_tree() {
    let running = start_with(Data::Names(Vec::new())).await;
    let query = vec!["foo"; 1500].join(" or ");
    for path in ["query", "query_exemplars", "format_query", "parse_query"] {
        let got = running.post(&format!("/api/v1/{path}"), format!("query={query}")).await;
        assert_eq!(got.status, 200, "{path}: {}", got.text());
    }
    let text = running.post("/api/v1/parse_query", format!("query={query}")).await.text().to_owned();
    assert_eq!(text.matches(r#""type":"binaryExpr""#).count(), 1499);
}

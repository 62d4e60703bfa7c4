//! Tests of `http`, over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use weir_pipeline::testing::settings;

use super::*;
use crate::outbound::AGENT;
use crate::outbound::tests::server::{Says, Server};

fn list(status: u16, kind: &str, body: &'static str) -> Says {
    Says(status, vec![("content-type", kind.to_owned())], body)
}

async fn ask(server: &Server, more: &str) -> Result<Vec<Group>, String> {
    let sd: HttpSd = settings(&format!("{{ url: 'http://{}/list?a=b', {more} }}", server.address)).unwrap();
    sd.ask(&sd.server.client(sd.limit(), 1).unwrap()).await
}

#[tokio::test]
async fn a_server_lists_targets() {
    let body = r#"[{"targets": ["a:1"], "labels": {"x": "y"}}]"#;
    let server = Server::start(move |_| list(200, "application/json; charset=utf-8", body)).await;
    let groups = ask(&server, "bearer_token: t, http_headers: { x-more: m }, refresh_interval: 90s").await.unwrap();
    let url = format!("http://{}/list?a=b", server.address);
    let labels = [("__meta_url", url.as_str()), ("x", "y")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(groups, [Group { targets: vec!["a:1".into()], labels: labels.into() }]);
    let asked = server.asked().remove(0);
    let all = [
        ("accept", "application/json"),
        ("user-agent", AGENT),
        ("x-prometheus-refresh-interval-seconds", "90"),
        ("authorization", "Bearer t"),
        ("x-more", "m"),
    ];
    all.iter().for_each(|(name, value)| assert_eq!(asked.header(name), Some(*value), "{name}"));
    assert_eq!(asked.path, "/list?a=b");
}

#[tokio::test]
async fn what_is_no_list_says_why() {
    let check = async |says: Says, expect: &str| {
        let server = Server::start(move |_| says.clone()).await;
        let why = ask(&server, "refresh_interval: 5s").await.unwrap_err();
        assert!(why.starts_with(expect), "{why}");
    };
    check(list(404, "application/json", "[]"), "expected status 200, got `404 Not Found`").await;
    check(list(200, "text/html", "[]"), "expected the content type `application/json`, got `text/html`").await;
    check(list(200, "application/json", "[{"), "EOF while parsing").await;
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let sd: HttpSd = settings(&format!("url: 'http://{gone}/'")).unwrap();
    let why = sd.ask(&sd.server.client(sd.limit(), 1).unwrap()).await.unwrap_err();
    assert!(why.starts_with("expected an answer: "), "{why}");
}

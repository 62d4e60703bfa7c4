//! Tests of `http::auth`, over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio_util::sync::CancellationToken;
use weir_pipeline::testing::settings;
use weir_pipeline::units::Span;
use weir_pipeline::{Clock, Context, Metrics};

use super::*;
use crate::http::server::{Answer, Limits, listen, serve};

/// Answers everything.
struct Yes;

impl Answer for Yes {
    type Body = Full<Bytes>;

    async fn answer(&self, _: Request<Incoming>) -> Response<Full<Bytes>> {
        Response::new(Full::from("yes"))
    }
}

/// A listener, and who asks it.
struct Running {
    address: SocketAddr,
    context: Context,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// A name's hash, of the least cost that there is.
fn hash(password: &str) -> String {
    bcrypt::hash(password, 4).unwrap()
}

async fn start(auth: &str) -> weir_pipeline::Result<Running> {
    let auth: Auth = settings(auth).unwrap();
    let context = Context::new(Clock::system(), Metrics::default(), CancellationToken::new());
    let context = context.at("in", "in.source.receive");
    let address = "127.0.0.1:0".parse().unwrap();
    let listener = listen(&address, None, Some(&auth), &context).await?;
    let limits = Limits::new(NonZeroUsize::MIN.saturating_add(9), Span::from_secs(10));
    tokio::spawn(serve(listener, Arc::new(Yes), limits, context.shutdown.clone()));
    let client = Client::builder(TokioExecutor::new()).build_http();
    Ok(Running { address: context.listeners()[0].1, context, client })
}

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

impl Running {
    async fn ask(&self, authorization: &[&str]) -> Response<Incoming> {
        let request = Request::post(format!("http://{}/-/healthy", self.address));
        let request = authorization.iter().fold(request, |request, value| request.header("authorization", *value));
        self.client.request(request.body(Full::from(vec![b'x'; 200_000])).unwrap()).await.unwrap()
    }

    #[track_caller]
    fn counted(&self, reason: &str, count: u64) {
        let text = self.context.metrics.encode();
        let labels = format!(r#"{{pipeline="in",listener="receive",reason="{reason}"}}"#);
        assert!(text.contains(&format!("weir_http_unauthorized_total{labels} {count}\n")), "{text}");
    }
}

#[tokio::test]
async fn who_shows_a_name_and_its_password_is_let_in_and_nobody_else() {
    let (alice, bob) = (hash("wonderland"), hash("päss:word"));
    let running = start(&format!("{{ basic: {{ users: {{ alice: '{alice}', bob: '{bob}' }} }} }}")).await.unwrap();
    let check = async |authorization: &[&str], status: u16| {
        let got = running.ask(authorization).await;
        assert_eq!(got.status().as_u16(), status, "{authorization:?}");
        let challenge = got.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
        let expect = (status == 401).then(|| "Basic realm=\"weir\", charset=\"UTF-8\"".to_owned());
        assert_eq!(challenge, expect);
        got.into_body().collect().await.unwrap().to_bytes()
    };
    // Twice, the second time from memory.
    for _ in 0..2 {
        assert_eq!(check(&[&basic("alice", "wonderland")], 200).await, "yes");
        check(&[&basic("bob", "päss:word").replace("Basic", "bASIC")], 200).await;
        check(&[&basic("alice", "päss:word")], 401).await;
        check(&[&basic("carol", "wonderland")], 401).await;
    }
    running.counted("password", 4);
    assert_eq!(check(&[], 401).await, "Unauthorized\n");
    running.counted("missing", 1);
    check(&["Basic"], 401).await;
    check(&["Basic %"], 401).await;
    check(&[&format!("Basic {}", STANDARD.encode("alice"))], 401).await;
    check(&["Bearer wonderland"], 401).await;
    check(&[&basic("alice", "wonderland"), &basic("alice", "wonderland")], 401).await;
    running.counted("malformed", 5);
}

#[tokio::test]
async fn a_name_and_its_password_have_a_token_that_ends_with_the_password() {
    let dir = tempfile::tempdir().unwrap();
    let users = dir.path().join("users");
    std::fs::write(&users, format!("alice:{}\n", hash("wonderland"))).unwrap();
    let running = start(&format!("{{ basic: {{ users_file: {} }} }}", users.display())).await.unwrap();
    let check = async |authorization: &str, status: u16| {
        assert_eq!(running.ask(&[authorization]).await.status().as_u16(), status, "{authorization}");
    };
    // Go's client of Arrow Flight writes no padding.
    let unpadded = basic("alice", "wonderland").trim_end_matches('=').to_owned();
    assert!(unpadded.len() < basic("alice", "wonderland").len());
    let shown = [basic("alice", "wonderland"), unpadded];
    for shown in &shown {
        check(shown, 200).await;
        let token = token(shown).unwrap();
        assert_eq!(super::token(&token).as_ref(), Some(&token));
        check(&token, 200).await;
    }
    check(&token(&basic("alice", "else")).unwrap(), 401).await;
    check("Bearer wonderland", 401).await;
    std::fs::write(&users, format!("alice:{}\nbob:{}\n", hash("another"), hash("x"))).unwrap();
    check(&token(&shown[0]).unwrap(), 401).await;
    assert_eq!((token("Basic"), token("Digest x")), (None, None));
}

#[tokio::test]
async fn over_grpc_a_refusal_has_a_status_of_grpc() {
    let running = start(&format!("{{ basic: {{ users: {{ alice: '{}' }} }} }}", hash("wonderland"))).await.unwrap();
    let request = Request::post(format!("http://{}/x/Y", running.address)).header("content-type", "application/grpc");
    let got = running.client.request(request.body(Full::default()).unwrap()).await.unwrap();
    let header = |name: &str| got.headers().get(name).map(|value| value.to_str().unwrap());
    assert_eq!((got.status().as_u16(), header("grpc-status")), (200, Some("16")));
    assert_eq!((header("grpc-message"), header("content-type")), (Some("Unauthorized"), Some("application/grpc")));
    running.counted("missing", 1);
}

#[tokio::test]
async fn tokens_and_names_come_from_files_that_may_change() {
    let dir = tempfile::tempdir().unwrap();
    let (users, tokens) = (dir.path().join("users"), dir.path().join("tokens"));
    std::fs::write(&users, format!("# who\n\nalice:{}\n", hash("one"))).unwrap();
    std::fs::write(&tokens, "0123456789abcdef\n").unwrap();
    let (user_file, token_file) = (users.display(), tokens.display());
    let auth = format!("{{ basic: {{ users_file: {user_file} }}, bearer: {{ tokens_file: {token_file} }} }}");
    let running = start(&auth).await.unwrap();
    let check = async |authorization: &str, status: u16| {
        let got = running.ask(&[authorization]).await;
        assert_eq!(
            (got.status().as_u16(), got.headers().get_all("www-authenticate").iter().count() == 2),
            (status, status == 401)
        );
    };
    check("Bearer 0123456789abcdef", 200).await;
    check("Bearer 0123456789abcdeg", 401).await;
    running.counted("token", 1);
    check(&basic("alice", "one"), 200).await;
    std::fs::write(&users, format!("alice:{}\nbob:{}\n", hash("two"), hash("three"))).unwrap();
    check(&basic("alice", "one"), 401).await;
    check(&basic("alice", "two"), 200).await;
    check(&basic("bob", "three"), 200).await;
    std::fs::write(&tokens, "0123456789abcdefg\n").unwrap();
    check("Bearer 0123456789abcdef", 401).await;
    check("Bearer 0123456789abcdefg", 200).await;
    // What can't be used changes nothing.
    std::fs::write(&tokens, "short\n").unwrap();
    check("Bearer 0123456789abcdefg", 200).await;
}

#[tokio::test]
async fn files_that_can_not_be_used_are_told_at_the_start_without_what_they_have() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    let check = async |text: &str, auth: &str, expect: &str| {
        std::fs::write(&file, text).unwrap();
        let error = start(&auth.replace("FILE", &file.display().to_string())).await.map(drop).unwrap_err().report();
        assert!(error.contains(expect) && !error.contains("hunter2"), "{error}");
    };
    let users = "{ basic: { users_file: FILE } }";
    check("hunter2", users, "file:1: expected `name:hash`").await;
    check("\na:hunter2", users, "file:2: expected a bcrypt hash for `a`").await;
    check(":x", users, "file:1: expected a name without `:`, got ``").await;
    let dear = hash("x").replace("$04$", "$31$");
    check(&format!("a:{dear}"), users, "expected a bcrypt hash of a cost from 4 to 16 for `a`, got `31`").await;
    check("hunter2", "{ bearer: { tokens_file: FILE } }", "expected a token of at least 16 bytes").await;
    check("", "{ bearer: { tokens_file: FILE.gone } }", "expected to read the file").await;
}

#[test]
fn mistakes_in_settings_are_told_without_secrets() {
    let check = |auth: &str, expect: &str| {
        let error = settings::<Auth>(auth).expect_err(auth);
        assert!(error.contains(expect) && !error.contains("hunter2"), "{error}");
    };
    check("{}", "expected `basic`, `bearer` or both, got neither");
    check("{ basic: {} }", "expected `users`, `users_file` or both, got neither");
    check("{ basic: { users: 'alice:hunter2' } }", "expected a map, got a text");
    check("{ basic: { users: { a: hunter2 } } }", "expected a bcrypt hash for `a`");
    check("{ basic: { users: { 'a:b': hunter2 } } }", "expected a name without `:`, got `a:b`");
    check("{ bearer: {} }", "tokens_file");
    let auth: Auth = settings(&format!("{{ basic: {{ users: {{ a: '{}' }} }} }}", hash("x"))).unwrap();
    assert!(format!("{auth:?}").contains("\"a\": <secret>"), "{auth:?}");
}

//! Keys that a machine or a container is given over HTTP.
#![allow(clippy::expect_used, clippy::panic)]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ObjectStoreExt, RetryConfig};
use tempfile::tempdir;
use tokio::net::TcpListener;

use super::super::instance;
use super::*;
use crate::testing::s3::{BUCKET, KEY, S3Server};

/// A server that plays both services. Its answers are taken from the end; the last one stays.
struct Served {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    answers: Vec<String>,
    asked: Vec<String>,
}

/// Keys as both services give them.
fn keys(secret: &str, until: &str) -> String {
    let id = KEY.0;
    format!(
        "{{\"Code\":\"Success\",\"LastUpdated\":\"2020-01-01T00:00:00Z\",\"AccessKeyId\":\"{id}\",\
         \"SecretAccessKey\":\"{secret}\",\"Token\":\"tokentoken\",\"Expiration\":\"{until}\"}}"
    )
}

impl Served {
    async fn start(answers: &[String]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let answers = answers.iter().rev().cloned().collect();
        let state = Arc::new(Mutex::new(State { answers, asked: Vec::new() }));
        let served = Self { address: listener.local_addr().unwrap(), state: state.clone() };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = state.clone();
                let answer = service_fn(move |request: Request<Incoming>| {
                    let answer = state.lock().unwrap().answer(&request);
                    async move { Ok::<_, Infallible>(answer) }
                });
                tokio::spawn(async move {
                    let _ =
                        auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
        served
    }

    fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }
}

impl State {
    fn answer(&mut self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let header = |name: &str| request.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        let who = header("authorization") + &header("x-aws-ec2-metadata-token");
        self.asked.push(format!("{} {} {who}", request.method(), request.uri().path()));
        let text = match request.uri().path() {
            "/latest/api/token" if !header("x-aws-ec2-metadata-token-ttl-seconds").is_empty() => "t0ken".to_owned(),
            "/latest/meta-data/iam/security-credentials/" => "weir-role".to_owned(),
            "/keys" | "/latest/meta-data/iam/security-credentials/weir-role" => match self.answers.as_slice() {
                [last] => last.clone(),
                _ => self.answers.pop().unwrap(),
            },
            _ => return Response::builder().status(404).body(Full::default()).unwrap(),
        };
        Response::new(Full::new(text.into()))
    }
}

/// The client of a bucket, in an environment that has these variables.
fn store(server: &S3Server, here: &str, variables: &[(&str, String)]) -> AmazonS3 {
    let lookup = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
    assert!(matches!(Credentials::found(&lookup), Credentials::Instance));
    let builder = AmazonS3Builder::new()
        .with_bucket_name(BUCKET)
        .with_endpoint(server.endpoint())
        .with_http_connector(connector())
        .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
        .with_allow_http(true);
    instance(builder, &lookup, here, &connector()).unwrap().build().unwrap()
}

async fn works(store: &AmazonS3) {
    store.put(&Path::from("a"), "1".into()).await.unwrap();
    assert_eq!(store.get(&Path::from("a")).await.unwrap().bytes().await.unwrap(), "1");
}

#[tokio::test]
async fn a_container_gets_its_keys_where_the_environment_says() {
    let dir = tempdir().unwrap();
    let server = S3Server::start(dir.path()).await;
    std::fs::write(dir.path().join("token"), "of-file\n").unwrap();
    let file = dir.path().join("token").display().to_string();
    let check = async |more: &[(&'static str, String)], who: &str| {
        let served = Served::start(&[keys(KEY.1, "2099-01-01T00:00:00Z")]).await;
        let here = format!("http://{}", served.address);
        let full = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{here}/keys"));
        let relative = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/keys".to_owned());
        for place in [full, relative] {
            let mut variables = more.to_vec();
            variables.push(place);
            works(&store(&server, &here, &variables)).await;
        }
        assert_eq!(served.asked(), vec![format!("GET /keys {who}"); 2], "once for each, as long as they are good");
    };
    check(&[], "").await;
    check(&[("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer x".to_owned())], "Bearer x").await;
    check(&[("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file)], "of-file").await;
}

#[tokio::test]
async fn a_machine_gets_its_keys_from_the_metadata_service() {
    let dir = tempdir().unwrap();
    let server = S3Server::start(dir.path()).await;
    for (name, slash) in [("AWS_EC2_METADATA_SERVICE_ENDPOINT", "/"), ("AWS_METADATA_ENDPOINT", "")] {
        let served = Served::start(&[keys(KEY.1, "2099-01-01T00:00:00Z")]).await;
        works(&store(&server, "", &[(name, format!("http://{}{slash}", served.address))])).await;
        let directory = "/latest/meta-data/iam/security-credentials/";
        let expect = [
            "PUT /latest/api/token ".to_owned(),
            format!("GET {directory} t0ken"),
            format!("GET {directory}weir-role t0ken"),
        ];
        assert_eq!(served.asked(), expect);
    }
}

#[tokio::test]
async fn keys_that_have_expired_are_fetched_again() {
    let dir = tempdir().unwrap();
    let server = S3Server::start(dir.path()).await;
    for name in ["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_EC2_METADATA_SERVICE_ENDPOINT"] {
        let answers = [keys("not-it", "2020-01-01T00:00:00Z"), keys(KEY.1, "2099-01-01T00:00:00Z")];
        let served = Served::start(&answers).await;
        let path = if name.contains("CONTAINER") { "/keys" } else { "" };
        let store = store(&server, "", &[(name, format!("http://{}{path}", served.address))]);
        store.put(&Path::from("a"), "0".into()).await.unwrap_err();
        works(&store).await;
        let asked = served.asked().into_iter().filter(|asked| asked.starts_with("GET") && !asked.contains("ls/ "));
        assert_eq!(asked.count(), 2);
    }
}

#[tokio::test]
async fn a_service_that_gives_no_keys_is_told_without_what_it_says() {
    let dir = tempdir().unwrap();
    let server = S3Server::start(dir.path()).await;
    let check = async |answer: &str, path: &str, expect: &str| {
        let served = Served::start(&[answer.to_owned()]).await;
        let full = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("http://{}{path}", served.address));
        let error = store(&server, "", &[full]).get(&Path::from("a")).await.unwrap_err();
        let told = format!("{error:?}");
        assert!(told.contains(expect) && !told.contains(SECRET), "{told}");
    };
    check(SECRET, "/keys", "the container's service for keys gives no keys").await;
    check(&keys(SECRET, "soon"), "/keys", "the container's service for keys gives keys without a time").await;
    check("", "/other", "the container's service for keys answers with status 404").await;
}

#[tokio::test]
async fn a_token_is_not_sent_to_everybody() {
    let check = |url: &str, may: bool| {
        let lookup = |name: &str| (name == "AWS_CONTAINER_CREDENTIALS_FULL_URI").then(|| url.to_owned());
        let built = instance(AmazonS3Builder::new(), &lookup, "", &connector());
        assert_eq!(built.is_ok(), may, "{url}");
    };
    check("https://example.org/keys", true);
    check("http://127.0.0.1:80/keys", true);
    check("http://169.254.170.23/v1/credentials", true);
    check("http://[fd00:ec2::23]/v1/credentials", true);
    check("http://example.org/keys", false);
    check("http://169.254.170.2.example.org/keys", false);
    check("file:///etc/passwd", false);
    check("/keys", false);
}

//! Tests of `tls`: nodes that speak to each other with certificates made here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::net::SocketAddr;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use weir_pipeline::testing::{Recorder, batch, settings};
use weir_pipeline::{Ack, Batch, Clock, Context, Error, Metrics, Next, Result, Sink, Source, Write};

use super::*;
use crate::node::client::NodeClient;
use crate::peer::Peer;
use crate::peers::Peers;
use crate::ring::Member;

/// A directory with a root and what it has signed.
struct Authority {
    dir: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Self { dir: tempfile::tempdir().unwrap(), issuer };
        std::fs::write(authority.path("ca.crt"), authority.issuer.pem()).unwrap();
        authority
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    /// Signs a certificate for `host` as `name.crt`, with its key.
    fn sign(&self, name: &str, host: &str) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![host.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.path(&format!("{name}.crt")), certificate.pem()).unwrap();
        std::fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}

fn context() -> Context {
    Context::new(Clock::system(), Metrics::default(), CancellationToken::new()).at("in", "in.peers")
}

/// A node on a free port, whose settings of TLS stand in `dir`.
async fn node(tls: &str, dir: &Path) -> (SocketAddr, Recorder<Write>) {
    let tls = tls.replace("DIR", &dir.display().to_string());
    let peers: Peers = settings(&format!("{{ listen: 127.0.0.1:0, {tls} }}")).unwrap();
    let rest = Recorder::new(|batch: &Batch| Ok(Ack::written(batch.sample_count() as u64)));
    let context = context();
    tokio::spawn(peers.run(context.clone(), rest.next()));
    while context.listeners().is_empty() {
        tokio::task::yield_now().await;
    }
    (context.listeners()[0].1, rest)
}

fn way(address: SocketAddr, tls: &str, dir: &Path) -> Result<Next<Write>> {
    let tls = tls.replace("DIR", &dir.display().to_string());
    let peer: Peer = settings(&format!("{{ timeout: 5s, {tls} }}")).unwrap();
    let (name, zone) = ("a".to_owned(), String::new());
    let member = Member { name, address: address.to_string(), read_address: String::new(), zone };
    peer.open(&context().with(std::sync::Arc::new(member)))
}

async fn send(address: SocketAddr, tls: &str, dir: &Path) -> Result<Ack, Error> {
    way(address, tls, dir).unwrap().send(batch("up 1 1")).await
}

mod others;
mod readers;
mod tenants;

const SERVER: &str = "tls_server_config: { cert_file: DIR/node.crt, key_file: DIR/node.key }";
const MUTUAL: &str =
    "tls_server_config: { cert_file: DIR/node.crt, key_file: DIR/node.key, client_ca_file: DIR/ca.crt }";
const TRUSTS: &str = "tls_config: { ca_file: DIR/ca.crt }";
const SHOWS: &str = "tls_config: { ca_file: DIR/ca.crt, cert_file: DIR/node.crt, key_file: DIR/node.key }";

#[tokio::test]
async fn nodes_that_trust_each_other_speak() {
    let ours = Authority::new();
    ours.sign("node", "127.0.0.1");
    let dir = ours.dir.path();
    let (address, rest) = node(MUTUAL, dir).await;
    assert_eq!(send(address, SHOWS, dir).await.unwrap(), Ack::written(1));
    assert_eq!(rest.requests().len(), 1);
    let (address, _) = node(SERVER, dir).await;
    assert_eq!(send(address, TRUSTS, dir).await.unwrap(), Ack::written(1));
}

#[tokio::test]
async fn who_is_not_trusted_is_not_spoken_to() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    ours.sign("node", "127.0.0.1");
    theirs.sign("node", "127.0.0.1");
    let check = async |server: &str, client: &str, of: &Authority, expect: &str| {
        let (address, rest) = node(server, ours.dir.path()).await;
        let error = send(address, client, of.dir.path()).await.unwrap_err().report();
        assert!(error.contains(expect), "{error}, not {expect}");
        assert!(rest.requests().is_empty());
    };
    // A root that did not sign it, no certificate where one is asked for, or one of somebody else.
    check(SERVER, TRUSTS, &theirs, "invalid peer certificate").await;
    check(MUTUAL, TRUSTS, &ours, "can't be reached").await;
    let stranger = SHOWS.replace("cert_file: DIR", &format!("cert_file: {}", theirs.dir.path().display()));
    let stranger = stranger.replace("key_file: DIR", &format!("key_file: {}", theirs.dir.path().display()));
    check(MUTUAL, &stranger, &ours, "can't be reached").await;
    // One side without TLS.
    check(SERVER, "concurrency: 9", &ours, "can't be reached").await;
    let (address, _) = node("concurrency: 9", ours.dir.path()).await;
    assert!(send(address, TRUSTS, ours.dir.path()).await.unwrap_err().report().contains("can't be reached"));
}

#[tokio::test]
async fn a_certificate_for_another_name_needs_that_name() {
    let ours = Authority::new();
    ours.sign("node", "weir.example");
    let (address, _) = node(SERVER, ours.dir.path()).await;
    let error = send(address, TRUSTS, ours.dir.path()).await.unwrap_err().report();
    assert!(error.contains("certificate not valid for name"), "{error}");
    let named = "tls_config: { ca_file: DIR/ca.crt, server_name: weir.example }";
    assert_eq!(send(address, named, ours.dir.path()).await.unwrap(), Ack::written(1));
}

#[tokio::test]
async fn a_listener_goes_on_with_certificates_that_change_and_keeps_them_where_the_new_ones_are_wrong() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    ours.sign("node", "127.0.0.1");
    theirs.sign("node", "127.0.0.1");
    let (address, _) = node(SERVER, ours.dir.path()).await;
    send(address, TRUSTS, ours.dir.path()).await.unwrap();
    std::fs::write(ours.path("node.crt"), "nothing").unwrap();
    send(address, TRUSTS, ours.dir.path()).await.unwrap();
    for file in ["node.crt", "node.key"] {
        std::fs::copy(theirs.path(file), ours.path(file)).unwrap();
    }
    send(address, TRUSTS, theirs.dir.path()).await.unwrap();
    assert!(send(address, TRUSTS, ours.dir.path()).await.is_err());
}

#[tokio::test]
async fn a_client_goes_on_with_certificates_that_change_and_keeps_them_where_the_new_ones_are_wrong() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    ours.sign("node", "127.0.0.1");
    theirs.sign("node", "127.0.0.1");
    let (first, _) = node(MUTUAL, ours.dir.path()).await;
    let (second, _) = node(MUTUAL, theirs.dir.path()).await;
    // A client of its own, whose files change; each address is a connection of its own.
    let client = tempfile::tempdir().unwrap();
    let files = ["ca.crt", "node.crt", "node.key"];
    let copy = |from: &Authority| {
        files.iter().for_each(|file| _ = std::fs::copy(from.path(file), client.path().join(file)).unwrap());
    };
    copy(&ours);
    let tls = SHOWS.replace("DIR", &client.path().display().to_string());
    let tls: TlsClient = settings(tls.strip_prefix("tls_config: ").unwrap()).unwrap();
    let node_client = NodeClient::new(std::time::Duration::from_secs(5), Some(&tls)).unwrap();
    let get = async |address: SocketAddr| {
        let uri = node_client.uri(&address.to_string(), "/-/healthy").unwrap();
        node_client.client.get(uri).await.map(|response| response.status().as_u16()).map_err(drop)
    };
    assert_eq!((get(first).await, get(second).await), (Ok(200), Err(())));
    std::fs::write(client.path().join("ca.crt"), "nothing").unwrap();
    let (third, _) = node(MUTUAL, ours.dir.path()).await;
    assert_eq!(get(third).await, Ok(200));
    copy(&theirs);
    let (fourth, _) = node(MUTUAL, ours.dir.path()).await;
    assert_eq!((get(second).await, get(fourth).await), (Ok(200), Err(())));
}

#[tokio::test]
async fn files_that_can_not_work_are_told_at_the_start() {
    let ours = Authority::new();
    ours.sign("node", "127.0.0.1");
    let dir = ours.dir.path();
    std::fs::write(ours.path("bad.crt"), "nothing").unwrap();
    let shown = |name: &str| ours.path(name).display().to_string();
    let check = |tls: &str, expect: String| {
        let error = way("127.0.0.1:1".parse().unwrap(), tls, dir).map(drop).unwrap_err().report();
        assert!(error.starts_with(&expect), "{error}, not {expect}");
    };
    check(
        "tls_config: { ca_file: DIR/none.crt }",
        format!("expected certificates in PEM in the file `{}`", shown("none.crt")),
    );
    check(
        "tls_config: { ca_file: DIR/bad.crt }",
        format!("expected certificates in PEM in the file `{}`", shown("bad.crt")),
    );
    let key = "tls_config: { ca_file: DIR/ca.crt, cert_file: DIR/node.crt, key_file: DIR/node.crt }";
    check(key, format!("expected a private key in PEM in the file `{}`", shown("node.crt")));
    let wrong = |text: &str| settings::<TlsClient>(text).unwrap_err();
    assert_eq!(wrong("{ cert_file: a }"), "1:1: expected `key_file` beside `cert_file`");
    assert_eq!(wrong("{ key_file: a }"), "1:1: expected `cert_file` beside `key_file`");
    assert_eq!(wrong("{ server_name: 'a b' }"), "1:1: expected a host as `server_name`, got `a b`");
}

#[tokio::test]
async fn a_node_that_asks_for_a_token_is_shown_the_one_of_a_file() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("tokens"), "0123456789abcdef\n").unwrap();
    std::fs::write(dir.path().join("token"), "0123456789abcdef\n").unwrap();
    let (address, rest) = node("auth: { bearer: { tokens_file: DIR/tokens } }", dir.path()).await;
    let error = send(address, "concurrency: 9", dir.path()).await.unwrap_err().report();
    assert!(error.contains("401"), "{error}");
    assert_eq!(send(address, "bearer_token_file: DIR/token", dir.path()).await.unwrap(), Ack::written(1));
    assert_eq!(rest.requests().len(), 1);
    std::fs::write(dir.path().join("empty"), "").unwrap();
    let error = way(address, "bearer_token_file: DIR/empty", dir.path()).map(drop).unwrap_err().report();
    assert!(error.contains("expected a token in the file"), "{error}");
}

#[tokio::test]
async fn a_node_that_asks_for_a_password_is_shown_the_one_of_the_settings_or_of_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let hash = "$2b$05$abcdefghijklmnopqrstuuA0vov2GDneHB3.8.cv9UF9g.RdvScIW";
    std::fs::write(dir.path().join("password"), "wonderland\n").unwrap();
    std::fs::write(dir.path().join("other"), "looking-glass\n").unwrap();
    let (address, rest) = node(&format!("auth: {{ basic: {{ users: {{ alice: '{hash}' }} }} }}"), dir.path()).await;
    for right in ["password: wonderland", "password_file: DIR/password"] {
        let settings = format!("basic_auth: {{ username: alice, {right} }}");
        assert_eq!(send(address, &settings, dir.path()).await.unwrap(), Ack::written(1), "{right}");
    }
    for wrong in ["{ username: alice, password_file: DIR/other }", "{ username: bob, password: wonderland }"] {
        let error = send(address, &format!("basic_auth: {wrong}"), dir.path()).await.unwrap_err().report();
        assert!(error.contains("401") && !error.contains("wonderland"), "{wrong}: {error}");
    }
    assert_eq!(rest.requests().len(), 2);
    let check = |settings: &str, expect: &str| {
        let error = way(address, settings, dir.path()).map(drop).unwrap_err().report();
        assert!(error.contains(expect), "{settings}: {error}");
    };
    check("basic_auth: { username: alice, password_file: DIR/missing }", "expected a password in the file");
    check("basic_auth: { username: 'a:b' }", "expected a `username` without `:`");
    check("basic_auth: { username: a }, bearer_token_file: DIR/password", "expected at most one of");
}

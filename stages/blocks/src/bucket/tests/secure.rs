//! A bucket behind TLS, whose certificate is of a root that the system does not know.

use std::path::Path as Dir;
use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::tempdir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use weir_pipeline::Kind;
use weir_pipeline::testing::{context, settings};

use super::{BUCKET, Bucket, S3Server, State, environment, opened};

/// A root as `ca.crt`, and TLS in front of the server with a certificate of that root. Returns where it listens.
async fn front(server: &S3Server, dir: &Dir) -> String {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(dir.join("ca.crt"), issuer.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let signed = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(vec![signed.der().clone()], key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let behind = server.endpoint().strip_prefix("http://").unwrap().to_owned();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            tokio::spawn(async move {
                // Who does not trust the certificate goes away here.
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut behind = TcpStream::connect(behind).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut behind).await;
            });
        }
    });
    format!("https://{address}")
}

fn bucket(endpoint: &str, more: &str) -> Bucket {
    let retry = "retry: { attempts: 1, backoff: { initial: 1ms, max: 5ms } }";
    settings(&format!("{{ s3: {{ bucket: {BUCKET}, endpoint: \"{endpoint}\", {more} }}, {retry} }}")).unwrap()
}

#[tokio::test]
async fn an_endpoint_is_trusted_where_a_file_has_its_root() {
    let dir = tempdir().unwrap();
    let server = S3Server::start(&dir.path().join("s3")).await;
    let endpoint = front(&server, dir.path()).await;
    let ca_file = format!("ca_file: {}", dir.path().join("ca.crt").display());
    let (objects, probe) = opened(&bucket(&endpoint, &ca_file), &context(), &environment).await.unwrap();
    assert_eq!(probe.state(), State::Keeps);
    objects.put(&Path::from("a"), Bytes::from_static(b"0123456789")).await.unwrap();
    assert_eq!(objects.get(&Path::from("a")).await.unwrap(), "0123456789");

    // Without it nobody can say who answers there.
    let (objects, probe) = opened(&bucket(&endpoint, ""), &context(), &environment).await.unwrap();
    assert_ne!(probe.state(), State::Keeps);
    let error = objects.get(&Path::from("a")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
}

#[tokio::test]
async fn a_file_without_roots_is_a_mistake() {
    let dir = tempdir().unwrap();
    let (missing, empty) = (dir.path().join("missing.crt"), dir.path().join("empty.crt"));
    std::fs::write(&empty, "no certificate").unwrap();
    for file in [missing, empty] {
        let bucket = bucket("https://127.0.0.1:1", &format!("ca_file: {}", file.display()));
        let error = opened(&bucket, &context(), &environment).await.map(|_| ()).unwrap_err();
        let expect = format!("expected certificates in PEM in the file `{}`", file.display());
        assert_eq!((error.kind(), error.message()), (Kind::Invalid, expect.as_str()));
    }
}

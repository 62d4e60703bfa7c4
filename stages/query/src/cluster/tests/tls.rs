//! Members that are asked over TLS.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::*;

/// A directory with a root, and a certificate that it has signed for all nodes.
fn authority() -> tempfile::TempDir {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &root).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let files = [("ca.crt", root.pem()), ("node.crt", certificate.pem()), ("node.key", key.serialize_pem())];
    files.into_iter().for_each(|(name, text)| std::fs::write(dir.path().join(name), text).unwrap());
    dir
}

fn own(dir: &Path, root: &str) -> String {
    let dir = dir.display();
    format!("cert_file: {dir}/node.crt, key_file: {dir}/node.key, {root}: {dir}/ca.crt")
}

/// A cluster whose nodes have the certificates of these directories, asked by somebody who has those of `asker`.
async fn ask(nodes: [Option<&Path>; 3], asker: Option<&Path>) -> (BTreeMap<String, f64>, Vec<String>) {
    let mut running = Vec::new();
    for (i, dir) in nodes.into_iter().enumerate() {
        let tls = dir.map(|dir| format!(", tls_server_config: {{ {} }}", own(dir, "client_ca_file")));
        running.push(node_with(has(&format!("m{{i=\"{i}\"}} 1 9000")), &tls.unwrap_or_default()).await);
    }
    let context = Context::new(Clock::system(), Metrics::default(), CancellationToken::new());
    let tls = asker.map(|dir| format!("tls_config: {{ {} }}", own(dir, "ca_file")));
    let ground = ground_of(context, running, &format!("hedge: 10s, {}", tls.unwrap_or_default())).await;
    ground.query("m").await
}

#[tokio::test]
async fn who_is_trusted_is_heard_and_in_the_place_of_who_is_not_another() {
    let (ours, theirs) = (authority(), authority());
    let (ours, theirs) = (Some(ours.path()), Some(theirs.path()));
    assert_eq!(ask([ours, ours, ours], ours).await, (values(&[("0", 1.0), ("1", 1.0)]), vec![]));
    for stranger in [theirs, None] {
        assert_eq!(ask([stranger, ours, ours], ours).await, (values(&[("1", 1.0), ("2", 1.0)]), vec![]));
        // Nobody answers a stranger, nor who speaks without TLS.
        let (found, warnings) = ask([ours, ours, ours], stranger).await;
        assert!(found.is_empty() && warnings.len() == 1, "{found:?} {warnings:?}");
        assert!(warnings[0].starts_with("partial response: heard 0 of the 2 members of "), "{warnings:?}");
    }
}

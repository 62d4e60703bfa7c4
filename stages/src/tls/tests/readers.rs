//! The way of questions: `readers` and who asks them.

use std::time::Duration;

use futures_util::{TryStreamExt, stream};
use weir_pipeline::{Answer, Ask, Batches, Data, Query, Read};

use super::*;
use crate::node::NodeReader;
use crate::readers::Readers;

/// A node that answers questions, whose settings of TLS stand in `dir`.
async fn reader(tls: &str, dir: &Path) -> SocketAddr {
    let tls = tls.replace("DIR", &dir.display().to_string());
    let readers: Readers = settings(&format!("{{ listen: 127.0.0.1:0, {tls} }}")).unwrap();
    let next: Next<Read> = Next::new(tower::service_fn(|_: Query| async {
        Ok::<Answer, Error>(Data::Samples(Batches::new(stream::iter([Ok(batch("up 1 1"))]))).into())
    }));
    let context = context();
    tokio::spawn(readers.run(context.clone(), next));
    while context.listeners().is_empty() {
        tokio::task::yield_now().await;
    }
    context.listeners()[0].1
}

/// How many samples somebody who has `tls` is answered.
async fn ask(address: SocketAddr, tls: &str, dir: &Path) -> Result<usize> {
    let tls = tls.replace("DIR", &dir.display().to_string());
    let tls: Option<TlsClient> = tls.strip_prefix("tls_config: ").map(|tls| settings(tls).unwrap());
    let (name, zone) = ("a".to_owned(), String::new());
    let member = Member { name, address: String::new(), read_address: address.to_string(), zone };
    let ask = Ask::Samples { matchers: Vec::new(), start: 0, end: 9, labels_only: false, bucket: None };
    let query = Query { partial: false, ..Query::new(weir_pipeline::Tenant::default(), ask) };
    let told = NodeReader::new(Duration::from_secs(5), tls.as_ref()).unwrap().read(&member, &query).await?;
    told.batches.try_fold(0, |sum, batch| async move { Ok(sum + batch.sample_count()) }).await
}

#[tokio::test]
async fn who_is_trusted_is_answered() {
    let ours = Authority::new();
    ours.sign("node", "127.0.0.1");
    let dir = ours.dir.path();
    assert_eq!(ask(reader(MUTUAL, dir).await, SHOWS, dir).await.unwrap(), 1);
    assert_eq!(ask(reader(SERVER, dir).await, TRUSTS, dir).await.unwrap(), 1);
}

#[tokio::test]
async fn who_is_not_trusted_is_not_answered_and_not_asked() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    ours.sign("node", "127.0.0.1");
    theirs.sign("node", "127.0.0.1");
    let check = async |server: &str, client: &str, of: &Authority, expect: &str| {
        let address = reader(server, ours.dir.path()).await;
        let error = ask(address, client, of.dir.path()).await.unwrap_err();
        assert!(matches!(error.kind(), weir_pipeline::Kind::Unavailable { .. }), "{error:?}");
        assert!(error.report().contains(expect), "{}, not {expect}", error.report());
    };
    // A root that did not sign it, no certificate where one is asked for, or one of somebody else.
    check(SERVER, TRUSTS, &theirs, "invalid peer certificate").await;
    check(MUTUAL, TRUSTS, &ours, "can't be reached").await;
    let path = theirs.dir.path().display().to_string();
    let stranger = SHOWS.replace("cert_file: DIR", &format!("cert_file: {path}"));
    let stranger = stranger.replace("key_file: DIR", &format!("key_file: {path}"));
    check(MUTUAL, &stranger, &ours, "can't be reached").await;
    // One side without TLS.
    check(SERVER, "", &ours, "can't be reached").await;
    check("concurrency: 9", TRUSTS, &ours, "can't be reached").await;
}

#[tokio::test]
async fn certificates_that_change_are_gone_on_with() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    ours.sign("node", "127.0.0.1");
    theirs.sign("node", "127.0.0.1");
    let address = reader(MUTUAL, ours.dir.path()).await;
    assert_eq!(ask(address, SHOWS, ours.dir.path()).await.unwrap(), 1);
    std::fs::write(ours.path("node.crt"), "nothing").unwrap();
    let other = tempfile::tempdir().unwrap();
    for file in ["ca.crt", "node.crt", "node.key"] {
        std::fs::copy(theirs.path(file), other.path().join(file)).unwrap();
    }
    ask(address, SHOWS, other.path()).await.unwrap_err();
    for file in ["node.crt", "node.key", "ca.crt"] {
        std::fs::copy(theirs.path(file), ours.path(file)).unwrap();
    }
    assert_eq!(ask(address, SHOWS, other.path()).await.unwrap(), 1);
}

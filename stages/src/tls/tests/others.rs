//! Connections to servers of others: a sender of remote write, and a scrape.

use weir_pipeline::Outcome;

use super::*;
use crate::receive::Receive;
use crate::remote_write::RemoteWrite;
use crate::scrape::Scrape;

/// A receiver with a certificate, and what it got.
async fn receiver(dir: &Path, tls: &str) -> (SocketAddr, Recorder<Write>) {
    let tls = tls.replace("DIR", &dir.display().to_string());
    let receive: Receive = settings(&format!("{{ listen: 127.0.0.1:0, {tls} }}")).unwrap();
    let rest = Recorder::new(|batch: &Batch| Ok(Ack::written(batch.sample_count() as u64)));
    let context = context();
    tokio::spawn(receive.run(context.clone(), rest.next()));
    while context.listeners().is_empty() {
        tokio::task::yield_now().await;
    }
    (context.listeners()[0].1, rest)
}

async fn write(address: SocketAddr, dir: &Path, tls: &str) -> Result<Ack> {
    let tls = tls.replace("DIR", &dir.display().to_string());
    let yaml = format!("{{ url: 'https://{address}/api/v1/write', {tls} }}");
    settings::<RemoteWrite>(&yaml).unwrap().open(&context()).unwrap().send(batch("up 1")).await
}

#[tokio::test]
async fn remote_write_speaks_to_whom_it_trusts_or_to_anyone_where_it_is_told_to() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    ours.sign("node", "127.0.0.1");
    theirs.sign("node", "127.0.0.1");
    let dir = ours.dir.path();
    let (address, rest) = receiver(dir, SERVER).await;
    assert_eq!(write(address, dir, TRUSTS).await.unwrap().count(Outcome::Written), 1);
    let error = write(address, theirs.dir.path(), TRUSTS).await.unwrap_err();
    assert!(error.kind().is_retryable() && error.report().contains("invalid peer certificate"), "{error:?}");
    write(address, theirs.dir.path(), "tls_config: { insecure_skip_verify: true }").await.unwrap();
    assert_eq!(rest.requests().len(), 2);
    // One that asks for certificates.
    let (address, rest) = receiver(dir, MUTUAL).await;
    assert!(write(address, dir, TRUSTS).await.is_err());
    write(address, dir, SHOWS).await.unwrap();
    assert_eq!(rest.requests().len(), 1);
}

#[tokio::test]
async fn a_server_that_shows_the_certificate_of_a_ca_is_told_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap().pem();
    std::fs::write(dir.join("node.crt"), &certificate).unwrap();
    std::fs::write(dir.join("ca.crt"), &certificate).unwrap();
    std::fs::write(dir.join("node.key"), key.serialize_pem()).unwrap();
    let (address, _rest) = receiver(dir, SERVER).await;
    let error = write(address, dir, TRUSTS).await.unwrap_err().report();
    let told = "the server's certificate is that of a CA (CA:TRUE), which can't be a server's: sign one with it";
    assert!(error.ends_with(told), "{error}");
}

#[tokio::test]
async fn a_target_is_scraped_with_tls() {
    let ours = Authority::new();
    ours.sign("node", "127.0.0.1");
    let dir = ours.dir.path();
    let (address, _rest) = receiver(dir, SERVER).await;
    let check = async |tls: &str, expect: f64| {
        let job = format!(
            "job_name: j, scrape_interval: 10s, scheme: https, static_configs: [ {{ targets: ['{address}'] }} ]"
        );
        let tls = tls.replace("DIR", &dir.display().to_string());
        let scrape: Scrape = settings(&format!("{{ jobs: [ {{ {job}, {tls} }} ] }}")).unwrap();
        let rest = Recorder::new(|batch: &Batch| Ok(Ack::written(batch.sample_count() as u64)));
        let context = context();
        let running = tokio::spawn(scrape.run(context.clone(), rest.next()));
        while rest.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        context.shutdown.cancel();
        running.await.unwrap().unwrap();
        let first = rest.requests().remove(0);
        let up = first.iter().find(|series| series.labels.metric() == "up").map(|series| series.values[0]);
        assert_eq!(up, Some(expect), "{tls}");
    };
    check(TRUSTS, 1.0).await;
    check("tls_config: { insecure_skip_verify: true }", 1.0).await;
    check("tls_config: { ca_file: DIR/ca.crt, server_name: weir.example }", 0.0).await;
}

#[tokio::test]
async fn a_scrape_whose_files_can_not_work_is_told_at_the_start() {
    let scrape: Scrape =
        settings("{ jobs: [ { job_name: j, scheme: https, tls_config: { ca_file: /nowhere/ca.crt } } ] }").unwrap();
    let rest = Recorder::new(|_: &Batch| Ok(Ack::default()));
    let error = scrape.run(context(), rest.next()).await.unwrap_err();
    assert!(error.report().starts_with("expected certificates in PEM in the file `/nowhere/ca.crt`"), "{error:?}");
}

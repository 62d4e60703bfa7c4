//! A certificate names the tenant of what its client sends.

use super::*;
use crate::receive::Receive;
use crate::remote_write::RemoteWrite;

#[tokio::test]
async fn the_certificate_of_a_sender_says_whose_samples_are() {
    let ours = Authority::new();
    ours.sign("node", "127.0.0.1");
    ours.sign("other", "team-b.example");
    let dir = ours.dir.path();
    let read = format!("{{ listen: 127.0.0.1:0, tenant_certificate_field: dns, {MUTUAL} }}");
    let receive: Receive = settings(&read.replace("DIR", &dir.display().to_string())).unwrap();
    let rest = Recorder::new(|batch: &Batch| Ok(Ack::written(batch.sample_count() as u64)));
    let context = context();
    tokio::spawn(receive.run(context.clone(), rest.next()));
    while context.listeners().is_empty() {
        tokio::task::yield_now().await;
    }
    let port = context.listeners()[0].1.port();
    let send = async |name: &str| {
        let text = format!(
            "{{ url: 'https://127.0.0.1:{port}/api/v1/receive', tenant_header: X-Scope-OrgID, tls_config: {{ \
             ca_file: DIR/ca.crt, cert_file: DIR/{name}.crt, key_file: DIR/{name}.key }} }}"
        );
        let sink: RemoteWrite = settings(&text.replace("DIR", &dir.display().to_string())).unwrap();
        sink.open(&super::context()).unwrap().send(batch("up 1 1").with_tenant("team-a".parse().unwrap())).await
    };
    assert_eq!(send("other").await.unwrap(), Ack::written(1));
    // An address is no name.
    let refused = send("node").await.unwrap();
    let detail = refused.entries()[0].detail.clone().unwrap_or_default();
    assert!(detail.contains("expected a client certificate that names its tenant as `dns`"), "{refused:?}");
    let seen: Vec<_> = rest.requests().iter().map(|batch| batch.tenant().to_string()).collect();
    assert_eq!(seen, ["team-b.example"]);
}

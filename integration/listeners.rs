//! Everything that listens asks who asks, by the same two blocks, `tls_server_config` and `auth`.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use serde_json::json;
use weir_pipeline::units::Secret;
use weir_stages::outbound::{Auth, BasicAuth, Caller, Headers, Url};
use weir_stages::tls::TlsClient;

use crate::harness::certificates::certificates;
use crate::harness::process::free_address;
use crate::harness::weir::{PIPELINES, Weir};
use crate::harness::{http, wait_for};

/// Below [`PIPELINES`]: each component that listens, at an address of its own. The hash is that of `wonderland`.
const LISTENERS: &str = "
name: api
source: { api: { listen: '${ADDRESS_api}', ACCESS } }
sink: { promql: { store: central } }
---
name: taker
source: { receive: { listen: '${ADDRESS_receive}', ACCESS } }
sink: { exposition: { listen: '${ADDRESS_exposition}', ACCESS } }
---
name: peers
source: { peers: { listen: '${ADDRESS_peers}', ACCESS } }
sink: { blocks: { store: central } }
---
name: readers
source: { readers: { listen: '${ADDRESS_readers}', ACCESS } }
sink: { samples: { store: central } }
---
resources:
  watch: { tap: { listen: '${ADDRESS_tap}', ACCESS } }
";

const ACCESS: &str = "tls_server_config: { cert_file: '${DIR}/node.crt', key_file: '${DIR}/node.key' }, auth: { \
    basic: { users: { alice: '$2b$05$abcdefghijklmnopqrstuuA0vov2GDneHB3.8.cv9UF9g.RdvScIW' } }, \
    bearer: { tokens_file: '${DIR}/tokens' } }";

/// What listens, with a path that answers `200`, and another one that does the component's own work.
const TABLE: [(&str, &str, &str); 6] = [
    ("api", "/-/ready", "/api/v1/query?query=1"),
    ("exposition", "/-/ready", "/federate"),
    ("peers", "/-/ready", "/metrics"),
    ("readers", "/-/ready", "/metrics"),
    ("receive", "/-/ready", "/metrics"),
    ("tap", "/-/ready", "/metrics"),
];

/// The status of an answer over TLS to who shows this; the error where there is none.
async fn asked(dir: &Path, at: SocketAddr, path: &str, auth: Auth) -> Result<u16, String> {
    let tls: TlsClient = serde_json::from_value(json!({ "ca_file": dir.join("ca.crt") })).unwrap();
    let caller = Caller::new(Duration::from_secs(5), Some(&tls), auth, Headers::default()).unwrap();
    let url = Url::try_from(format!("https://{at}{path}")).unwrap();
    let answer = caller.call(&url, Request::new(Full::new(Bytes::new()))).await.map_err(|error| error.report())?;
    let status = answer.status().as_u16();
    answer.into_body().collect().await.map_err(|error| error.to_string())?;
    Ok(status)
}

fn alice(password: &str) -> Auth {
    let (username, password) = ("alice".to_owned(), Some(Secret::new(password)));
    Auth::new(Some(BasicAuth { username, password, password_file: None }), None, None, None).unwrap()
}

fn token(token: &str) -> Auth {
    Auth::new(None, None, Some(Secret::new(token)), None).unwrap()
}

#[test]
fn the_table_has_everything_that_listens() {
    let all = weir::registry().components();
    let listens = all.iter().filter(|component| component.fields.iter().any(|setting| setting.path == "listen"));
    let listens: BTreeSet<&str> = listens.map(|component| component.name).collect();
    assert_eq!(listens, TABLE.iter().map(|(name, ..)| *name).collect());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn everything_that_listens_lets_in_who_shows_a_password_or_a_token_over_tls_and_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    certificates(path);
    std::fs::write(path.join("tokens"), "a-token-of-a-test\n").unwrap();
    let mut weir = Weir::new(path, &format!("{PIPELINES}---{}", LISTENERS.replace("ACCESS", ACCESS)));
    let addresses = TABLE.map(|(name, ..)| (format!("ADDRESS_{name}"), free_address()));
    let texts: Vec<(&str, String)> = addresses.iter().map(|(name, at)| (name.as_str(), at.to_string())).collect();
    let env: Vec<(&str, &str)> = texts.iter().map(|(name, at)| (*name, at.as_str())).collect();
    weir.start(&env);

    for ((name, ready, work), (_, at)) in TABLE.into_iter().zip(addresses) {
        wait_for(name, Duration::from_secs(30), || std::net::TcpStream::connect(at).ok());
        // METRICS.md says that all have these.
        for page in [ready, work, "/metrics"] {
            let check = async |what: &str, auth: Auth, expect: u16| {
                assert_eq!(asked(path, at, page, auth).await, Ok(expect), "{name}{page}: {what}");
            };
            check("nobody", Auth::default(), 401).await;
            check("a wrong password", alice("hunter2"), 401).await;
            check("a wrong token", token("hunter2-hunter2-hunter2"), 401).await;
            check("a password", alice("wonderland"), 200).await;
            check("a token", token("a-token-of-a-test"), 200).await;
        }
        // Plain HTTP gets no answer, also with the right credentials.
        let shown = [("Authorization", "Bearer a-token-of-a-test")];
        assert!(http::request(at, "GET", ready, &shown, b"").is_none(), "{name} answers without TLS");
    }
    weir.stop();
    assert!(!weir.log().contains("hunter2"), "{}", weir.log());
}

//! Settings.

use weir_pipeline::units::Span;

use super::*;

fn wrong(yaml: &str) -> String {
    settings::<RemoteWrite>(yaml).unwrap_err()
}

#[test]
fn the_example_in_the_docs_is_valid() {
    let all: BTreeMap<String, RemoteWrite> = documented(include_str!("../../../remote_write.rs"), "sink");
    let sink = &all["remote_write"];
    assert_eq!(sink.server.url.to_string(), "https://metrics.example.com/api/v1/write");
    assert_eq!((sink.version, sink.timeout, sink.concurrency.get()), (None, Span::from_secs(30), 50));
    assert_eq!(sink.tenant_header.as_ref().unwrap(), "x-scope-orgid");
}

#[test]
fn wrong_settings_are_refused() {
    let check = |yaml: &str, expect: &str| assert_eq!(wrong(yaml), expect);
    check("{}", "1:1: `url` is missing");
    check("url: a", "1:6: url: expected an address such as `https://example.com/path`, got `a`");
    check("{ url: 'http://a', version: 3 }", "1:29: version: unknown value `3`, expected one of `auto`, `1`, `2`");
    check("{ url: 'http://a', timeout: 0s }", "1:29: timeout: expected more than 0, got `0s`");
    check("{ url: 'http://a', tenant_header: 'a b' }", "1:35: tenant_header: expected the name of a header, got `a b`");
    check(
        "{ url: 'http://a', headers: { x-scope-orgid: a } }",
        "1:1: the header `x-scope-orgid` carries the tenant: expected it in `tenant_header` alone",
    );
    check(
        "{ url: 'http://a', bearer_token: a, basic_auth: { username: b } }",
        "1:1: expected at most one of `basic_auth`, `authorization`, `bearer_token` and `bearer_token_file`",
    );
    check(
        "{ url: 'http://a', tls_config: { cert_file: a } }",
        "1:32: tls_config: expected `key_file` beside `cert_file`",
    );
}

#[test]
fn no_secret_is_shown() {
    let sink: RemoteWrite =
        settings("{ url: 'http://a/b?token=hunter2', bearer_token: hunter2, headers: { x-key: hunter2 } }").unwrap();
    assert!(!format!("{sink:?}").contains("hunter2"), "{sink:?}");
    let wrong =
        wrong("{ url: 'http://a:b/?token=hunter2', bearer_token: hunter2, headers: { 'x key': hunter2 }, timeout: 1 }");
    assert!(!wrong.contains("hunter2"), "{wrong}");
}

#[tokio::test]
async fn tls_is_made_ready_when_it_opens() {
    let sink: RemoteWrite = settings("{ url: 'https://a/', tls_config: { ca_file: /nowhere/ca.crt } }").unwrap();
    let error = sink.open(&context()).map(drop).unwrap_err();
    assert!(error.report().starts_with("expected certificates in PEM in the file `/nowhere/ca.crt`"), "{error:?}");
}

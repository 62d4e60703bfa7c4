//! Tests of `auth`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use weir_pipeline::testing::settings;

use super::*;
use crate::outbound::Headers;

fn basic(yaml: &str) -> Result<Auth, String> {
    Auth::new(Some(settings(yaml).unwrap()), None, None, None)
}

fn other(yaml: &str) -> Result<Auth, String> {
    Auth::new(None, Some(settings(yaml).unwrap()), None, None)
}

async fn header(auth: &Auth) -> Option<String> {
    auth.header().await.unwrap().map(|value| value.to_str().unwrap().to_owned())
}

#[test]
fn base64_is_padded() {
    let check = |text: &str, expect: &str| assert_eq!(base64(text.as_bytes()), expect);
    check("", "");
    check("f", "Zg==");
    check("fo", "Zm8=");
    check("foo", "Zm9v");
    check("foob", "Zm9vYg==");
    check("Aladdin:open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    assert_eq!(base64(&[0xff, 0xfe, 0xfd]), "//79");
}

#[tokio::test]
async fn each_way_to_say_who_one_is_becomes_a_header() {
    let check = async |auth: Auth, expect: Option<&str>| assert_eq!(header(&auth).await.as_deref(), expect);
    check(Auth::default(), None).await;
    check(basic("{ username: Aladdin, password: open sesame }").unwrap(), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="))
        .await;
    check(basic("{ username: a }").unwrap(), Some("Basic YTo=")).await;
    check(other("{ credentials: t }").unwrap(), Some("Bearer t")).await;
    check(other("{ type: Token, credentials: t }").unwrap(), Some("Token t")).await;
    let token = Auth::new(None, None, Some(settings("t0k").unwrap()), None).unwrap();
    check(token, Some("Bearer t0k")).await;
    assert!(Auth::new(None, None, None, None).unwrap().is_none());
}

#[tokio::test]
async fn a_file_is_read_for_each_request() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    let auth = Auth::new(None, None, None, Some(path.clone())).unwrap();
    let error = auth.header().await.unwrap_err();
    assert_eq!(error.message(), format!("expected a secret in the file `{}`", path.display()));
    assert!(error.kind().is_retryable());
    std::fs::write(&path, " one\n").unwrap();
    assert_eq!(header(&auth).await.unwrap(), "Bearer one");
    std::fs::write(&path, "two").unwrap();
    assert_eq!(header(&auth).await.unwrap(), "Bearer two");
    std::fs::write(&path, "t\u{1}wo").unwrap();
    assert_eq!(auth.header().await.unwrap_err().report(), "expected credentials that a header may have");
}

#[test]
fn one_way_at_most_is_taken_and_each_says_one_thing() {
    let secret = || Some(settings::<Secret>("s").unwrap());
    let both = Auth::new(None, None, secret(), Some("f".into())).unwrap_err();
    assert!(both.starts_with("expected at most one of `basic_auth`"), "{both}");
    let check = |got: Result<Auth, String>, expect: &str| assert_eq!(got.unwrap_err(), expect);
    check(basic("{ password: a, password_file: b }"), "expected `password` or `password_file`, got both");
    check(basic("{ username: 'a:b' }"), "expected a `username` without `:`");
    check(other("{ type: basic, credentials: a }"), "expected `basic_auth` where the `type` is `Basic`");
    let scheme = "expected a scheme such as `Bearer` as `type`, and what follows it as `credentials`";
    check(other("{ type: 'Bearer hunter2' }"), scheme);
    check(other("{ type: '' }"), scheme);
    check(other("{ credentials_file: '' }"), "expected a path as `credentials_file`");
}

#[test]
fn no_secret_is_shown() {
    let auth = basic("{ username: a, password: hunter2 }").unwrap();
    assert_eq!(format!("{auth:?}"), "Auth(Some(Basic(\"a\", Given(<secret>))))");
    let wrong = settings::<BasicAuth>("{ username: [], password: hunter2 }").unwrap_err();
    assert!(!wrong.contains("hunter2"), "{wrong}");
    let check = |wrong: Result<String, String>| assert_eq!(wrong.unwrap_err(), "1:1: expected a map, got a text");
    for text in ["alice:hunter2", "'Bearer hunter2'", "17", "-1.5", "true"] {
        check(settings::<BasicAuth>(text).map(|auth| format!("{auth:?}")));
        check(settings::<Authorization>(text).map(|auth| format!("{auth:?}")));
        check(settings::<Headers>(text).map(|headers| format!("{headers:?}")));
    }
    assert_eq!(settings::<BasicAuth>("[hunter2]").unwrap_err(), "1:1: expected a map, got a list");
    assert!(settings::<BasicAuth>("{ user: a }").unwrap_err().starts_with("1:3: user: unknown field `user`"));
}

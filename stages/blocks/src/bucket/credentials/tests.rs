//! Tests of `credentials`.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use object_store::CredentialProvider;
use object_store::aws::AmazonS3Builder;

use weir_pipeline::testing::context;

use super::super::requests::Requests;
use super::{Credentials, KeyFile, MAX_FILE};

mod served;

const SECRET: &str = "hunter2/hunter2";

fn connector() -> Requests {
    Requests::new(&context())
}

#[tokio::test]
async fn a_file_of_keys_is_read_again_when_it_changes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys.yaml");
    let write = |text: &str| std::fs::write(&path, text).unwrap();
    write("access_key_id: a1\nsecret_access_key: s1\n");
    let always = KeyFile::open(&path, Duration::ZERO).unwrap();
    let later = KeyFile::open(&path, Duration::from_secs(3600)).unwrap();
    let check = async |file: &KeyFile, id: &str, secret: &str, token: Option<&str>| {
        let keys = file.get_credential().await.unwrap();
        assert_eq!((keys.key_id.as_str(), keys.secret_key.as_str(), keys.token.as_deref()), (id, secret, token));
    };
    check(&always, "a1", "s1", None).await;
    write("{\"access_key_id\": \"a2\", \"secret_access_key\": \"s2$x\", \"session_token\": \"t2\"}");
    check(&always, "a2", "s2$x", Some("t2")).await;
    check(&later, "a1", "s1", None).await;
    write("access_key_id: a3\n");
    check(&always, "a2", "s2$x", Some("t2")).await;
    std::fs::remove_file(&path).unwrap();
    check(&always, "a2", "s2$x", Some("t2")).await;
    write("access_key_id: a4\nsecret_access_key: a-secret\n");
    check(&always, "a4", "a-secret", None).await;
    assert!(!format!("{always:?}").contains("a-secret"), "{always:?}");
}

#[test]
fn a_file_without_keys_says_where_and_not_what() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys.yaml");
    let check = |text: &str, expect: &str| {
        std::fs::write(&path, text).unwrap();
        let error = KeyFile::open(&path, Duration::ZERO).unwrap_err();
        let told = error.report();
        assert_eq!(told.replace(&path.display().to_string(), "FILE"), format!("the credentials file `FILE` {expect}"));
        assert!(!format!("{error:?}").contains(SECRET), "{error:?}");
    };
    let expected = "expected `access_key_id`, `secret_access_key` and perhaps `session_token`";
    check("", &format!("has a mistake in line 1: {expected}"));
    check(SECRET, &format!("has a mistake in line 1: {expected}"));
    check(&format!("[{SECRET}]"), &format!("has a mistake in line 1: {expected}"));
    check(&format!("secret_access_key: {SECRET}"), &format!("has a mistake in line 1: {expected}"));
    check(&format!("access_key_id: a\n{SECRET}: b"), &format!("has a mistake in line 2: {expected}"));
    check(&format!("access_key_id: a\nsecret_access_key: [{SECRET}]"), &format!("has a mistake in line 2: {expected}"));
    check(
        &format!("access_key_id: a\nsecret_access_key: {SECRET}\ntoken: b"),
        &format!("has a mistake in line 3: {expected}"),
    );
    check(
        &format!("access_key_id: a\nsecret_access_key: \"{SECRET}\\n\""),
        "has characters in `secret_access_key` that no key has",
    );
    check(
        &format!("access_key_id: \"\"\nsecret_access_key: {SECRET}"),
        "has characters in `access_key_id` that no key has",
    );
    check(
        &format!("access_key_id: a\nsecret_access_key: b\nsession_token: \"{SECRET} {SECRET}\""),
        "has characters in `session_token` that no key has",
    );
    check(&"#".repeat(MAX_FILE as usize + 1), "is larger than 64KiB");
}

#[tokio::test]
async fn keys_of_the_environment_are_taken_where_they_are_and_can_be_sent() {
    let of = |id: &'static str, secret: &'static str| {
        move |name: &str| match name {
            "AWS_ACCESS_KEY_ID" => Some(id.to_owned()),
            "AWS_SECRET_ACCESS_KEY" => Some(secret.to_owned()),
            _ => None,
        }
    };
    let check = |id: &'static str, secret: &'static str, expect: &str| {
        let lookup = of(id, secret);
        let error = Credentials::Environment.of(AmazonS3Builder::new(), &lookup, &connector()).unwrap_err();
        assert_eq!(error.report(), expect);
    };
    check("", SECRET, "expected `AWS_ACCESS_KEY_ID` in the environment");
    check("a", "", "expected `AWS_SECRET_ACCESS_KEY` in the environment");
    check("a\nb", SECRET, "the environment's `AWS_ACCESS_KEY_ID` has characters that no key has");
    check("a", "hunter2\r\n", "the environment's `AWS_SECRET_ACCESS_KEY` has characters that no key has");
    let builder = Credentials::Environment.of(AmazonS3Builder::new(), &of("a", SECRET), &connector()).unwrap();
    assert!(!format!("{builder:?}").contains(SECRET), "{builder:?}");
    assert!(matches!(Credentials::found(&of("a", "b")), Credentials::Environment));
    assert!(matches!(Credentials::found(&|_| None), Credentials::Instance));
}

#[tokio::test]
async fn a_web_identity_is_known_to_the_client() {
    let all = |name: &str| Some(format!("of {name}"));
    let builder = Credentials::Instance.of(AmazonS3Builder::new(), &all, &connector()).unwrap();
    for name in super::INSTANCE {
        let key = name.to_lowercase().parse().unwrap();
        assert_eq!(builder.get_config_value(&key), Some(format!("of {name}")), "{name}");
    }
}

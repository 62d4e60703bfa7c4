//! Tests of `failure`.

use object_store::Error as StoreError;
use object_store::path::Path;
use proptest::prelude::*;
use weir_pipeline::Kind;

use super::{Ours, failed, is_not_implemented};

const UNAVAILABLE: Kind = Kind::Unavailable { retry_after: None };

fn generic(text: &str) -> StoreError {
    StoreError::Generic { store: "S3", source: text.into() }
}

fn answer(status: &str, body: &str) -> String {
    format!(
        "Error performing PUT http://me:hunter2@h:1/b/secret in 2s - Server returned non-2xx status code: {status}: {body}"
    )
}

fn xml(code: &str, message: &str) -> String {
    format!("<?xml?><Error><Code>{code}</Code><Message>{message}</Message><Token>hunter2</Token></Error>")
}

#[test]
fn an_error_says_what_to_do_and_not_what_the_request_was() {
    let check = |error: StoreError, kind: Kind, expect: &str| {
        let told = failed("put", &Path::from("a/b"), &error);
        assert_eq!((told.kind(), told.report().as_str()), (kind, expect));
        assert!(!format!("{told:?}").contains("hunter2"), "{told:?}");
    };
    check(
        generic(&answer("503 Service Unavailable", &xml("SlowDown", "Please reduce your request rate."))),
        UNAVAILABLE,
        "the bucket can't put `a/b`: status 503, `SlowDown`: Please reduce your request rate.",
    );
    check(generic(&answer("429 Too Many Requests", "")), UNAVAILABLE, "the bucket can't put `a/b`: status 429");
    check(
        generic(&answer("502 Bad Gateway", "<html>hunter2</html>")),
        UNAVAILABLE,
        "the bucket can't put `a/b`: status 502",
    );
    check(
        generic(&answer("400 Bad Request", &xml("ExpiredToken", "The provided token has expired."))),
        Kind::Internal,
        "the bucket refuses to put `a/b`: status 400, `ExpiredToken`: The provided token has expired.",
    );
    check(
        generic(&answer("404 Not Found", &xml("NoSuchBucket", "The specified bucket does not exist"))),
        Kind::Internal,
        "the bucket does not exist: status 404, `NoSuchBucket`: The specified bucket does not exist",
    );
    check(
        generic(&answer("403 Forbidden", &xml("AccessDenied", "hunter2\u{7}"))),
        Kind::Internal,
        "the bucket denies to put `a/b`: status 403, `AccessDenied`",
    );
    check(
        generic("Error performing GET http://169.254.170.2/v2/hunter2 in 2s, after 3 retries  - HTTP error: no route"),
        UNAVAILABLE,
        "the bucket can't put `a/b`: GET http://169.254.170.2: HTTP error: no route",
    );
    check(
        generic(
            "Error performing GET http://h:1/x in 2s - Received redirect without LOCATION, this normally indicates",
        ),
        Kind::Internal,
        "the bucket refuses to put `a/b`: GET http://h:1: Received redirect without LOCATION, this normally indicates",
    );
    check(
        generic("DeleteObjects request failed for key a/b: Access Denied (code: AccessDenied)"),
        Kind::Internal,
        "the bucket denies to put `a/b`: Generic S3 error: DeleteObjects request failed for key a/b: Access Denied (code: AccessDenied)",
    );
    check(
        generic("Error performing PUT http://h:1/x in 2s - Server returned error response: <Error>hunter2</Error>"),
        UNAVAILABLE,
        "the bucket can't put `a/b`: PUT http://h:1: Server returned error response:",
    );
    check(generic("disk full"), UNAVAILABLE, "the bucket can't put `a/b`: Generic S3 error: disk full");
    let late = "the bucket took too long to put `a/b`: no answer within the time for all attempts";
    check(Ours::Late.into_error(), Kind::TimedOut, late);
}

#[test]
fn a_store_that_knows_no_conditions_is_told_from_one_that_fails() {
    assert!(is_not_implemented(&generic(&answer("501 Not Implemented", ""))));
    assert!(is_not_implemented(&generic(&answer("400 Bad Request", &xml("NotImplemented", "A header")))));
    assert!(!is_not_implemented(&generic(&answer("500 Internal Server Error", &xml("InternalError", "")))));
}

proptest! {
    #[test]
    fn whatever_a_store_answers_there_is_an_error_of_bounded_length(
        status in "[0-9é ]{0,5}",
        code in "(<Code>)?[a-zA-Z<é]{0,20}(</Code>)?",
        message in "(<Message>)?.{0,400}(</Message>)?",
    ) {
        let error = generic(&answer(&status, &format!("{code}{message}")));
        let told = failed("put", &Path::from("a"), &error).report();
        prop_assert!(told.chars().count() < 1000, "{}", told);
    }
}

//! Tests of `outbound`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

pub(crate) mod server;

use hyper::HeaderMap;
use weir_pipeline::testing::{documented, settings};

use super::*;

#[test]
fn the_example_in_the_docs_is_valid() {
    let basic: BasicAuth = documented(include_str!("../outbound.rs"), "basic_auth");
    assert_eq!(basic.username, "weir");
}

#[test]
fn an_address_has_a_scheme_and_a_host_and_shows_no_query() {
    let url = |text: &str| settings::<Url>(&format!("'{text}'"));
    let check = |text: &str, shown: &str| assert_eq!(url(text).unwrap().to_string(), shown);
    check("http://a/write", "http://a/write");
    check("https://a.b:8080/write?token=x", "https://a.b:8080/write");
    check("http://[::1]:80", "http://[::1]:80/");
    assert!(url("https://a").unwrap().is_https() && !url("http://a").unwrap().is_https());
    for (text, shown) in [
        ("", ""),
        ("a", "a"),
        ("/write", "/write"),
        ("ftp://a/b", "ftp://a/b"),
        ("http://", "http://"),
        ("http://a:b/", "http://a:b/"),
        ("http://a:99999/", "http://a:99999/"),
        ("http://a b/?token=x", "http://a b/"),
    ] {
        let expect = format!("1:1: expected an address such as `https://example.com/path`, got `{shown}`");
        assert_eq!(url(text).unwrap_err(), expect, "{text}");
    }
}

#[test]
fn no_user_and_no_password_of_an_address_is_shown() {
    let check = |text: &str, shown: &str| {
        let expect = format!("1:1: expected an address such as `https://example.com/path`, got `{shown}`");
        assert_eq!(settings::<Url>(&format!("\"{text}\"")).unwrap_err(), expect, "{text}");
        assert_eq!(Url::try_from(text.to_owned()).unwrap_err(), expect.trim_start_matches("1:1: "));
    };
    check("ftp://alice:hunter2@h/x", "<secret>@h/x");
    check("alice:hunter2@h.example.com/x?a=b", "<secret>@h.example.com/x");
    check("http://alice:hunter2 wonderland@h/", "<secret>@h/");
    check("http://alice:hun@ter2 x@h/", "<secret>@h/");
    check("ftp://alice:hun?ter2@h/", "<secret>");
    check("ftp://h/?token=a@b", "<secret>");
    let user = settings::<Url>("http://alice:hunter2@a/").unwrap_err();
    assert_eq!(user, "1:1: expected an address without a user: name it with `basic_auth`");
}

#[test]
fn headers_are_added_and_their_values_are_not_shown() {
    let headers: Headers = settings("{ X-Api-Key: hunter2, x-b: c }").unwrap();
    let mut all = HeaderMap::new();
    headers.add_to(&mut all);
    assert_eq!((all["x-api-key"].to_str().unwrap(), all.len()), ("hunter2", 2));
    assert_eq!(format!("{headers:?}"), r#"{"x-api-key": "<secret>", "x-b": "<secret>"}"#);
    let check = |yaml: &str, expect: &str| assert_eq!(settings::<Headers>(yaml).unwrap_err(), expect);
    check("{ 'a b': c }", "1:1: expected the name of a header, got `a b`");
    check("{ Host: c }", "1:1: the header `Host` is set by the request itself");
    check("{ X-A: \"b\\nc\" }", "1:1: expected a value that a header may have for `X-A`");
    check("{ X-A: b, x-a: c }", "1:1: expected each header once, got `x-a` twice");
}

#[test]
fn when_to_come_again_is_seconds_or_a_date() {
    let check = |text: &str, expect: Option<u64>| {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", text.parse().unwrap());
        // Sun, 06 Nov 1994 08:49:30 GMT.
        assert_eq!(retry_after(&headers, 784_111_770_000), expect.map(Duration::from_secs), "{text}");
    };
    check("0", Some(0));
    check(" 120 ", Some(120));
    check("999999999", Some(3600));
    check("Sun, 06 Nov 1994 08:49:37 GMT", Some(7));
    check("Sun, 06 Nov 1994 08:49:00 GMT", Some(0));
    check("soon", None);
    check("-1", None);
    assert_eq!(retry_after(&HeaderMap::new(), 0), None);
}

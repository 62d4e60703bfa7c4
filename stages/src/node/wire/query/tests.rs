//! Tests of questions as messages.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use super::super::tests::{Parts, refused, sealed};
use super::*;

fn matcher(name: &str, op: MatchOp, value: &str) -> Matcher {
    Matcher::new(name, op, value).unwrap()
}

fn question() -> Query {
    let matchers = vec![
        matcher("__name__", MatchOp::Equal, "up"),
        matcher("a", MatchOp::NotEqual, ""),
        matcher("b", MatchOp::Match, "x|y"),
        matcher("ü", MatchOp::NotMatch, "z.*"),
    ];
    let ask = Ask::Samples { matchers, start: -5, end: i64::MAX, labels_only: true, bucket: Some("b1".into()) };
    let timeout = Some(Duration::from_millis(2500));
    Query { timeout, partial: false, ..Query::new("acme".parse().unwrap(), ask) }
}

fn plain() -> Query {
    let ask = Ask::Samples { matchers: Vec::new(), start: i64::MIN, end: 0, labels_only: false, bucket: None };
    Query { ask, timeout: None, ..question() }
}

/// What is known of one metric.
fn known() -> Query {
    Query { ask: Ask::Metadata { metric: Some("up".into()), bucket: None }, ..question() }
}

/// What recent series are made of.
fn cardinality() -> Query {
    Query { ask: Ask::Cardinality { limit: 300 }, ..plain() }
}

/// What has changed.
fn changes(since: Option<u64>) -> Query {
    Query { ask: Ask::Changes { since }, ..plain() }
}

/// Exemplars of two selectors.
fn exemplars() -> Query {
    let selectors = vec![vec![matcher("a", MatchOp::Equal, "b"), matcher("c", MatchOp::Match, ".+")], Vec::new()];
    Query { ask: Ask::Exemplars { selectors, start: -1, end: 5, bucket: None }, ..plain() }
}

/// What there is of all tenants, or of one.
fn tenants(only: Option<&str>) -> Query {
    Query { ask: Ask::Tenants { only: only.map(|name| name.parse().unwrap()) }, ..plain() }
}

/// The end of the asker's tenant.
fn deletion() -> Query {
    Query { ask: Ask::DeleteTenant { tenant: "acme".parse().unwrap() }, ..question() }
}

fn encoded(query: &Query) -> Vec<u8> {
    let mut out = Vec::new();
    encode_query(query, &mut out).unwrap();
    out
}

fn read(bytes: &[u8]) -> Result<Query> {
    decode_query(bytes, &Limits::default())
}

#[test]
fn what_is_written_reads_as_the_same() {
    let changes = [None, Some(0), Some(1 << 40)].map(changes);
    let kinds = Query { kinds: true, ..question() };
    let others = [tenants(None), tenants(Some("b")), deletion()];
    let all = [question(), plain(), known(), cardinality(), exemplars(), kinds];
    for query in all.into_iter().chain(changes).chain(others) {
        assert_eq!(format!("{:?}", read(&encoded(&query)).unwrap()), format!("{query:?}"));
    }
}

#[test]
fn the_bytes_of_version_1_are_frozen() {
    let body = b"WNQ\x01\x81\x04acme\x82\x0b\x09\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\
                 \x83\x21\x04\x00\x08__name__\x02up\x01\x01a\x00\x02\x01b\x03x|y\x03\x02\xc3\xbc\x03z.*\x84\x01\x01\x05\x02\xc4\x13\x06\x02b1";
    let same = |query: &Query, body: &[u8]| {
        assert_eq!(encoded(query).escape_ascii().to_string(), sealed(body).escape_ascii().to_string());
    };
    same(&question(), body);
    same(&known(), b"WNQ\x01\x81\x04acme\x05\x02\xc4\x13\x87\x02up");
    let all = |bucket| Query { ask: Ask::Metadata { metric: None, bucket }, ..plain() };
    same(&all(None), b"WNQ\x01\x81\x04acme\x87\x00");
    same(&all(Some("x".into())), b"WNQ\x01\x81\x04acme\x06\x01x\x87\x00");
    same(&cardinality(), b"WNQ\x01\x81\x04acme\x88\x02\xac\x02");
    same(&exemplars(), b"WNQ\x01\x81\x04acme\x82\x02\x01\x0a\x8a\x0e\x02\x02\x00\x01a\x01b\x02\x01c\x02.+\x00");
    let kinds = [body.as_slice(), b"\x0b\x00"].concat();
    same(&Query { kinds: true, ..question() }, &kinds);
    same(&tenants(None), b"WNQ\x01\x81\x04acme\x8c\x00");
    same(&tenants(Some("b")), b"WNQ\x01\x81\x04acme\x8c\x01b");
    same(&deletion(), b"WNQ\x01\x81\x04acme\x05\x02\xc4\x13\x8d\x00");
    same(&changes(None), b"WNQ\x01\x81\x04acme\x89\x01\x00");
    same(&changes(Some(300)), b"WNQ\x01\x81\x04acme\x89\x02\xad\x02");
}

#[test]
fn only_what_a_store_has_is_asked_of_nodes() {
    let ask = Ask::Instant { expr: "up".into(), time: 0 };
    refused(
        encode_query(&Query { ask, ..plain() }, &mut Vec::new()),
        "expected a question for samples, exemplars, metadata, cardinality, changes or tenants",
    );
}

#[test]
fn what_is_no_question_is_refused() {
    let good = Parts::of(&encoded(&question()));
    let check = |parts: Parts, expect: &str| refused(read(&parts.sealed()), expect);
    check(good.without(0x81), "expected a section `tenant` at byte 63");
    check(good.without(0x84), "expected a section `options` at byte 66");
    check(good.with(0x81, b"a/b"), "expected a tenant's name at byte 6");
    check(good.with(0x81, b"\xff"), "expected a tenant in UTF-8 at byte 6");
    check(good.with(0x82, b"\x01"), "expected a whole varint at byte 13");
    check(good.with(0x82, b"\x01\x02\x03"), "expected the end of a span at byte 14");
    check(good.with(0x83, b"\x05"), "expected matchers within the 0 bytes that are left, got `5` at byte 25");
    check(good.with(0x83, b"\x01\x04\x01a\x01b"), "expected a comparison from 0 to 3, got `4` at byte 26");
    check(good.with(0x83, b"\x01\x02\x01a\x01("), "expected a regular expression at byte 29");
    check(good.with(0x83, b"\x00\x00"), "expected the end of matchers at byte 26");
    check(good.with(0x84, b"\x04"), "expected options that this version knows, got `4` at byte 60");
    check(good.with(0x06, b"\xff"), "expected a bucket in UTF-8 at byte 67");
    check(good.with(0x05, b""), "expected a whole varint at byte 63");
    let good = Parts::of(&encoded(&known()));
    let check = |parts: Parts, expect: &str| refused(read(&parts.sealed()), expect);
    check(good.without(0x87), "expected a section `span` at byte 14");
    check(good.with(0x87, b"\xff"), "expected a metric in UTF-8 at byte 16");
    check(good.insert(3, 0x88, b"\x01"), "expected one question at byte 16");
    let good = Parts::of(&encoded(&cardinality()));
    let check = |parts: Parts, expect: &str| refused(read(&parts.sealed()), expect);
    check(good.with(0x88, b"\xc1\x84\x3d"), "expected at most 1000000 entries, got `1000001` at byte 12");
    check(good.with(0x88, b"\x01\x01"), "expected the end of cardinality at byte 13");
    check(good.insert(2, 0x89, b"\x01"), "expected one question at byte 12");
    let good = Parts::of(&encoded(&changes(None)));
    let check = |parts: Parts, expect: &str| refused(read(&parts.sealed()), expect);
    check(good.with(0x89, b"\x01\x01"), "expected the end of changes at byte 13");
    let good = Parts::of(&encoded(&tenants(None)));
    let check = |parts: Parts, expect: &str| refused(read(&parts.sealed()), expect);
    check(good.with(0x8c, b"a/b"), "expected a tenant's name at byte 12");
    check(good.insert(2, 0x8d, b""), "expected one question at byte 12");
    let good = Parts::of(&encoded(&Query { timeout: None, ..deletion() }));
    refused(read(&good.with(0x8d, b"x").sealed()), "expected the end of a deletion at byte 12");
    let good = Parts::of(&encoded(&exemplars()));
    let check = |parts: Parts, expect: &str| refused(read(&parts.sealed()), expect);
    check(good.without(0x82), "expected a section `span` at byte 26");
    check(good.with(0x8a, b"\x05\x00"), "expected selectors within the 1 bytes that are left, got `5` at byte 16");
    check(good.with(0x8a, b"\x01\x00\x00"), "expected the end of exemplars at byte 18");
    refused(read(b"WNB"), "expected a question, of at least 8 bytes, at byte 3");
}

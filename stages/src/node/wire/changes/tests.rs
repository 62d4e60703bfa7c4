//! Tests of what has changed, as a message.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use super::super::tests::{Parts, refused, sealed};
use super::*;

fn encoded(changes: Option<Changes>) -> Vec<u8> {
    let mut out = Vec::new();
    encode_changes(changes, &mut out);
    out
}

fn read(bytes: &[u8]) -> Result<Option<Changes>> {
    decode_changes(bytes, &Limits::default())
}

#[test]
fn what_is_written_reads_as_the_same() {
    let changes = |number, lowest| Some(Changes { number, lowest });
    for changes in [None, changes(0, 0), changes(u64::MAX, i64::MIN), changes(300, i64::MAX), changes(1, -1)] {
        assert_eq!(read(&encoded(changes)).unwrap(), changes);
    }
}

#[test]
fn the_bytes_of_version_1_are_frozen() {
    let changes = Some(Changes { number: 300, lowest: -5 });
    assert_eq!(encoded(changes), sealed(b"WNH\x01\x01\x03\xac\x02\x09"));
    assert_eq!(encoded(None), sealed(b"WNH\x01"));
}

#[test]
fn what_tells_no_changes_is_refused() {
    let good = Parts::of(&encoded(Some(Changes { number: 1, lowest: 1 })));
    let check = |parts: Parts, expect: &str| refused(read(&parts.sealed()), expect);
    check(good.with(0x01, b"\x01"), "expected a whole varint at byte 7");
    check(good.with(0x01, b"\x01\x01\x01"), "expected the end of changes at byte 8");
    refused(read(b"WNC"), "expected changes, of at least 8 bytes, at byte 3");
}

//! Tests of what recent series are made of, as a message.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use super::super::tests::{Parts, refused, sealed};
use super::*;

fn found() -> Cardinality {
    Cardinality {
        series: 300,
        label_pairs: 5,
        chunks: 4,
        times: Some((-1, 9)),
        by_metric: vec![("up".into(), 200), ("ü".into(), 100)],
        values_by_label: vec![("job".into(), 2)],
        bytes_by_label: vec![("job".into(), 20)],
        by_pair: vec![("job=a".into(), 2)],
    }
}

fn encoded(found: &Cardinality) -> Vec<u8> {
    let mut out = Vec::new();
    encode_cardinality(found, &mut out);
    out
}

fn read(bytes: &[u8]) -> Result<Cardinality> {
    decode_cardinality(bytes, &Limits::default())
}

#[test]
fn what_is_written_reads_as_the_same() {
    for found in [found(), Cardinality::default()] {
        assert_eq!(read(&encoded(&found)).unwrap(), found);
    }
}

#[test]
fn the_bytes_of_version_1_are_frozen() {
    let body = b"WNC\x01\x81\x04\xac\x02\x05\x04\x02\x02\x01\x12\x83\x0a\x02\x02up\xc8\x01\x02\xc3\xbc\x64\
                 \x84\x06\x01\x03job\x02\x85\x06\x01\x03job\x14\x86\x08\x01\x05job=a\x02";
    assert_eq!(encoded(&found()).escape_ascii().to_string(), sealed(body).escape_ascii().to_string());
}

#[test]
fn what_is_no_cardinality_is_refused() {
    let good = Parts::of(&encoded(&found()));
    let check = |parts: Parts, expect: &str| refused(read(&parts.sealed()), expect);
    check(good.without(0x81), "expected a section `counts` at byte 46");
    check(good.without(0x86), "expected a section `pairs` at byte 42");
    check(good.with(0x81, b"\x01\x01"), "expected a whole varint at byte 8");
    check(good.with(0x02, b"\x01\x01\x01"), "expected the end of times at byte 14");
    check(good.with(0x84, b"\x02\x01a\x01"), "expected entries within the 3 bytes that are left, got `2` at byte 28");
    check(good.with(0x84, b"\x01\x01\xff\x01"), "expected a name in UTF-8 at byte 29");
    check(good.with(0x84, b"\x00\x00"), "expected the end of entries at byte 29");
    refused(read(b"WNC"), "expected a cardinality, of at least 8 bytes, at byte 3");
}

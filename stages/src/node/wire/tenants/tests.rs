//! Tests of what a node has of tenants, as a message.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use super::super::tests::{Parts, refused, sealed};
use super::*;

fn usage(tenant: &str, bucket: Option<BlocksUsage>) -> TenantUsage {
    let local = BlocksUsage { blocks: 3, samples: 4, bytes: 5 };
    TenantUsage { tenant: tenant.parse().unwrap(), head_series: 1, head_samples: 300, local, bucket }
}

fn found() -> Vec<TenantUsage> {
    vec![usage("a", None), usage("team-b", Some(BlocksUsage { blocks: 6, samples: 7, bytes: 8 }))]
}

fn encoded(found: &[TenantUsage]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_tenants(found, &mut out);
    out
}

fn read(bytes: &[u8]) -> Result<Vec<TenantUsage>> {
    decode_tenants(bytes, &Limits::default())
}

#[test]
fn what_is_written_reads_as_the_same() {
    for found in [found(), Vec::new()] {
        assert_eq!(read(&encoded(&found)).unwrap(), found);
    }
}

#[test]
fn the_bytes_of_version_1_are_frozen() {
    let body =
        b"WNT\x01\x81\x1b\x02\x01a\x01\xac\x02\x03\x04\x05\x00\x06team-b\x01\xac\x02\x03\x04\x05\x01\x06\x07\x08";
    assert_eq!(encoded(&found()).escape_ascii().to_string(), sealed(body).escape_ascii().to_string());
}

#[test]
fn what_tells_of_no_tenants_is_refused() {
    let good = Parts::of(&encoded(&found()));
    let check = |parts: Parts, expect: &str| refused(read(&parts.sealed()), expect);
    check(good.without(0x81), "expected a section `tenants` at byte 4");
    check(good.with(0x81, b"\x02\x01a"), "expected tenants within the 2 bytes that are left, got `2` at byte 6");
    check(good.with(0x81, b"\x01\x01/\0\0\0\0\0\0"), "expected a tenant's name at byte 7");
    check(good.with(0x81, b"\x01\x01a\0\0\0\0\0\x02"), "expected 0 or 1, got `2` at byte 14");
    check(good.with(0x81, b"\x01\x01a\0\0\0\0\0\x01\0"), "expected a whole varint at byte 16");
    check(good.with(0x81, b"\0\0"), "expected the end of tenants at byte 7");
    refused(read(b"WNT"), "expected tenants, of at least 8 bytes, at byte 3");
}

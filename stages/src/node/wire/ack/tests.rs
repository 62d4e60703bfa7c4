//! Tests of `ack`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use proptest::prelude::*;

use super::*;
use crate::node::wire::tests::{Parts, refused, sealed};

fn encoded(ack: &Ack) -> Vec<u8> {
    let mut out = Vec::new();
    encode_ack(ack, &mut out);
    out
}

fn read(message: &[u8]) -> Result<Ack> {
    decode_ack(message, &Limits::default())
}

fn entry(outcome: Outcome, reason: &'static str, detail: Option<&str>, place: Option<&str>, count: u64) -> Entry {
    Entry { outcome, reason, detail: detail.map(str::to_owned), place: place.map(Into::into), count }
}

fn ack() -> impl Strategy<Value = Ack> {
    let text = || prop::option::of("\\PC{0,40}");
    let entry = (0..5usize, prop::sample::select(&REASONS[..]), text(), text(), 1..u64::MAX >> 4);
    (any::<u64>(), prop::collection::vec(entry, 0..8)).prop_map(|(created, entries)| {
        let mut ack = Ack::default();
        ack.created = created;
        for (outcome, reason, detail, place, count) in entries {
            ack.push(Entry { outcome: Outcome::ALL[outcome], reason, detail, place: place.map(Into::into), count });
        }
        ack
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_as_the_same(ack in ack()) {
        prop_assert_eq!(read(&encoded(&ack)).unwrap(), ack);
    }
}

#[test]
fn the_bytes_of_version_1_are_frozen() {
    let mut ack = Ack::written(1000);
    ack.push(entry(Outcome::Rejected, "too_old", Some("no"), Some("a.sink"), 2));
    ack.created = 3;
    let expect = b"WNA\x01\x81\x1a\x03\x02\x00\x00\xe8\x07\x1c\x07too_old\x02no\x06a.sink\x02";
    assert_eq!(encoded(&ack).escape_ascii().to_string(), sealed(expect).escape_ascii().to_string());
    assert_eq!(crc32c::crc32c(expect), 0x31ce_bc22);
}

#[test]
fn a_reason_that_is_not_known_stands_before_the_detail() {
    let check = |detail: Option<&str>, expect: &str| {
        let mut ack = Ack::written(1);
        ack.push(entry(Outcome::Dropped, "of_tomorrow", detail, Some("p"), 4));
        let read = read(&encoded(&ack)).unwrap();
        assert_eq!(read.entries()[1], entry(Outcome::Dropped, "peer", Some(expect), Some("p"), 4));
        assert_eq!(read.total(), 5);
    };
    check(None, "of_tomorrow");
    check(Some("Monday"), "of_tomorrow: Monday");
}

#[test]
fn every_reason_of_the_table_is_known_and_comes_once() {
    assert!(REASONS.is_sorted_by(|a, b| a < b));
    for reason in REASONS {
        let ack = Ack::default().with(Outcome::Dropped, reason, 1);
        assert_eq!(read(&encoded(&ack)).unwrap(), ack);
    }
}

#[test]
fn texts_that_are_too_long_are_cut_short_at_a_character() {
    let long = "é".repeat(TEXT_BYTES);
    let mut ack = Ack::default();
    ack.push(entry(Outcome::Rejected, "too_old", Some(&format!("x{long}")), Some(&long), 1));
    let read = read(&encoded(&ack)).unwrap();
    let lengths = |e: &Entry| (e.detail.as_ref().map(String::len), e.place.as_ref().map(|place| place.len()));
    assert_eq!(lengths(&read.entries()[0]), (Some(TEXT_BYTES - 1), Some(TEXT_BYTES)));
}

#[test]
fn what_is_no_ack_is_refused() {
    let check = |message: &[u8], expect: &str| {
        refused(read(message), expect);
    };
    let good = Parts::of(&encoded(&Ack::written(3)));
    let entries = |bytes: &[u8], expect: &str| check(&good.with(0x81, bytes).sealed(), expect);
    check(b"", "expected an ack, of at least 8 bytes, at byte 0");
    check(b"WNB\x01\0\0\0\0", "expected an ack, which begins with `WNA`, got `WNB` at byte 0");
    check(b"WNA\x02\0\0\0\0", "expected an ack of version 1 or older, got `2` at byte 3");
    check(b"WNA\x01\0\0\0\0", "expected the checksum `23fe88ac`, got `00000000` at byte 4");
    check(&sealed(b"WNA\x01"), "expected a section `entries` at byte 4");
    check(&good.insert(1, 0x82, b"").sealed(), "expected sections that version 1 knows, got `82` at byte 11");
    entries(b"", "expected a whole varint at byte 6");
    entries(b"\0", "expected a whole varint at byte 7");
    entries(b"\0\x01", "expected entries within the 0 bytes that are left, got `1` at byte 7");
    entries(b"\0\x02\0\0\x03", "expected entries within the 3 bytes that are left, got `2` at byte 7");
    entries(b"\0\x01\x05\0\x03", "expected an outcome, got `05` at byte 8");
    entries(b"\0\x01\x20\0\x03", "expected an outcome, got `20` at byte 8");
    entries(b"\0\x01\0\0\0", "expected a count of at least 1, got `0` at byte 10");
    entries(b"\0\x01\0\0\x80", "expected a whole varint at byte 10");
    entries(b"\0\x01\0\0\x03\0", "expected the end of entries at byte 11");
    entries(b"\0\x01\0\x02x\x03", "expected a whole varint at byte 12");
    entries(b"\0\x01\0\x01\xff\x03", "expected a reason in UTF-8 at byte 9");
    entries(b"\0\x01\x08\0\x02d", "expected a detail within 1 bytes, got `2` at byte 11");
    entries(b"\0\x01\x10\0\x00", "expected a whole varint at byte 11");
    entries(b"\0\x01\0\xff\xff\x03abc", "expected a reason of at most 16384 bytes, got `65535` at byte 9");
    let most = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    entries(
        &[b"\0\x02\0\0", &most[..], b"\x01\0\x01"].concat(),
        "expected counts that add up to at most 64 bits at byte 22",
    );
    let few = Limits { entries: 0, ..Limits::default() };
    refused(decode_ack(&good.sealed(), &few), "expected at most 0 entries, got `1` at byte 7");
}

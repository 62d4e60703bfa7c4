//! Tests of `ack`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use weir_pipeline::ack::Counts;

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
    Entry { outcome, reason, detail: detail.map(str::to_owned), place: place.map(Into::into), count, histograms: 0 }
}

fn ack() -> impl Strategy<Value = Ack> {
    let text = || prop::option::of("\\PC{0,40}");
    let count = prop_oneof![(1..u64::MAX >> 4).prop_map(|n| (n, 0)), (1..1000u64, 0..1000u64)];
    let entry = (0..5usize, prop::sample::select(reason::ALL), text(), text(), count);
    let exemplars = prop_oneof![Just(0), any::<u64>()];
    (any::<u64>(), exemplars, prop::collection::vec(entry, 0..8)).prop_map(|(created, exemplars, entries)| {
        let mut ack = Ack::default();
        (ack.created, ack.exemplars) = (created, exemplars);
        for (outcome, reason, detail, place, (count, histograms)) in entries {
            let (outcome, place, histograms) = (Outcome::ALL[outcome], place.map(Into::into), histograms.min(count));
            ack.push(Entry { outcome, reason, detail, place, count, histograms });
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
fn which_kinds_are_lost_is_told_to_who_asks_and_passed_over_by_others() {
    let mut ack = Ack::written(9);
    ack.reject_all(reason::TOO_OLD, "no", Counts { floats: 1, histograms: 2, exemplars: 4 });
    let message = encoded(&ack);
    assert_eq!(read(&message).unwrap(), ack);
    // What an older version writes, and what it makes of this: the samples, of no kind.
    let mut without = Ack::written(9);
    without.reject("too_old", "no", 3);
    let parts = Parts::of(&message);
    assert_eq!(read(&parts.without(0x02).sealed()).unwrap(), without);
    assert_eq!(encoded(&without), parts.without(0x02).sealed());
    let kinds = |bytes: &[u8], expect: &str| refused(read(&parts.with(0x02, bytes).sealed()), expect);
    kinds(b"", "expected a whole varint at byte 26");
    kinds(b"\x04\0", "expected a whole varint at byte 28");
    kinds(b"\x04\0\x04", "expected at most 3 native histograms, got `4` at byte 28");
    kinds(b"\x04\0\x02\0", "expected the end of kinds at byte 29");
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
fn every_reason_of_the_list_is_read_as_it_is() {
    for reason in reason::ALL.iter().chain([&""]) {
        let ack = Ack::default().with(Outcome::Dropped, reason, 1);
        assert_eq!(read(&encoded(&ack)).unwrap(), ack);
    }
}

/// The sources below a directory, without tests.
fn sources(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let is_test = |path: &PathBuf| path.file_stem().is_some_and(|name| name == "tests" || name == "fuzz");
    let mut all = Vec::new();
    for path in entries.filter(|path| !is_test(path)) {
        match path.is_dir() {
            true => all.extend(sources(&path)),
            false if path.extension().is_some_and(|extension| extension == "rs") => all.push(path),
            false => {}
        }
    }
    all
}

#[test]
fn every_reason_that_a_stage_gives_is_of_the_list() {
    let mut found = 0;
    for path in sources(Path::new(env!("CARGO_MANIFEST_DIR"))) {
        let text = std::fs::read_to_string(&path).unwrap();
        for call in [".reject(", ".reject_all(", ".add(Outcome::", ".with(Outcome::"] {
            for (at, _) in text.match_indices(call) {
                let arguments = &text[at + call.len()..];
                // Where the outcome is said it stands before the reason.
                let skipped = usize::from(call.ends_with("::"));
                let said = arguments.split(',').nth(skipped).unwrap_or_default().trim();
                // Of the list, or made of it elsewhere: neither a text nor a constant of the file's own.
                let is_named = said.starts_with(|c: char| c.is_ascii_lowercase());
                assert!(is_named || said == "\"\"", "{}: the reason {said}", path.display());
                found += 1;
            }
        }
    }
    assert!(found >= 15, "{found}");
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

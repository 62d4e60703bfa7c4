//! Tests of `error`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use proptest::prelude::*;

use super::*;
use crate::node::wire::REQUIRED;
use crate::node::wire::fuzz::same_error;
use crate::node::wire::tests::{Parts, refused, sealed};

fn encoded(error: &Error) -> Vec<u8> {
    let mut out = Vec::new();
    encode_error(error, &mut out);
    out
}

fn read(message: &[u8]) -> Result<Error> {
    decode_error(message, &Limits::default())
}

fn error() -> impl Strategy<Value = Error> {
    let after = || prop::option::of((any::<u64>(), 0..1_000_000_000u32).prop_map(|(s, n)| Duration::new(s, n)));
    let kind = prop_oneof![
        prop::sample::select(&[Kind::Invalid, Kind::Unprocessable, Kind::TimedOut, Kind::Closed, Kind::Internal][..]),
        after().prop_map(|retry_after| Kind::Unavailable { retry_after }),
        after().prop_map(|retry_after| Kind::Overloaded { retry_after }),
    ];
    let text = || "\\PC{0,60}";
    (kind, text(), prop::option::of(text()), prop::collection::vec(text(), 0..3), any::<bool>()).prop_map(
        |(kind, message, place, sources, own)| {
            let mut error = Error::new(kind, message);
            if own {
                error = error.of_tenant();
            }
            if let Some(place) = place {
                error = error.at(&place.into());
            }
            let sources = sources.into_iter().map(Error::internal).reduce(|inner, outer| outer.with_source(inner));
            match sources {
                Some(source) => error.with_source(source),
                None => error,
            }
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_reads_as_the_same(error in error()) {
        let read = read(&encoded(&error)).unwrap();
        prop_assert!(same_error(&error, &read), "{error:?} reads as {read:?}");
    }
}

#[test]
fn the_bytes_of_version_1_are_frozen() {
    let check = |error: Error, expect: &[u8], crc: u32| {
        assert_eq!(encoded(&error).escape_ascii().to_string(), sealed(expect).escape_ascii().to_string());
        assert_eq!(crc32c::crc32c(expect), crc);
    };
    let kind = Kind::Unavailable { retry_after: Some(Duration::from_millis(2500)) };
    let full = Error::new(kind, "full").at(&"a.sink".into()).with_source(Reported("disk: no space".into()));
    check(
        full,
        b"WNE\x01\x81\x08\x03\x01\x02\x80\xca\xb5\xee\x01\x82\x04full\x03\x06a.sink\x04\x0edisk: no space",
        0x7542_328b,
    );
    check(Error::closed(), b"WNE\x01\x81\x01\x05\x82\x16the pipeline is closed", 0x50ba_bbc9);
}

#[test]
fn what_is_the_tenants_own_says_so_in_a_section_that_older_nodes_pass_over() {
    let check = |error: Error, expect: bool| {
        let message = encoded(&error);
        assert_eq!(read(&message).unwrap().is_of_tenant(), expect, "{error:?}");
        let sections = Parts::of(&message).sections;
        let mark = sections.iter().find(|(id, _)| id & !REQUIRED == 0x05);
        assert_eq!(mark, expect.then_some(&(0x05, Vec::new())), "{error:?}");
    };
    check(Error::unavailable("full"), false);
    check(Error::unavailable("it is being deleted").of_tenant(), true);
    check(Error::new(Kind::Overloaded { retry_after: None }, "too much"), true);
}

#[test]
fn the_words_of_all_sources_go_along() {
    let inner = Error::internal("disk full").at(&"log".into());
    let error = Error::unavailable("no write").with_source(Error::internal("no record").with_source(inner));
    assert_eq!(read(&encoded(&error)).unwrap().report(), "no write: no record: log: disk full");
}

#[test]
fn texts_that_are_too_long_are_cut_short() {
    let error = Error::invalid("m".repeat(TEXT_BYTES + 1)).with_source(Reported("s".repeat(TEXT_BYTES + 1)));
    let read = read(&encoded(&error)).unwrap();
    assert_eq!((read.message().len(), read.report().len()), (TEXT_BYTES, 2 * TEXT_BYTES + 2));
}

#[test]
fn what_is_no_error_is_refused() {
    let check = |message: &[u8], expect: &str| {
        refused(read(message), expect);
    };
    let good = Parts::of(&encoded(&Error::closed().at(&"a".into()).with_source(Reported("s".into()))));
    let with = |id: u8, bytes: &[u8], expect: &str| check(&good.with(id, bytes).sealed(), expect);
    check(b"WNE", "expected an error, of at least 8 bytes, at byte 3");
    check(b"WNA\x01\0\0\0\0", "expected an error, which begins with `WNE`, got `WNA` at byte 0");
    check(b"WNE\x02\0\0\0\0", "expected an error of version 1 or older, got `2` at byte 3");
    check(b"WNE\x01\0\0\0\0", "expected the checksum `6d74e970`, got `00000000` at byte 4");
    check(&good.without(0x81).sealed(), "expected a section `kind` at byte 34");
    check(&good.without(0x82).sealed(), "expected a section `message` at byte 13");
    check(&good.insert(4, 0x85, b"").sealed(), "expected sections that version 1 knows, got `85` at byte 37");
    check(&good.insert(4, 0x03, b"").sealed(), "expected a section after `04`, got `03` at byte 37");
    with(0x81, b"", "expected one more byte at byte 6");
    with(0x81, b"\x07", "expected a kind from 0 to 6, got `7` at byte 6");
    with(0x81, b"\x05\x00", "expected the end of a kind at byte 7");
    with(0x81, b"\x03", "expected one more byte at byte 7");
    with(0x81, b"\x03\x02", "expected 0 or 1, got `2` at byte 7");
    with(0x81, b"\x04\x01\x05", "expected a whole varint at byte 9");
    with(
        0x81,
        b"\x04\x01\x05\x80\x94\xeb\xdc\x03",
        "expected at most 999999999 nanoseconds, got `1000000000` at byte 9",
    );
    with(0x82, b"\xff", "expected a message in UTF-8 at byte 9");
    with(0x03, b"\xc3", "expected a place in UTF-8 at byte 33");
    with(0x04, b"\x80", "expected a source in UTF-8 at byte 36");
    check(&good.insert(4, 0x05, b"m").sealed(), "expected the end of a mark at byte 39");
    let long = [b"WNE\x01\x81\x01\x05\x82\x81\x80\x01".as_slice(), &[b'm'; TEXT_BYTES + 1]].concat();
    check(&sealed(&long), "expected a message of at most 16384 bytes, got `16385` at byte 11");
}

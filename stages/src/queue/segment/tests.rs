//! Tests of `segment`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

fn record(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    Record::of(payload, 7, -5, 9).encode(9, &mut bytes);
    bytes.extend_from_slice(payload);
    bytes
}

#[test]
fn the_bytes_of_version_1_never_change() {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let header = hex(&encode_header(3, 0x0102_0304_0506_0708));
    assert!(header.starts_with("574549525155450a0100000003000000000000000807060504030201"), "{header}");
    let cursor = hex(&encode_cursor(Position { segment: 2, offset: 300 }));
    assert!(cursor.starts_with("574549524355520a0100000002000000000000002c01000000000000"), "{cursor}");
    let record = hex(&record(b"abc"));
    assert!(record.starts_with("a50100000300000007000000fbffffffffffffff"), "{record}");
    assert_eq!((HEADER, RECORD), (32, 28));
}

#[test]
fn what_is_written_reads_the_same() {
    assert_eq!(decode_header(&encode_header(3, 4)), Ok((3, 4)));
    let at = Position { segment: u64::MAX, offset: 1 };
    assert_eq!(decode_cursor(&encode_cursor(at)), Ok(at));
    let bytes = record(b"abc");
    let First::Whole(read, payload) = first(&bytes, 9) else { panic!("expected a record") };
    assert_eq!((read.samples, read.accepted, read.size(), payload), (7, -5, RECORD + 3, &b"abc"[..]));
}

#[test]
fn a_bit_that_is_turned_anywhere_is_found() {
    let bytes = record(b"abc");
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let expect = bit / 8 < RECORD;
        match first(&damaged, 9) {
            First::Nothing => assert!(expect, "bit {bit}"),
            First::Damaged(read) => assert!(!expect && read.samples == 7, "bit {bit}"),
            other => panic!("bit {bit}: {other:?}"),
        }
        let mut header = encode_header(1, 2);
        header[bit / 8 % HEADER] ^= 1 << (bit % 8);
        assert!(decode_header(&header).is_err(), "bit {bit}");
    }
    // A record of another segment is none of this.
    assert_eq!(first(&bytes, 8), First::Nothing);
}

#[test]
fn what_is_cut_short_says_how_long_it_is() {
    let bytes = record(b"abc");
    assert_eq!(first(&[], 9), First::Nothing);
    for cut in 1..RECORD {
        assert_eq!(first(&bytes[..cut], 9), First::Short(RECORD), "{cut}");
    }
    for cut in RECORD..bytes.len() {
        assert_eq!(first(&bytes[..cut], 9), First::Short(bytes.len()), "{cut}");
    }
}

#[test]
fn a_newer_version_is_told_from_damage() {
    let mut newer = encode_header(1, 2);
    newer[8] = 2;
    let crc = crc32c::crc32c(&newer[..28]);
    newer[28..].copy_from_slice(&crc.to_le_bytes());
    assert_eq!(decode_header(&newer), Err(Bad::Newer(2)));
    assert_eq!(decode_header(&encode_cursor(Position { segment: 1, offset: 1 })), Err(Bad::Damaged));
    assert_eq!(decode_header(&newer[..31]), Err(Bad::Damaged));
}

//! Messages that are no batch, and what is said of them.

use super::*;
use crate::node::wire::tests::{Parts, sealed};
use crate::node::wire::writer::put_varint;

fn good() -> Parts {
    let mut out = Batch::builder(Tenant::new("t").unwrap());
    out.series(set(&[("a", "1"), ("b", "x")]).as_labels()).sample(10, 1.0);
    out.series(set(&[("a", "2"), ("b", "x")]).as_labels()).sample(10, 2.0);
    let message = encoded(&out.build());
    let parts = Parts::of(&message);
    assert_eq!(parts.sealed(), message);
    parts
}

/// Refused as `Invalid` with this message.
fn check(message: &[u8], expect: &str) {
    refused(decode_batch(message, &Limits::default()), expect);
}

fn with(id: u8, bytes: &[u8], expect: &str) {
    check(&good().with(id, bytes).sealed(), expect);
}

#[test]
fn a_frame_that_is_wrong_is_refused() {
    let message = good().sealed();
    let changed = |at: usize, byte: u8| {
        let mut out = message.clone();
        out[at] = byte;
        out
    };
    check(b"", "expected a batch, of at least 8 bytes, at byte 0");
    check(b"WNB", "expected a batch, of at least 8 bytes, at byte 3");
    check(b"WNB\x01", "expected a checksum of 4 bytes at byte 4");
    check(b"WNB\x01\0\0\0", "expected a checksum of 4 bytes at byte 7");
    check(b"WNA\x01\0\0\0\0", "expected a batch, which begins with `WNB`, got `WNA` at byte 0");
    check(&changed(0, b'\n'), "expected a batch, which begins with `WNB`, got `\\nNB` at byte 0");
    check(&changed(3, 2), "expected a batch of version 1 or older, got `2` at byte 3");
    check(&changed(3, 0), "expected a batch of version 1 or older, got `0` at byte 3");
    check(&changed(10, 9), "expected the checksum `686a1ae2`, got `caeac404` at byte 57");
    check(&changed(message.len() - 1, 0), "expected the checksum `caeac404`, got `00eac404` at byte 57");
    check(&[&message[..], b"\0"].concat(), "expected the checksum `52b7b995`, got `00caeac4` at byte 58");
    let body = good().body();
    check(&sealed(&[&body[..], b"\0"].concat()), "expected a section after `08`, got `00` at byte 57");
    check(&sealed(&[&body[..], b"\x0c"].concat()), "expected a whole varint at byte 58");
    check(&sealed(&[&body[..], b"\x0c\x05ab"].concat()), "expected metadata within 2 bytes, got `5` at byte 59");
}

#[test]
fn sections_that_are_absent_unknown_or_out_of_order_are_refused() {
    for (id, expect) in [
        (0x81, "expected a section `tenant` at byte 54"),
        (0x82, "expected a section `counts` at byte 52"),
        (0x83, "expected a section `names` at byte 50"),
        (0x84, "expected a section `labels` at byte 45"),
        (0x85, "expected a section `series` at byte 46"),
        (0x86, "expected a section `sample_counts` at byte 53"),
        (0x87, "expected a section `timestamps` at byte 52"),
        (0x88, "expected a section `values` at byte 51"),
    ] {
        check(&good().without(id).sealed(), expect);
    }
    check(&good().insert(8, 0x8d, b"").sealed(), "expected sections that version 1 knows, got `8d` at byte 57");
    check(&good().insert(1, 0x81, b"t").sealed(), "expected a section after `01`, got `01` at byte 7");
    check(&good().insert(8, 0x07, b"").sealed(), "expected a section after `08`, got `07` at byte 57");
    check(&good().insert(0, 0x80, b"").sealed(), "expected a section after `00`, got `00` at byte 4");
}

#[test]
fn histograms_and_exemplars_that_are_none_are_refused() {
    let check = |id: u8, bytes: &[u8], expect: &str| check(&good().insert(8, id, bytes).sealed(), expect);
    check(0x8a, b"\0", "expected a whole varint at byte 60");
    check(0x8a, b"\0\0", "expected at least 1 of native histograms, got `0` at byte 60");
    check(0x8a, b"\0\x09\0", "expected native histograms within the 1 bytes that are left, got `9` at byte 60");
    check(0x8a, b"\0\x01\x14\0\x08", "expected native histograms at byte 61");
    check(0x0b, b"\0\x01\x04abcd", "expected exemplars at byte 61");
    let exemplar = b"\0\0\0\0\0\0\0\0\0\0";
    let third = [&b"\x02\x01"[..], exemplar].concat();
    check(0x0b, &third, "expected no more exemplars than there are series at byte 60");
}

#[test]
fn a_tenant_that_is_none_is_refused() {
    with(0x81, b"", "expected a tenant of 1 to 150 characters from a-z A-Z 0-9 !-_.*'(), got `` at byte 6");
    with(0x81, b"a/b", "expected a tenant of 1 to 150 characters from a-z A-Z 0-9 !-_.*'(), got `a/b` at byte 6");
    with(0x81, b"..", "expected a tenant of 1 to 150 characters from a-z A-Z 0-9 !-_.*'(), got `..` at byte 6");
    with(0x81, b"\xff", "expected a tenant in UTF-8 at byte 6");
}

#[test]
fn counts_that_do_not_add_up_are_refused() {
    with(0x82, &[2, 2], "expected a whole varint at byte 11");
    with(0x82, &[2, 2, 16, 0], "expected the end of counts at byte 12");
    with(0x82, &[4, 2, 16], "expected series within 9 bytes, got `4` at byte 9");
    with(0x82, &[2, 9, 16], "expected values within 4 bytes, got `9` at byte 9");
    with(0x82, &[3, 2, 16], "expected 1 more series with 0 samples at byte 46");
    with(0x82, &[2, 3, 16], "expected a value within 0 bytes, got `1` at byte 57");
    with(0x82, &[2, 2, 15], "expected labels of at most 7 bytes, got `8` at byte 38");
    with(0x82, &[2, 2, 17], "expected 1 more bytes of labels at byte 42");
    with(0x82, &[1, 2, 16], "expected at most 1 series with 2 samples, got `2 with 1 each` at byte 44");
    with(
        0x82,
        &[2, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        "expected at most 134217728 bytes of labels, got `68719476735` at byte 11",
    );
    with(
        0x82,
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 2, 16],
        "expected at most 1000000 series, got `18446744073709551615` at byte 9",
    );
    with(0x86, &[], "expected 2 more series with 2 samples at byte 44");
    with(0x86, &[1], "expected a whole varint at byte 45");
    with(0x86, &[2, 2], "expected at most 2 series with 2 samples, got `2 with 2 each` at byte 44");
    with(0x86, &[1, 3], "expected at most 2 series with 2 samples, got `3 with 1 each` at byte 44");
    with(0x86, &[1, 1], "expected 1 more series with 1 samples at byte 46");
    with(
        0x86,
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 2],
        "expected at most 2 series with 2 samples, got `2 with 18446744073709551615 each` at byte 44",
    );
}

#[test]
fn a_dictionary_that_is_wrong_is_refused() {
    with(0x83, &[], "expected a whole varint at byte 14");
    with(0x83, b"\x02\x01a", "expected names within the 2 bytes that are left, got `2` at byte 14");
    with(0x83, b"\x02\x01a\x02b", "expected a label name within 1 bytes, got `2` at byte 18");
    with(0x83, b"\x02\x01a\x01b!", "expected the end of names at byte 19");
    with(0x83, b"\x02\x01a\x01a", "expected each label name once, got `a` at byte 17");
    with(0x83, b"\x02\x00\x02ab", "expected a label name of at least 1 byte at byte 15");
    with(0x83, b"\x02\x01a\x01\xff", "expected a label name in UTF-8 at byte 17");
    with(0x83, b"\x02\x81\x00a\x01b", "expected a varint in its shortest form at byte 15");
    with(0x83, b"\x7f\x01a\x01b", "expected names within the 4 bytes that are left, got `127` at byte 14");
    with(0x84, b"\x03\x00\x011\x01\x01x\x02\x012", "expected the index of one of 2 names, got `2` at byte 28");
    with(0x84, b"\x03\x00\x011\x01\x01x\x00\x002", "expected a value of `a` of at least 1 byte at byte 29");
    with(0x84, b"\x03\x00\x011\x01\x01x\x00\x022", "expected a label value within 1 bytes, got `2` at byte 30");
    with(0x84, b"\x03\x00\x011\x01\x01x\x00\x01\x80", "expected a label value in UTF-8 at byte 29");
    with(0x84, b"\x03\x00\x011\x01\x01x\x00\x012\x00", "expected the end of labels at byte 31");
    with(0x84, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", "expected a varint of at most 64 bits at byte 21");
    with(0x84, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "expected a varint of at most 64 bits at byte 21");
}

#[test]
fn series_that_are_not_canonical_are_refused() {
    let series = |own: &[u8], expect: &str| with(0x85, &[&[0, 0, 2, 0, 1], own].concat(), expect);
    with(0x85, &[0, 0, 2, 1, 0, 0, 0, 0, 0], "expected a label name after `b`, got `a` at byte 37");
    with(0x85, &[0, 0, 2, 0, 2, 0, 0, 0, 0], "expected a label name after `a`, got `a` at byte 37");
    with(0x85, &[0, 0, 2, 0, 3, 0, 0, 0, 0], "expected the index of one of 3 labels, got `3` at byte 37");
    with(
        0x85,
        &[1, 0, 1, 0, 1, 0, 0, 0, 0],
        "expected at most 0 labels of the series before, got `1 and 0` at byte 33",
    );
    series(&[2, 1, 0, 0], "expected at most 2 labels of the series before, got `2 and 1` at byte 38");
    series(&[1, 1, 1, 2], "expected a label name after `a`, got `a` at byte 41");
    series(&[1, 1, 1, 1], "expected a label name after `b`, got `b` at byte 38");
    series(&[0, 2, 1, 1], "expected a label name after `b`, got `a` at byte 38");
    series(&[0, 1, 2, 1, 2], "expected a label name after `b`, got `a` at byte 42");
    series(&[2, 0, 0, 0], "expected the end of series at byte 41");
    series(&[0, 1, 1], "expected a whole varint at byte 41");
    series(
        &[0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        "expected at most 1024 labels, got `18446744073709551615` at byte 38",
    );
    series(
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 1, 0],
        "expected at most 2 labels of the series before, got `18446744073709551615 and 1` at byte 38",
    );
    series(&[0, 0, 0, 0], "expected 8 more bytes of labels at byte 41");
}

#[test]
fn columns_that_do_not_end_with_the_samples_are_refused() {
    with(0x87, &[], "expected a whole varint at byte 48");
    with(0x87, &[20], "expected a whole varint at byte 49");
    with(0x87, &[20, 0], "expected a whole varint at byte 50");
    with(0x87, &[20, 0, 0], "expected a run of at least 1, got `0` at byte 50");
    with(0x87, &[20, 0, 2], "expected 1 timestamps less at byte 51");
    with(0x87, &[20, 0, 1, 0], "expected the end of timestamps at byte 51");
    with(0x87, &[20, 0x80, 0x80], "expected a whole varint at byte 49");
    with(0x88, &[], "expected values within 0 bytes, got `2` at byte 9");
    with(0x88, &[0x12, 0x3f, 0xf0], "expected a value within 0 bytes, got `1` at byte 56");
    with(0x88, &[0x92, 0x3f, 0xf0, 0x40], "expected a value of at most 8 bytes, got `9` at byte 53");
    with(0x88, &[0x12, 0x3f, 0xf0, 0x40, 0], "expected the end of values at byte 57");
    check(&good().insert(8, 0x89, &[0, 3]).sealed(), "expected 1 start timestamps less at byte 61");
    check(&good().insert(8, 0x89, &[0]).sealed(), "expected a whole varint at byte 60");
}

#[test]
fn metadata_that_is_wrong_is_refused() {
    let metadata = |bytes: &[u8], expect: &str| check(&good().insert(8, 0x0c, bytes).sealed(), expect);
    metadata(b"", "expected a whole varint at byte 59");
    metadata(b"\x01", "expected metadata within the 0 bytes that are left, got `1` at byte 59");
    metadata(b"\x01\x01\x01m\x00", "expected a whole varint at byte 64");
    metadata(b"\x01\x01\x01m\x00\x00\x00", "expected the end of metadata at byte 65");
    metadata(b"\x01\x01\x01\xff\x00\x00", "expected a metric in UTF-8 at byte 61");
    metadata(b"\x01\x01\x01m\x05ab\x00", "expected a help text within 3 bytes, got `5` at byte 64");
}

/// 5,000 series of 3 bytes that all have one label of 254 bytes: 1.3 MB of labels. `said` is what the message says of
/// that.
fn much_of_little(said: u64) -> Vec<u8> {
    let mut body = b"WNB\x01\x81\x01t".to_vec();
    let mut section = |id: u8, bytes: &[u8]| {
        body.push(id);
        put_varint(bytes.len() as u64, &mut body);
        body.extend_from_slice(bytes);
    };
    let mut counts = vec![0x88, 0x27, 0];
    put_varint(said, &mut counts);
    section(0x82, &counts);
    section(0x83, b"\x01\x01a");
    section(0x84, &[&b"\x01\x00\xfa\x01"[..], &[b'v'; 250]].concat());
    section(0x85, &[&[0, 0, 1, 0][..], &[1, 0, 0].repeat(4999)].concat());
    section(0x86, &[0, 0x88, 0x27]);
    section(0x87, &[]);
    section(0x88, &[]);
    sealed(&body)
}

#[test]
fn a_message_that_makes_much_of_little_is_held_to_the_limit_of_memory() {
    let small = Limits { batch_bytes: 1_300_000, ..Limits::default() };
    let honest = much_of_little(1_270_000);
    assert_eq!(decode_batch(&honest, &Limits::default()).unwrap().byte_size(), 1_270_000 + 5000 * 24);
    let expect = "expected a batch that takes at most 1300000 bytes at byte 9";
    assert_eq!(decode_batch(&honest, &small).unwrap_err().message(), expect);
    let expect = "expected labels of at most 146 bytes, got `254` at byte 403";
    assert_eq!(decode_batch(&much_of_little(10_560), &small).unwrap_err().message(), expect);
}

//! Tests of `dns::message`: bytes as they are on the wire.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use proptest::prelude::*;

use super::super::tests::reply;
use super::*;

fn service(host: &str, port: u16) -> Record {
    Record::Service { host: host.into(), port }
}

#[test]
fn a_question_is_the_bytes_of_the_specification() {
    let expect =
        b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\x01\x05_weir\x04_tcp\x01a\0\0\x21\0\x01\0\0\x29\x04\xd0\0\0\0\0\0\0";
    assert_eq!(question(0x1234, "_weir._tcp.a", Kind::Srv), expect);
    assert_eq!(question(0x1234, "_weir._tcp.a.", Kind::Srv), expect);
}

#[test]
fn an_answer_has_the_records_of_its_kind_sorted() {
    // The owner is where the question's name is, and the second target ends there, too.
    let message = b"\0\x07\x81\x80\0\x01\0\x03\0\0\0\0\x02_w\x01B\0\0\x21\0\x01\
        \xc0\x0c\0\x21\0\x01\0\0\0\x1e\0\x0b\0\0\0\0\x4b\xbf\x02s1\xc0\x0f\
        \xc0\x0c\0\x05\0\x01\0\0\0\x1e\0\x02\xc0\x0f\
        \xc0\x0c\0\x21\0\x01\0\0\0\x1e\0\x0a\0\0\0\0\x4b\xbf\x02S0\0";
    let said = answer(message, 7, "_w.b", Kind::Srv);
    assert_eq!(said, Some(Said::Records(vec![service("s0", 19391), service("s1.b", 19391)])));
    assert_eq!(answer(message, 8, "_w.b", Kind::Srv), None, "another question's");
    assert_eq!(answer(message, 7, "_w.c", Kind::Srv), None, "another name's");
    assert_eq!(answer(message, 7, "_w.b", Kind::A), None, "another kind's");
    assert_eq!(answer(&message[..message.len() - 1], 7, "_w.b", Kind::Srv), None, "cut short");
}

#[test]
fn what_a_server_says_in_place_of_records_is_told_apart() {
    let check = |flags: u16, expect: Said| {
        let mut message = question(7, "a.b", Kind::A);
        message[2..4].copy_from_slice(&flags.to_be_bytes());
        message[10..12].copy_from_slice(&[0, 0]);
        assert_eq!(answer(&message, 7, "A.b.", Kind::A), Some(expect), "{flags:x}");
    };
    check(0x8180, Said::Records(Vec::new()));
    check(0x8183, Said::Records(Vec::new()));
    check(0x8182, Said::Failed(2));
    check(0x8185, Said::Failed(5));
    check(0x8380, Said::Truncated);
    assert_eq!(answer(&question(7, "a.b", Kind::A), 7, "a.b", Kind::A), None, "a question is no answer");
}

#[test]
fn a_name_that_leads_in_a_circle_is_none() {
    for (at, to) in [(12u8, 12u8), (12, 14), (14, 12)] {
        let mut message = b"\0\x07\x81\x80\0\x01\0\0\0\0\0\0\xc0\x0c\xc0\x0c\0\x01\0\x01".to_vec();
        message[usize::from(at) + 1] = to;
        assert_eq!(answer(&message, 7, "a", Kind::A), None);
    }
}

#[test]
fn names_that_can_not_be_asked_are_told() {
    let long = ["a"; 64].concat();
    let check = |name: &str, expect: bool| assert_eq!(is_name(name), expect, "{name}");
    check("_weir._tcp.stores.example.svc", true);
    check("a.", true);
    check(&long[1..], true);
    ["", ".", "a..b", ".a", "a b", "ä", "a/b", &long, &["a."; 130].concat()].iter().for_each(|name| check(name, false));
}

proptest! {
    #[test]
    fn any_bytes_are_an_answer_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200), at: prop::sample::Index) {
        let _ = answer(&bytes, 7, "a.b", Kind::Srv);
        // Bytes in the place of a part of a right one.
        let hosts = [("s-0.a.b".to_owned(), 1), ("s-1.a.b".to_owned(), 2)];
        let right = reply(&question(7, "a.b", Kind::Srv), &hosts.map(|(host, port)| Record::Service { host, port }));
        let at = at.index(right.len());
        let changed: Vec<u8> = right[..at].iter().chain(&bytes).chain(&right[at..]).copied().collect();
        let _ = answer(&changed, 7, "a.b", Kind::Srv);
        let mut over = right;
        over.iter_mut().skip(at).zip(&bytes).for_each(|(byte, other)| *byte = *other);
        let _ = answer(&over, 7, "a.b", Kind::Srv);
    }

    #[test]
    fn what_a_server_writes_is_read(hosts in prop::collection::vec(("[a-z0-9]{1,8}(\\.[a-z0-9-]{1,8}){0,3}", 1..u16::MAX), 0..20)) {
        let mut records: Vec<Record> = hosts.into_iter().map(|(host, port)| Record::Service { host, port }).collect();
        let message = reply(&question(9, "a.b", Kind::Srv), &records);
        records.sort();
        records.dedup();
        prop_assert_eq!(answer(&message, 9, "a.b", Kind::Srv), Some(Said::Records(records)));
    }
}

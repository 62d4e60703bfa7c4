//! Tests of `labels`.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn set(pairs: &[(&str, &str)]) -> LabelSet {
    pairs.iter().copied().collect()
}

/// The encoding in hexadecimal and the id, both frozen: files on disk have them.
fn frozen(pairs: &[(&str, &str)], encoded: &[u8], id: &str) {
    let labels = set(pairs);
    assert_eq!(labels.as_labels().encoded(), encoded, "{labels}");
    assert_eq!(labels.as_labels().id().to_string(), id, "{labels}");
}

#[test]
fn the_encoding_and_the_id_are_frozen() {
    frozen(&[], b"", "99aa06d3014798d86001c324468d497f");
    frozen(
        &[("job", "prometheus"), ("__name__", "up"), ("instance", "localhost:9090")],
        b"\x08__name__\x02up\x08instance\x0elocalhost:9090\x03job\x0aprometheus",
        "f004c90f7bddf97144267b887dc51c76",
    );
    frozen(&[("é", "ü"), ("a b", "1")], b"\x03a b\x011\x02\xc3\xa9\x02\xc3\xbc", "2b3f87dac894eb18f7de881b4de0ce09");
    let long = "a".repeat(300);
    let encoded = [b"\x08__name__\x01x\x04path\xac\x02".as_slice(), long.as_bytes()].concat();
    frozen(&[("__name__", "x"), ("path", &long)], &encoded, "7b6479b7430ed21705be7b049e7c99b6");
}

#[test]
fn the_id_is_a_number_in_big_endian() {
    let id = set(&[("__name__", "up")]).as_labels().id();
    assert_eq!(id.as_u128().to_be_bytes(), id.0);
    assert_eq!(format!("{:032x}", id.as_u128()), id.to_string());
}

#[test]
fn an_empty_value_is_an_absent_label() {
    assert_eq!(set(&[("a", "1"), ("b", "")]), set(&[("a", "1")]));
    assert_eq!(set(&[("a", "1"), ("a", "")]), LabelSet::default());
    let mut builder = set(&[("a", "1"), ("b", "2")]).as_labels().to_builder();
    builder.set("a", "");
    assert_eq!((builder.get("a"), builder.get("b")), (None, Some("2")));
    assert_eq!(builder.build(), set(&[("b", "2")]));
}

#[test]
fn a_label_without_a_name_is_none() {
    assert_eq!(set(&[("", "x"), ("a", "1")]), set(&[("a", "1")]));
}

#[test]
fn a_name_set_twice_keeps_the_last_value() {
    assert_eq!(set(&[("a", "1"), ("b", "x"), ("a", "2")]), set(&[("a", "2"), ("b", "x")]));
}

#[test]
fn labels_are_found_by_name() {
    let labels = set(&[("job", "node"), ("__name__", "up")]);
    let labels = labels.as_labels();
    assert_eq!((labels.metric(), labels.get("job"), labels.get("jo")), ("up", Some("node"), None));
    assert_eq!(labels.iter().collect::<Vec<_>>(), [("__name__", "up"), ("job", "node")]);
    assert_eq!(LabelSet::default().as_labels().metric(), "");
    assert!(LabelSet::default().as_labels().is_empty() && !labels.is_empty());
}

#[test]
fn bytes_that_are_not_canonical_are_refused_and_read_without_a_panic() {
    let refused = |why: &str, bytes: &[u8]| {
        assert_eq!(Labels::check(bytes), Err(NotCanonical), "{why}");
        let _ = Labels::from_canonical(bytes).iter().count();
    };
    refused("cut in a length", b"\x80");
    refused("cut after a length", b"\x02a");
    refused("a name without a value", b"\x01a");
    refused("cut in a value", b"\x01a\x03bc");
    refused("an empty name", b"\x00\x01b");
    refused("an empty value", b"\x01a\x00");
    refused("not sorted", b"\x01b\x01x\x01a\x01x");
    refused("a name twice", b"\x01a\x01x\x01a\x01y");
    refused("a name that is not UTF-8", b"\x01\xff\x01x");
    refused("a value that is not UTF-8", b"\x01a\x02\xc3\x28");
    refused("a length of more bytes than it needs", b"\x81\x00a\x01b");
    refused("a length of more than five bytes", b"\x80\x80\x80\x80\x80\x01a\x01b");
    refused("a length beyond memory", b"\xff\xff\xff\xff\x7fa");
    refused("bytes after the last label", b"\x01a\x01b\x01");
    refused("zeros", &[0; 16]);
    assert!(Labels::check(b"").is_ok() && Labels::check(b"\x01a\x01b").is_ok());
}

#[test]
fn labels_are_shown_as_prometheus_shows_them() {
    let check = |pairs: &[(&str, &str)], shown: &str| assert_eq!(set(pairs).to_string(), shown);
    check(&[], "{}");
    check(&[("__name__", "up")], "up");
    check(&[("__name__", "up"), ("job", "node"), ("a", "1")], r#"up{a="1", job="node"}"#);
    check(&[("job", "node")], r#"{job="node"}"#);
    check(&[("__name__", "up"), ("job", "a\"b\\c\n")], r#"up{job="a\"b\\c\n"}"#);
    check(&[("__name__", "up"), ("disk.name", "sda")], r#"up{"disk.name"="sda"}"#);
    check(&[("__name__", "disk.free"), ("a", "1")], r#"{__name__="disk.free", a="1"}"#);
}

#[test]
fn sets_are_ordered_label_by_label() {
    let before = |a: &[(&str, &str)], b: &[(&str, &str)]| {
        assert_eq!(set(a).cmp(&set(b)), Ordering::Less, "{a:?} {b:?}");
        assert_eq!(set(b).cmp(&set(a)), Ordering::Greater, "{a:?} {b:?}");
    };
    before(&[], &[("a", "1")]);
    before(&[("a", "1")], &[("a", "1"), ("b", "1")]);
    before(&[("a", "1"), ("c", "1")], &[("a", "2")]);
    before(&[("a", "9")], &[("b", "1")]);
    // By the encoding alone, the longer value would come last.
    before(&[("a", "aaaa")], &[("a", "b")]);
}

#[test]
fn names_of_the_classic_grammar_are_known() {
    for name in ["up", "_", "a1", "job_name:rate5m", ":x"] {
        assert!(is_metric_name(name), "{name}");
    }
    for name in ["", "1a", "a-b", "a.b", "é", "a b"] {
        assert!(!is_metric_name(name) && !is_label_name(name), "{name}");
    }
    assert!(is_label_name("job_1") && !is_label_name("a:b"));
}

proptest! {
    #[test]
    fn what_is_built_is_canonical_and_reads_back(
        pairs in prop::collection::btree_map("\\PC{1,12}|[a-z_]{1,200}", "\\PC{1,12}|[a-z]{100,300}", 0..8),
        order in any::<prop::sample::Index>(),
    ) {
        let mut shuffled: Vec<_> = pairs.iter().collect();
        if !shuffled.is_empty() {
            let by = order.index(shuffled.len());
            shuffled.rotate_left(by);
        }
        let built: LabelSet = shuffled.into_iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let labels = Labels::check(built.as_labels().encoded());
        prop_assert!(labels.is_ok());
        let labels = labels.unwrap();
        let read: Vec<_> = labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        prop_assert_eq!(read, pairs.into_iter().collect::<Vec<_>>());
        prop_assert_eq!(labels.to_set(), labels.to_builder().build());
        prop_assert_eq!(labels.id(), SeriesId::of(labels.encoded()));
    }

    #[test]
    fn bytes_that_are_accepted_have_no_second_encoding(bytes in prop::collection::vec(0..5u8, 0..12)) {
        if let Ok(labels) = Labels::check(&bytes) {
            let again = labels.to_builder().build();
            prop_assert_eq!(again.as_labels().encoded(), bytes.as_slice());
        }
    }
}

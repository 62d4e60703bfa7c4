//! Tests of `batch`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bad;
mod kubernetes;
mod speed;

use proptest::prelude::*;
use weir_pipeline::batch::{Metadata, MetricKind, STALE_BITS};
use weir_pipeline::testing::histogram_point;
use weir_pipeline::{Batch, Exemplar, Histogram, HistogramPoint, LabelSet, Tenant};

use super::*;
use crate::node::wire::Limits;
use crate::node::wire::fuzz::{fuzz, same_batch};
use crate::node::wire::tests::{refused, set};

fn encoded(batch: &Batch) -> Vec<u8> {
    let mut out = Vec::new();
    encode_batch(batch, &mut out);
    out
}

fn check(batch: &Batch) {
    let read = decode_batch(&encoded(batch), &Limits::default()).expect("what is written reads");
    assert!(same_batch(batch, &read), "{batch:?} reads as {read:?}");
}

fn labels() -> impl Strategy<Value = LabelSet> {
    let name = prop_oneof![4 => "[a-e]", 1 => "\\PC{1,12}"];
    let value = prop_oneof![8 => "[a-c]", 1 => "\\PC{0,12}", 1 => "[x]{100,300}"];
    prop::collection::vec((name, value), 0..8).prop_map(|pairs| pairs.into_iter().collect())
}

fn value() -> impl Strategy<Value = f64> {
    let bits = [0, STALE_BITS, STALE_BITS + 1, u64::MAX, 1, f64::NAN.to_bits(), (-0.0f64).to_bits(), 1 << 63 | 1];
    prop_oneof![
        any::<f64>(),
        any::<u64>().prop_map(f64::from_bits),
        prop::sample::select(bits.to_vec()).prop_map(f64::from_bits),
        prop::sample::select(&[f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE, f64::MAX, 0.1][..]),
        (0..100_000i64).prop_map(|n| n as f64),
    ]
}

fn time() -> impl Strategy<Value = i64> {
    let extremes = [i64::MIN, i64::MAX, -1, 0];
    prop_oneof![4 => 0..4i64, 2 => any::<i64>(), 1 => prop::sample::select(extremes.to_vec())]
}

fn batch() -> impl Strategy<Value = Batch> {
    let start = prop_oneof![6 => Just(0), 1 => time()];
    let samples = prop::collection::vec((start, time(), value()), 0..5);
    let metadata = ("\\PC{0,6}", 0..8usize, "\\PC{0,200}", "[a-z]{0,5}");
    let tenant = "[a-z]{1,150}";
    // Most series have nothing beside floats.
    let histograms = prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec((time(), any::<u64>()), 1..4)];
    let exemplar =
        (labels(), value(), time()).prop_map(|(labels, value, timestamp)| Exemplar { labels, value, timestamp });
    let exemplars = prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(exemplar, 1..3)];
    let series = prop::collection::vec((labels(), samples, histograms, exemplars), 0..12);
    (tenant, series, prop::collection::vec(metadata, 0..4)).prop_map(|(tenant, series, metadata)| {
        let mut out = Batch::builder(Tenant::new(&tenant).unwrap());
        for (labels, samples, histograms, exemplars) in series {
            out.series(labels.as_labels());
            for (start, timestamp, value) in samples {
                out.sample_since(start, timestamp, value);
            }
            histograms.into_iter().for_each(|(t, seed)| _ = out.histogram(histogram_point(t, seed)));
            exemplars.into_iter().for_each(|exemplar| _ = out.exemplar(exemplar));
        }
        for (metric, kind, help, unit) in metadata {
            out.metadata(Metadata { metric, kind: MetricKind::of(kind as u8).unwrap(), help, unit });
        }
        out.build()
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_as_the_same(batch in batch()) {
        check(&batch);
    }

    #[test]
    fn the_decoder_takes_any_bytes(choice in any::<u8>(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzz(&[&[choice][..], &bytes].concat());
        fuzz(&[&[choice & 4][..], b"WNB\x01", &bytes].concat());
    }
}

#[test]
fn the_bytes_of_version_1_are_frozen() {
    let mut out = Batch::builder(Tenant::new("t").unwrap());
    out.series(set(&[("a", "1"), ("b", "x")]).as_labels()).sample(10, 1.0).sample(25, 0.0);
    out.series(set(&[("a", "2"), ("b", "x")]).as_labels()).sample(10, 2.0).sample_since(
        3,
        25,
        f64::from_bits(STALE_BITS),
    );
    out.series(set(&[("a", "2"), ("b", "x"), ("c", "1")]).as_labels());
    out.metadata(Metadata { metric: "m".into(), kind: MetricKind::Counter, help: "Help.".into(), unit: "".into() });
    let batch = out.build();
    let expect: [&[u8]; 12] = [
        b"WNB\x01",
        b"\x81\x01t",
        // Three series, four samples, 28 bytes of labels.
        b"\x82\x03\x03\x04\x1c",
        b"\x83\x07\x03\x01a\x01b\x01c",
        // a="1", b="x", a="2", c="1".
        b"\x84\x0d\x04\x00\x011\x01\x01x\x00\x012\x02\x011",
        // Two new ones; one new before the last; one new after both.
        b"\x85\x0d\x00\x00\x02\x00\x01\x00\x01\x01\x02\x02\x00\x01\x03",
        // Two samples twice, none once.
        b"\x86\x04\x02\x02\x00\x01",
        // 10 and 15 later; the same.
        b"\x87\x04\x14\x1e\x00\x02",
        // Of two, no, one and eight bytes.
        b"\x88\x0d\x02\x81\x3f\xf0\x40\x7f\xf0\x00\x00\x00\x00\x00\x02",
        // No start three times, then 3.
        b"\x89\x03\x00\x03\x06",
        b"\x0c\x0b\x01\x01\x01m\x05Help.\x00",
        // The checksum.
        &[0; 4],
    ];
    let mut expect = expect.concat();
    let body = expect.len() - 4;
    let crc = crc32c::crc32c(&expect[..body]);
    expect[body..].copy_from_slice(&crc.to_le_bytes());
    assert_eq!(encoded(&batch).escape_ascii().to_string(), expect.escape_ascii().to_string());
    assert_eq!(crc, 0xc784_22ca);
    check(&batch);
}

#[test]
fn the_bytes_of_histograms_and_exemplars_are_frozen() {
    let mut out = Batch::builder(Tenant::new("t").unwrap());
    let point = |timestamp| HistogramPoint { timestamp, start: 0, histogram: Histogram::default().into() };
    out.series(set(&[("a", "1")]).as_labels()).sample(10, 1.0);
    out.series(set(&[("a", "2")]).as_labels()).histogram(point(10)).histogram(point(25));
    out.exemplar(Exemplar { labels: set(&[("b", "x")]), value: 1.0, timestamp: 9 });
    out.series(set(&[("a", "3")]).as_labels()).histogram(point(10));
    let message = encoded(&out.build());
    let parts = crate::node::wire::tests::Parts::of(&message);
    let section = |id: u8| parts.sections.iter().find(|(found, _)| *found == id).unwrap().1.clone();
    // Three series; one sample, the float; twelve bytes of labels.
    assert_eq!(section(0x82), b"\x03\x01\x0c");
    // One series before; two: at 10 since 0, with a layout, whole; 15 later, as before. No series between; one.
    let layout = b"\x0c\x00\0\0\0\0\0\0\0\0\x00\x00\x00";
    let numbers = b"\0\0\0\0\0\0\0\0\x00\x00";
    let expect: [&[u8]; 8] =
        [b"\x01\x02\x14\x00", layout, numbers, b"\x1e\x00\x08", numbers, b"\x00\x01\x14\x00", layout, numbers];
    assert_eq!(section(0x8a).escape_ascii().to_string(), expect.concat().escape_ascii().to_string());
    // One series before; one: its labels, its value, at 9.
    assert_eq!(section(0x0b), b"\x01\x01\x04\x01b\x01x\0\0\0\0\0\0\xf0\x3f\x12");
}

#[test]
fn labels_whose_ends_only_look_alike_are_told_apart() {
    // The encoding of each ends with that of the one before it, or begins with it.
    let inner = set(&[("b", "x")]);
    let inside = format!("v{}", str::from_utf8(inner.as_labels().encoded()).unwrap());
    let mut out = Batch::builder(Tenant::default());
    let mut add = |pairs: &[(&str, &str)]| _ = out.series(set(pairs).as_labels()).sample(1, 1.0);
    add(&[("b", "x")]);
    add(&[("a", &inside)]);
    add(&[("a", "1"), ("b", "x")]);
    add(&[("a", &inside), ("b", "x")]);
    add(&[("b", "x")]);
    add(&[]);
    add(&[("b", "x"), ("c", "x")]);
    add(&[("c", "x")]);
    add(&[("c", "x")]);
    add(&[("b", "x"), ("c", "x"), ("d", &"long".repeat(20))]);
    add(&[("b", "x"), ("c", &"long".repeat(20)), ("d", &"long".repeat(20))]);
    check(&out.build());
}

#[test]
fn labels_that_are_not_canonical_are_written_as_they_read() {
    let mut out = Batch::builder(Tenant::default());
    out.series(set(&[("a", "1"), ("b", "2")]).as_labels()).sample(1, 1.0);
    out.series_with(|encoded| encoded.extend_from_slice(b"\x01a\x011\x01b\x05")).sample(1, 1.0);
    out.series(set(&[("a", "1"), ("b", "2")]).as_labels()).sample(1, 1.0);
    let read = decode_batch(&encoded(&out.build()), &Limits::default()).unwrap();
    let expect = [set(&[("a", "1"), ("b", "2")]), set(&[("a", "1")]), set(&[("a", "1"), ("b", "2")])];
    assert!(read.iter().map(|series| series.labels.to_set()).eq(expect));
}

#[test]
fn a_section_of_the_future_that_may_be_lost_is_passed_over() {
    let mut out = Batch::builder(Tenant::default());
    out.series(set(&[("a", "1")]).as_labels()).sample(1, 1.0);
    let batch = out.build();
    let parts = crate::node::wire::tests::Parts::of(&encoded(&batch));
    let end = parts.sections.len();
    for message in [parts.insert(end, 0x0d, b"later"), parts.insert(end, 0x7f, &[0xff; 9])] {
        assert!(same_batch(&batch, &decode_batch(&message.sealed(), &Limits::default()).unwrap()));
    }
}

#[test]
fn a_batch_at_its_limits_reads() {
    let mut out = Batch::builder(Tenant::default());
    out.series(set(&[("ab", "123"), ("c", "1")]).as_labels()).sample_since(9, 1, 1.0);
    out.series(set(&[("ab", "123")]).as_labels()).sample(1, 1.0);
    out.metadata(Metadata { metric: "abc".into(), ..Metadata::default() });
    let batch = out.build();
    let message = encoded(&batch);
    let limits = Limits {
        message_bytes: message.len() as u64,
        batch_bytes: batch.byte_size() as u64,
        series: 2,
        samples: 2,
        dictionary: 2,
        labels: 2,
        name_bytes: 2,
        value_bytes: 3,
        entries: 0,
    };
    assert!(same_batch(&batch, &decode_batch(&message, &limits).unwrap()));
    let check = |limits: Limits, expect: &str| {
        refused(decode_batch(&message, &limits), expect);
    };
    let l = limits.clone();
    check(Limits { message_bytes: l.message_bytes - 1, ..l }, "expected a batch of at most 87 bytes, got `88`");
    let l = limits.clone();
    check(Limits { batch_bytes: l.batch_bytes - 1, ..l }, "expected a batch that takes at most 196 bytes at byte 22");
    check(Limits { series: 1, ..limits.clone() }, "expected at most 1 series, got `2` at byte 22");
    check(Limits { samples: 1, ..limits.clone() }, "expected at most 1 samples, got `2` at byte 23");
    check(Limits { dictionary: 1, ..limits.clone() }, "expected at most 1 names, got `2` at byte 27");
    check(Limits { labels: 1, ..limits.clone() }, "expected at most 1 labels, got `2` at byte 46");
    check(Limits { name_bytes: 1, ..limits.clone() }, "expected a label name of at most 1 bytes, got `2` at byte 28");
    check(Limits { value_bytes: 2, ..limits }, "expected a label value of at most 2 bytes, got `3` at byte 37");
}

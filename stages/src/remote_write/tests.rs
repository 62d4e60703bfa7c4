//! Tests of `remote_write`: both directions, real input, and the replay of the fuzz corpus.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::Path;

use proptest::prelude::*;
use weir_pipeline::batch::{Metadata, MetricKind};
use weir_pipeline::{Batch, LabelSet, Labels, STALE, Tenant, testing};

use super::fuzz::{fuzz, same};
use super::*;

fn round_trip(batch: &Batch, version: Version) -> Decoded {
    let mut body = Vec::new();
    encode(batch, version, &mut body);
    decode(&body, version, batch.tenant().clone(), &Limits::default()).expect("what is encoded reads")
}

fn labels() -> impl Strategy<Value = LabelSet> {
    let name = prop_oneof!["[a-z_][a-z0-9_]{0,8}", "\\PC{1,6}"];
    let others = prop::collection::vec((name, "\\PC{0,12}"), 0..6);
    ("[a-z:]{1,12}(_bucket|_sum|_count)?", others).prop_map(|(metric, mut pairs)| {
        pairs.push(("__name__".to_owned(), metric));
        pairs.into_iter().collect()
    })
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), any::<u64>().prop_map(f64::from_bits), Just(STALE), Just(-0.0)]
}

fn batch() -> impl Strategy<Value = Batch> {
    let sample = (prop_oneof![Just(0), any::<i64>()], any::<i64>(), value());
    let series = (labels(), prop::collection::vec(sample, 1..4));
    let metadata = ("[a-z]{1,6}", 0..8u8, "\\PC{0,20}", "[a-z]{0,5}");
    let all = (prop::collection::vec(series, 0..8), prop::collection::vec(metadata, 0..4));
    all.prop_map(|(series, metadata)| {
        let mut builder = Batch::builder(Tenant::default());
        for (labels, samples) in &series {
            builder.series(labels.as_labels());
            for &(start, timestamp, value) in samples {
                builder.sample_since(start, timestamp, value);
            }
        }
        for (metric, kind, help, unit) in metadata {
            builder.metadata(Metadata { metric, kind: v1::metric_kind(kind.into()), help, unit });
        }
        builder.build()
    })
}

proptest! {
    #[test]
    fn what_is_encoded_reads_as_the_same_in_both_versions(batch in batch()) {
        for version in Version::ALL {
            let read = round_trip(&batch, version);
            prop_assert!(read.refused.is_empty(), "{}", read.refused);
            prop_assert!(same(&batch, &read.batch, version));
        }
        let read = round_trip(&batch, Version::V1);
        prop_assert_eq!(read.batch.metadata(), batch.metadata());
    }

    #[test]
    fn the_decoder_takes_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzz(&bytes);
    }

    #[test]
    fn snappy_gives_back_what_it_took(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let (mut packed, mut again) = (vec![1, 2, 3], vec![4; 5000]);
        compress(&bytes, &mut packed).unwrap();
        decompress(&packed, 2000, &mut again).unwrap();
        prop_assert_eq!(again, bytes);
    }
}

#[test]
fn metadata_of_2_0_belongs_to_the_family_and_comes_once() {
    let mut builder = Batch::builder(Tenant::default());
    for (name, le) in [("h_bucket", "1"), ("h_bucket", "+Inf"), ("h_sum", ""), ("h_count", ""), ("c_total", "")] {
        let set: LabelSet = [("__name__", name), ("le", le)].into_iter().collect();
        builder.series(set.as_labels()).sample(1, 1.0);
    }
    let said =
        |metric: &str, kind, help: &str| Metadata { metric: metric.into(), kind, help: help.into(), unit: "".into() };
    let all = [said("h", MetricKind::Histogram, "H."), said("c_total", MetricKind::Counter, "C.")];
    for metadata in all.clone() {
        builder.metadata(metadata);
    }
    builder.metadata(said("elsewhere", MetricKind::Gauge, "Has no series."));
    assert_eq!(round_trip(&builder.build(), Version::V2).batch.metadata(), all);
}

#[test]
fn a_block_that_says_to_be_too_long_is_refused_before_it_is_decompressed() {
    let check = |body: &[u8], expect: &str| {
        assert_eq!(decompress(body, 1000, &mut Vec::new()).unwrap_err().message(), expect);
    };
    check(&[0xe9, 0x07], "expected at most 1000 bytes after decompression, got `1001`");
    check(&[0xff, 0xff, 0xff, 0xff, 0x0f], "expected at most 1000 bytes after decompression, got `4294967295`");
    check(&[], "expected a snappy block: snappy: corrupt input (empty)");
    check(&[0xff; 12], "expected a snappy block: snappy: corrupt input (invalid header)");
    check(
        &[5, 0],
        "expected a snappy block: snappy: corrupt input (expected literal read of length 1; remaining src: 0; remaining dst: 5)",
    );
}

#[test]
fn an_exemplar_that_refers_outside_the_symbols_is_told_and_its_series_is_written() {
    let check = |exemplar: &[u8], expect: &str| {
        // The symbols ``, `__name__`, `up`; a series `up 1`, and its exemplar.
        let mut series = b"\x0a\x02\x01\x02\x12\x02\x10\x01\x22".to_vec();
        series.push(exemplar.len() as u8);
        series.extend_from_slice(exemplar);
        let mut body = b"\x22\0\x22\x08__name__\x22\x02up\x2a".to_vec();
        body.push(series.len() as u8);
        body.extend_from_slice(&series);
        let read = decode(&body, Version::V2, Tenant::default(), &Limits::default()).unwrap();
        let taken = usize::from(expect.is_empty());
        assert_eq!((read.batch.sample_count(), read.batch.exemplar_count(), read.dropped_exemplars), (1, taken, 0));
        assert_eq!(read.refused.to_string(), expect);
        assert_eq!(read.refused.fails(Version::V2), !expect.is_empty());
    };
    check(b"\x0a\x02\x01\x02", "");
    check(b"", "");
    check(b"\x0a\x02\x01\x09", "an exemplar: expected a label among 3 symbols, got `9`");
    check(b"\x08\x07", "an exemplar: expected a label among 3 symbols, got `7`");
    check(b"\x0a\x01\x01", "an exemplar: expected pairs of label references, got `1` of them");
}

#[test]
fn a_real_request_of_1_0_reads_whole() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/remote_write_v1_node_exporter.bin");
    let Ok(body) = std::fs::read(&path) else {
        return eprintln!("skipped: there is no {}", path.display());
    };
    let read = decode(&body, Version::V1, Tenant::default(), &Limits::default()).unwrap();
    assert_eq!((read.batch.series_count(), read.batch.sample_count()), (2000, 2000));
    assert!(read.refused.is_empty());
    assert_eq!(read.batch.iter().map(|s| s.labels.iter().count()).sum::<usize>(), 11_009);
    let copies = Version::ALL.map(|version| round_trip(&read.batch, version).batch);
    assert!(copies.iter().all(|copy| same(&read.batch, copy, Version::V1)));
}

#[test]
fn the_corpus_holds_the_laws_and_so_do_its_mutations() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/remote_write");
    let files = testing::replay(&corpus, 500, b"", fuzz);
    assert!(files >= 8, "{files} files");
}

#[test]
fn the_corpus_is_written_anew_from_the_encoder_when_asked_by_weir_bless() {
    if std::env::var_os("WEIR_BLESS").is_none() {
        return;
    }
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/remote_write");
    let set = |pairs: &[(&str, &str)]| pairs.iter().copied().collect::<LabelSet>();
    let mut builder = Batch::builder(Tenant::default());
    builder.series(set(&[("__name__", "up"), ("job", "node")]).as_labels()).sample(1_700_000_000_000, 1.0);
    builder
        .series(set(&[("__name__", "h_bucket"), ("le", "0.5")]).as_labels())
        .sample_since(5, 7, 2.5)
        .sample(8, STALE);
    builder.metadata(Metadata { metric: "h".into(), kind: MetricKind::Histogram, help: "H.".into(), unit: "s".into() });
    let batch = builder.build();
    let write = |name: &str, choice: u8, body: &[u8]| {
        let file: Vec<u8> = [&[choice][..], body].concat();
        std::fs::write(corpus.join(name), file).unwrap();
    };
    for (version, choice) in [(Version::V1, 0), (Version::V2, 1)] {
        let (mut body, mut packed) = (Vec::new(), Vec::new());
        encode(&batch, version, &mut body);
        compress(&body, &mut packed).unwrap();
        let name = version.as_str();
        write(&format!("good-{name}"), choice, &body);
        write(&format!("snappy-{name}"), choice | 2, &packed);
        write(&format!("cut-{name}"), choice, &body[..body.len() - 3]);
    }
    let labels =
        |name: &[u8]| [&[0x0a, name.len() as u8 + 5, 0x0a, name.len() as u8][..], name, &[0x12, 1, b'v']].concat();
    let twice = [labels(b"__name__"), labels(b"__name__"), vec![0x12, 0]].concat();
    write("twice-1.0", 0, &[&[0x0a, twice.len() as u8][..], &twice].concat());
    write("unsorted-2.0", 1, b"\x22\0\x22\x08__name__\x22\x01a\x2a\x08\x0a\x04\x02\x02\x01\x02\x12\0");
    write("symbols-last-2.0", 1, b"\x2a\x06\x0a\x02\x01\x02\x12\0\x22\0\x22\x08__name__\x22\x01a");
    write("bomb-1.0", 2, &[0xff, 0xff, 0xff, 0xff, 0x0f, 0]);
    write("empty", 0, &[]);
    assert!(Labels::check(batch.series(0).labels.encoded()).is_ok());
}

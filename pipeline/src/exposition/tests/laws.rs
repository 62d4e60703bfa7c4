//! Laws, and the replay of the fuzz corpus.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::LabelSet;
use crate::batch::Metadata;
use crate::testing;

fn labels() -> impl Strategy<Value = LabelSet> {
    let name = prop_oneof!["[a-z_][a-z0-9_]{0,8}", "\\PC{1,6}", "[\\\\\"\n x]{1,4}"];
    let others = prop::collection::vec((name, prop_oneof!["\\PC{0,12}", "[\\\\\"\nn{},=#]{0,6}"]), 0..6);
    (prop_oneof!["[a-z:]{1,12}(_bucket|_sum|_count)?", "\\PC{1,8}", "[\\\\\"\n]{1,3}"], others).prop_map(
        |(metric, mut pairs)| {
            pairs.retain(|(name, _)| name != "__name__");
            pairs.push(("__name__".to_owned(), metric));
            pairs.into_iter().collect()
        },
    )
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), any::<u64>().prop_map(f64::from_bits), any::<i32>().prop_map(f64::from), Just(-0.0)]
}

fn a_batch() -> impl Strategy<Value = Batch> {
    let series = (labels(), prop::collection::vec((any::<i64>(), value()), 1..4));
    let metadata = ("[a-z]{1,6}|\\PC{1,5}", "[\\PC\n]{0,20}", 0..4usize);
    (prop::collection::vec(series, 0..8), prop::collection::vec(metadata, 0..3)).prop_map(|(series, metadata)| {
        let kinds = [MetricKind::Counter, MetricKind::Gauge, MetricKind::Histogram, MetricKind::Summary];
        let mut builder = Batch::builder(Tenant::default());
        for (labels, samples) in &series {
            builder.series(labels.as_labels());
            for &(timestamp, value) in samples {
                builder.sample(timestamp, value);
            }
        }
        for (metric, help, kind) in metadata {
            builder.metadata(Metadata { metric, kind: kinds[kind], help, unit: String::new() });
        }
        builder.build()
    })
}

/// What a batch holds, sorted; every NaN is one.
fn held(batch: &Batch) -> Vec<(Vec<u8>, i64, u64)> {
    let bits = |v: f64| if v.is_nan() { NAN.to_bits() } else { v.to_bits() };
    let mut all: Vec<_> = batch
        .iter()
        .flat_map(|s| {
            let rows = s.timestamps.iter().zip(s.values);
            rows.map(|(&t, &v)| (s.labels.encoded().to_vec(), t, bits(v))).collect::<Vec<_>>()
        })
        .collect();
    all.sort();
    all
}

proptest! {
    #[test]
    fn a_batch_that_is_written_reads_as_the_same(original in a_batch()) {
        let text = write(&original);
        let read = batch(&text, Tenant::default(), 0);
        prop_assert!(read.is_ok(), "{:?}: {}", read, text);
        let read = read.unwrap();
        prop_assert_eq!(held(&read), held(&original));
        prop_assert_eq!(write(&read), text);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzz::fuzz(&bytes);
    }

    #[test]
    fn any_text_of_the_right_characters_is_read_or_refused(
        choice in 0..2u8,
        text in "([a-b]|[{}\",=\\\\# \n]|[0-9.+-]|# (HELP|TYPE|UNIT|EOF) ){0,60}",
    ) {
        fuzz::fuzz(&[&[choice], text.as_bytes()].concat());
    }
}

#[test]
fn the_corpus_holds_the_laws_and_so_do_its_mutations() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/exposition");
    let files = testing::replay(&corpus, 1000, b"{}\",=\\# \n\t1a", fuzz::fuzz);
    assert!(files >= 8, "expected a corpus, got {files} files");
}

//! Tests of `gather`: what several nodes have, as one.
#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;
use weir_pipeline::{LabelSet, Tenant};

use super::*;
use crate::merge::merge;
use crate::store::Selection;

type Content = Vec<(String, Vec<(i64, u64)>)>;

fn labels(name: &str) -> LabelSet {
    [("__name__", name)].into_iter().collect()
}

fn batch(series: &[(&str, &[(i64, f64)])]) -> Batch {
    let mut out = Batch::builder(Tenant::default());
    for (name, samples) in series {
        out.series(labels(name).as_labels());
        for (t, v) in *samples {
            out.sample(*t, *v);
        }
    }
    out.build()
}

fn gathered(batches: &[Batch]) -> Gathered {
    let mut gather = Gather::new();
    batches.iter().for_each(|batch| gather.add(batch));
    gather.finish()
}

async fn joined(nodes: Vec<Gathered>) -> Selection {
    Selection::join(nodes, &[], &[], i64::MIN, i64::MAX).await.unwrap()
}

async fn content(selection: &Selection) -> Content {
    let runs = selection.read(0..selection.len()).await.unwrap();
    let mut out: Content =
        (0..selection.len()).map(|i| (selection.labels(i).get("__name__").unwrap().into(), Vec::new())).collect();
    for runs in runs.chunk_by(|a, b| a.series == b.series) {
        let lists: Vec<(&[i64], &[f64])> = runs.iter().map(|run| (&*run.timestamps, &*run.values)).collect();
        let (mut timestamps, mut values) = (Vec::new(), Vec::new());
        merge(&lists, &mut timestamps, &mut values);
        out[runs[0].series].1 = timestamps.into_iter().zip(values.into_iter().map(f64::to_bits)).collect();
    }
    out
}

#[tokio::test]
async fn replicas_that_have_the_same_take_the_room_of_one() {
    let samples: Vec<(i64, f64)> = (0..500).map(|t| (t * 15_000, t as f64)).collect();
    let node = || gathered(&[batch(&[("a", &samples[..300])]), batch(&[("a", &samples[300..]), ("b", &[])])]);
    let one = joined(vec![node()]).await;
    let three = joined(vec![node(), node(), node()]).await;
    assert_eq!((three.len(), three.samples_estimate(0)), (2, 500));
    assert_eq!(three.read(0..2).await.unwrap(), one.read(0..2).await.unwrap());
}

#[tokio::test]
async fn what_one_node_lacks_comes_from_another() {
    let one = gathered(&[batch(&[("a", &[(1, 1.0), (3, 3.0)]), ("c", &[(1, 1.0)])])]);
    let two = gathered(&[batch(&[("a", &[(1, 1.0), (2, 2.0)]), ("b", &[(7, f64::NAN)])])]);
    let bits = |samples: &[(i64, f64)]| samples.iter().map(|(t, v)| (*t, v.to_bits())).collect::<Vec<_>>();
    let expect = vec![
        ("a".to_owned(), bits(&[(1, 1.0), (2, 2.0), (3, 3.0)])),
        ("b".to_owned(), bits(&[(7, f64::NAN)])),
        ("c".to_owned(), bits(&[(1, 1.0)])),
    ];
    assert_eq!(content(&joined(vec![one, two]).await).await, expect);
}

proptest! {
    #[test]
    fn joined_nodes_have_every_sample_of_each_once_whatever_their_order(
        nodes in prop::collection::vec(
            prop::collection::vec((0usize..4, prop::collection::vec(0i64..300, 0..40)), 0..12), 0..4),
    ) {
        const NAMES: [&str; 4] = ["a", "b", "c", "d"];
        // The value of a sample is the same wherever it is.
        let value = |series: usize, t: i64| (series as f64).mul_add(1000.0, t as f64);
        let mut all: Vec<std::collections::BTreeMap<i64, u64>> = vec![Default::default(); NAMES.len()];
        let mut seen = [false; NAMES.len()];
        let mut answers = Vec::new();
        for node in &nodes {
            let mut batches = Vec::new();
            for (series, times) in node {
                seen[*series] = true;
                let samples: Vec<_> = times.iter().map(|t| (*t, value(*series, *t))).collect();
                all[*series].extend(samples.iter().map(|(t, v)| (*t, v.to_bits())));
                batches.push(batch(&[(NAMES[*series], &samples)]));
            }
            answers.push(gathered(&batches));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let found = runtime.block_on(async { content(&joined(answers).await).await });
        let expect: Content = NAMES.iter().zip(all).zip(seen).filter(|(_, seen)| *seen)
            .map(|((name, samples), _)| ((*name).to_owned(), samples.into_iter().collect())).collect();
        prop_assert_eq!(found, expect);
    }
}

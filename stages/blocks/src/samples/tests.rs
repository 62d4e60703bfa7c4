//! Tests of `samples`, from a store to what another node gathers of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::TryStreamExt;
use weir_pipeline::batch::Metadata;
use weir_pipeline::testing::{context, documented, histogram_bits, histogram_point, settings};
use weir_pipeline::{Exemplar, Kind, LabelSet, MatchOp, Matcher};

use super::*;
use crate::gather::Gather;
use crate::seam::sim::SimFs;
use crate::testing::shelf::MemoryShelf;

async fn store() -> (Arc<Store>, Context) {
    let context = context();
    let declared = settings("{ path: /store, bucket: main }").unwrap();
    let store = Store::open(declared, &context, Arc::new(SimFs::default()), MemoryShelf::new(), None).await.unwrap();
    (Arc::new(store), context)
}

fn named(name: &str, i: usize) -> LabelSet {
    [("__name__", name.to_owned()), ("i", format!("{i:05}"))].into_iter().collect()
}

async fn fill(store: &Store, now: i64, name: &str, series: usize, samples: i64) {
    let mut batch = Batch::builder(Tenant::default());
    for i in 0..series {
        batch.series(named(name, i).as_labels());
        (0..samples).for_each(|n| {
            batch.sample(now - (samples - n) * 100, (n * i as i64) as f64);
        });
    }
    store.append(&batch.build()).await.unwrap();
}

fn query(ask: Ask) -> Query {
    Query { partial: false, ..Query::new(Tenant::default(), ask) }
}

fn samples_of(name: &str, start: i64, end: i64, labels_only: bool) -> Query {
    let matchers = vec![Matcher::new("__name__", MatchOp::Match, name).unwrap()];
    query(Ask::Samples { matchers, start, end, labels_only, bucket: None })
}

async fn batches(store: &Store, query: Query) -> Vec<Batch> {
    let Data::Samples(batches) = answer(store, query).await.unwrap().data else { panic!("no samples") };
    batches.take().unwrap().try_collect().await.unwrap()
}

#[tokio::test]
async fn a_store_of_many_batches_comes_whole_and_in_order() {
    let (store, context) = store().await;
    let now = context.clock.now();
    // A series longer than a batch, many short ones, and what is not asked for.
    fill(&store, now, "long", 1, 150_000).await;
    fill(&store, now, "short", 5000, 2).await;
    fill(&store, now, "other", 3, 2).await;
    store.cut().await.unwrap();
    fill(&store, now + 1000, "short", 7, 3).await;
    let batches = batches(&store, samples_of("long|short", now - 20_000_000, now + 1000, false)).await;
    assert!(batches.len() >= 4 && batches.iter().all(|b| b.sample_count() <= SAMPLES), "{}", batches.len());
    let mut gather = Gather::new();
    batches.iter().for_each(|batch| gather.add(batch));
    let matchers = [Matcher::new("__name__", MatchOp::NotEqual, "other").unwrap()];
    let theirs = Selection::join(vec![gather.finish()], &[], &[], i64::MIN, i64::MAX).await.unwrap();
    let ours = store.select(&Tenant::default(), &matchers, now - 20_000_000, now + 1000).await.unwrap();
    assert_eq!(theirs.len(), ours.len());
    assert_eq!(content(&theirs).await, content(&ours).await);
}

#[tokio::test]
async fn histograms_come_whole_too_and_what_replicas_have_in_common_once() {
    let (store, context) = store().await;
    let now = context.clock.now();
    for n in 0..400u64 {
        let mut batch = Batch::builder(Tenant::default());
        let at = now - 100_000 + n as i64 * if n % 7 == 0 { -1 } else { 1 };
        batch.series(named("h", 1).as_labels()).histogram(histogram_point(at, n));
        batch.series(named("mixed", 1).as_labels());
        match n % 2 {
            0 => batch.sample(at, n as f64),
            _ => batch.histogram(histogram_point(at, n)),
        };
        store.append(&batch.build()).await.unwrap();
        if n == 200 {
            store.cut().await.unwrap();
        }
    }
    let batches = batches(&store, samples_of("h|mixed", 0, now, false)).await;
    assert_eq!(batches.iter().map(Batch::sample_count).sum::<usize>(), 800);
    let gathered = || {
        let mut gather = Gather::new();
        batches.iter().for_each(|batch| gather.add(batch));
        gather.finish()
    };
    let theirs = Selection::join(vec![gathered(), gathered()], &[], &[], i64::MIN, i64::MAX).await.unwrap();
    let ours = store.select(&Tenant::default(), &[], 0, now).await.unwrap();
    let points = async |selection: &Selection| {
        let joined = join(selection.read(0..selection.len()).await.unwrap());
        joined.into_iter().map(|(i, samples)| (i, histogram_bits(&samples.histograms))).collect::<Vec<_>>()
    };
    assert_eq!(content(&theirs).await, content(&ours).await);
    assert_eq!(points(&theirs).await, points(&ours).await);
    assert_eq!(points(&ours).await.iter().map(|(_, points)| points.len()).sum::<usize>(), 600);
    assert_eq!((0..2).map(|i| theirs.samples_estimate(i)).sum::<usize>(), 800);
}

#[tokio::test]
async fn starts_come_with_their_samples_also_of_a_series_longer_than_a_batch() {
    let (store, context) = store().await;
    let now = context.clock.now();
    let start = |n: i64| if n / 1000 % 3 == 1 { now - 200_000 + n / 1000 } else { 0 };
    for range in [0..100_000, 100_000..150_000] {
        let mut batch = Batch::builder(Tenant::default());
        batch.series(named("long", 1).as_labels());
        range.for_each(|n| _ = batch.sample_since(start(n), now - 150_000 + n, n as f64));
        batch.series(named("none", 1).as_labels()).sample(now, 1.0);
        store.append(&batch.build()).await.unwrap();
        store.cut().await.unwrap();
    }
    let gathered = async || {
        let batches = batches(&store, samples_of("long|none", 0, now, false)).await;
        let mut gather = Gather::new();
        batches.iter().for_each(|batch| gather.add(batch));
        gather.finish()
    };
    let nodes = vec![gathered().await, gathered().await];
    let theirs = Selection::join(nodes, &[], &[], i64::MIN, i64::MAX).await.unwrap();
    let joined = join(theirs.read(0..2).await.unwrap());
    let found: Vec<_> = joined.into_iter().map(|(_, samples)| samples.starts).collect();
    let expect: [Vec<i64>; 2] = [(0..150_000).rev().map(start).collect(), Vec::new()];
    assert_eq!(found, expect);
}

#[tokio::test]
async fn a_question_for_labels_tells_which_series_have_histograms() {
    let (store, context) = store().await;
    let now = context.clock.now();
    for (n, cut) in [(1, true), (2, false)] {
        let mut batch = Batch::builder(Tenant::default());
        batch.series(named("h", n).as_labels()).histogram(histogram_point(now - n as i64, 1));
        batch.series(named("f", n).as_labels()).sample(now, 1.0);
        store.append(&batch.build()).await.unwrap();
        if cut {
            store.cut().await.unwrap();
        }
    }
    let mut gather = Gather::new();
    let asked = samples_of("h|f", 0, now, true);
    assert!(batches(&store, asked.clone()).await.iter().all(Batch::is_empty), "an older node does not ask for it");
    batches(&store, Query { kinds: true, ..asked }).await.iter().for_each(|batch| gather.add(batch));
    let theirs = Selection::join(vec![gather.finish()], &[], &[], i64::MIN, i64::MAX).await.unwrap();
    let ours = store.select(&Tenant::default(), &[], 0, now).await.unwrap();
    let kinds = |all: &Selection| {
        (0..all.len()).map(|i| (all.labels(i).metric().to_owned(), all.has_histograms(i))).collect::<Vec<_>>()
    };
    let expect = [("f", false), ("f", false), ("h", true), ("h", true)].map(|(name, has)| (name.to_owned(), has));
    assert_eq!((kinds(&ours), kinds(&theirs)), (expect.to_vec(), expect.to_vec()));
}

async fn content(selection: &Selection) -> BTreeMap<String, Vec<(i64, f64)>> {
    let joined = join(selection.read(0..selection.len()).await.unwrap());
    let name = |i| selection.labels(i).iter().map(|(n, v)| format!("{n}={v},")).collect::<String>();
    joined.into_iter().map(|(i, s)| (name(i), s.timestamps.into_iter().zip(s.values).collect())).collect()
}

#[tokio::test]
async fn a_question_for_labels_gets_the_series_without_samples() {
    let (store, context) = store().await;
    let now = context.clock.now();
    fill(&store, now, "short", 5000, 2).await;
    let batches = batches(&store, samples_of("short", now - 1000, now, true)).await;
    let found: Vec<LabelSet> = batches.iter().flat_map(Batch::iter).map(|s| s.labels.to_set()).collect();
    assert_eq!(found, (0..5000).map(|i| named("short", i)).collect::<Vec<_>>());
    assert!(batches.len() == 2 && batches.iter().all(|b| b.sample_count() == 0));
}

#[tokio::test]
async fn what_the_store_knows_beside_samples_is_answered_and_nothing_else() {
    let (store, context) = store().await;
    fill(&store, context.clock.now(), "short", 5, 1).await;
    let said = Metadata { metric: "short".into(), help: "H.".into(), ..Metadata::default() };
    let mut batch = Batch::builder(Tenant::default());
    batch.metadata(said.clone());
    store.append(&batch.build()).await.unwrap();
    let known = answer(&store, query(Ask::Metadata { metric: None, bucket: None })).await.unwrap().data;
    assert_eq!(known, Data::Metadata(vec![said]));
    let exemplar = Exemplar { labels: LabelSet::default(), value: 2.0, timestamp: context.clock.now() };
    let mut batch = Batch::builder(Tenant::default());
    batch.series(named("short", 1).as_labels()).exemplar(exemplar.clone());
    store.append(&batch.build()).await.unwrap();
    let selectors = vec![vec![Matcher::equal("__name__", "long")], vec![Matcher::equal("__name__", "short")]];
    let asked = query(Ask::Exemplars { selectors, start: 0, end: i64::MAX, bucket: None });
    let Data::Exemplars(found) = answer(&store, asked).await.unwrap().data else { panic!("no exemplars") };
    assert_eq!((found.len(), &found[0].exemplars), (1, &vec![exemplar]));
    let Data::Cardinality(found) = answer(&store, query(Ask::Cardinality { limit: 1 })).await.unwrap().data else {
        panic!("no cardinality")
    };
    assert_eq!((found.series, found.by_metric), (5, vec![("short".into(), 5)]));
    let asked = query(Ask::Instant { expr: "up".into(), time: 0 });
    assert_eq!(answer(&store, asked).await.unwrap_err().kind(), Kind::Unprocessable);
}

#[tokio::test]
async fn tenants_are_told_of_and_deleted_where_the_settings_allow_it() {
    let (store, context) = store().await;
    context.keep_resource("central", store.clone());
    fill(&store, context.clock.now(), "short", 5, 1).await;
    let sink =
        |admin| settings::<Samples>(&format!("{{ store: central, admin: {admin} }}")).unwrap().open(&context).unwrap();
    let (open, closed) = (sink(true), sink(false));
    let all = || query(Ask::Tenants { only: None });
    let delete = || query(Ask::DeleteTenant { tenant: Tenant::default() });
    for ask in [all(), delete()] {
        let error = closed.send(ask).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unprocessable);
        assert!(error.message().contains("`samples.admin`"), "{error}");
    }
    let found = async |ask| match open.send(ask).await.unwrap().data {
        Data::Tenants(found) => found.iter().map(|usage| usage.head_samples).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(found(all()).await, [5]);
    assert_eq!(found(delete()).await, [5]);
    assert_eq!(found(all()).await, Vec::<u64>::new());
}

#[test]
fn the_example_in_the_docs_is_valid() {
    #[derive(Deserialize)]
    struct Documented {
        samples: Samples,
    }
    let settings: Documented = documented(include_str!("../samples.rs"), "sink");
    assert_eq!(settings.samples.store.name(), "central");
}

#[tokio::test]
async fn an_answer_says_since_when_the_store_has_everything() {
    let (store, context) = store().await;
    let Data::Samples(batches) = answer(&store, samples_of("up", 0, 1, true)).await.unwrap().data else {
        panic!("no samples")
    };
    let since = batches.since().unwrap();
    // Paused time goes on while files are waited for, by milliseconds.
    assert!((context.clock.now() - 1000..=context.clock.now()).contains(&since.began), "{since:?}");
    // Up to ten minutes in the future were taken before.
    assert_eq!(since.from, since.began + 600_001);
}

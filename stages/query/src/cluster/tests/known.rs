//! What members know beside samples.

use weir_pipeline::{Exemplar, LabelSet, Matcher};

use super::*;

fn said(metric: &str, help: &str) -> Metadata {
    Metadata { metric: metric.into(), help: help.into(), ..Metadata::default() }
}

fn knows(said: &[Metadata]) -> Way {
    Way::Knows(said.to_vec(), Cardinality::default())
}

fn has_series(series: u64) -> Way {
    let found = Cardinality { series, label_pairs: 2, by_metric: vec![("m".into(), series)], ..Cardinality::default() };
    Way::Knows(Vec::new(), found)
}

impl Ground {
    async fn ask(&self, ask: Ask, partial: bool) -> Result<Answer> {
        let engine = Engine::new(self.cluster.clone(), Limits::default());
        engine.query(Query { partial, ..Query::new("team".parse().unwrap(), ask) }).await
    }

    async fn metadata(&self) -> Answer {
        self.ask(Ask::Metadata { metric: Some("m".into()), bucket: None }, true).await.unwrap()
    }
}

#[tokio::test]
async fn what_members_say_of_metrics_is_united() {
    let ways = [knows(&[said("b", "B."), said("m", "old")]), knows(&[said("m", "new")]), knows(&[said("m", "old")])];
    let ground = ground(ways).await;
    let answer = ground.metadata().await;
    assert_eq!(answer.data, Data::Metadata(vec![said("b", "B."), said("m", "old"), said("m", "new")]));
    assert!(answer.warnings.is_empty(), "{answer:?}");
    for node in &ground.nodes {
        let asked = node.asked.lock().unwrap()[0].clone();
        assert!(matches!(&asked.ask, Ask::Metadata { metric: Some(metric), .. } if metric == "m"), "{asked:?}");
        assert_eq!(asked.tenant.as_str(), "team");
    }
}

#[tokio::test]
async fn a_member_that_is_gone_is_answered_for_by_the_others() {
    let ground = ground([Way::Gone, knows(&[said("m", "M.")]), knows(&[])]).await;
    let answer = ground.metadata().await;
    assert_eq!((answer.data, answer.warnings.len()), (Data::Metadata(vec![said("m", "M.")]), 0));
}

#[tokio::test]
async fn a_member_that_says_nothing_is_waited_for_no_longer_than_needed() {
    let ground = ground_with(vec![Way::Waits, knows(&[said("m", "M.")]), knows(&[])], "hedge: 10ms").await;
    let begin = Instant::now();
    let answer = ground.metadata().await;
    assert_eq!((answer.data, answer.warnings.len()), (Data::Metadata(vec![said("m", "M.")]), 0));
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn too_few_members_make_an_answer_that_says_so_or_is_an_error() {
    let ground = ground([Way::Fails(Kind::Internal), knows(&[said("m", "M.")]), Way::Fails(Kind::Internal)]).await;
    let answer = ground.metadata().await;
    assert_eq!(answer.data, Data::Metadata(vec![said("m", "M.")]));
    assert!(answer.warnings.len() == 1 && answer.warnings[0].contains("heard 1 of the 2"), "{answer:?}");
    let error = ground.ask(Ask::Metadata { metric: None, bucket: None }, false).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Unavailable { .. }), "{error:?}");
    let error = ground.ask(Ask::Cardinality { limit: 1 }, false).await.unwrap_err();
    assert!(error.message().starts_with("the answer would be partial: heard 1 of the 2"), "{error:?}");
}

#[tokio::test]
async fn more_than_memory_is_an_error() {
    let all: Vec<Metadata> = (0..2000).map(|i| said(&format!("m{i}"), "help")).collect();
    let ground = ground_with(vec![knows(&all), knows(&all), knows(&all)], "memory: 64KiB").await;
    let error = ground.ask(Ask::Metadata { metric: None, bucket: None }, true).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unprocessable);
}

#[tokio::test]
async fn what_recent_series_are_made_of_counts_replicas_once() {
    let ground = ground([has_series(90), has_series(100), has_series(80)]).await;
    let answer = ground.ask(Ask::Cardinality { limit: 3 }, true).await.unwrap();
    let expect =
        Cardinality { series: 100, label_pairs: 2, by_metric: vec![("m".into(), 100)], ..Cardinality::default() };
    assert_eq!((answer.data, answer.warnings.len()), (Data::Cardinality(expect), 0));
    let asked = ground.nodes[0].asked.lock().unwrap()[0].ask.clone();
    assert!(matches!(asked, Ask::Cardinality { limit: 12 }), "{asked:?}");
}

/// Series by the label `i`, each with exemplars: when, and of which trace.
fn shows(series: &[(&str, &[(i64, &str)])]) -> Way {
    let one = |(i, exemplars): &(&str, &[(i64, &str)])| SeriesExemplars {
        series: labels(&[("__name__", "m"), ("i", i)]),
        exemplars: exemplars.iter().map(|(at, trace)| exemplar(*at, trace)).collect(),
    };
    Way::Shows("__name__=\"m\"".into(), series.iter().map(one).collect())
}

fn labels(pairs: &[(&str, &str)]) -> LabelSet {
    pairs.iter().copied().collect()
}

fn exemplar(timestamp: i64, trace: &str) -> Exemplar {
    Exemplar { labels: labels(&[("trace_id", trace)]), value: f64::NAN, timestamp }
}

impl Ground {
    /// The exemplars of `m` as (series, when, trace), and the warnings.
    async fn exemplars(&self) -> (Vec<(String, i64, String)>, Vec<String>) {
        let ask =
            Ask::Exemplars { selectors: vec![vec![Matcher::equal("__name__", "m")]], start: 1, end: 9, bucket: None };
        let answer = self.ask(ask, true).await.unwrap();
        let Data::Exemplars(found) = answer.data else { panic!("no exemplars") };
        let of = |labels: &LabelSet, name: &str| labels.as_labels().get(name).unwrap().to_owned();
        let one = |own: &SeriesExemplars| {
            let row = |e: &Exemplar| (of(&own.series, "i"), e.timestamp, of(&e.labels, "trace_id"));
            own.exemplars.iter().map(row).collect::<Vec<_>>()
        };
        (found.iter().flat_map(one).collect(), answer.warnings)
    }
}

fn rows(rows: &[(&str, i64, &str)]) -> Vec<(String, i64, String)> {
    rows.iter().map(|(i, at, trace)| ((*i).to_owned(), *at, (*trace).to_owned())).collect()
}

#[tokio::test]
async fn the_exemplars_of_members_are_united_and_replicas_count_once() {
    let ways = [
        shows(&[("1", &[(5, "a"), (3, "b")]), ("2", &[(4, "c")])]),
        shows(&[("1", &[(3, "b"), (5, "d")])]),
        shows(&[("1", &[(5, "a"), (9, "e")])]),
    ];
    let expect = rows(&[("1", 3, "b"), ("1", 5, "a"), ("1", 5, "d"), ("1", 9, "e"), ("2", 4, "c")]);
    assert_eq!(ground(ways).await.exemplars().await, (expect, Vec::new()));
}

#[tokio::test]
async fn exemplars_of_too_few_members_are_partial_or_an_error() {
    let ground = ground([Way::Gone, shows(&[("1", &[(5, "a")])]), Way::Fails(Kind::Invalid)]).await;
    let (found, warnings) = ground.exemplars().await;
    assert_eq!(found, rows(&[("1", 5, "a")]));
    assert!(warnings.len() == 1 && warnings[0].contains("heard 1 of the 2"), "{warnings:?}");
    let ask = Ask::Exemplars { selectors: vec![vec![Matcher::equal("__name__", "m")]], start: 1, end: 9, bucket: None };
    let error = ground.ask(ask, false).await.unwrap_err();
    assert!(error.message().starts_with("the answer would be partial: heard 1 of the 2"), "{error:?}");
    let metrics = ground.context.metrics.encode();
    assert!(metrics.contains("weir_cluster_partial_answers_total{cluster=\"all\"} 2"), "{metrics}");
}

#[tokio::test]
async fn more_exemplars_than_memory_is_an_error() {
    let many: Vec<(i64, &str)> = (0..2000).map(|at| (at, "trace")).collect();
    let all = || shows(&[("1", &many)]);
    let ground = ground_with(vec![all(), all(), all()], "memory: 64KiB").await;
    let ask = Ask::Exemplars { selectors: vec![vec![Matcher::equal("__name__", "m")]], start: 1, end: 9, bucket: None };
    assert_eq!(ground.ask(ask, true).await.unwrap_err().kind(), Kind::Unprocessable);
}

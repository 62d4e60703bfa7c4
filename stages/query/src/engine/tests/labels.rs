use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use weir_pipeline::{Ask, Data, Error, Labels, Matcher, Query, Result, SeriesId};

use super::{engine, loaded, query};
use crate::engine::{Engine, Limits, MetricsSource, Run, Selected, Wanted};
use crate::memory::Memory;

const LOAD: &str = "1m\n m{a=\"x\"} 1 2\n m{a=\"y\",b=\"z\"} 1 2\n n{c=\"w\"} 1";

async fn answer(ask: Ask) -> Data {
    engine(loaded(LOAD)).query(query(ask)).await.unwrap().data
}

fn names(names: &[&str]) -> Data {
    Data::Names(names.iter().map(|name| (*name).to_owned()).collect())
}

#[tokio::test]
async fn series_are_listed_once_and_sorted() {
    let selectors = vec![vec![Matcher::equal("__name__", "m")], vec![Matcher::equal("a", "x")]];
    let Data::Series(series) = answer(Ask::Series { selectors, start: 0, end: 60_000 }).await else { panic!() };
    let series: Vec<_> = series.iter().map(ToString::to_string).collect();
    assert_eq!(series, ["m{a=\"x\"}", "m{a=\"y\", b=\"z\"}"]);
}

#[tokio::test]
async fn label_names_are_those_of_the_selected_series_or_of_all() {
    let ask = |selectors| Ask::LabelNames { selectors, start: 0, end: 60_000 };
    assert_eq!(answer(ask(vec![vec![Matcher::equal("a", "x")]])).await, names(&["__name__", "a"]));
    assert_eq!(answer(ask(Vec::new())).await, names(&["__name__", "a", "b", "c"]));
}

#[tokio::test]
async fn label_values_are_those_of_one_label() {
    let ask = |name: &str| Ask::LabelValues { name: name.into(), selectors: Vec::new(), start: 0, end: 60_000 };
    assert_eq!(answer(ask("a")).await, names(&["x", "y"]));
    assert_eq!(answer(ask("__name__")).await, names(&["m", "n"]));
    assert_eq!(answer(ask("none")).await, names(&[]));
}

/// Series whose samples can't be read.
#[derive(Debug)]
struct Unread(Memory);

struct Sealed(Arc<dyn Selected>);

#[async_trait]
impl MetricsSource for Unread {
    async fn select(&self, wanted: Wanted<'_>) -> Result<Arc<dyn Selected>> {
        assert!(wanted.labels_only);
        Ok(Arc::new(Sealed(self.0.select(wanted).await?)))
    }
}

#[async_trait]
impl Selected for Sealed {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, series: usize) -> Labels<'_> {
        self.0.labels(series)
    }

    fn id(&self, series: usize) -> SeriesId {
        self.0.id(series)
    }

    fn samples_estimate(&self, series: usize) -> usize {
        self.0.samples_estimate(series)
    }

    async fn read(&self, _: Range<usize>) -> Result<Vec<Run>> {
        Err(Error::internal("samples were read"))
    }
}

#[tokio::test]
async fn questions_about_labels_read_no_samples_and_keep_the_first_up_to_the_limit() {
    let engine = Engine::with_partitions(Arc::new(Unread(loaded(LOAD))), Limits::default(), 2);
    let check = async |ask: Ask, limit: usize, expected: Data, is_cut: bool| {
        let answer = engine.query(Query { limit, ..query(ask) }).await.unwrap();
        assert_eq!((answer.data, answer.warnings.len()), (expected, usize::from(is_cut)));
    };
    let values = || Ask::LabelValues { name: "a".into(), selectors: Vec::new(), start: 0, end: 60_000 };
    check(values(), 0, names(&["x", "y"]), false).await;
    check(values(), 2, names(&["x", "y"]), false).await;
    check(values(), 1, names(&["x"]), true).await;
    let all = || Ask::LabelNames { selectors: Vec::new(), start: 0, end: 60_000 };
    check(all(), 3, names(&["__name__", "a", "b"]), true).await;
    let series = |limit| {
        let selectors = vec![vec![Matcher::equal("__name__", "m")], vec![Matcher::equal("__name__", "n")]];
        engine.query(Query { limit, ..query(Ask::Series { selectors, start: 0, end: 60_000 }) })
    };
    let Data::Series(found) = series(1).await.unwrap().data else { panic!() };
    assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), ["m{a=\"x\"}"]);
}

//! Tests of SQL queries as they run: limits, ends, warnings.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use weir_pipeline::{Ask, Labels, SeriesId, Tenant};

use super::*;
use crate::engine::Limits;
use crate::engine::{MetricsSource, Run, Selected, Wanted};
use crate::memory::Memory;
use crate::sql::tests::{engine, loaded, number, written};

fn many(series: usize, samples: usize) -> Memory {
    let mut load = "1s\n".to_owned();
    for i in 0..series {
        writeln!(load, " m{{i=\"{i}\"}} 0+1x{}", samples - 1).unwrap();
    }
    loaded(&load)
}

fn query(text: &str, form: RowForm) -> Query {
    Query::new(Tenant::default(), Ask::Sql { text: text.into(), form })
}

async fn fails(engine: &Engine, text: &str) -> Error {
    written(engine, text, RowForm::Csv).await.expect_err(text)
}

#[tokio::test]
async fn a_query_that_needs_too_much_memory_fails_and_others_go_on() {
    let limits = Limits { memory: 1 << 20, ..Limits::default() };
    let engine = Engine::with_partitions(Arc::new(many(200, 300)), limits, 2);
    for text in [
        "SELECT * FROM m ORDER BY value, time",
        "SELECT time, i, count(*) FROM m GROUP BY time, i",
        "SELECT count(*) FROM m a JOIN m b ON a.value = b.value AND a.i <> b.i",
        "SELECT sum_over_time(time, value) FROM m",
        "SELECT * FROM promql('m', 0, 300, 1)",
    ] {
        let error = fails(&engine, text).await;
        assert_eq!(error.message(), "the query needs more than 1MiB of memory", "{text}");
        assert_eq!(error.kind(), Kind::Unprocessable);
        assert_eq!(number(&engine, "SELECT sum(value) FROM m WHERE i = '1'").await, Some(44_850.0));
    }
}

#[tokio::test]
async fn a_query_that_loads_too_much_fails() {
    let limits = Limits { max_samples: 1000, max_series: 50, ..Limits::default() };
    let engine = Engine::with_partitions(Arc::new(many(60, 30)), limits, 2);
    let error = fails(&engine, "SELECT count(*) FROM m").await;
    assert!(error.message().contains("finds 60 series, more than the 50 allowed"), "{}", error.message());
    let engine = Engine::with_partitions(Arc::new(many(40, 30)), limits, 2);
    let error = fails(&engine, "SELECT count(*) FROM m").await;
    assert!(error.message().contains("too many samples"), "{}", error.message());
    assert_eq!(number(&engine, "SELECT count(*) FROM m WHERE i = '1'").await, Some(30.0));
}

/// A source of one series of `m` whose samples never come. It knows how many wait for them.
#[derive(Debug, Default)]
struct Stuck(Arc<AtomicUsize>);

struct Waiting(Arc<AtomicUsize>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl MetricsSource for Stuck {
    async fn select(&self, _: Wanted<'_>) -> Result<Arc<dyn Selected>> {
        Ok(Arc::new(Self(self.0.clone())))
    }
}

#[async_trait]
impl Selected for Stuck {
    fn len(&self) -> usize {
        1
    }

    fn warnings(&self) -> Vec<String> {
        vec!["a store is away".to_owned()]
    }

    fn labels(&self, _: usize) -> Labels<'_> {
        Labels::from_canonical(b"\x08__name__\x01m")
    }

    fn id(&self, _: usize) -> SeriesId {
        SeriesId([0; 16])
    }

    fn samples_estimate(&self, _: usize) -> usize {
        1
    }

    async fn read(&self, _: Range<usize>) -> Result<Vec<Run>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let _waiting = Waiting(self.0.clone());
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_query_that_takes_too_long_is_given_up_and_its_place_is_free() {
    let waiting = Arc::new(AtomicUsize::new(0));
    let limits = Limits { timeout: Duration::from_secs(10), concurrency: 1, ..Limits::default() };
    let engine = Engine::with_partitions(Arc::new(Stuck(waiting.clone())), limits, 2);
    for _ in 0..2 {
        let before = Instant::now();
        let error = fails(&engine, "SELECT sum(value) FROM m").await;
        assert_eq!((error.message(), error.kind()), ("query timed out in expression evaluation", Kind::TimedOut));
        assert_eq!(before.elapsed().as_secs(), 10);
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(waiting.load(Ordering::SeqCst), 0);
    }
    let asked = Query { timeout: Some(Duration::from_secs(2)), ..query("SELECT * FROM m", RowForm::Json) };
    let before = Instant::now();
    assert_eq!(engine.query(asked).await.unwrap_err().kind(), Kind::TimedOut);
    assert_eq!(before.elapsed().as_secs(), 2);
}

#[tokio::test]
async fn rows_come_while_others_are_computed_and_end_with_who_asked() {
    let limits = Limits { concurrency: 1, ..Limits::default() };
    let engine = Engine::with_partitions(Arc::new(many(1, 10)), limits, 2);
    // As many rows as nobody waits for.
    let endless = "SELECT value FROM generate_series(1, 1000000000000)";
    let answer = engine.query(query(endless, RowForm::Csv)).await.unwrap();
    let Data::Rows(rows) = answer.data else { panic!("expected rows") };
    let mut pieces = rows.take().unwrap();
    assert!(pieces.next().await.unwrap().unwrap().starts_with(b"value\n1\n2\n"));
    assert!(pieces.next().await.unwrap().is_ok());
    drop((pieces, rows));
    assert_eq!(number(&engine, "SELECT count(*) FROM m").await, Some(10.0));
}

#[tokio::test]
async fn rows_that_nobody_takes_end_in_time() {
    let limits = Limits { timeout: Duration::from_secs(1), ..Limits::default() };
    let engine = Engine::with_partitions(Arc::new(many(1, 10)), limits, 2);
    let answer =
        engine.query(query("SELECT value FROM generate_series(1, 1000000000000)", RowForm::Csv)).await.unwrap();
    let Data::Rows(rows) = answer.data else { panic!("expected rows") };
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(2)).await;
    let pieces: Vec<Result<Bytes>> = rows.take().unwrap().collect().await;
    let last = pieces.into_iter().next_back().unwrap();
    assert_eq!(last.unwrap_err().kind(), Kind::TimedOut);
}

/// A source that can't be had as a whole.
#[derive(Debug)]
struct Partial(Memory);

struct PartialFound(Arc<dyn Selected>);

#[async_trait]
impl MetricsSource for Partial {
    async fn select(&self, wanted: Wanted<'_>) -> Result<Arc<dyn Selected>> {
        if !wanted.partial {
            return Err(Error::unavailable("the answer would be partial"));
        }
        Ok(Arc::new(PartialFound(self.0.select(wanted).await?)))
    }
}

#[async_trait]
impl Selected for PartialFound {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn warnings(&self) -> Vec<String> {
        vec!["a store is away".to_owned()]
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

    async fn read(&self, series: Range<usize>) -> Result<Vec<Run>> {
        self.0.read(series).await
    }
}

#[tokio::test]
async fn a_partial_answer_says_so_in_any_form() {
    let engine = Engine::with_partitions(Arc::new(Partial(many(2, 3))), Limits::default(), 2);
    let json = written(&engine, "SELECT count(*) FROM m", RowForm::Json).await.unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["data"]["rows"][0][0], &json["warnings"][0]), (&6.into(), &"a store is away".into()));
    for text in ["SELECT count(*) FROM m", "SELECT * FROM promql('m', 0)"] {
        let answer = engine.query(query(text, RowForm::Csv)).await.unwrap();
        assert_eq!(answer.warnings, ["a store is away"], "{text}");
        let whole = Query { partial: false, ..query(text, RowForm::Csv) };
        let error = engine.query(whole).await.unwrap_err();
        assert!(matches!(error.kind(), Kind::Unavailable { .. }), "{text}: {error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_runs_on_threads_of_its_own() {
    let engine = engine(many(3, 10)).on_threads().unwrap();
    assert_eq!(number(&engine, "SELECT count(*) FROM m").await, Some(30.0));
    assert_eq!(number(&engine, "SELECT sum(value) FROM promql('count(m)', 0)").await, Some(3.0));
    let answer =
        engine.query(query("SELECT value FROM generate_series(1, 1000000000000)", RowForm::Json)).await.unwrap();
    drop(answer);
    assert!(written(&engine, "SELECT", RowForm::Csv).await.is_err());
}

use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use weir_pipeline::{Ask, Data, Kind, Labels, Result, SeriesId};

use super::{Engine, Limits, ask, engine, loaded, query};
use crate::engine::{MetricsSource, Run, Selected, Wanted};

fn many(series: usize) -> super::Memory {
    let mut load = "1m\n".to_owned();
    for i in 0..series {
        writeln!(load, " m{{i=\"{i}\"}} 0+1x100").unwrap();
    }
    loaded(&load)
}

#[tokio::test]
async fn a_query_that_needs_too_much_memory_fails_and_others_go_on() {
    let limits = Limits { memory: 1 << 20, ..Limits::default() };
    let engine = Engine::with_partitions(Arc::new(many(300)), limits, 2);
    for query in ["m", "m + on(i) m", "sum by (i) (m)", "histogram_quantile(0.5, m)", "scalar(m)", "-m"] {
        let range = (0, 6_000_000, 1_000);
        match ask(&engine, query, range).await {
            Ok(_) => assert!(["scalar(m)", "histogram_quantile(0.5, m)"].contains(&query), "{query} fits"),
            Err(error) => {
                assert_eq!(error.message(), "the query needs more than 1MiB of memory", "{query}");
                assert_eq!(error.kind(), Kind::Unprocessable);
            }
        }
        assert!(ask(&engine, "sum(m{i=\"1\"})", (0, 0, 0)).await.is_ok());
    }
}

#[tokio::test]
async fn a_query_that_loads_too_many_samples_fails() {
    let limits = Limits { max_samples: 1000, ..Limits::default() };
    let engine = Engine::with_partitions(Arc::new(many(300)), limits, 2);
    let error = ask(&engine, "sum_over_time(m[1h])", (3_600_000, 3_600_000, 0)).await.unwrap_err();
    assert_eq!(error.message(), "query processing would load too many samples into memory in query execution");
    assert!(ask(&engine, "sum_over_time(m[3m])", (3_600_000, 3_600_000, 0)).await.is_ok());
}

#[tokio::test]
async fn an_answer_is_cut_to_its_limit() {
    let engine = engine(many(10));
    let ask = Ask::Instant { expr: "m".into(), time: 0 };
    let answer = engine.query(weir_pipeline::Query { limit: 3, ..query(ask) }).await.unwrap();
    let Data::Vector(series) = &answer.data else { panic!("{answer:?}") };
    assert_eq!(series.len(), 3);
    assert_eq!(answer.warnings, ["results truncated due to limit"]);
}

/// A source that never answers, and knows how many wait for it.
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

    fn labels(&self, _: usize) -> Labels<'_> {
        Labels::from_canonical(&[])
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
async fn a_query_that_takes_too_long_is_given_up_and_cancelled() {
    let waiting = Arc::new(AtomicUsize::new(0));
    let limits = Limits { timeout: Duration::from_secs(10), concurrency: 1, ..Limits::default() };
    let engine = Engine::with_partitions(Arc::new(Stuck(waiting.clone())), limits, 2);
    let before = tokio::time::Instant::now();
    let error = ask(&engine, "sum(m)", (0, 0, 0)).await.unwrap_err();
    assert_eq!((error.message(), error.kind()), ("query timed out in expression evaluation", Kind::TimedOut));
    assert_eq!(before.elapsed().as_secs(), 10);
    // Its tasks end with it, and its place is free again.
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(waiting.load(Ordering::SeqCst), 0);
    let asked = weir_pipeline::Query {
        timeout: Some(Duration::from_secs(2)),
        ..query(Ask::Instant { expr: "m".into(), time: 0 })
    };
    let before = tokio::time::Instant::now();
    assert_eq!(engine.query(asked).await.unwrap_err().kind(), Kind::TimedOut);
    assert_eq!(before.elapsed().as_secs(), 2);
}

/// A source each of whose series takes some milliseconds to read, without ever waiting for something.
#[derive(Clone, Debug, Default)]
struct Slow(Arc<AtomicUsize>);

/// How many series a slow source has.
const SLOW: usize = 100;

#[async_trait]
impl MetricsSource for Slow {
    async fn select(&self, _: Wanted<'_>) -> Result<Arc<dyn Selected>> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
impl Selected for Slow {
    fn len(&self) -> usize {
        SLOW
    }

    fn labels(&self, _: usize) -> Labels<'_> {
        Labels::from_canonical(&[])
    }

    fn id(&self, series: usize) -> SeriesId {
        SeriesId([series as u8; 16])
    }

    fn samples_estimate(&self, _: usize) -> usize {
        // So many that each is a batch.
        1 << 20
    }

    async fn read(&self, range: Range<usize>) -> Result<Vec<Run>> {
        let begin = std::time::Instant::now();
        while begin.elapsed() < Duration::from_millis(3) {
            std::hint::spin_loop();
        }
        self.0.fetch_add(range.len(), Ordering::SeqCst);
        Ok(range.map(|series| Run { series, timestamps: vec![0], values: vec![1.0], ..Run::default() }).collect())
    }
}

/// Asks until half of the series are read, and then gives up.
async fn give_up(query: &str) {
    let read = Arc::new(AtomicUsize::new(0));
    let engine = Engine::with_partitions(Arc::new(Slow(read.clone())), Limits::default(), 2);
    let mut work = Box::pin(ask(&engine, query, (0, 0, 0)));
    let (mut last, mut most) = (0, 0);
    while last < SLOW / 2 {
        tokio::select! {
            biased;
            done = &mut work => panic!("{query} did not let go of the thread: {done:?}"),
            () = tokio::task::yield_now() => {}
        }
        let now = read.load(Ordering::SeqCst);
        (last, most) = (now, most.max(now - last));
    }
    assert!(most <= 10, "{query}: {most} of {SLOW} series were read in one turn");
    drop(work);
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    let ended = read.load(Ordering::SeqCst);
    assert!(ended < SLOW, "{query} was read to the end");
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(read.load(Ordering::SeqCst), ended, "{query}");
}

#[tokio::test]
async fn whatever_computes_lets_others_have_the_thread_and_ends_once_it_is_given_up() {
    const QUERIES: [&str; 20] = [
        "m",
        "-m",
        "abs(m)",
        "m * 2",
        "m[5m]",
        "max_over_time(m[5m:1m])",
        "sum(m)",
        "quantile(0.5, m)",
        "topk(1, m)",
        "count_values(\"v\", m)",
        "1 + m + on () vector(1)",
        "vector(1) + on () m",
        "m and m",
        "m or m",
        "scalar(m)",
        "absent(m)",
        "sort(m)",
        "label_replace(m, \"a\", \"b\", \"\", \"\")",
        "histogram_quantile(0.5, m)",
        "info(m)",
    ];
    for query in QUERIES {
        give_up(query).await;
    }
}

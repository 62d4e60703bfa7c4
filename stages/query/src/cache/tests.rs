#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Mutex;

use proptest::prelude::*;
use tokio_util::sync::CancellationToken;
use weir_blocks::block::{BlockShelf, Memory};
use weir_blocks::bucket::objects::Objects;
use weir_blocks::store::Declaration;
use weir_blocks::{Depot, Store};
use weir_pipeline::{Batch, Clock, Metrics, Tenant, testing};

use super::*;
use crate::engine::{Engine, Limits};
use crate::exec::source::Stored;

const NOW: i64 = 1_700_000_000_000;

/// A store with a bucket that another store shares, behind a cache, and without one.
struct Ground {
    store: Store,
    other: Store,
    cached: Next<Read>,
    plain: Next<Read>,
    /// What the cache asked the engine.
    asked: Arc<Mutex<Vec<Ask>>>,
    metrics: Metrics,
    _dir: tempfile::TempDir,
}

impl Ground {
    async fn new(memory: &str) -> Self {
        let (dir, metrics) = (tempfile::tempdir().unwrap(), Metrics::default());
        let clock = Clock::starting_at(NOW);
        let context =
            Context::new(clock.clone(), metrics.clone(), CancellationToken::new()).at("test", "test.stages[0]");
        let elsewhere = Context::new(clock.clone(), Metrics::default(), CancellationToken::new());
        let store = open(dir.path(), "one", &clock, &context).await;
        let other = open(dir.path(), "other", &clock, &elsewhere).await;
        let engine = Engine::with_partitions(Arc::new(Stored::new(store.clone())), Limits::default(), 2);
        let plain = Next::from_fn(move |query: Query| {
            let engine = engine.clone();
            async move { engine.query(query).await }
        });
        let (below, asked) = (plain.clone(), Arc::new(Mutex::new(Vec::new())));
        let seen = asked.clone();
        let watched = Next::from_fn(move |query: Query| {
            seen.lock().unwrap().push(query.ask.clone());
            let below = below.clone();
            async move { below.send(query).await }
        });
        let cache: Cache = testing::settings(memory).unwrap();
        let cached = cache.wrap(&context, watched).unwrap();
        Self { store, other, cached, plain, asked, metrics, _dir: dir }
    }

    async fn write(&self, series: i64, samples: &[(i64, f64)]) {
        self.store.append(&batch(series, samples)).await.unwrap();
    }

    /// The ranges that the engine was asked for since the last look.
    fn ranges(&self) -> Vec<(i64, i64)> {
        let range = |ask| if let Ask::Range { start, end, .. } = ask { Some((start - NOW, end - NOW)) } else { None };
        std::mem::take(&mut *self.asked.lock().unwrap()).into_iter().filter_map(range).collect()
    }

    /// Asks both, and holds them to the same answer.
    async fn check(&self, expr: &str, (start, end, step): (i64, i64, i64)) {
        let query = range(expr, (start, end, step));
        let (got, want) = (self.cached.send(query.clone()).await, self.plain.send(query).await);
        let shown = |answer: Result<Answer>| {
            format!("{:?}", answer.map(|answer| (bits(answer.data), answer.warnings, answer.infos)))
        };
        assert_eq!(shown(got), shown(want), "{expr} {:?}", (start - NOW, end - NOW, step));
    }
}

async fn open(dir: &std::path::Path, name: &str, clock: &Clock, context: &Context) -> Store {
    let yaml = format!("{{ path: {}/{name}, bucket: shared, upload: {{ after: 1s }} }}", dir.display());
    let declared: Declaration = testing::settings(&yaml).unwrap();
    let objects = |at: &str| Arc::new(Objects::local(&dir.join(at)).unwrap());
    let shelf = Arc::new(BlockShelf::new(objects(&format!("{name}-blocks")), clock.clone(), Memory::mib(8, 8)));
    let depot = Depot::new(objects("bucket"), clock.clone(), Memory::mib(8, 8), &context.metrics);
    let fs = Arc::new(weir_blocks::seam::RealFs);
    Store::open(declared, context, fs, shelf, Some(Arc::new(depot))).await.unwrap()
}

fn batch(series: i64, samples: &[(i64, f64)]) -> Batch {
    let mut batch = Batch::builder(Tenant::default());
    let labels = [("__name__", "m_total".to_owned()), ("i", series.to_string()), ("g", (series % 2).to_string())];
    let labels: LabelSet = labels.into_iter().collect();
    batch.series(labels.as_labels());
    for (time, value) in samples {
        batch.sample(NOW + time, *value);
    }
    batch.build()
}

/// Times from [`NOW`] on.
fn range(expr: &str, (start, end, step): (i64, i64, i64)) -> Query {
    Query::new(Tenant::default(), Ask::Range { expr: expr.into(), start, end, step })
}

/// Floats as their bits, so that a NaN is itself.
fn bits(data: Data) -> Vec<(String, Vec<(i64, u64)>)> {
    let Data::Matrix(series) = data else { panic!("{data:?}") };
    let bits = |points: Points| points.floats.into_iter().map(|(time, value)| (time, value.to_bits())).collect();
    series.into_iter().map(|(labels, points)| (labels.to_string(), bits(points))).collect()
}

#[test]
fn the_yaml_in_the_docs_is_valid_and_has_the_default() {
    let documented: Cache = testing::documented(include_str!("../cache.rs"), "cache");
    assert_eq!(documented.memory, testing::settings::<Cache>("{}").unwrap().memory);
}

#[test]
fn the_stage_keeps_the_contract() {
    testing::assert_contract(testing::Subject::<Read>::stage(testing::settings::<Cache>("{}").unwrap()));
}

#[tokio::test]
async fn only_steps_that_are_new_or_may_have_changed_are_computed() {
    let ground = Ground::new("{}").await;
    let samples: Vec<(i64, f64)> = (-240..=0).map(|n| (n * 15_000, n as f64)).collect();
    ground.write(1, &samples).await;
    let hour = (NOW - 3_600_000, NOW, 60_000);
    ground.check("sum(m_total)", hour).await;
    assert_eq!(ground.ranges(), [(-3_600_000, 0)]);
    ground.check("sum(m_total)", hour).await;
    assert_eq!(ground.ranges(), []);
    // Some of what is kept, and more on both sides.
    ground.check("sum(m_total)", (NOW - 600_000, NOW - 60_000, 60_000)).await;
    assert_eq!(ground.ranges(), []);
    ground.check("sum(m_total)", (NOW - 3_900_000, NOW + 125_000, 60_000)).await;
    assert_eq!(ground.ranges(), [(-3_900_000, -3_660_000), (60_000, 120_000)]);
    // A live sample, and a late one.
    ground.write(1, &[(15_000, 1.0)]).await;
    ground.check("sum(m_total)", hour).await;
    assert_eq!(ground.ranges(), []);
    ground.write(2, &[(-1_800_500, 1.0)]).await;
    ground.check("sum(m_total)", hour).await;
    assert_eq!(ground.ranges(), [(-1_800_000, 0)]);
    // Another step, another phase, other text.
    ground.check("sum(m_total)", (NOW - 3_600_000, NOW, 30_000)).await;
    ground.check("sum(m_total)", (NOW - 3_600_001, NOW, 60_000)).await;
    ground.check("sum (m_total)", hour).await;
    assert_eq!(ground.ranges(), [(-3_600_000, 0), (-3_600_001, -1), (-3_600_000, 0)]);
    let metrics = ground.metrics.encode();
    for line in ["hit\"} 3", "partial\"} 2", "miss\"} 4"] {
        let line = format!("weir_cache_requests_total{{pipeline=\"test\",result=\"{line}");
        assert!(metrics.contains(&line), "{line} in\n{metrics}");
    }
}

#[tokio::test]
async fn what_others_commit_to_the_bucket_is_seen_and_ones_own_uploads_change_nothing() {
    let ground = Ground::new("{}").await;
    ground.write(1, &[(-600_000, 1.0)]).await;
    ground.store.cut().await.unwrap();
    let all = (NOW - 3_600_000, NOW, 60_000);
    ground.check("m_total", all).await;
    ground.ranges();
    ground.store.upload(true).await.unwrap();
    ground.check("m_total", all).await;
    assert_eq!(ground.ranges(), []);
    ground.other.append(&batch(2, &[(-900_000, 2.0)])).await.unwrap();
    ground.other.cut().await.unwrap();
    ground.other.upload(true).await.unwrap();
    ground.check("m_total", all).await;
    assert_eq!(ground.ranges(), [(-900_000, 0)]);
}

#[tokio::test]
async fn what_is_not_to_be_kept_goes_through() {
    let ground = Ground::new("{}").await;
    ground.write(1, &[(-60_000, 1.0)]).await;
    let hour = (NOW - 3_600_000, NOW, 60_000);
    for expr in ["m_total @ 5", "rate(m_total[5m] smoothed)", "m_total("] {
        for _ in 0..2 {
            let query = range(expr, hour);
            let (got, want) = (ground.cached.send(query.clone()).await, ground.plain.send(query).await);
            assert_eq!(got.map(|a| a.data).ok(), want.map(|a| a.data).ok(), "{expr}");
        }
        assert_eq!(ground.ranges().len(), 2, "{expr}");
    }
    for query in
        [Query { anew: true, ..range("m_total", hour) }, Query { stats: StatsDetail::Totals, ..range("m_total", hour) }]
    {
        for _ in 0..2 {
            ground.cached.send(query.clone()).await.unwrap();
        }
        assert_eq!(ground.ranges().len(), 2);
    }
    // Another tenant has a result of its own.
    ground.check("m_total", hour).await;
    let other = Query { tenant: Tenant::new("other").unwrap(), ..range("m_total", hour) };
    assert_eq!(ground.cached.send(other).await.unwrap().data, Data::Matrix(Vec::new()));
}

#[tokio::test]
async fn an_answer_with_notes_is_computed_each_time_and_has_them() {
    let ground = Ground::new("{}").await;
    let mut batch = Batch::builder(Tenant::default());
    let labels: LabelSet = [("__name__", "gauge")].into_iter().collect();
    batch.series(labels.as_labels());
    (0..9).for_each(|n| _ = batch.sample(NOW - n * 15_000, n as f64));
    ground.store.append(&batch.build()).await.unwrap();
    for _ in 0..2 {
        ground.check("rate(gauge[1m])", (NOW - 600_000, NOW, 60_000)).await;
        assert_eq!(ground.ranges(), [(-600_000, 0)]);
    }
}

#[tokio::test]
async fn an_answer_is_cut_to_the_limit_and_what_is_kept_is_not() {
    let ground = Ground::new("{}").await;
    for series in 0..3 {
        ground.write(series, &[(-60_000, 1.0)]).await;
    }
    let query = Query { limit: 2, ..range("m_total", (NOW - 600_000, NOW, 60_000)) };
    for _ in 0..2 {
        let answer = ground.cached.send(query.clone()).await.unwrap();
        assert_eq!((bits(answer.data).len(), answer.warnings.len()), (2, 1));
    }
    assert_eq!(ground.ranges().len(), 1);
    let all = ground.cached.send(Query { limit: 0, ..query }).await.unwrap();
    assert_eq!(bits(all.data).len(), 3);
}

#[tokio::test]
async fn where_changes_can_not_be_told_everything_goes_through() {
    let answers = Arc::new(Mutex::new(0));
    let seen = answers.clone();
    let rest = Next::from_fn(move |query: Query| {
        let seen = seen.clone();
        async move {
            Ok(match query.ask {
                Ask::Changes { .. } => Data::Changes(None).into(),
                _ => {
                    *seen.lock().unwrap() += 1;
                    Data::Matrix(Vec::new()).into()
                }
            })
        }
    });
    let cached = testing::settings::<Cache>("{}").unwrap().wrap(&testing::context(), rest).unwrap();
    for _ in 0..3 {
        cached.send(range("m", (0, 60, 10))).await.unwrap();
    }
    assert_eq!(*answers.lock().unwrap(), 3);
}

/// What may happen.
#[derive(Clone, Debug)]
enum Event {
    Write { series: i64, at: i64, count: i64, value: i32 },
    Elsewhere { series: i64, at: i64 },
    Cut,
    Upload,
    Ask { expr: usize, first: i64, count: i64, step: i64, phase: i64 },
}

const EXPRS: [&str; 10] = [
    "m_total",
    "sum by (g) (m_total)",
    "rate(m_total[5m])",
    "max_over_time(m_total[10m:1m])",
    "m_total offset 3m",
    "m_total offset -3m",
    "absent(m_total{i=\"1\"})",
    "count(m_total) or vector(time())",
    "last_over_time((m_total offset -7m)[5m:30s] offset 4m)",
    "m_total / ignoring (i) group_left sum by (__name__, g) (m_total)",
];

fn event() -> impl Strategy<Value = Event> {
    let at = prop_oneof![-3_600_000i64..0, -60_000i64..300_000];
    prop_oneof![
        4 => (0i64..4, at.clone(), 1i64..20, -9i32..9)
            .prop_map(|(series, at, count, value)| Event::Write { series, at, count, value }),
        1 => (4i64..6, at).prop_map(|(series, at)| Event::Elsewhere { series, at }),
        1 => Just(Event::Cut),
        1 => Just(Event::Upload),
        8 => (0..EXPRS.len(), -60i64..10, 0i64..60, 0usize..2, 0i64..2).prop_map(|(expr, first, count, step, phase)| {
            Event::Ask { expr, first, count, step: [60_000, 25_000][step], phase }
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_happens_in_between_an_answer_is_what_it_would_be_without_the_cache(
        events in prop::collection::vec(event(), 1..60),
        memory in prop_oneof![Just("{}"), Just("{ memory: 16KiB }")],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let ground = Ground::new(memory).await;
            for event in events {
                match event {
                    Event::Write { series, at, count, value } => {
                        let samples: Vec<_> = (0..count).map(|n| (at + n * 15_000, f64::from(value) + n as f64)).collect();
                        ground.write(series, &samples).await;
                    }
                    Event::Elsewhere { series, at } => {
                        ground.other.append(&batch(series, &[(at, 1.0)])).await.unwrap();
                        ground.other.cut().await.unwrap();
                        ground.other.upload(true).await.unwrap();
                    }
                    Event::Cut => _ = ground.store.cut().await.unwrap(),
                    Event::Upload => _ = ground.store.upload(true).await.unwrap(),
                    Event::Ask { expr, first, count, step, phase } => {
                        let start = NOW + first * step + phase;
                        ground.check(EXPRS[expr], (start, start + count * step, step)).await;
                    }
                }
            }
        });
    }
}

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use tokio_util::sync::CancellationToken;
use weir_pipeline::histogram::{BucketSpan, Buckets};
use weir_pipeline::units::{Bytes, Ref, Span};
use weir_pipeline::{
    Batch, Clock, Context, Exemplar, Histogram, HistogramPoint, LabelSet, Matcher, Metrics, Outcome, Resource, Tenant,
};
use weir_stages::limits::{Limits, OpenLimits};

use super::{Declaration, Run, Store};
use crate::seam::sim::{Fault, Op, SimFs};
use crate::testing::shelf::MemoryShelf;

mod away;
mod bounds;
mod conflicts;
mod crash;
mod extras;
mod histograms;
mod known;
mod limits;
mod one_copy;
mod settings;
mod sweep;
mod tenants;
mod tidy;
mod upload;

const NOW: i64 = 1_700_000_000_000;

/// What a store is opened on, and survives it.
#[derive(Clone)]
struct Ground {
    fs: SimFs,
    shelf: Arc<MemoryShelf>,
    settings: Declaration,
    metrics: Metrics,
    /// The resource `tenants`.
    limits: Option<Arc<OpenLimits>>,
}

type Content = BTreeMap<String, Vec<(i64, f64)>>;

fn ground() -> Ground {
    let settings = Declaration {
        path: "/store".into(),
        bucket: serde_json::from_str::<Ref<_>>("\"local\"").unwrap(),
        limits: None,
        head: super::Budget::default(),
        log: super::LogSettings { segment: Bytes::mib(1) },
        upload: super::UploadSettings::default(),
    };
    Ground { fs: SimFs::default(), shelf: MemoryShelf::new(), settings, metrics: Metrics::default(), limits: None }
}

impl Ground {
    fn context(&self, clock: Clock) -> Context {
        let context = Context::new(clock, self.metrics.clone(), CancellationToken::new());
        if let Some(limits) = &self.limits {
            context.keep_resource("tenants", limits.clone());
        }
        context
    }

    /// The same, where tenants have these limits.
    async fn limited(mut self, yaml: &str) -> Self {
        let limits: Limits = weir_pipeline::testing::settings(yaml).unwrap();
        self.limits = Some(limits.open(&self.context(Clock::system())).await.unwrap());
        self.settings.limits = Some(serde_json::from_str("\"tenants\"").unwrap());
        self
    }

    async fn try_open(&self, at: i64) -> weir_pipeline::Result<Store> {
        let context = self.context(Clock::starting_at(at));
        Store::open(self.settings.clone(), &context, Arc::new(self.fs.process()), self.shelf.clone(), None).await
    }

    async fn open_at(&self, at: i64) -> Store {
        self.try_open(at).await.unwrap()
    }

    async fn open(&self) -> Store {
        self.open_at(NOW).await
    }
}

fn batch(series: &[&str], samples: &[(i64, f64)]) -> Batch {
    let mut out = Batch::builder(Tenant::default());
    for name in series {
        let labels: LabelSet = [("__name__", *name), ("job", "j")].into_iter().collect();
        out.series(labels.as_labels());
        for (t, v) in samples {
            match v.fract() == 0.5 {
                true => out.histogram(histogram(*t, *v)).exemplar(exemplar(*t, *v)),
                false => out.sample_since(start_of(*t, *v), *t, *v),
            };
        }
    }
    out.build()
}

/// Since when a float counts: of some it is known.
fn start_of(timestamp: i64, value: f64) -> i64 {
    if value as i64 % 5 == 3 { timestamp - 7 } else { 0 }
}

/// A histogram that is told by its sum: values of samples with a fraction of a half are such.
fn histogram(timestamp: i64, sum: f64) -> HistogramPoint {
    let spans = vec![BucketSpan { offset: 1, length: 1 }];
    let (count, positive) = (sum.floor().abs(), Buckets { spans, counts: vec![sum.floor().abs()] });
    let histogram = Histogram { count, sum, positive, ..Histogram::default() };
    HistogramPoint { timestamp, start: timestamp - 1, histogram: Arc::new(histogram) }
}

/// The exemplar that stands beside such a histogram.
fn exemplar(timestamp: i64, value: f64) -> Exemplar {
    Exemplar { labels: LabelSet::from_iter([("trace_id", format!("{value}"))]), value, timestamp }
}

async fn content(store: &Store) -> Content {
    range(store, i64::MIN, i64::MAX).await
}

/// What a query sees; it must not see a sample twice.
async fn range(store: &Store, start: i64, end: i64) -> Content {
    let selection = store.select(&Tenant::default(), &[], start, end).await.unwrap();
    let mut content = Content::new();
    let runs = selection.read(0..selection.len()).await.unwrap();
    assert!(runs.is_sorted_by_key(|run| run.series));
    for group in runs.chunk_by(|a, b| a.series == b.series) {
        for run in group {
            assert!(run.timestamps.is_sorted_by(|a, b| a < b) && run.timestamps.len() == run.values.len());
            assert!(run.starts.is_empty() || run.starts.len() == run.values.len());
            assert!(!run.timestamps.is_empty() || !run.histograms.is_empty());
        }
        let (run, _) = Run::unite(group);
        let mut samples: Vec<_> = run.timestamps.into_iter().zip(run.values).collect();
        let starts: Vec<_> = samples.iter().map(|(t, v)| start_of(*t, *v)).collect();
        assert!(run.starts == starts || run.starts.is_empty() && starts.iter().all(|start| *start == 0));
        for point in run.histograms {
            let sum = point.histogram.sum;
            assert_eq!(point, histogram(point.timestamp, sum));
            samples.push((point.timestamp, sum));
        }
        samples.sort_by_key(|(t, _)| *t);
        assert!(samples.len() <= selection.samples_estimate(group[0].series));
        content.insert(selection.labels(group[0].series).to_string(), samples);
    }
    content
}

fn up(name: &str) -> String {
    format!("{name}{{job=\"j\"}}")
}

#[tokio::test]
async fn a_sample_is_seen_when_it_is_acknowledged_and_after_a_crash() {
    let ground = ground();
    let store = ground.open().await;
    let ack = store.append(&batch(&["a", "b"], &[(NOW, 1.0), (NOW + 1, 2.0), (NOW + 2, 3.5)])).await.unwrap();
    assert_eq!((ack.count(Outcome::Written), ack.total()), (6, 6));
    let before = content(&store).await;
    assert_eq!(before[&up("a")], [(NOW, 1.0), (NOW + 1, 2.0), (NOW + 2, 3.5)]);
    drop(store);
    ground.fs.crash(1);
    assert_eq!(content(&ground.open().await).await, before);
}

#[tokio::test]
async fn a_cut_moves_samples_to_blocks_and_frees_log_and_memory() {
    let ground = ground();
    let store = ground.open().await;
    for n in 0..50 {
        store.append(&batch(&["a", "b"], &[(NOW + n, n as f64)])).await.unwrap();
    }
    let before = content(&store).await;
    let cut = store.cut().await.unwrap();
    assert_eq!((cut.blocks, cut.samples, cut.segments), (1, 100, 1));
    assert_eq!(content(&store).await, before);
    let stats = store.stats();
    assert_eq!((stats.samples, stats.blocks, stats.block_samples, stats.segments), (0, 1, 100, 0));
    store.append(&batch(&["a"], &[(NOW + 25, 25.0), (NOW + 60, 60.0)])).await.unwrap();
    assert_eq!(content(&store).await[&up("a")].len(), 51);
    store.close().await.unwrap();
    let again = ground.open().await;
    assert_eq!(content(&again).await[&up("a")].len(), 51);
    assert_eq!(range(&again, NOW + 49, NOW + 60).await[&up("a")], [(NOW + 49, 49.0), (NOW + 60, 60.0)]);
}

#[tokio::test]
async fn no_block_crosses_a_day() {
    const DAY: i64 = 86_400_000;
    let ground = ground();
    let store = ground.open().await;
    let midnight = NOW / DAY * DAY;
    let times =
        [midnight - DAY * 9, midnight - DAY * 9 + 1, midnight - DAY * 3 - 1, midnight - 1, midnight, midnight + 1];
    store.append(&batch(&["a"], &times.map(|t| (t, 1.0)))).await.unwrap();
    assert_eq!(store.cut().await.unwrap().blocks, 4);
    assert_eq!(content(&store).await[&up("a")], times.map(|t| (t, 1.0)));
}

#[tokio::test]
async fn a_cut_that_fails_changes_nothing_and_the_next_one_makes_up_for_it() {
    const DAY: i64 = 86_400_000;
    let ground = ground();
    let store = ground.open().await;
    store.append(&batch(&["a"], &[(NOW - DAY, 1.0), (NOW, 1.0)])).await.unwrap();
    let before = content(&store).await;
    // The second of two days fails: the first one's block is taken back.
    ground.shelf.fail_after.store(1, SeqCst);
    assert_eq!(store.cut().await.unwrap_err().message(), "the bucket is out of order");
    assert_eq!((content(&store).await, ground.shelf.len()), (before, 0));
    assert_eq!(store.stats().segments, 1);
    store.append(&batch(&["a"], &[(NOW + 1, 2.0)])).await.unwrap();
    let cut = store.cut().await.unwrap();
    assert_eq!((cut.blocks, cut.samples, cut.segments), (3, 3, 2));
    assert_eq!(content(&store).await[&up("a")].len(), 3);
}

#[tokio::test]
async fn a_selection_outlives_a_cut() {
    let ground = ground();
    let store = ground.open().await;
    store.append(&batch(&["a"], &[(NOW, 1.0)])).await.unwrap();
    let selection = store.select(&Tenant::default(), &[Matcher::equal("job", "j")], 0, NOW).await.unwrap();
    store.cut().await.unwrap();
    store.append(&batch(&["a"], &[(NOW - 5, 5.0)])).await.unwrap();
    let runs = selection.read(0..1).await.unwrap();
    assert_eq!((runs.len(), runs[0].timestamps.as_slice()), (1, &[NOW][..]));
    assert_eq!(selection.read(5..9).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_see_every_acknowledged_sample_once_while_the_head_is_cut() {
    let ground = ground();
    let store = ground.open().await;
    let acked = Arc::new(std::sync::atomic::AtomicI64::new(0));
    let writer = {
        let (store, acked) = (store.clone(), acked.clone());
        tokio::spawn(async move {
            for n in 1..=1500 {
                store.append(&batch(&["a", "b", "c"], &[(NOW - 10_000 + n, n as f64)])).await.unwrap();
                acked.store(n, SeqCst);
            }
        })
    };
    let cutter = {
        let (store, acked) = (store.clone(), acked.clone());
        tokio::spawn(async move {
            while acked.load(SeqCst) < 1500 {
                store.cut().await.unwrap();
            }
        })
    };
    while acked.load(SeqCst) < 1500 {
        let least = acked.load(SeqCst);
        let selection = store.select(&Tenant::default(), &[], 0, NOW).await.unwrap();
        let mut counts = BTreeMap::<usize, usize>::new();
        for run in selection.read(0..selection.len()).await.unwrap() {
            *counts.entry(run.series).or_default() += run.timestamps.len();
        }
        let most = acked.load(SeqCst) + 1;
        for count in counts.values() {
            assert!((least as usize..=most as usize).contains(count), "{least} {count} {most}");
        }
    }
    writer.await.unwrap();
    cutter.await.unwrap();
    assert_eq!(content(&store).await[&up("b")].len(), 1500);
}

#[tokio::test]
async fn a_log_larger_than_memory_is_cut_while_it_is_replayed() {
    let mut ground = ground();
    let store = ground.open().await;
    for n in 0..40 {
        let samples: Vec<_> = (0..20_000).map(|i| (NOW - 10_000_000 + n * 20_000 + i, (i as f64).sqrt())).collect();
        store.append(&batch(&["a", "b"], &samples)).await.unwrap();
    }
    let before = content(&store).await;
    drop(store);
    ground.fs.crash(9);
    ground.settings.head.memory = Bytes::mib(8);
    let store = ground.open().await;
    assert!(store.stats().blocks > 1 && store.stats().bytes < 8 << 20, "{:?}", store.stats());
    assert_eq!(content(&store).await, before);
}

#[tokio::test]
async fn a_real_file_system_does_as_well() {
    let (mut ground, dir) = (ground(), tempfile::tempdir().unwrap());
    ground.settings.path = dir.path().join("deep/store");
    let open = || async {
        let context = Context::new(Clock::starting_at(NOW), Metrics::default(), CancellationToken::new());
        Store::open(ground.settings.clone(), &context, Arc::new(crate::seam::RealFs), ground.shelf.clone(), None).await
    };
    let store = open().await.unwrap();
    for n in 0..20 {
        store.append(&batch(&["a", "b"], &[(NOW + n, n as f64)])).await.unwrap();
    }
    let before = content(&store).await;
    let message = format!("the store directory `{}` is in use by another process", ground.settings.path.display());
    assert_eq!(open().await.err().unwrap().message(), message);
    store.close().await.unwrap();
    let store = open().await.unwrap();
    assert_eq!(content(&store).await, before);
    assert_eq!(store.cut().await.unwrap().segments, 1);
    assert_eq!(std::fs::read_dir(ground.settings.path.join("log")).unwrap().count(), 0);
    assert_eq!(content(&store).await, before);
}

#[tokio::test]
async fn a_directory_has_one_process_at_a_time() {
    let ground = ground();
    let store = ground.open().await;
    let error = ground.try_open(NOW).await.err().unwrap();
    assert_eq!(error.message(), "the store directory `/store` is in use by another process");
    store.close().await.unwrap();
    assert_eq!(store.append(&batch(&["a"], &[(NOW, 1.0)])).await.unwrap_err().kind().as_str(), "closed");
    ground.open().await;
}

#[tokio::test]
async fn a_disk_that_fails_at_the_start_is_named() {
    let ground = ground();
    let store = ground.open().await;
    store.append(&batch(&["a"], &[(NOW, 1.0)])).await.unwrap();
    store.close().await.unwrap();
    let check = async |after: u32, expect: &str| {
        ground.fs.inject(Op::Read, after, Fault::Broken);
        assert_eq!(ground.try_open(NOW).await.err().unwrap().report(), expect);
    };
    check(0, "the file `/store/identity` can't be read: input/output error").await;
    check(3, "log segment `/store/log/00000000000000000001.log` can't be read: input/output error").await;
}

#[tokio::test(start_paused = true)]
async fn the_head_is_cut_after_its_time_and_a_failed_cut_is_repeated() {
    let mut ground = ground();
    ground.settings.head.cut_after = Span::from_secs(60);
    let store = ground.open().await;
    tokio::spawn(super::cut::run(&store));
    store.append(&batch(&["a"], &[(NOW, 1.0)])).await.unwrap();
    ground.shelf.out_of_order.store(true, SeqCst);
    tokio::time::sleep(std::time::Duration::from_secs(90)).await;
    assert_eq!(store.stats().blocks, 0);
    ground.shelf.out_of_order.store(false, SeqCst);
    tokio::time::sleep(std::time::Duration::from_secs(90)).await;
    assert_eq!((store.stats().blocks, store.stats().samples), (1, 0));
    let text = ground.metrics.encode();
    for line in ["prometheus_tsdb_compactions_total 1", "weir_store_cut_samples_total 1", "weir_store_head_samples 0"] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("prometheus_tsdb_compactions_failed_total 0"));
}

#[tokio::test]
async fn conflicts_are_counted() {
    let ground = ground();
    let store = ground.open().await;
    for value in [1.0, 2.0, 1.0] {
        store.append(&batch(&["a"], &[(NOW, value)])).await.unwrap();
    }
    store.cut().await.unwrap();
    assert_eq!(content(&store).await[&up("a")], [(NOW, 2.0)]);
    // The second has won against the first, and then against the last.
    assert!(ground.metrics.encode().contains("weir_store_conflicts_total 2\n"), "{}", ground.metrics.encode());
}

#[tokio::test]
async fn tenants_of_head_and_blocks_are_listed() {
    let ground = ground();
    let store = ground.open().await;
    let other = batch(&["a"], &[(NOW, 1.0)]).with_tenant(Tenant::new("b").unwrap());
    store.append(&other).await.unwrap();
    store.cut().await.unwrap();
    store.append(&batch(&["a"], &[(NOW, 1.0)]).with_tenant(Tenant::new("a").unwrap())).await.unwrap();
    assert_eq!(store.tenants().await, [Tenant::new("a").unwrap(), Tenant::new("b").unwrap()]);
}

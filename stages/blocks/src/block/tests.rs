//! Tests of `block`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use object_store::memory::InMemory;
use object_store::path::Path;
use proptest::prelude::*;
use weir_pipeline::{Clock, LabelSet, Labels, MatchOp, Matcher, Result, SeriesId, Tenant};

use super::*;
use crate::bucket::objects::Objects;
use crate::order::compare;
use crate::store::shelf::{Block, Rows, Samples, Shelf};

mod decoded;
mod extras;
mod format;
mod histograms;
mod pages;

const DAY: i64 = 86_400_000;
const NOON: i64 = 1_700_000_000_000 / DAY * DAY + DAY / 2;

type Series = BTreeMap<LabelSet, BTreeMap<i64, u64>>;

/// Rows from a table.
struct Table(Vec<(LabelSet, Vec<(i64, f64)>)>);

#[async_trait]
impl Rows for Table {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, i: usize) -> Labels<'_> {
        self.0[i].0.as_labels()
    }

    fn id(&self, i: usize) -> SeriesId {
        self.labels(i).id()
    }

    fn samples(&self, i: usize) -> usize {
        self.0[i].1.len()
    }

    fn have_starts(&self) -> bool {
        false
    }

    fn have_histograms(&self) -> bool {
        false
    }

    async fn read(&self, range: std::ops::Range<usize>, start: i64, end: i64) -> Result<Vec<Samples>> {
        let inside = |(_, s): &(LabelSet, Vec<(i64, f64)>)| {
            s.iter().copied().filter(|(t, _)| (start..=end).contains(t)).collect()
        };
        Ok(self.0[range].iter().map(inside).collect())
    }
}

fn table(series: &Series) -> Arc<Table> {
    let mut rows: Vec<_> = series
        .iter()
        .map(|(labels, samples)| {
            (labels.clone(), samples.iter().map(|(t, v)| (*t, f64::from_bits(*v))).collect::<Vec<_>>())
        })
        .collect();
    rows.sort_by(|a, b| compare(a.0.as_labels(), b.0.as_labels()));
    Arc::new(Table(rows))
}

fn shelf() -> (BlockShelf, Arc<Objects>) {
    let objects = Arc::new(Objects::remote(Arc::new(InMemory::new())));
    (BlockShelf::new(objects.clone(), Clock::system(), Memory::mib(64, 1)), objects)
}

fn range(series: &Series) -> (i64, i64) {
    let times = || series.values().flat_map(|s| s.keys().copied());
    (times().min().unwrap_or(NOON), times().max().unwrap_or(NOON))
}

async fn written(series: &Series) -> Option<Arc<dyn Block>> {
    let (start, end) = range(series);
    shelf().0.write(&Tenant::default(), start, end, table(series)).await.unwrap()
}

/// What a block has for these matchers within a range of time.
async fn read(block: &dyn Block, matchers: &[Matcher], start: i64, end: i64) -> Series {
    let rows = block.select(matchers, start, end).await.unwrap();
    let numbers: Vec<u32> = rows.iter().map(|r| r.row).collect();
    let samples = block.read(&numbers, start, end).await.unwrap();
    let mut out = Series::new();
    for (row, Samples { timestamps: t, values: v, histograms, .. }) in rows.iter().zip(samples) {
        assert_eq!(histograms, []);
        let labels = Labels::check(&row.labels).unwrap();
        assert_eq!(labels.id(), row.id);
        assert!(t.is_sorted_by(|a, b| a < b));
        if !t.is_empty() {
            out.insert(labels.to_set(), t.into_iter().zip(v.into_iter().map(f64::to_bits)).collect());
        }
    }
    out
}

fn cut(series: &Series, matchers: &[Matcher], start: i64, end: i64) -> Series {
    let fits = |l: &LabelSet| matchers.iter().all(|m| m.matches(l.as_labels().get(&m.name).unwrap_or("")));
    let inside = |s: &BTreeMap<i64, u64>| s.range(start..=end).map(|(t, v)| (*t, *v)).collect::<BTreeMap<_, _>>();
    let cut = series.iter().filter(|(l, _)| fits(l)).map(|(l, s)| (l.clone(), inside(s)));
    cut.filter(|(_, s)| !s.is_empty()).collect()
}

fn any_labels() -> impl Strategy<Value = LabelSet> {
    let value = prop_oneof!["[a-d]", "[a-zé✓ ]{1,6}"];
    (
        prop_oneof![Just(""), Just("up"), Just("http_requests_total")],
        prop::collection::vec(("[a-e]|job|instance|é", value), 0..5),
    )
        .prop_map(|(metric, pairs)| {
            let metric = Some(("__name__".to_owned(), metric.to_owned()));
            metric.into_iter().chain(pairs).collect()
        })
}

fn any_samples() -> impl Strategy<Value = BTreeMap<i64, u64>> {
    let value = prop_oneof![
        (0u32..1000).prop_map(|n| f64::from(n).to_bits()),
        (0u32..100_000).prop_map(|n| (f64::from(n) / 100.0).to_bits()),
        any::<u64>(),
        Just(0x7ff0_0000_0000_0002),
        Just((-0.0f64).to_bits()),
        Just(f64::NEG_INFINITY.to_bits()),
    ];
    prop::collection::btree_map(-DAY / 2..DAY / 2, value, 0..40)
        .prop_map(|s| s.into_iter().map(|(t, v)| (NOON + t, v)).collect())
}

fn any_series() -> impl Strategy<Value = Series> {
    prop::collection::btree_map(any_labels(), any_samples(), 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn what_is_written_is_read_back_bit_for_bit(series in any_series(), a in -DAY / 2..DAY / 2, b in -DAY / 2..DAY / 2) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let Some(block) = written(&series).await else {
                assert!(series.values().all(BTreeMap::is_empty));
                return;
            };
            let all = cut(&series, &[], i64::MIN, i64::MAX);
            assert_eq!(read(block.as_ref(), &[], i64::MIN, i64::MAX).await, all);
            let (start, end) = (NOON + a.min(b), NOON + a.max(b));
            let matchers = [
                vec![],
                vec![Matcher::equal("__name__", "up")],
                vec![Matcher::equal("job", "")],
                vec![Matcher::new("a", MatchOp::Match, "a|b").unwrap(), Matcher::new("b", MatchOp::NotEqual, "c").unwrap()],
                vec![Matcher::equal("a", "b")],
                vec![Matcher::new("c", MatchOp::Match, "d|a|none|b").unwrap(), Matcher::new("a", MatchOp::NotMatch, "a|b").unwrap()],
                vec![Matcher::new("b", MatchOp::Match, "a|").unwrap(), Matcher::new("é", MatchOp::Match, ".+").unwrap()],
                vec![Matcher::new("__name__", MatchOp::NotMatch, "u.*").unwrap()],
                // Listed out of order, one that is nowhere, and series without a metric.
                vec![Matcher::new("__name__", MatchOp::Match, "up|none|http_requests_total|").unwrap()],
                vec![Matcher::new("__name__", MatchOp::NotMatch, "up|http_requests_total").unwrap()],
            ];
            for matchers in matchers {
                let expected = cut(&series, &matchers, start, end);
                assert_eq!(read(block.as_ref(), &matchers, start, end).await, expected, "{matchers:?}");
            }
        });
    }
}

fn set(metric: &str, pairs: &[(&str, &str)]) -> LabelSet {
    [("__name__", metric)].into_iter().chain(pairs.iter().copied()).collect()
}

/// Some hours of a few series, from a fixed seed.
fn sample_data(series: usize, count: i64) -> Series {
    let mut seed = 1u64;
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 33
    };
    let data = |i: usize| {
        let mut total = 0.0;
        let samples = (0..count).map(|n| {
            total += (random() % 50) as f64;
            (NOON - DAY / 2 + n * 15_000, f64::to_bits(if i.is_multiple_of(3) { total / 100.0 } else { total }))
        });
        (
            set("m", &[("job", "j"), ("instance", &format!("host-{}", i / 10)), ("cpu", &i.to_string())]),
            samples.collect(),
        )
    };
    (0..series).map(data).collect()
}

#[tokio::test]
async fn a_block_is_found_again_by_whoever_opens_the_bucket() {
    let (first, objects) = shelf();
    let series = sample_data(20, 2000);
    let (start, end) = range(&series);
    let tenant: Tenant = "team-a".parse().unwrap();
    let block = first.write(&tenant, start, end, table(&series)).await.unwrap().unwrap();
    let again = BlockShelf::new(objects, Clock::system(), Memory { indexes: 1, pages: 1 });
    let found = again.list().await.unwrap();
    assert_eq!(found.len(), 1);
    let (owner, found) = &found[0];
    assert_eq!(
        (owner, found.min_ts(), found.max_ts(), found.samples(), found.bytes()),
        (&tenant, start, end, 40_000, block.bytes())
    );
    assert_eq!(read(found.as_ref(), &[], start, end).await, series);
    println!("{:.2} bytes per sample, series file included", found.bytes() as f64 / found.samples() as f64);
}

#[tokio::test]
async fn a_block_is_taken_away_when_its_last_reader_is_gone() {
    let (shelf, objects) = shelf();
    let series = sample_data(3, 10);
    let (start, end) = range(&series);
    let block = shelf.write(&Tenant::default(), start, end, table(&series)).await.unwrap().unwrap();
    shelf.remove(&Tenant::default(), block.clone()).await.unwrap();
    assert!(!objects.list(None).await.unwrap().is_empty(), "a reader still has it");
    assert_eq!(read(block.as_ref(), &[], start, end).await, series);
    drop(block);
    while !objects.list(None).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(shelf.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_series_file_alone_is_no_block() {
    let (shelf, objects) = shelf();
    let series = sample_data(3, 10);
    let (start, end) = range(&series);
    shelf.write(&Tenant::default(), start, end, table(&series)).await.unwrap().unwrap();
    let samples =
        objects.list(None).await.unwrap().into_iter().find(|o| o.location.as_ref().ends_with(SAMPLES_FILE)).unwrap();
    objects.delete(&samples.location).await.unwrap();
    assert!(
        BlockShelf::new(objects, Clock::system(), Memory { indexes: 1, pages: 1 }).list().await.unwrap().is_empty()
    );
}

#[tokio::test]
async fn a_block_that_would_cross_a_day_is_refused() {
    let (shelf, _) = shelf();
    let error = shelf.write(&Tenant::default(), NOON, NOON + DAY, table(&sample_data(1, 1))).await.unwrap_err();
    assert!(error.to_string().contains("within one UTC day"), "{error}");
}

#[tokio::test]
async fn more_label_names_than_columns_go_into_the_map() {
    let names: Vec<String> = (0..400).map(|i| format!("label_{i:03}")).collect();
    let mut series = Series::new();
    for (i, name) in names.iter().enumerate() {
        series
            .insert(set("wide", &[(name, "x"), ("common", "y")]), BTreeMap::from([(NOON + i as i64, 1f64.to_bits())]));
    }
    let block = written(&series).await.unwrap();
    assert_eq!(read(block.as_ref(), &[], i64::MIN, i64::MAX).await, series);
    let one = [Matcher::equal("label_399", "x"), Matcher::equal("common", "y")];
    assert_eq!(read(block.as_ref(), &one, i64::MIN, i64::MAX).await.len(), 1);
}

#[tokio::test]
async fn files_that_are_cut_short_or_flipped_give_errors_and_never_other_series() {
    let (first, objects) = shelf();
    let series = sample_data(5, 300);
    let (start, end) = range(&series);
    first.write(&Tenant::default(), start, end, extras::shown(&series)).await.unwrap().unwrap();
    for file in objects.list(None).await.unwrap() {
        let whole = objects.get(&file.location).await.unwrap();
        let (mut errors, mut reads) = (0, 0);
        for step in 0..120usize {
            let at = step * whole.len() / 120;
            let mut bytes = whole.to_vec();
            if step % 4 == 0 {
                bytes.truncate(at)
            } else {
                bytes[at] ^= 1 << (step % 8)
            }
            objects.put(&file.location, bytes.into()).await.unwrap();
            let shelf = BlockShelf::new(objects.clone(), Clock::system(), Memory::mib(1, 1));
            match everything(&shelf).await {
                Err(error) => {
                    errors += 1;
                    assert!(error.to_string().contains("default-tenant/raw/"), "{error}");
                }
                Ok(_) if shelf.damaged() == 1 => errors += 1,
                // A flipped bit within the values of a sample is beyond what Parquet itself can tell.
                Ok(found) => {
                    reads += 1;
                    assert!(found.keys().all(|labels| series.contains_key(labels)), "{}: byte {at}", file.location);
                }
            }
        }
        println!("{}: {errors} errors, {reads} reads", file.location.filename().unwrap());
        assert!(errors > 30, "{errors} {reads}");
        objects.put(&file.location, whole).await.unwrap();
    }
}

async fn everything(shelf: &BlockShelf) -> Result<Series> {
    let mut out = Series::new();
    for (_, block) in shelf.list().await? {
        block.exemplars(&[], i64::MIN, i64::MAX).await?;
        block.metrics().await?;
        let rows = block.select(&[], i64::MIN, i64::MAX).await?;
        let numbers: Vec<u32> = rows.iter().map(|r| r.row).collect();
        for (row, samples) in rows.iter().zip(block.read(&numbers, i64::MIN, i64::MAX).await?) {
            let Samples { timestamps: t, values: v, .. } = samples;
            out.insert(
                Labels::from_canonical(&row.labels).to_set(),
                t.into_iter().zip(v.into_iter().map(f64::to_bits)).collect(),
            );
        }
    }
    Ok(out)
}

#[test]
fn any_bytes_as_a_series_file_are_read_or_refused() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let files =
        runtime.block_on(write::write(extras::shown(&sample_data(4, 10)), NOON - DAY / 2, NOON)).unwrap().unwrap();
    let mut whole = vec![1];
    whole.extend_from_slice(&files.series);
    fuzz::fuzz(&whole);
    let mut seed = 7u64;
    for _ in 0..300 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let mut bytes = whole.clone();
        let at = (seed >> 20) as usize % bytes.len();
        bytes[at] ^= 1 << (seed >> 61);
        fuzz::fuzz(&bytes);
    }
}

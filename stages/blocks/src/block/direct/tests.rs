#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::single_range_in_vec_init)]

use std::sync::Arc;

use arrow::array::RecordBatch;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::ArrowWriter;
use parquet::basic::Encoding;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use proptest::prelude::*;
use weir_pipeline::histogram::{BucketSpan, Buckets};
use weir_pipeline::{Histogram, HistogramPoint};

use super::super::columns::Columns;
use super::super::index::Index;
use super::super::read::Reading;
use super::super::schema::{self, Beside};
use super::*;
use crate::bucket::objects::Objects;

/// How a file is written.
#[derive(Clone, Copy, Debug)]
struct Layout {
    page_rows: usize,
    /// Rows that are encoded before a page may end.
    step: usize,
    group_series: usize,
    compressed: bool,
    dictionary: bool,
}

const OURS: Layout = Layout { page_rows: 1000, step: 64, group_series: 3, compressed: true, dictionary: true };

/// A file of these series, whose row groups have `group_series` each, and how the series lie in them.
async fn file(series: &[Samples], layout: Layout) -> Reading {
    let histograms = series.iter().any(|samples| !samples.histograms.is_empty());
    let beside = Beside { histograms, starts: series.iter().any(|samples| !samples.starts.is_empty()) };
    let schema = schema::samples(beside);
    let mut writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties(layout))).unwrap();
    let mut starts: Vec<Vec<u32>> = Vec::new();
    for (group, members) in series.chunks(layout.group_series).enumerate() {
        let mut columns = Columns::new(0, beside);
        let mut counts = vec![0; series.len()];
        for (i, samples) in members.iter().enumerate() {
            counts[group * layout.group_series + i] = samples.len() as u32;
            columns.add(i as u32, samples);
        }
        if counts.iter().sum::<u32>() == 0 {
            continue;
        }
        writer.write(&RecordBatch::try_new(schema.clone(), columns.finish().unwrap()).unwrap()).unwrap();
        writer.flush().unwrap();
        starts.push(Vec::from_iter(std::iter::once(0).chain(counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        }))));
    }
    let since = (0..).zip(series).filter(|(_, samples)| !samples.starts.is_empty()).map(|(row, _)| row).collect();
    reading(writer.into_inner().unwrap(), starts, since).await
}

fn properties(layout: Layout) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_data_page_row_count_limit(layout.page_rows)
        .set_write_batch_size(layout.step)
        .set_max_row_group_row_count(None);
    if layout.compressed {
        properties = properties.set_compression(Compression::ZSTD(parquet::basic::ZstdLevel::default()));
    }
    if !layout.dictionary {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from("scale"), false);
    }
    for (name, encoding) in [
        ("ts", Encoding::DELTA_BINARY_PACKED),
        ("mant", Encoding::DELTA_BINARY_PACKED),
        ("val", Encoding::BYTE_STREAM_SPLIT),
    ] {
        let column = ColumnPath::from(name);
        properties =
            properties.set_column_dictionary_enabled(column.clone(), false).set_column_encoding(column, encoding);
    }
    properties.build()
}

async fn reading(bytes: Vec<u8>, starts: Vec<Vec<u32>>, since: Vec<u32>) -> Reading {
    let (store, path, size) = (Arc::new(InMemory::new()), Path::from("samples"), bytes.len() as u64);
    store.put(&path, bytes.into()).await.unwrap();
    let objects = Arc::new(Objects::remote(store as Arc<dyn ObjectStore>));
    let mut file = Fetch { objects, path, size, pages: None };
    let footer = file.metadata().await.unwrap();
    let mut index = Index::default();
    (index.starts, index.since) = (starts, since);
    Reading { file, footer, index: Arc::new(index), start: i64::MIN, end: i64::MAX, lasts: None }
}

fn samples(of: impl IntoIterator<Item = (i64, f64)>) -> Samples {
    let (timestamps, values) = of.into_iter().unzip();
    Samples { timestamps, values, ..Samples::default() }
}

/// Both ways to read give the same, bit for bit.
async fn check(reading: &Reading, rows: &[u32]) {
    let bits = |samples: &[Samples]| -> Vec<(Vec<i64>, Vec<u64>, Vec<i64>)> {
        let own =
            |s: &Samples| (s.timestamps.clone(), s.values.iter().map(|v| v.to_bits()).collect(), s.starts.clone());
        samples.iter().map(own).collect()
    };
    let direct = reading.floats(rows).await.unwrap().expect("it reads floats of these columns");
    assert_eq!(bits(&direct), bits(&reading.all(rows).await.unwrap()), "{rows:?}");
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-1000i64..1000).prop_map(|n| n as f64),
        2 => (0i64..1 << 50).prop_map(|n| n as f64 / 1000.0),
        1 => any::<u64>().prop_map(f64::from_bits),
        1 => Just(f64::from_bits(0x7ff0_0000_0000_0002)),
    ]
}

/// Series that go on in one way for a while, as series do, and then in another.
fn any_samples() -> impl Strategy<Value = Samples> {
    // A stretch may have a start, of its own or of each sample.
    let start = prop_oneof![3 => Just(None), 2 => Just(Some(false)), 1 => Just(Some(true))];
    let stretch = (any_value(), -5i64..6, 1i64..100_000, 0..400usize, start);
    prop::collection::vec(stretch, 0..5).prop_map(|stretches| {
        let mut ts = 1_700_000_000_000;
        let mut out = Samples::default();
        for (value, slope, interval, count, start) in stretches {
            let own = (0..count as i64)
                .map(|i| (ts + i * interval, if slope == 0 { value } else { value + (i * slope) as f64 }));
            let starts: Vec<_> =
                own.clone().map(|(t, _)| start.map_or(0, |each| if each { t - interval } else { ts })).collect();
            let before = out.timestamps.len();
            own.for_each(|(t, v)| {
                out.timestamps.push(t);
                out.values.push(v);
            });
            starts::append(&mut out.starts, before, out.timestamps.len(), &starts);
            ts += interval * count as i64;
        }
        out
    })
}

fn any_layout() -> impl Strategy<Value = Layout> {
    (1..600usize, 1..100usize, 1..4usize, any::<bool>()).prop_map(|(page_rows, step, group_series, compressed)| {
        Layout { page_rows, step, group_series, compressed, dictionary: true }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 200 }))]
    #[test]
    fn what_is_decoded_directly_is_what_the_library_reads(
        series in prop::collection::vec(any_samples(), 1..8),
        layout in any_layout(),
        picked in prop::collection::vec(any::<bool>(), 8),
        window in prop::option::of((0i64..40_000_000, 0i64..40_000_000)),
    ) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let mut reading = file(&series, layout).await;
            if let Some((from, length)) = window {
                (reading.start, reading.end) = (1_700_000_000_000 + from, 1_700_000_000_000 + from + length);
            }
            let rows: Vec<u32> = (0..series.len() as u32).filter(|row| picked[*row as usize]).collect();
            check(&reading, &rows).await;
        });
    }

    /// Any byte of the columns may be another: what is decoded may be wrong, as it may be with the library, and never panics.
    #[test]
    fn damaged_pages_are_no_panic(
        series in prop::collection::vec(any_samples(), 1..4),
        layout in any_layout(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..10),
    ) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let reading = file(&series, layout).await;
            let rows: Vec<u32> = (0..series.len() as u32).collect();
            let ranges = |group: usize| vec![0..reading.index.starts[group].last().copied().unwrap() as usize];
            for group in 0..reading.index.starts.len() {
                let plan = Plan::of(reading.footer.metadata(), group, &ranges(group), !reading.index.since.is_empty()).unwrap();
                let mut bytes: Vec<Vec<u8>> =
                    fetch(&reading.file, std::slice::from_ref(&plan)).await.unwrap().iter().map(|b| b.to_vec()).collect();
                for (at, value) in &damage {
                    let page = at.index(bytes.len());
                    if let Some(byte) = bytes.get_mut(page).and_then(|page| { let at = at.index(page.len().max(1)); page.get_mut(at) }) {
                        *byte = *value;
                    }
                }
                let mut bytes = bytes.into_iter().map(Bytes::from);
                if let Some(mut floats) = plan.floats(&mut bytes) {
                    for row in &rows {
                        let starts = &reading.index.starts[group];
                        let (start, end) = (starts[*row as usize] as usize, starts[*row as usize + 1] as usize);
                        if start < end && floats.series(start..end, (i64::MIN, i64::MAX), &mut Samples::default()).is_none() {
                            break;
                        }
                    }
                }
            }
        });
    }
}

/// A counter at regular times.
fn counter(count: i64) -> Samples {
    samples((0..count).map(|i| (1_700_000_000_000 + i * 15_000, (i * 7) as f64)))
}

#[tokio::test]
async fn floats_that_are_no_decimals_stand_between_those_that_are() {
    let mixed = samples((0..500i64).map(|i| (i, if i % 7 == 3 { f64::NAN } else { i as f64 / 4.0 })));
    check(&file(&[counter(300), mixed, counter(2000)], OURS).await, &[0, 1, 2]).await;
}

#[tokio::test]
async fn of_many_pages_only_those_of_the_rows_are_read() {
    let series: Vec<Samples> = (0..30).map(|_| counter(1000)).collect();
    let reading = file(&series, Layout { group_series: 30, ..OURS }).await;
    let plan =
        |ranges: &[Range<usize>]| Plan::of(reading.footer.metadata(), 0, ranges, false).unwrap().ranges().count();
    let (one, all) = (plan(&[15_000..16_000]), plan(&[0..30_000]));
    assert!(one <= 9 && all > 100, "{one} ranges of {all}");
    check(&reading, &[15]).await;
}

#[tokio::test]
async fn native_histograms_are_left_to_the_library() {
    let point = |timestamp| HistogramPoint {
        timestamp,
        start: 0,
        histogram: Arc::new(Histogram {
            count: 1.0,
            sum: 1.0,
            positive: Buckets { spans: vec![BucketSpan { offset: 0, length: 1 }], counts: vec![1.0] },
            ..Histogram::default()
        }),
    };
    let both = Samples { histograms: vec![point(1), point(5)], ..samples([(2, 1.0), (3, 2.0)]) };
    let reading = file(&[counter(10), both.clone(), counter(20)], OURS).await;
    check(&reading, &[0, 2]).await;
    assert!(reading.floats(&[0, 1, 2]).await.unwrap().is_none());
    assert_eq!(reading.read(&[1]).await.unwrap(), [both]);
}

#[tokio::test]
async fn other_encodings_are_left_to_the_library() {
    let reading = file(&[counter(100)], Layout { dictionary: false, ..OURS }).await;
    assert!(reading.floats(&[0]).await.unwrap().is_none());
    assert_eq!(reading.read(&[0]).await.unwrap(), [counter(100)]);
}

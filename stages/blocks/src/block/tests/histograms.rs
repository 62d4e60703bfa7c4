//! Native histograms in blocks.

use weir_pipeline::testing::{histogram_bits, histogram_point};

use super::*;

/// Rows with samples of both kinds.
#[derive(Clone, Debug)]
struct Mixed(Vec<(LabelSet, Samples)>);

#[async_trait]
impl Rows for Mixed {
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

    fn have_histograms(&self) -> bool {
        self.0.iter().any(|(_, samples)| !samples.histograms.is_empty())
    }

    async fn read(&self, range: std::ops::Range<usize>, start: i64, end: i64) -> Result<Vec<Samples>> {
        Ok(self.0[range].iter().map(|(_, samples)| within(samples, start, end)).collect())
    }
}

fn within(samples: &Samples, start: i64, end: i64) -> Samples {
    let floats = samples.timestamps.iter().copied().zip(samples.values.iter().copied());
    let mut out: Samples = floats.filter(|(t, _)| (start..=end).contains(t)).collect();
    let histograms = samples.histograms.iter().filter(|point| (start..=end).contains(&point.timestamp));
    out.histograms = histograms.cloned().collect();
    out
}

/// Every bit of samples: of floats, and of histograms.
fn bits(samples: &Samples) -> (Vec<(i64, u64)>, Vec<Vec<u8>>) {
    let floats = samples.timestamps.iter().zip(&samples.values).map(|(ts, value)| (*ts, value.to_bits()));
    let histogram =
        |(ts, start, bits): (i64, i64, Vec<u8>)| [&ts.to_le_bytes()[..], &start.to_le_bytes(), &bits].concat();
    (floats.collect(), histogram_bits(&samples.histograms).into_iter().map(histogram).collect())
}

fn mixed() -> impl Strategy<Value = Mixed> {
    // A sample is a float where its seed is even.
    let samples = prop::collection::btree_map(-DAY / 2..DAY / 2, any::<u64>(), 0..30);
    prop::collection::btree_map(any_labels(), samples, 1..10).prop_map(|series| {
        let mut rows: Vec<_> = series
            .into_iter()
            .map(|(labels, samples)| {
                let (floats, histograms): (Vec<_>, Vec<_>) = samples.into_iter().partition(|(_, seed)| seed % 2 == 0);
                let mut out: Samples = floats.into_iter().map(|(t, v)| (NOON + t, f64::from_bits(v))).collect();
                out.histograms = histograms.into_iter().map(|(t, seed)| histogram_point(NOON + t, seed)).collect();
                (labels, out)
            })
            .collect();
        rows.sort_by(|a, b| compare(a.0.as_labels(), b.0.as_labels()));
        Mixed(rows)
    })
}

async fn check(rows: Mixed, start: i64, end: i64) {
    let (shelf, objects) = shelf();
    let tenant = Tenant::default();
    let all = rows.0.iter().filter_map(|(_, samples)| samples.times());
    let Some((min, max)) = all.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) else { return };
    shelf.write(&tenant, min, max, Arc::new(rows.clone())).await.unwrap().unwrap();
    // As another process finds it.
    let again = BlockShelf::new(objects, Clock::system(), Memory::mib(64, 1));
    let block = again.list().await.unwrap().remove(0).1;
    assert_eq!((block.min_ts(), block.max_ts()), (min, max));
    assert_eq!(block.has_histograms(), rows.have_histograms());
    assert_eq!(block.samples(), rows.0.iter().map(|(_, samples)| samples.len() as u64).sum::<u64>());
    let selected = block.select(&[], start, end).await.unwrap();
    for row in &selected {
        let labels = Labels::from_canonical(&row.labels).to_set();
        let written = rows.0.iter().find(|(other, _)| *other == labels).unwrap();
        assert_eq!(row.histograms, !written.1.histograms.is_empty());
    }
    let numbers: Vec<u32> = selected.iter().map(|row| row.row).collect();
    let read = block.read(&numbers, start, end).await.unwrap();
    let found = selected.iter().zip(&read).filter(|(_, samples)| !samples.is_empty());
    let found: Vec<_> = found.map(|(row, s)| (Labels::from_canonical(&row.labels).to_set(), bits(s))).collect();
    let expect = rows.0.iter().map(|(labels, s)| (labels.clone(), within(s, start, end)));
    let expect: Vec<_> = expect.filter(|(_, s)| !s.is_empty()).map(|(labels, s)| (labels, bits(&s))).collect();
    assert_eq!(found, expect);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn samples_of_both_kinds_read_back_bit_for_bit(rows in mixed(), from in -DAY / 2..DAY / 2, length in 0..DAY) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(check(rows.clone(), i64::MIN, i64::MAX));
        runtime.block_on(check(rows, NOON + from, NOON + from + length));
    }
}

fn format_of(file: &bytes::Bytes) -> String {
    let reader = parquet::file::reader::SerializedFileReader::new(file.clone()).unwrap();
    let metadata = parquet::file::reader::FileReader::metadata(&reader).file_metadata();
    let pairs = metadata.key_value_metadata().unwrap();
    pairs.iter().find(|pair| pair.key == "weir.format").unwrap().value.clone().unwrap()
}

#[tokio::test]
async fn a_block_of_floats_alone_is_of_version_1_and_has_no_places_for_histograms() {
    let labels = set("h", &[]);
    let floats: Samples = [(NOON, 1.0)].into_iter().collect();
    let both = Samples { histograms: vec![histogram_point(NOON + 1, 5)], ..floats.clone() };
    for (samples, format, columns) in [(floats, "1", 5), (both, "2", 19)] {
        let rows = Mixed(vec![(labels.clone(), samples)]);
        let files = write::write(&rows, NOON, NOON + 1).await.unwrap().unwrap();
        assert_eq!(files.format.to_string(), format);
        assert_eq!((format_of(&files.samples).as_str(), format_of(&files.series).as_str()), (format, format));
        let reader = parquet::file::reader::SerializedFileReader::new(files.samples.clone()).unwrap();
        let metadata = parquet::file::reader::FileReader::metadata(&reader).file_metadata();
        assert_eq!(metadata.schema_descr().num_columns(), columns);
    }
}

#[test]
fn the_columns_of_histograms_are_those_of_the_format() {
    let names: Vec<String> =
        schema::histogram().iter().map(|field| format!("{} {}", field.name(), field.data_type())).collect();
    let list = |name: &str, of: &str| format!("{name} List({of})");
    let expect = [
        "reset Int8".to_owned(),
        "schema Int32".to_owned(),
        "zero_threshold Float64".to_owned(),
        "zero_count Float64".to_owned(),
        "count Float64".to_owned(),
        "sum Float64".to_owned(),
        list("positive_offsets", "Int32"),
        list("positive_lengths", "Int32"),
        list("positive_counts", "Float64"),
        list("negative_offsets", "Int32"),
        list("negative_lengths", "Int32"),
        list("negative_counts", "Float64"),
        list("custom_bounds", "Float64"),
    ];
    assert_eq!(names, expect);
    let samples: Vec<String> = schema::samples(true).fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(samples, ["series_ref", "ts", "mant", "scale", "val", "start_ts", "histogram"]);
}

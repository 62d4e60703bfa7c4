//! Native histograms, and starts of floats, in blocks.

use weir_pipeline::testing::{histogram_bits, histogram_point};

use super::schema::Beside;
use super::*;

/// Rows with samples of both kinds.
#[derive(Clone, Debug)]
pub(super) struct Mixed(pub(super) Vec<(LabelSet, Samples)>);

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

    fn have_starts(&self) -> bool {
        self.0.iter().any(|(_, samples)| !samples.starts.is_empty())
    }

    fn have_histograms(&self) -> bool {
        self.0.iter().any(|(_, samples)| !samples.histograms.is_empty())
    }

    async fn read(&self, range: std::ops::Range<usize>, start: i64, end: i64) -> Result<Vec<Samples>> {
        Ok(self.0[range].iter().map(|(_, samples)| within(samples, start, end)).collect())
    }
}

fn within(samples: &Samples, start: i64, end: i64) -> Samples {
    let mut out = samples.clone();
    crate::starts::retain(out.floats_mut(), |t, _, _| (start..=end).contains(&t));
    out.histograms.retain(|point| (start..=end).contains(&point.timestamp));
    out
}

/// Floats, their starts, and histograms, bit for bit.
pub(super) type Bits = (Vec<(i64, u64)>, Vec<i64>, Vec<Vec<u8>>);

pub(super) fn bits(samples: &Samples) -> Bits {
    let floats = samples.timestamps.iter().zip(&samples.values).map(|(ts, value)| (*ts, value.to_bits()));
    let histogram =
        |(ts, start, bits): (i64, i64, Vec<u8>)| [&ts.to_le_bytes()[..], &start.to_le_bytes(), &bits].concat();
    (floats.collect(), samples.starts.clone(), histogram_bits(&samples.histograms).into_iter().map(histogram).collect())
}

pub(super) fn mixed() -> impl Strategy<Value = Mixed> {
    // A sample is a float where its seed is even, with a start where two bits of it say so.
    let samples = prop::collection::btree_map(-DAY / 2..DAY / 2, any::<u64>(), 0..30);
    prop::collection::btree_map(any_labels(), samples, 1..10).prop_map(|series| {
        let mut rows: Vec<_> = series
            .into_iter()
            .map(|(labels, samples)| {
                let (floats, histograms): (Vec<_>, Vec<_>) = samples.into_iter().partition(|(_, seed)| seed % 2 == 0);
                let starts: Vec<_> =
                    floats.iter().map(|(t, v)| if v & 6 == 6 { NOON + t - (v % 5) as i64 } else { 0 }).collect();
                let mut out: Samples = floats.into_iter().map(|(t, v)| (NOON + t, f64::from_bits(v))).collect();
                crate::starts::append(&mut out.starts, 0, out.timestamps.len(), &starts);
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
    assert_eq!(block.has_starts(), rows.have_starts() || rows.have_histograms());
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
    let since = Samples { starts: vec![NOON - 5], ..floats.clone() };
    for (samples, format, columns) in [(floats, "1", 5), (since, "1", 6), (both, "2", 19)] {
        let rows = Arc::new(Mixed(vec![(labels.clone(), samples)]));
        let files = write::write(rows, NOON, NOON + 1).await.unwrap().unwrap();
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
    let samples: Vec<String> = schema::samples(Beside { histograms: true, starts: false })
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    assert_eq!(samples, ["series_ref", "ts", "mant", "scale", "val", "start_ts", "histogram"]);
}

/// A block of one series of floats, whose samples file is `samples` in place of its own.
async fn read_with(samples: impl FnOnce(bytes::Bytes) -> bytes::Bytes) -> Result<Vec<Samples>> {
    let floats: Samples = (0..500).map(|t| (NOON + t, t as f64)).collect();
    let rows = Mixed(vec![(set("m", &[]), Samples { starts: vec![NOON - 5; 500], ..floats })]);
    let (shelf, objects) = shelf();
    let block = shelf.write(&Tenant::default(), NOON, NOON + 500, Arc::new(rows)).await?.unwrap();
    let path = Path::from(format!("{}/raw/block={}/{SAMPLES_FILE}", Tenant::default(), block.id()));
    let file = objects.get(&path).await?;
    objects.put(&path, samples(file)).await?;
    let again = BlockShelf::new(objects, Clock::system(), Memory::mib(64, 1));
    let block = again.list().await?.remove(0).1;
    block.read(&[0], NOON, NOON + 500).await
}

/// The same rows with another column of starts.
fn with_starts(file: bytes::Bytes, starts: Option<arrow::array::ArrayRef>) -> bytes::Bytes {
    use arrow::array::RecordBatch;
    use arrow::datatypes::{Field, Schema};
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let batch = reader.build().unwrap().next().unwrap().unwrap();
    let (schema, mut columns, _) = batch.into_parts();
    let mut fields: Vec<Field> = schema.fields().iter().map(|field| field.as_ref().clone()).collect();
    fields.pop();
    columns.pop();
    if let Some(starts) = starts {
        fields.push(Field::new("start_ts", starts.data_type().clone(), true));
        columns.push(starts);
    }
    let schema = Arc::new(Schema::new(fields));
    let properties = schema::samples_properties();
    let mut writer = parquet::arrow::ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties)).unwrap();
    writer.write(&RecordBatch::try_new(schema, columns).unwrap()).unwrap();
    schema::stamp(1).into_iter().for_each(|pair| writer.append_key_value_metadata(pair));
    writer.into_inner().unwrap().into()
}

#[tokio::test]
async fn a_damaged_column_of_starts_is_an_error_that_names_it() {
    use arrow::array::{Int64Array, StringArray};
    assert_eq!(read_with(|file| file).await.unwrap()[0].starts, [NOON - 5; 500]);
    let other = Arc::new(Int64Array::from(vec![7; 500]));
    assert_eq!(read_with(|file| with_starts(file, Some(other))).await.unwrap()[0].starts, [7; 500]);
    let error = read_with(|file| with_starts(file, None)).await.unwrap_err().report();
    assert!(error.contains("the column start_ts is missing"), "{error}");
    let texts = Arc::new(StringArray::from(vec!["7"; 500]));
    let error = read_with(|file| with_starts(file, Some(texts))).await.unwrap_err().report();
    assert!(error.contains("the column start_ts is of another type"), "{error}");
    // The pages of the last column stand before the footer.
    let broken = |file: bytes::Bytes| -> bytes::Bytes {
        let reader = parquet::file::reader::SerializedFileReader::new(file.clone()).unwrap();
        let metadata = parquet::file::reader::FileReader::metadata(&reader);
        let (start, length) = metadata.row_group(0).columns().last().unwrap().byte_range();
        let mut bytes = file.to_vec();
        bytes[start as usize..(start + length) as usize].fill(0x5a);
        bytes.into()
    };
    let error = read_with(broken).await.unwrap_err();
    assert_eq!(error.kind(), weir_pipeline::Kind::Internal, "{}", error.report());
}

//! What the files of a block are.

use super::*;

#[test]
fn the_columns_and_their_encodings_are_those_of_the_format() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let files = runtime
        .block_on(write::write(table(&sample_data(20, 2000)), NOON - DAY / 2, NOON + DAY / 2 - 1))
        .unwrap()
        .unwrap();
    let shown = |file: &bytes::Bytes| {
        let reader = parquet::file::reader::SerializedFileReader::new(file.clone()).unwrap();
        let metadata = parquet::file::reader::FileReader::metadata(&reader).clone();
        let columns: Vec<String> = metadata
            .row_group(0)
            .columns()
            .iter()
            .map(|c| {
                let mut encodings: Vec<String> = c.encodings().map(|e| e.to_string()).collect();
                encodings.sort();
                format!("{} {} {}", c.column_path(), c.compression(), encodings.join(","))
            })
            .collect();
        (columns.join("\n"), metadata.num_row_groups())
    };
    let (samples, groups) = shown(&files.samples);
    assert_eq!(groups, 3, "2,000 samples at 15 s reach over three windows of four hours");
    assert_eq!(
        samples,
        "\
\"series_ref\" ZSTD(ZstdLevel(1)) PLAIN,RLE,RLE_DICTIONARY
\"ts\" ZSTD(ZstdLevel(1)) DELTA_BINARY_PACKED,RLE
\"mant\" ZSTD(ZstdLevel(1)) DELTA_BINARY_PACKED,RLE
\"scale\" ZSTD(ZstdLevel(1)) PLAIN,RLE,RLE_DICTIONARY
\"val\" ZSTD(ZstdLevel(1)) BYTE_STREAM_SPLIT,RLE"
    );
    let (series, _) = shown(&files.series);
    for column in [
        "series_ref",
        "series_id",
        "metric",
        "kind",
        "min_ts",
        "max_ts",
        "runs.list.item",
        "l_cpu",
        "l_instance",
        "l_job",
    ] {
        assert!(series.contains(&format!("\"{column}\"")), "no {column} in\n{series}");
    }
    assert!(series.contains("labels_rest"), "{series}");
}

#[tokio::test]
async fn a_later_format_is_refused_by_name() {
    let (_, objects) = shelf();
    let path = Path::from("t/raw/block=01ARZ3NDEKTSV4RRFFQ69G5FAV");
    let mut writer = parquet::arrow::ArrowWriter::try_new(
        Vec::new(),
        schema::samples(schema::Beside { starts: false, histograms: true }),
        None,
    )
    .unwrap();
    for (key, value) in [("weir.format", "3"), ("weir.encoding", "1")] {
        writer.append_key_value_metadata(parquet::file::metadata::KeyValue::new(key.to_owned(), value.to_owned()));
    }
    let bytes = writer.into_inner().unwrap();
    objects.put(&path.clone().join(SAMPLES_FILE), bytes.clone().into()).await.unwrap();
    objects.put(&path.join(SERIES_FILE), bytes.into()).await.unwrap();
    let Err(error) = BlockShelf::new(objects, Clock::system(), Memory { indexes: 1, pages: 1 }).list().await else {
        panic!("it was read")
    };
    let message =
        "`t/raw/block=01ARZ3NDEKTSV4RRFFQ69G5FAV/samples.parquet` has weir.format 3, this program reads up to 2";
    assert_eq!(error.to_string(), message);
}

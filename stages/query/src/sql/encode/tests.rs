#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Float64Builder, Int64Array, ListBuilder, StringArray, StructArray,
    TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Field};
use datafusion::arrow::ipc::reader::StreamReader;

use super::*;

fn batch() -> RecordBatch {
    let times = TimestampMillisecondArray::from(vec![Some(1_700_000_000_123), None]).with_timezone("UTC");
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("time", Arc::new(times)),
        ("a \"b\"", Arc::new(StringArray::from(vec![Some("x,\n\"y\""), Some("")]))),
        ("f", Arc::new(Float64Array::from(vec![f64::NAN, 1e300]))),
        ("g", Arc::new(Float64Array::from(vec![f64::NEG_INFINITY, -0.5]))),
        ("i", Arc::new(Int64Array::from(vec![Some(i64::MIN), None]))),
        ("b", Arc::new(BooleanArray::from(vec![true, false]))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).unwrap()
}

fn written(form: RowForm, batches: &[RecordBatch], warnings: &[String]) -> Vec<u8> {
    let mut encoder = Encoder::new(form, &batch().schema()).unwrap();
    let mut out = Vec::new();
    for batch in batches {
        encoder.add(batch).unwrap();
        out.extend(encoder.take());
    }
    encoder.finish(warnings).unwrap();
    assert!(encoder.len() > 0 || form == RowForm::Csv);
    out.extend(encoder.take());
    out
}

#[test]
fn json_has_numbers_where_there_are_some_and_else_texts() {
    let text = String::from_utf8(written(RowForm::Json, &[batch(), batch()], &["a \"w\"".to_owned()])).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let first = serde_json::json!(["2023-11-14T22:13:20.123Z", "x,\n\"y\"", "NaN", "-Inf", i64::MIN, true]);
    let second = serde_json::json!([null, "", 1e300, -0.5, null, false]);
    assert_eq!(json["data"]["rows"], serde_json::json!([first, second, first, second]));
    assert_eq!(json["data"]["columns"][1], serde_json::json!({ "name": "a \"b\"", "type": "Utf8" }));
    assert_eq!((&json["status"], &json["warnings"]), (&"success".into(), &serde_json::json!(["a \"w\""])));
}

#[test]
fn json_without_rows_has_columns() {
    let text = String::from_utf8(written(RowForm::Json, &[], &[])).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["data"]["columns"].as_array().unwrap().len(), 6);
    assert_eq!((&json["data"]["rows"], json.get("warnings")), (&serde_json::json!([]), None));
}

#[test]
fn csv_quotes_what_must_be_quoted_and_tells_null_from_empty() {
    let text = String::from_utf8(written(RowForm::Csv, &[batch()], &[])).unwrap();
    let expected = "time,\"a \"\"b\"\"\",f,g,i,b\n\
                    2023-11-14T22:13:20.123Z,\"x,\n\"\"y\"\"\",NaN,-Inf,-9223372036854775808,true\n\
                    ,\"\",1e300,-0.5,,false\n";
    assert_eq!(text, expected);
}

#[test]
fn lists_and_structs_are_json_in_json_and_in_csv() {
    let mut lists = ListBuilder::new(Float64Builder::new());
    lists.append_value([Some(0.5), None, Some(f64::INFINITY)]);
    lists.append_value([None; 0]);
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["a\"", "b"]));
    let fields = vec![(Arc::new(Field::new("x", DataType::Utf8, false)), texts)];
    let columns: [(&str, ArrayRef); 2] = [("l", Arc::new(lists.finish())), ("s", Arc::new(StructArray::from(fields)))];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let written = |form| {
        let mut encoder = Encoder::new(form, &batch.schema()).unwrap();
        encoder.add(&batch).unwrap();
        encoder.finish(&[]).unwrap();
        String::from_utf8(encoder.take()).unwrap()
    };
    let json: serde_json::Value = serde_json::from_str(&written(RowForm::Json)).unwrap();
    let expected = serde_json::json!([[[0.5, null, "+Inf"], { "x": "a\"" }], [[], { "x": "b" }]]);
    assert_eq!(json["data"]["rows"], expected);
    let csv = written(RowForm::Csv);
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[1], r#""[0.5,null,""+Inf""]","{""x"":""a\""""}""#);
    assert_eq!(lines[2], r#"[],"{""x"":""b""}""#);
}

#[test]
fn arrow_reads_back() {
    let bytes = written(RowForm::Arrow, &[batch(), batch()], &[]);
    let read: Vec<RecordBatch> = StreamReader::try_new(bytes.as_slice(), None).unwrap().map(Result::unwrap).collect();
    assert_eq!(read.len(), 2);
    assert_eq!(read[0].schema(), batch().schema());
    assert_eq!(read[1].column(4), batch().column(4));
}

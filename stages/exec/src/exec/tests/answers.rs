//! What counts as an answer, and bytes that are none.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float32Array, Int32Array, LargeStringBuilder, MapBuilder, StringArray, StringBuilder,
    TimestampMicrosecondArray, UInt64Array,
};
use arrow::datatypes::{Field, Schema};
use proptest::prelude::*;

use super::super::answers::Answers;
use super::super::fault::Fault;
use super::super::frame::Frame;
use super::*;

/// The rows of a batch as number 3, with other columns in the place of those of their names.
fn rows(of: &Batch, others: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let rows = rows::question(of, 3).unwrap();
    let mut columns: Vec<(String, ArrayRef)> =
        rows.schema().fields().iter().map(|f| f.name().clone()).zip(rows.columns().iter().cloned()).collect();
    for (name, column) in others {
        columns.retain(|(known, _)| known != name);
        columns.insert(0, (name.to_owned(), column));
    }
    let fields: Vec<Field> = columns.iter().map(|(n, c)| Field::new(n, c.data_type().clone(), true)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, c)| c).collect()).unwrap()
}

/// A row's labels, in this order; a value may be missing.
fn labels(of: &[&[(&str, Option<&str>)]]) -> ArrayRef {
    let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for row in of {
        for (name, value) in *row {
            map.keys().append_value(name);
            map.values().append_option(*value);
        }
        map.append(true).unwrap();
    }
    Arc::new(map.finish())
}

fn answered(others: Vec<(&str, ArrayRef)>) -> Result<String, String> {
    let sent = batch("up{job=\"a\"} 1 1000\nup{job=\"b\"} 2 2000");
    rows::answer(&rows(&sent, others), &sent, 3).map(|got| text(&got))
}

#[test]
fn columns_may_be_of_another_type_where_they_fit() {
    let mut large = MapBuilder::new(None, LargeStringBuilder::new(), LargeStringBuilder::new());
    for job in ["c", "d"] {
        large.keys().append_value("job");
        large.values().append_value(job);
        large.append(true).unwrap();
    }
    let got = answered(vec![
        ("labels", Arc::new(large.finish())),
        ("batch", Arc::new(Int32Array::from(vec![3, 3]))),
        ("timestamp", Arc::new(TimestampMicrosecondArray::from(vec![5_000, 6_000]).with_timezone("UTC"))),
        ("value", Arc::new(Float32Array::from(vec![0.5, 1.5]))),
        ("note", Arc::new(StringArray::from(vec!["of", "ours"]))),
    ]);
    assert_eq!(got.unwrap(), "{job=\"c\"} 0.5 5\n{job=\"d\"} 1.5 6\n");
}

#[test]
fn labels_may_come_in_any_order_and_empty_ones_are_absent() {
    let got = answered(vec![(
        "labels",
        labels(&[
            &[("job", Some("a")), ("__name__", Some("up")), ("x", Some(""))],
            &[("__name__", Some("up")), ("job", Some("a")), ("a", None)],
        ]),
    )]);
    assert_eq!(got.unwrap(), "up{job=\"a\"} 1 1000\nup{job=\"a\"} 2 2000\n");
}

#[test]
fn rows_that_are_no_answer_say_why() {
    let check = |name: &str, column: ArrayRef, expect: &str| {
        assert_eq!(answered(vec![(name, column)]).unwrap_err(), expect);
    };
    let text = |values: Vec<Option<&str>>| Arc::new(StringArray::from(values)) as ArrayRef;
    let whole = |values: Vec<Option<i32>>| Arc::new(Int32Array::from(values)) as ArrayRef;
    check("batch", Arc::new(UInt64Array::from(vec![3, 4])), "expected rows of batch 3, got one of batch 4");
    check("batch", text(vec![Some("3"); 2]), "expected the column `batch` as UInt64, got Utf8");
    check("tenant", text(vec![Some("default-tenant"), Some("b")]), "expected rows of the tenant `default-tenant` only");
    check("tenant", text(vec![Some("default-tenant"), None]), "expected rows of the tenant `default-tenant` only");
    check("value", whole(vec![Some(1), None]), "expected a value in each row of `value`, got a null");
    check("timestamp", whole(vec![None, None]), "expected a value in each row of `timestamp`, got a null");
    check(
        "timestamp",
        Arc::new(Float32Array::from(vec![1.0; 2])),
        "expected the column `timestamp` as Int64, got Float32",
    );
    check("labels", text(vec![Some("a"); 2]), "expected the column `labels` as map<utf8, utf8>, got Utf8");
    let twice = labels(&[&[("a", Some("1"))], &[("b", Some("1")), ("a", Some("1")), ("b", Some("2"))]]);
    check("labels", twice, "expected each label once, got `b` twice in row 1");
    check("labels", labels(&[&[("", Some("1"))], &[]]), "expected a name for each label, got none in row 0");
}

#[test]
fn a_column_that_is_missing_is_named() {
    let sent = batch("up 1");
    for name in ["batch", "tenant", "labels", "timestamp", "value", "start_timestamp"] {
        let rows = rows(&sent, Vec::new());
        let others: Vec<usize> = (0..6).filter(|i| rows.schema().field(*i).name() != name).collect();
        let error = rows::answer(&rows.project(&others).unwrap(), &sent, 3).unwrap_err();
        assert_eq!(error, format!("expected a column `{name}`, got none"));
    }
}

/// All that a program's output has, up to what is wrong with it.
fn heard(bytes: &[u8], sent: &Batch) -> (Vec<Result<Batch, String>>, Fault) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (mut from, mut answers, mut batches) = (bytes, Answers::default(), Vec::new());
        loop {
            let rows = match Frame::read(&mut from, 1 << 20).await {
                Ok(frame) => answers.take(&frame),
                Err(fault) => return (batches, fault),
            };
            match rows {
                Ok(Some(rows)) => batches.push(rows::answer(&rows, sent, batches.len() as u64)),
                Ok(None) => {}
                Err(fault) => return (batches, fault),
            }
        }
    })
}

/// A stream of three answers.
fn said(sent: &Batch) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &rows::schema()).unwrap();
    for number in 0..3 {
        writer.write(&rows::question(sent, number).unwrap()).unwrap();
    }
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn a_stream_is_read_to_its_end() {
    let sent = odd();
    let (batches, fault) = heard(&said(&sent), &sent);
    assert_eq!(batches.iter().map(|got| text(got.as_ref().unwrap())).collect::<Vec<_>>(), vec![text(&sent); 3]);
    assert!(matches!(&fault, Fault::Ended(how) if how == "it closed its stream"), "{fault}");
}

proptest! {
    #[test]
    fn damaged_output_is_a_fault_and_never_a_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let sent = odd();
        let mut bytes = said(&sent);
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = heard(&bytes, &sent);
        bytes.truncate(cut.index(bytes.len()));
        let _ = heard(&bytes, &sent);
    }
}

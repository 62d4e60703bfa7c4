#![allow(clippy::unwrap_used, missing_docs)]

use super::*;

#[test]
fn a_label_has_a_column_of_its_own_name_unless_that_hides_another() {
    let check = |label: &str, column: &str| assert_eq!(column_of(label, false), column);
    assert_eq!((column_of("count", false), column_of("count", true)), ("count".into(), "label_count".into()));
    assert_eq!(column_of("label_schema", true), "label_label_schema");
    check("job", "job");
    check("timeout", "timeout");
    check("time", "label_time");
    check("value", "label_value");
    check("label_time", "label_label_time");
    check("label_label_value", "label_label_label_value");
    check("label_job", "label_job");
    check("label_", "label_");
}

#[test]
fn columns_are_found_by_name() {
    let labels = ["value", "job", "label_value", "ü.x"].map(str::to_owned);
    let columns = Columns::new(labels.into_iter().collect(), false);
    let names: Vec<&str> = columns.schema().fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["time", "value", "job", "label_label_value", "label_value", "ü.x"]);
    let label = |label: &str| Some(Column::Label(label.to_owned()));
    assert_eq!(columns.get("time"), Some(Column::Time));
    assert_eq!(columns.get("value"), Some(Column::Value));
    assert_eq!(columns.get("label_value"), label("value"));
    assert_eq!(columns.get("label_label_value"), label("label_value"));
    assert_eq!(columns.get("ü.x"), label("ü.x"));
    assert_eq!(columns.get("up"), None);
    assert_eq!(columns.all().len(), 6);
    let columns = Columns::new(["sum".to_owned()].into(), true);
    let names: Vec<&str> = columns.schema().fields().iter().map(|field| field.name().as_str()).collect();
    let parts = ["time", "value", "count", "sum", "schema", "zero_threshold", "zero_count", "buckets"];
    assert_eq!(names, parts.into_iter().chain(["label_sum"]).collect::<Vec<_>>());
    assert_eq!((columns.get("sum"), columns.get("label_sum")), (Some(Column::Part(Part::Sum)), label("sum")));
}

//! Tests of `query`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use clap::Parser;
use serde_json::json;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    query: Query,
}

fn query(args: &[&str]) -> Query {
    let fixed = ["weir", "--url", "http://h:1/"];
    Line::try_parse_from(fixed.iter().chain(args)).unwrap().query
}

fn range() -> Value {
    let buckets = json!([[3, "-1", "1", "0.5"], [0, "1", "2", "1.5"]]);
    let histogram = json!({ "count": "2", "sum": "3", "buckets": buckets });
    json!({ "resultType": "matrix", "result": [
        { "metric": { "__name__": "m", "x": "a,\"b\"" }, "values": [[0, "0"], [30, "5"], [60, "10"]] },
        { "metric": { "__name__": "m" }, "values": [[60, "NaN"]], "histograms": [[0, histogram]] },
    ] })
}

#[test]
fn what_is_asked_depends_on_the_times() {
    let check = |args: &[&str], expect: &str| {
        assert_eq!(query(args).path(7_200_500), format!("/api/v1/{expect}"), "{args:?}");
    };
    check(&["up{}"], "query?query=up%7B%7D");
    check(&["up", "--time", "5"], "query?query=up&time=5");
    check(&["up", "--range", "1h"], "query_range?query=up&start=3600.500&end=7200.500&step=60s");
    check(&["up", "--range", "5s"], "query_range?query=up&start=7195.500&end=7200.500&step=1s");
    check(&["up", "--range", "1h", "--step", "5m"], "query_range?query=up&start=3600.500&end=7200.500&step=5m");
    check(&["up", "--start", "1", "--end", "2"], "query_range?query=up&start=1&end=2&step=1m");
}

#[test]
fn a_range_is_a_chart_unless_something_else_is_asked_for() {
    assert_eq!(query(&["up"]).format(), Format::Table);
    assert_eq!(query(&["up", "--range", "1h"]).format(), Format::Chart);
    assert_eq!(query(&["up", "--range", "1h", "--format", "csv"]).format(), Format::Csv);
    assert_eq!(query(&["up", "--json"]).format(), Format::Json);
}

#[test]
fn a_chart_has_a_line_for_each_series() {
    let text = show::chart(&show::series(&range()));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5);
    assert_eq!(lines[0], "m{x=\"a,\\\"b\\\"\"}");
    let drawn: String = lines[1].chars().skip(2).take(60).collect();
    assert_eq!((drawn.chars().next(), drawn.chars().last()), (Some('▁'), Some('█')));
    assert_eq!(drawn.split_whitespace().count(), 3);
    assert!(lines[1].ends_with("  min 0  max 10  last 10"), "{}", lines[1]);
    assert!(lines[3].trim().ends_with("last NaN"), "{}", lines[3]);
    assert_eq!(lines[4].trim(), format!("@0{}60", " ".repeat(55)));
    assert_eq!(show::chart(&[]), "");
}

#[test]
fn a_table_has_a_line_for_each_sample() {
    let text = show::table(&show::series(&range()));
    assert_eq!(
        text,
        "m{x=\"a,\\\"b\\\"\"}                                        0  @0\n\
         m{x=\"a,\\\"b\\\"\"}                                        5  @30\n\
         m{x=\"a,\\\"b\\\"\"}                                       10  @60\n\
         m               {count:2, sum:3, [-1,1]:0.5, (1,2]:1.5}  @0\n\
         m                                                   NaN  @60\n"
    );
    let scalar = show::series(&json!({ "resultType": "scalar", "result": [1.5, "7"] }));
    assert_eq!(show::table(&scalar), "  7  @1.5\n");
}

#[test]
fn csv_has_a_column_for_each_label() {
    let text = show::csv(&show::series(&range()));
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert_eq!(lines[0], "time,value,__name__,x");
    assert_eq!(lines[1], "0,0,m,\"a,\"\"b\"\"\"");
    assert_eq!(lines[4], "0,\"{count:2, sum:3, [-1,1]:0.5, (1,2]:1.5}\",m,");
    assert_eq!(lines.len(), 7);
}

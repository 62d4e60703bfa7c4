//! `promql(…)` as a table.

use super::{check, check_error};

const LOAD: &str = "1m
 up{job=\"a\",instance=\"1\"} 1 1 0
 up{job=\"b\",instance=\"2\"} 1 0 0
 up{job=\"b\",time=\"x\"} 5 5 5";

#[tokio::test]
async fn the_answer_of_a_range_query_is_a_table_with_a_column_for_each_label() {
    let query = "SELECT * FROM promql('sum by (job) (up{time=\"\"})', 0, 120, '1m') ORDER BY job, time";
    let expected = [
        "1970-01-01T00:00:00Z,1,a",
        "1970-01-01T00:01:00Z,1,a",
        "1970-01-01T00:02:00Z,0,a",
        "1970-01-01T00:00:00Z,1,b",
        "1970-01-01T00:01:00Z,0,b",
        "1970-01-01T00:02:00Z,0,b",
    ];
    check(LOAD, query, &expected).await;
}

#[tokio::test]
async fn times_are_numbers_of_seconds_texts_or_timestamps() {
    for (start, end, step) in [
        ("60", "60.0", "60"),
        ("'1970-01-01T00:01:00Z'", "'60'", "'1m'"),
        ("to_timestamp_seconds(60)", "TIMESTAMP '1970-01-01 00:01:00'", "INTERVAL '1 minute'"),
        ("CAST('1970-01-01T00:01:00Z' AS TIMESTAMP)", "30 + 30", "'60'"),
    ] {
        let query = format!("SELECT time, value FROM promql('count(up)', {start}, {end}, {step})");
        check(LOAD, &query, &["1970-01-01T00:01:00Z,3"]).await;
    }
}

#[tokio::test]
async fn an_instant_query_has_one_time() {
    let query = "SELECT * FROM promql('up{job=\"b\"}', 60) ORDER BY value";
    let expected = ["1970-01-01T00:01:00Z,0,up,2,b,", "1970-01-01T00:01:00Z,5,up,,b,x"];
    check(LOAD, query, &expected).await;
    check(LOAD, "SELECT label_time FROM promql('up{time!=\"\"}', 60)", &["x"]).await;
    check(LOAD, "SELECT value FROM promql('time() + 1', 60)", &["61"]).await;
    check(LOAD, "SELECT value FROM promql('nothing', 60)", &[]).await;
}

#[tokio::test]
async fn native_histograms_of_an_answer_have_columns() {
    let load = "1m\n h{job=\"a\"} {{schema:0 sum:5 count:3 buckets:[1 2]}}\n h{job=\"b\"} 4";
    let query = "SELECT job, value, count, buckets[2]['count'] FROM promql('h', 0, 60, '1m') ORDER BY job, time";
    check(load, query, &["a,,3,2", "a,,3,2", "b,4,,", "b,4,,"]).await;
    check(load, "SELECT job, value FROM promql('histogram_count(h)', 0)", &["a,3"]).await;
    check_error(load, "SELECT count FROM promql('histogram_count(h)', 0)", "count").await;
}

#[tokio::test]
async fn answers_join_with_tables_and_with_each_other() {
    let query = "SELECT a.job, a.value + b.value FROM promql('sum by (job) (up)', 0) a \
                 JOIN promql('count by (job) (up)', 0) b ON a.job = b.job ORDER BY 1";
    check(LOAD, query, &["a,2", "b,8"]).await;
    let query = "SELECT count(*) FROM up JOIN promql('up == 5', 0) p ON up.label_time = p.label_time";
    check(LOAD, query, &["3"]).await;
    // The same call twice is answered once.
    let query =
        "SELECT count(*) FROM promql('up', now() - INTERVAL '1 hour') a, promql('up', now() - INTERVAL '1 hour') b";
    check(LOAD, query, &["0"]).await;
}

#[tokio::test]
async fn what_is_no_question_is_told() {
    check_error(LOAD, "SELECT * FROM promql('sum(', 0)", "parse error").await;
    check_error(LOAD, "SELECT * FROM promql('up')", "expected `promql(text, start, end, step)`").await;
    check_error(LOAD, "SELECT * FROM promql('up', 'soon')", "expected a time, got `soon`").await;
    check_error(LOAD, "SELECT * FROM promql('up', 0, 1, 0)", "expected a step above 0").await;
    check_error(LOAD, "SELECT * FROM promql('up', 1, 0, 1)", "expected an end that is not before the start").await;
    check_error(LOAD, "SELECT * FROM promql('\"a\"', 0)", "expected a PromQL query whose value is a number").await;
    let many: Vec<String> = (0..21).map(|i| format!("promql('up', {i}) t{i}")).collect();
    check_error(LOAD, &format!("SELECT 1 FROM {}", many.join(", ")), "expected at most 20 calls").await;
}

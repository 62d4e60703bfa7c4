//! Functions of labels alone, the orders of rows, and absence.

use super::check;

const V: &str = "1m
 v{a=\"x\", b=\"1\"} 1 2 3
 v{a=\"y\", b=\"10\"} 3 2 1
 v{a=\"z\", b=\"9\"} 2 NaN 2
 w{a=\"x\"} 5 _ _
 w{a=\"y\"} _ 6 7";

#[tokio::test]
async fn label_replace_writes_a_label_where_the_whole_value_matches() {
    let query = "instant at 0 label_replace(w, \"c\", \"<$1>\", \"a\", \"(x)\")";
    check(V, query, "w{a=\"x\", c=\"<x>\"} 5").await;
    check(V, "instant at 0 label_replace(v, \"c\", \"d\", \"a\", \"no\") < 2", "v{a=\"x\", b=\"1\"} 1").await;
    check(V, "instant at 0 label_replace(w{a=\"x\"}, \"a\", \"\", \"a\", \".*\")", "w 5").await;
}

#[tokio::test]
async fn label_join_joins_values() {
    let query = "instant at 0 label_join(v, \"c\", \"-\", \"a\", \"b\", \"none\") < 2";
    check(V, query, "v{a=\"x\", b=\"1\", c=\"x-1-\"} 1").await;
    check(V, "instant at 0 label_join(w, \"c\", \"-\")", "w{a=\"x\"} 5").await;
}

#[tokio::test]
async fn a_name_that_is_written_stays() {
    check(V, "instant at 0 label_replace(-w, \"__name__\", \"n\", \"a\", \"x\")", "n{a=\"x\"} -5").await;
    check(V, "instant at 0 label_join(-w, \"__name__\", \"_\", \"a\")", "x{a=\"x\"} -5").await;
    check(V, "instant at 0 label_replace(-w, \"c\", \"d\", \"a\", \"x\")", "{a=\"x\", c=\"d\"} -5").await;
}

#[tokio::test]
async fn series_that_get_the_same_labels_become_one_unless_they_meet() {
    let range = "range from 0 to 6m step 6m label_replace(w, \"a\", \"\", \"a\", \".*\")";
    check(V, range, "w 5 7").await;
    let same = "expect fail msg:vector cannot contain metrics with the same labelset";
    check(V, "range from 0 to 2m step 1m label_replace(w, \"a\", \"\", \"a\", \".*\")", same).await;
    check(V, "instant at 0 label_join(label_replace(v, \"b\", \"\", \"a\", \".*\"), \"a\", \"\", \"b\")", same).await;
}

#[tokio::test]
async fn arguments_that_are_no_labels_fail() {
    let regex = "expect fail msg:invalid regular expression in label_replace(): (";
    check(V, "instant at 0 label_replace(none, \"a\", \"\", \"a\", \"(\")", regex).await;
    let fail = |text: &str| format!("expect fail regex:invalid {text}\\(\\): ");
    let destination = "instant at 0 label_replace(v, \"\", \"\", \"a\", \"\")";
    check(V, destination, &fail("destination label name in label_replace")).await;
    check(V, "instant at 0 label_join(v, \"\", \"\")", &fail("destination label name in label_join")).await;
    check(V, "instant at 0 label_join(v, \"a\", \"\", \"\")", &fail("source label name in label_join")).await;
}

#[tokio::test]
async fn rows_come_in_the_order_that_is_asked_for() {
    let check = async |query: &str, expect: &str| {
        check(V, &format!("instant at 1m {query}"), &format!("expect ordered\n{expect}")).await;
    };
    let (x, y, z) = ("v{a=\"x\", b=\"1\"} 2", "v{a=\"y\", b=\"10\"} 2", "v{a=\"z\", b=\"9\"} NaN");
    check("sort(v{a!=\"x\"})", &format!("{y}\n{z}")).await;
    check("sort_desc(v{a!=\"y\"})", &format!("{x}\n{z}")).await;
    check("sort_by_label(v, \"b\")", &format!("{x}\n{z}\n{y}")).await;
    check("sort_by_label_desc(v, \"b\")", &format!("{y}\n{z}\n{x}")).await;
    check("sort_by_label_desc(v)", &format!("{z}\n{y}\n{x}")).await;
}

#[tokio::test]
async fn there_is_no_order_over_a_range() {
    let warn = "PromQL warning: sort is ineffective for range queries since results are always ordered by labels (1:1)";
    let expect = format!("expect warn msg:{warn}\nv{{a=\"x\", b=\"1\"}} 1 2");
    check(V, "range from 0 to 1m step 1m sort_desc(v{a=\"x\"})", &expect).await;
}

#[tokio::test]
async fn sorting_by_value_leaves_out_histograms() {
    let load = "1m\n v{a=\"x\"} {{count:1 sum:1 buckets:[1]}}\n v{a=\"y\"} 1";
    check(load, "instant at 0 sort(v)", "v{a=\"y\"} 1").await;
    check(load, "instant at 0 sort_by_label(v, \"a\")", "v{a=\"x\"} {{count:1 sum:1 buckets:[1]}}\nv{a=\"y\"} 1").await;
}

#[tokio::test]
async fn absence_has_the_labels_that_a_selector_says() {
    check(V, "instant at 0 absent(none{a=\"x\", b=~\"y\", c!=\"z\"})", "{a=\"x\"} 1").await;
    check(V, "instant at 0 absent((none{a=\"x\"}))", "{a=\"x\"} 1").await;
    check(V, "instant at 0 absent(none{a=\"x\", a=\"y\", b=\"z\"})", "{b=\"z\"} 1").await;
    check(V, "instant at 0 absent(none{a=\"x\"} + 1)", "{} 1").await;
    check(V, "instant at 0 absent(v)", "").await;
    check(V, "range from 0 to 2m step 1m absent(w{a=\"y\"} > 6)", "{} 1 1 _").await;
    check("1m\n h {{count:1 sum:1 buckets:[1]}}", "instant at 0 absent(h)", "").await;
}

#[tokio::test]
async fn absence_over_time_is_that_of_samples_in_the_window() {
    check(V, "range from 0 to 2m step 1m absent_over_time(w{a=\"y\"}[1m])", "{a=\"y\"} 1 _ _").await;
    check(V, "instant at 0 absent_over_time(none{a=\"x\"}[1m])", "{a=\"x\"} 1").await;
    check(V, "instant at 0 absent_over_time(none{a=\"x\"}[1m:1s])", "{} 1").await;
    check(V, "instant at 0 absent_over_time(v[1m])", "").await;
    let known =
        "anchored modifier can only be used with: changes, delta, increase, rate, resets - not with absent_over_time";
    check(V, "instant at 0 absent_over_time(v[1m] anchored)", &format!("expect fail msg:{known}")).await;
}

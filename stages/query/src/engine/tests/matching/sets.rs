use crate::engine::tests::check;

const LOAD: &str = "1m\n l{x=\"a\"} 1 2 3\n l{x=\"b\"} 4 stale\n r{x=\"a\"} _ 10 stale\n r{x=\"c\"} 20 20 20";

#[tokio::test]
async fn and_keeps_what_has_a_partner_at_the_step() {
    check(LOAD, "range from 0 to 2m step 1m l and r", "l{x=\"a\"} _ 2 _").await;
    check(LOAD, "range from 0 to 2m step 1m l and on() r", "l{x=\"a\"} 1 2 3\nl{x=\"b\"} 4 _ _").await;
    check(LOAD, "instant at 0 l and none", "").await;
    check(LOAD, "instant at 0 none and l", "").await;
}

#[tokio::test]
async fn unless_keeps_what_has_none() {
    check(LOAD, "range from 0 to 2m step 1m l unless r", "l{x=\"a\"} 1 _ 3\nl{x=\"b\"} 4 _ _").await;
    check(LOAD, "range from 0 to 2m step 1m l unless on() r", "").await;
    check(LOAD, "instant at 0 l unless none", "l{x=\"a\"} 1\nl{x=\"b\"} 4").await;
}

#[tokio::test]
async fn or_adds_what_the_left_side_has_not() {
    check(LOAD, "range from 0 to 2m step 1m l or r", "l{x=\"a\"} 1 2 3\nl{x=\"b\"} 4 _ _\nr{x=\"c\"} 20 20 20").await;
    check(
        LOAD,
        "range from 0 to 2m step 1m r or l",
        "r{x=\"a\"} _ 10 _\nr{x=\"c\"} 20 20 20\nl{x=\"a\"} 1 _ 3\nl{x=\"b\"} 4 _ _",
    )
    .await;
    check(LOAD, "range from 0 to 2m step 1m l{x=\"b\"} or on() vector(0)", "l{x=\"b\"} 4 _ _\n{} _ 0 0").await;
    check(LOAD, "instant at 0 none or l{x=\"a\"}", "l{x=\"a\"} 1").await;
    check(LOAD, "instant at 0 l{x=\"a\"} or none", "l{x=\"a\"} 1").await;
}

#[tokio::test]
async fn or_makes_one_row_of_a_series_that_both_sides_have() {
    check(LOAD, "range from 0 to 2m step 1m (l < 2) or (l > 2)", "l{x=\"a\"} 1 _ 3\nl{x=\"b\"} 4 _ _").await;
    check(LOAD, "instant at 2m count_over_time(((l < 2) or (l > 2))[3m:1m])", "{x=\"a\"} 2\n{x=\"b\"} 1").await;
    // The name goes where the first of the row's elements says so.
    check(LOAD, "range from 0 to 2m step 1m abs(l{x=\"a\"} < 2) or l{x=\"a\"}", "{x=\"a\"} 1 2 3").await;
    check(LOAD, "range from 0 to 2m step 1m (l{x=\"a\"} < 2) or abs(l{x=\"a\"})", "l{x=\"a\"} 1 2 3").await;
    check(LOAD, "range from 0 to 2m step 1m abs(l{x=\"a\"} > 1) or l{x=\"a\"}", "l{x=\"a\"} 1 2 3").await;
}

#[tokio::test]
async fn sets_take_histograms_as_they_are() {
    let load = "1m\n h 1 {{schema:0 sum:4 count:2 buckets:[1 1]}} _\n f _ 7 7";
    check(load, "range from 0 to 1m step 1m h and on() f", "h _ {{schema:0 sum:4 count:2 buckets:[1 1]}}").await;
    check(load, "range from 0 to 1m step 1m f unless on() h", "").await;
    check(load, "range from 0 to 1m step 1m h or f", "h 1 {{schema:0 sum:4 count:2 buckets:[1 1]}}\n").await;
}

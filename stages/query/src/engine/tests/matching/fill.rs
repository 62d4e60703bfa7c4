use crate::engine::tests::check;

const LOAD: &str = "1m\n l{x=\"a\"} 1 _ 3\n l{x=\"b\"} _ 20 _\n r{x=\"a\"} _ 200 300\n r{x=\"c\"} 1000 stale";

#[tokio::test]
async fn either_side_may_be_filled_in() {
    let load = "1m\n l{x=\"a\"} 1 stale\n l{x=\"b\"} 20 stale\n r{x=\"a\"} _ 200\n r{x=\"c\"} 1000 1000";
    check(load, "range from 0 to 1m step 1m l + fill_left(5) r", "{x=\"a\"} _ 205\n{x=\"c\"} 1005 1005").await;
    check(load, "range from 0 to 1m step 1m l + fill_right(7) r", "{x=\"a\"} 8 _\n{x=\"b\"} 27 _").await;
    let both = "{x=\"a\"} 8 205\n{x=\"b\"} 27 _\n{x=\"c\"} 1005 1005";
    check(load, "range from 0 to 1m step 1m l + fill_left(5) fill_right(7) r", both).await;
    check(load, "instant at 0 none + fill(1) none", "").await;
}

#[tokio::test]
async fn a_row_is_made_of_what_met_and_what_was_filled_in() {
    let sum = "{x=\"a\"} 1 201 303\n{x=\"b\"} _ 20 20\n{x=\"c\"} 1000 _ _";
    check(LOAD, "range from 0 to 2m step 1m l + fill(0) r", sum).await;
    check(
        LOAD,
        "range from 0 to 2m step 1m count_over_time((l + fill(0) r)[3m:1m])",
        "{x=\"a\"} 1 2 3\n{x=\"b\"} _ 1 2\n{x=\"c\"} 1 1 1",
    )
    .await;
}

#[tokio::test]
async fn a_filter_keeps_what_was_filled_in_without_a_name() {
    check(LOAD, "instant at 0 l < fill(30) r", "l{x=\"a\"} 1\n{x=\"c\"} 30").await;
    check(LOAD, "instant at 0 l > bool fill(30) r", "{x=\"a\"} 0\n{x=\"c\"} 0").await;
}

#[tokio::test]
async fn fill_right_fills_the_one_side_also_with_group_right() {
    let load = "1m\n use{pod=\"a\",c=\"1\"} 2\n use{pod=\"b\",c=\"1\"} 6\n info{pod=\"a\",n=\"x\"} 10\n info{pod=\"c\",n=\"y\"} 20";
    check(
        load,
        "instant at 0 use * on(pod) group_left(n) fill_right(3) info",
        "{pod=\"a\",c=\"1\",n=\"x\"} 20\n{pod=\"b\",c=\"1\"} 18",
    )
    .await;
    check(
        load,
        "instant at 0 use * on(pod) group_left(n) fill_left(3) info",
        "{pod=\"a\",c=\"1\",n=\"x\"} 20\n{pod=\"c\",n=\"y\"} 60",
    )
    .await;
    check(
        load,
        "instant at 0 info - on(pod) group_right(n) fill_right(3) use",
        "{pod=\"a\",c=\"1\",n=\"x\"} 8\n{pod=\"b\",c=\"1\"} -3",
    )
    .await;
    check(load, "instant at 0 info - on(pod) group_right fill_left(3) use", "{pod=\"a\",c=\"1\"} 8\n{pod=\"c\"} 17")
        .await;
}

#[tokio::test]
async fn what_is_filled_in_is_looked_at_although_a_side_is_empty() {
    let load = "1m\n l{x=\"a\",y=\"1\"} 1\n l{x=\"a\",y=\"2\"} 1";
    let left =
        "expect fail msg:multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)";
    check(load, "instant at 0 l + on(x) none", "").await;
    check(load, "instant at 0 l + on(x) fill_right(1) none", left).await;
    check(load, "instant at 0 l + on(x) group_left fill_right(1) none", "{x=\"a\",y=\"1\"} 2\n{x=\"a\",y=\"2\"} 2")
        .await;
}

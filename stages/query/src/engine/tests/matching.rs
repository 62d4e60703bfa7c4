use super::check;

mod fill;
mod grouping;
mod mixed;
mod sets;

const LOAD: &str = "1m\n e{m=\"get\",c=\"500\"} 24 _\n e{m=\"put\",c=\"500\"} 6 6\n r{m=\"get\"} 600 600\n r{m=\"put\"} 60 0\n r{m=\"del\"} 34 1";

#[tokio::test]
async fn series_of_the_same_labels_meet() {
    check(LOAD, "instant at 0 e{c=\"500\"} / ignoring(c) r", "{m=\"get\"} 0.04\n{m=\"put\"} 0.1").await;
    check(LOAD, "instant at 0 e / on(m) r", "{m=\"get\"} 0.04\n{m=\"put\"} 0.1").await;
    check(LOAD, "instant at 0 r + r", "{m=\"get\"} 1200\n{m=\"put\"} 120\n{m=\"del\"} 68").await;
    check(LOAD, "instant at 0 e + r", "").await;
    check(LOAD, "range from 0 to 1m step 1m r / on(m) e", "{m=\"get\"} 25 25\n{m=\"put\"} 10 0").await;
}

#[tokio::test]
async fn comparisons_keep_the_left_side() {
    check(LOAD, "instant at 0 r > on(m) e", "{m=\"get\"} 600\n{m=\"put\"} 60").await;
    check(LOAD, "instant at 0 r > ignoring(c) e", "r{m=\"get\"} 600\nr{m=\"put\"} 60").await;
    check(LOAD, "instant at 0 r < bool ignoring(c) e", "{m=\"get\"} 0\n{m=\"put\"} 0").await;
}

#[tokio::test]
async fn an_absent_label_matches_an_empty_one() {
    check("1m\n a{x=\"1\"} 1\n b{x=\"1\",y=\"2\"} 2\n b 3", "instant at 0 a - on(y) b{y=\"\"}", "{} -2").await;
}

#[tokio::test]
async fn two_series_of_a_key_at_one_step_are_an_error() {
    let right = "expect fail msg:found duplicate series for the match group {} on the right hand-side of the operation: \
                 [{__name__=\"b\", i=\"1\"}, {__name__=\"b\", i=\"2\"}];many-to-many matching not allowed: matching labels must be unique on one side";
    let left =
        "expect fail msg:multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)";
    let load = "1m\n a 1\n b{i=\"1\"} 2\n b{i=\"2\"} 3\n c{j=\"1\"} 1\n c{j=\"2\"} 1";
    check(load, "instant at 0 a + on() b", right).await;
    check(load, "instant at 0 c + on() a", left).await;
    check(load, "instant at 0 b + on() a", left).await;
    // Prometheus does not look where a side is empty.
    check(load, "instant at 0 none + on() b", "").await;
}

#[tokio::test]
async fn a_key_may_change_its_series_from_step_to_step() {
    let load = "1m\n a 1 1 1\n b{i=\"1\"} 2 stale\n b{i=\"2\"} _ 3 4";
    check(load, "range from 0 to 2m step 1m a + on() b", "{} 3 4 5").await;
    check(load, "range from 0 to 2m step 1m b + on() a", "{} 3 4 5").await;
}

#[tokio::test]
async fn series_that_take_turns_on_both_sides_are_one_row() {
    let load = "1m\n a{i=\"1\"} 1 stale\n a{i=\"2\"} _ 2 3\n b{j=\"1\"} 10 10 stale\n b{j=\"2\"} _ _ 20";
    check(load, "range from 0 to 2m step 1m a + on() b", "{} 11 12 23").await;
    check(load, "range from 0 to 2m step 1m count_over_time((a + on() b)[3m:1m])", "{} 1 2 3").await;
    // One step alone.
    check(load, "instant at 2m a + on() b", "{} 23").await;
}

#[tokio::test]
async fn what_prometheus_fails_at_first_is_told() {
    let right = "expect fail msg:found duplicate series for the match group {} on the right hand-side of the operation: \
                 [{__name__=\"b\", i=\"1\"}, {__name__=\"b\", i=\"2\"}];many-to-many matching not allowed: matching labels must be unique on one side";
    let left =
        "expect fail msg:multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)";
    // The left side is ambiguous first, then the right one; then at the same step.
    let load = "1m\n a{i=\"1\"} 1 1\n a{i=\"2\"} 1 1\n b{i=\"1\"} 2 2\n b{i=\"2\"} _ 3";
    check(load, "range from 0 to 1m step 1m a + on() b", left).await;
    check(load, "instant at 1m a + on() b", right).await;
    // Of three, those two whose labels come first.
    let load = "1m\n a 1\n b{i=\"3\"} 2\n b{i=\"1\"} 2\n b{i=\"2\"} 3";
    check(load, "instant at 0 a + on() b", right).await;
}

#[tokio::test]
async fn an_error_names_labels_of_any_spelling() {
    let right = "expect fail msg:found duplicate series for the match group {\"a.b\"=\"x\\ny\"} on the right hand-side of the operation: \
                 [{__name__=\"b\", \"a.b\"=\"x\\ny\", i=\"1\"}, {__name__=\"b\", \"a.b\"=\"x\\ny\", i=\"2\"}];many-to-many matching not allowed: matching labels must be unique on one side";
    let load =
        "1m\n {\"a\",\"a.b\"=\"x\\ny\"} 1\n {\"b\",\"a.b\"=\"x\\ny\",i=\"1\"} 2\n {\"b\",\"a.b\"=\"x\\ny\",i=\"2\"} 3";
    check(load, "instant at 0 a + ignoring(i) b", right).await;
}

#[tokio::test]
async fn labels_of_the_result_are_those_that_series_meet_on() {
    let load = "1m\n a{x=\"1\",y=\"2\"} 5\n b{x=\"1\",y=\"3\"} 2";
    check(load, "instant at 0 a - on(x) b", "{x=\"1\"} 3").await;
    check(load, "instant at 0 a - ignoring(y) b", "{x=\"1\"} 3").await;
    check(load, "instant at 0 a > on(x) b", "{x=\"1\"} 5").await;
    check(load, "instant at 0 a > on(x, y, __name__) b", "").await;
    check(load, "instant at 0 a >= on(__name__, x) a", "a{x=\"1\"} 5").await;
    check(load, "instant at 0 a + on(__name__, x) a", "{x=\"1\"} 10").await;
    check(load, "instant at 0 a atan2 on(x) b", "{x=\"1\"} 1.190289949682532").await;
    check(load, "instant at 0 a ^ on(x) b % on(x) b", "{x=\"1\"} 1").await;
}

#[tokio::test]
async fn a_filter_forgets_that_a_name_was_to_go() {
    let load = "1m\n a{x=\"1\"} 5\n b{x=\"1\"} 2";
    check(load, "instant at 0 abs(a) > b", "a{x=\"1\"} 5").await;
    check(load, "instant at 0 abs(a) > bool b", "{x=\"1\"} 1").await;
    check(load, "instant at 0 a > abs(b)", "a{x=\"1\"} 5").await;
}

#[tokio::test]
async fn kinds_and_units_go_with_the_name() {
    let load = "1m\n a{__type__=\"gauge\",x=\"1\"} 5 _\n a{__type__=\"counter\",x=\"1\"} _ 3";
    let same = "expect fail msg:vector cannot contain metrics with the same labelset";
    check(load, "range from 0 to 1m step 1m a + a", same).await;
    let load = "1m\n a{__type__=\"gauge\",x=\"1\"} 5 stale\n a{__type__=\"counter\",x=\"1\"} _ 3";
    check(load, "range from 0 to 1m step 1m a + a", "{x=\"1\"} 10 6").await;
    check(
        load,
        "range from 0 to 1m step 1m a >= a",
        "a{__type__=\"gauge\",x=\"1\"} 5 _\na{__type__=\"counter\",x=\"1\"} _ 3",
    )
    .await;
}

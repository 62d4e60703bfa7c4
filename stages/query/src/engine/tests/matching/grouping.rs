use crate::engine::tests::check;

const LOAD: &str = "1m\n use{pod=\"a\",c=\"1\"} 2 3\n use{pod=\"a\",c=\"2\"} 4 5\n use{pod=\"b\",c=\"1\"} 6 7\n\
                     info{pod=\"a\",node=\"x\",c=\"i\"} 1 1\n info{pod=\"b\",node=\"y\"} 10 10";

#[tokio::test]
async fn many_series_meet_one() {
    check(
        LOAD,
        "range from 0 to 1m step 1m use * on(pod) group_left info",
        "{pod=\"a\",c=\"1\"} 2 3\n{pod=\"a\",c=\"2\"} 4 5\n{pod=\"b\",c=\"1\"} 60 70",
    )
    .await;
    check(
        LOAD,
        "instant at 0 info - on(pod) group_right use",
        "{pod=\"a\",c=\"1\"} -1\n{pod=\"a\",c=\"2\"} -3\n{pod=\"b\",c=\"1\"} 4",
    )
    .await;
    check(LOAD, "instant at 0 use - ignoring(c, node) group_left info{pod=\"b\"}", "{pod=\"b\",c=\"1\"} -4").await;
}

#[tokio::test]
async fn labels_of_the_one_side_are_copied_or_taken_away() {
    let many = "expect fail msg:multiple matches for labels: grouping labels must ensure unique matches";
    check(LOAD, "instant at 0 use * on(pod) group_left(node, c) info", many).await;
    check(
        LOAD,
        "instant at 0 use{c=\"1\"} * on(pod) group_left(node, c) info",
        "{pod=\"a\",c=\"i\",node=\"x\"} 2\n{pod=\"b\",node=\"y\"} 60",
    )
    .await;
    check(
        LOAD,
        "instant at 0 info * on(pod) group_right(__name__) use{c=\"1\"}",
        "info{pod=\"a\",c=\"1\"} 2\ninfo{pod=\"b\",c=\"1\"} 60",
    )
    .await;
}

#[tokio::test]
async fn a_filter_keeps_the_left_value_with_the_labels_of_the_many_side() {
    check(LOAD, "instant at 0 use < on(pod) group_left(node) info", "use{pod=\"b\",c=\"1\",node=\"y\"} 6").await;
    check(LOAD, "instant at 0 info > on(pod) group_right(node) use", "use{pod=\"b\",c=\"1\",node=\"y\"} 10").await;
    check(
        LOAD,
        "instant at 0 info > bool on(pod) group_right use",
        "{pod=\"a\",c=\"1\"} 0\n{pod=\"a\",c=\"2\"} 0\n{pod=\"b\",c=\"1\"} 1",
    )
    .await;
}

#[tokio::test]
async fn a_copied_label_that_changes_makes_another_row() {
    let load = "1m\n use{pod=\"a\"} 2 3 4\n info{pod=\"a\",node=\"x\"} 1 stale\n info{pod=\"a\",node=\"y\"} _ 1 1";
    check(
        load,
        "range from 0 to 2m step 1m use * on(pod) group_left(node) info",
        "{pod=\"a\",node=\"x\"} 2 _ _\n{pod=\"a\",node=\"y\"} _ 3 4",
    )
    .await;
    check(load, "range from 0 to 2m step 1m use * on(pod) group_left info", "{pod=\"a\"} 2 3 4").await;
}

#[tokio::test]
async fn results_of_the_same_labels_are_one_row_or_an_error() {
    let load = "1m\n a{x=\"1\"} 1 stale\n b{x=\"1\"} _ 2\n c{x=\"1\"} 3 3\n one 10 10";
    let many = "expect fail msg:multiple matches for labels: grouping labels must ensure unique matches";
    check(load, "range from 0 to 1m step 1m {__name__=~\"a|b\"} + on() group_left one", "{x=\"1\"} 11 12").await;
    check(load, "range from 0 to 1m step 1m {__name__=~\"a|c\"} + on() group_left one", many).await;
    check(load, "instant at 0 {__name__=~\"a|c\"} + on() group_left one", many).await;
    check(load, "instant at 0 {__name__=~\"a|c\"} < on() group_left one", "a{x=\"1\"} 1\nc{x=\"1\"} 3").await;
    check(load, "instant at 0 {__name__=~\"a|c\"} < on() group_left(__name__) one", many).await;
}

#[tokio::test]
async fn the_one_side_has_one_series_of_a_key() {
    let text = |side: &str| {
        format!(
            "expect fail msg:found duplicate series for the match group {{pod=\"a\"}} on the {side} hand-side of the operation: \
             [{{__name__=\"use\", c=\"1\", pod=\"a\"}}, {{__name__=\"use\", c=\"2\", pod=\"a\"}}];many-to-many matching not allowed: \
             matching labels must be unique on one side"
        )
    };
    check(LOAD, "instant at 0 info * on(pod) group_left use", &text("right")).await;
    check(LOAD, "instant at 0 use * on(pod) group_right info", &text("left")).await;
    check(LOAD, "instant at 0 none * on(pod) group_left use", "").await;
    check(LOAD, "instant at 0 none * on(pod) group_left fill_right(1) use", &text("right")).await;
}

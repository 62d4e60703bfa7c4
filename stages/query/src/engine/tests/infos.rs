//! `info(v, {…})`.

use super::check;

const LOAD: &str = "1m
 m{instance=\"a\", job=\"1\", l=\"own\"} 0 1 2
 m{instance=\"b\", job=\"1\"} 3 4 5
 lone 7 7 7
 target_info{instance=\"a\", job=\"1\", l=\"other\", data=\"d\"} 1 1 1
 build_info{instance=\"a\", job=\"1\", version=\"1\"} 1 stale
 build_info{instance=\"a\", job=\"1\", version=\"2\"} _ 1 1";

#[tokio::test]
async fn labels_come_from_the_info_series_of_the_same_target() {
    let (a, b) = ("m{instance=\"a\", job=\"1\", l=\"own\", data=\"d\"} 0 1 2", "m{instance=\"b\", job=\"1\"} 3 4 5");
    check(LOAD, "range from 0 to 2m step 1m info(m)", &format!("{a}\n{b}")).await;
    check(LOAD, "instant at 0 info(lone)", "lone 7").await;
    check(LOAD, "instant at 0 info(none)", "").await;
    check(LOAD, "instant at 0 info(-m{instance=\"a\"})", "{instance=\"a\", job=\"1\", l=\"own\", data=\"d\"} 0").await;
}

#[tokio::test]
async fn a_label_that_is_asked_for_leaves_out_series_without() {
    let a = "m{instance=\"a\", job=\"1\", l=\"own\", data=\"d\"} 0";
    check(LOAD, "instant at 0 info(m, {data=\"d\"})", a).await;
    check(LOAD, "instant at 0 info(m, {data=\"e\"})", "").await;
    let b = "m{instance=\"b\", job=\"1\"} 3";
    check(LOAD, "instant at 0 info(m, {data=~\".*\"})", &format!("{a}\n{b}")).await;
    check(LOAD, "instant at 0 info(m, {})", &format!("{a}\n{b}")).await;
}

#[tokio::test]
async fn labels_change_with_the_info_series() {
    let one = "m{instance=\"a\", job=\"1\", l=\"own\", version=\"1\"} 0";
    let two = "m{instance=\"a\", job=\"1\", l=\"own\", version=\"2\"} _ 1 2";
    let query = "range from 0 to 2m step 1m info(m{instance=\"a\"}, {__name__=\"build_info\"})";
    check(LOAD, query, &format!("{one}\n{two}")).await;
}

#[tokio::test]
async fn several_info_metrics_add_up() {
    let query = "instant at 2m info(m{instance=\"a\"}, {__name__=~\".+_info\"})";
    check(LOAD, query, "m{instance=\"a\", job=\"1\", l=\"own\", data=\"d\", version=\"2\"} 2").await;
    let query = "instant at 2m info(m{instance=\"a\"}, {__name__!=\"target_info\"})";
    check(LOAD, query, "m{instance=\"a\", job=\"1\", l=\"own\", version=\"2\"} 2").await;
}

#[tokio::test]
async fn info_series_stay_as_they_are() {
    let query = "instant at 0 info(build_info, {__name__=\"build_info\", version=\"7\"})";
    check(LOAD, query, "build_info{instance=\"a\", job=\"1\", version=\"1\"} 1").await;
}

#[tokio::test]
async fn info_series_are_looked_at_when_the_first_selector_looks() {
    let query = "instant at 2m info(m{instance=\"a\"} @ 0, {__name__=\"build_info\"})";
    check(LOAD, query, "m{instance=\"a\", job=\"1\", l=\"own\", version=\"1\"} 0").await;
    let query = "instant at 2m info(m{instance=\"a\"} offset 2m, {__name__=\"build_info\"})";
    check(LOAD, query, "m{instance=\"a\", job=\"1\", l=\"own\", version=\"1\"} 0").await;
}

#[tokio::test]
async fn info_series_that_contradict_each_other_fail() {
    let twice =
        "1m\n m{instance=\"a\"} 1\n target_info{instance=\"a\", x=\"1\"} 1\n target_info{instance=\"a\", x=\"2\"} 1";
    check(
        twice,
        "instant at 0 info(m)",
        "expect fail regex:found duplicate series for info metric: existing .* @ 0, .*",
    )
    .await;
    let label = "1m\n m{instance=\"a\"} 1\n target_info{instance=\"a\", x=\"1\"} 1\n b_info{instance=\"a\", x=\"2\"} 1";
    check(label, "instant at 0 info(m, {__name__=~\".+_info\"})", "expect fail msg:conflicting label: x").await;
    let histogram = "1m\n m{instance=\"a\"} 1\n target_info{instance=\"a\"} {{count:1 sum:1 buckets:[1]}}";
    let text = "this should be an info metric, with float samples: target_info{instance=\"a\"}";
    let text = format!("expect fail msg:{}", text.replace("target_info{", "{__name__=\"target_info\", "));
    check(histogram, "instant at 0 info(m)", &text).await;
}

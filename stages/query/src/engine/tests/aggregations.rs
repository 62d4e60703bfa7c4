use super::check;

const LOAD: &str =
    "15s\n c_total{job=\"a\", i=\"1\"} 0+15x20\n c_total{job=\"a\", i=\"2\"} 0+30x20\n c_total{job=\"b\"} 0+1x20";
const V: &str =
    "1m\n v{a=\"1\",b=\"x\"} 1\n v{a=\"2\",b=\"x\"} 3\n v{a=\"3\",b=\"y\"} NaN\n v{a=\"4\",b=\"y\"} 5\n v{a=\"5\"} Inf";

#[tokio::test]
async fn rates_of_a_group_are_summed() {
    check(LOAD, "instant at 5m sum by (job) (rate(c_total[1m]))", "{job=\"a\"} 3\n{job=\"b\"} 0.06666666666").await;
    check(LOAD, "instant at 5m sum without (i) (rate(c_total[1m]))", "{job=\"a\"} 3\n{job=\"b\"} 0.06666666666").await;
    check(LOAD, "instant at 5m sum(rate(c_total[1m]))", "{} 3.06666666666").await;
}

#[tokio::test]
async fn an_absent_label_groups_as_an_empty_one() {
    check(V, "instant at 0 count by (b) (v)", "{b=\"x\"} 2\n{b=\"y\"} 2\n{} 1").await;
    check(V, "instant at 0 count by (none) (v)", "{} 5").await;
}

#[tokio::test]
async fn nan_yields_to_numbers_in_min_and_max_only() {
    check(V, "instant at 0 min by (b) (v)", "{b=\"x\"} 1\n{b=\"y\"} 5\n{} Inf").await;
    check(V, "instant at 0 max by (b) (v)", "{b=\"x\"} 3\n{b=\"y\"} 5\n{} Inf").await;
    check(V, "instant at 0 sum by (b) (v)", "{b=\"x\"} 4\n{b=\"y\"} NaN\n{} Inf").await;
    check(V, "instant at 0 avg by (b) (v)", "{b=\"x\"} 2\n{b=\"y\"} NaN\n{} Inf").await;
}

#[tokio::test]
async fn sums_are_compensated_and_means_do_not_overflow() {
    let load = "1m\n v{i=\"1\"} 5e102\n v{i=\"2\"} 1\n v{i=\"3\"} -5e102\n w{i=\"1\"} 1.5e308\n w{i=\"2\"} 1e308";
    check(load, "instant at 0 sum(v)", "{} 1").await;
    check(load, "instant at 0 avg(v)", "{} 0.3333333333333").await;
    check(load, "instant at 0 avg(w)", "{} 1.25e308").await;
    check(load, "instant at 0 sum(w)", "{} Inf").await;
}

#[tokio::test]
async fn a_group_has_values_where_a_series_has() {
    let load = "1m\n v{i=\"1\"} 1 _ stale\n v{i=\"2\"} _ _ 2";
    check(load, "range from 0 to 2m step 1m sum(v)", "{} 1 1 2").await;
    check(load, "range from 0 to 2m step 1m count(v)", "{} 1 1 1").await;
    check(load, "instant at 0 sum(none)", "").await;
    check(load, "range from 0 to 2m step 1m sum(v > 1)", "{} _ _ 2").await;
}

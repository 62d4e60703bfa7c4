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

#[tokio::test]
async fn the_best_of_a_group_come_first_and_change_from_step_to_step() {
    check(V, "instant at 0 topk(2, v)", "expect ordered\nv{a=\"5\"} Inf\nv{a=\"4\",b=\"y\"} 5").await;
    check(V, "instant at 0 bottomk by (b) (1, v)", "v{a=\"1\",b=\"x\"} 1\nv{a=\"4\",b=\"y\"} 5\nv{a=\"5\"} Inf").await;
    check(V, "instant at 0 topk(scalar(v{a=\"1\"} or on () vector(1)), v)", "v{a=\"5\"} Inf").await;
    check(V, "instant at 0 topk(0, v)", "").await;
    check(V, "instant at 0 topk(NaN, v)", "expect fail msg: Parameter value is NaN").await;
    let load = "1m\n v{i=\"1\"} 1 2 3\n v{i=\"2\"} 3 2 1";
    check(load, "range from 0 to 2m step 1m topk(1, v)", "v{i=\"1\"} _ 2 3\nv{i=\"2\"} 3 _ _").await;
    check(load, "range from 0 to 2m step 1m topk(time() / 60, v)", "v{i=\"1\"} _ 2 3\nv{i=\"2\"} _ _ 1").await;
}

#[tokio::test]
async fn limits_take_the_first_series_and_ratios_complete_each_other() {
    check(V, "instant at 0 limitk(2, v)", "v{a=\"1\",b=\"x\"} 1\nv{a=\"2\",b=\"x\"} 3").await;
    check(V, "instant at 0 count(limit_ratio(0.3, v) or limit_ratio(-0.7, v))", "{} 5").await;
    check(V, "instant at 0 count(limit_ratio(1, v))", "{} 5").await;
    check(V, "instant at 0 limit_ratio(0, v)", "").await;
    check(V, "instant at 0 limit_ratio(NaN, v)", "expect fail msg: Ratio value is NaN").await;
}

#[tokio::test]
async fn quantiles_lie_between_values() {
    check(V, "instant at 0 quantile by (b) (0.5, v)", "{b=\"x\"} 2\n{b=\"y\"} NaN\n{} NaN").await;
    check(V, "instant at 0 quantile(scalar(v{a=\"1\"}), v{b=\"x\"})", "{} 3").await;
    let warning = "expect warn msg: PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)";
    check(V, "instant at 0 quantile(2, v)", &format!("{warning}\n{{}} Inf")).await;
}

#[tokio::test]
async fn values_are_counted_by_a_label() {
    let load = "1m\n v{i=\"1\",j=\"x\"} 1 2\n v{i=\"2\",j=\"x\"} 1 1\n v{i=\"3\",j=\"y\"} 1e9 1";
    check(load, "instant at 0 count_values(\"n\", v)", "{n=\"1\"} 2\n{n=\"1000000000\"} 1").await;
    let each = "{j=\"x\",n=\"1\"} 2 1\n{j=\"x\",n=\"2\"} _ 1\n{j=\"y\",n=\"1000000000\"} 1 _\n{j=\"y\",n=\"1\"} _ 1";
    check(load, "range from 0 to 1m step 1m count_values by (j) (\"n\", v)", each).await;
    check(load, "range from 0 to 1m step 1m count_values without (i) (\"n\", v)", each).await;
    check(load, "instant at 0 count_values without (i, n) (\"n\", v)", "{j=\"x\"} 2\n{j=\"y\"} 1").await;
    check(load, "instant at 0 count_values(\"\", v)", "expect fail msg: invalid label name \"\"").await;
}

const MIXED: &str = "1m\n v{i=\"1\"} {{schema:0 sum:1 count:1 buckets:[1]}}\n v{i=\"2\"} {{schema:0 sum:2 count:2 buckets:[2]}}\
    \n v{i=\"3\",k=\"f\"} 7";

#[tokio::test]
async fn histograms_are_added_up_and_do_not_mix_with_floats() {
    check(MIXED, "instant at 0 sum(v{k=\"\"})", "{} {{schema:0 sum:3 count:3 buckets:[3]}}").await;
    check(MIXED, "instant at 0 avg(v{k=\"\"})", "{} {{schema:0 sum:1.5 count:1.5 buckets:[1.5]}}").await;
    check(MIXED, "instant at 0 count(v)", "{} 3").await;
    check(MIXED, "instant at 0 sum(v)", "expect warn").await;
    let text = "expect info msg: PromQL info: ignored histogram in max aggregation (1:5)";
    check(MIXED, "instant at 0 max(v)", &format!("{text}\n{{}} 7")).await;
    let text = "expect info msg: PromQL info: ignored histogram in topk aggregation (1:1)";
    check(MIXED, "instant at 0 topk(3, v)", &format!("{text}\nv{{i=\"3\",k=\"f\"}} 7")).await;
}

#[tokio::test]
async fn a_name_that_goes_makes_groups_until_it_does() {
    let load = "1m\n a_total 0+60x5\n b_total 0+120x5";
    check(load, "instant at 5m sum by (__name__) (rate(a_total[2m]))", "{} 1").await;
    check(load, "instant at 5m count(sum by (__name__) (rate({__name__=~\".*_total\"}[2m])))", "{} 2").await;
    check(load, "instant at 5m sum by (__name__) ({__name__=~\".*_total\"})", "a_total 300\nb_total 600").await;
}

#[tokio::test]
async fn a_group_whose_rows_keep_their_name_keeps_it() {
    let load = "1m\n a 1\n b 2";
    check(load, "instant at 0 topk by (__name__) (1, {__name__=~\"a|b\"})", "a 1\nb 2").await;
    check(load, "instant at 0 sum without () (a)", "{} 1").await;
}

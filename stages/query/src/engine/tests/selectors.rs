use super::check;

const M: &str = "1m\n m{a=\"x\"} 1 2 3\n m{a=\"y\"} 10 20 30\n n 5";

#[tokio::test]
async fn a_selector_looks_back_but_not_to_the_edge() {
    check("1m\n m 1 2 3", "instant at 2m m", "m 3").await;
    check("1m\n m 1 2 3", "instant at 6m59s m", "m 3").await;
    check("1m\n m 1 2 3", "instant at 7m m", "").await;
}

#[tokio::test]
async fn all_matchers_select() {
    check(M, "instant at 2m m{a=\"x\"}", "m{a=\"x\"} 3").await;
    check(M, "instant at 2m m{a!=\"x\"}", "m{a=\"y\"} 30").await;
    check(M, "instant at 2m {a=~\"x|z\"}", "m{a=\"x\"} 3").await;
    check(M, "instant at 2m {__name__=~\"m|n\",a!~\"x|y\"}", "n 5").await;
    check(M, "instant at 2m m{b=\"\"}", "m{a=\"x\"} 3\nm{a=\"y\"} 30").await;
}

#[tokio::test]
async fn offset_moves_back_and_forth() {
    check(M, "instant at 2m m{a=\"x\"} offset 1m", "m{a=\"x\"} 2").await;
    check(M, "instant at 0 m{a=\"x\"} offset -2m", "m{a=\"x\"} 3").await;
}

#[tokio::test]
async fn at_fixes_the_time_for_all_steps() {
    check(M, "range from 0 to 2m step 1m m{a=\"x\"} @ 60", "m{a=\"x\"} 2 2 2").await;
    check(M, "range from 0 to 2m step 1m m{a=\"x\"} @ start()", "m{a=\"x\"} 1 1 1").await;
    check(M, "range from 0 to 2m step 1m m{a=\"x\"} @ end()", "m{a=\"x\"} 3 3 3").await;
    check(M, "range from 0 to 2m step 1m m{a=\"x\"} @ 120 offset 1m", "m{a=\"x\"} 2 2 2").await;
    check(M, "range from 0 to 90s step 1m m{a=\"x\"} @ end()", "m{a=\"x\"} 2 2").await;
}

#[tokio::test]
async fn a_staleness_marker_ends_a_series() {
    let load = "1m\n m 1 stale _ 4";
    check(load, "range from 0 to 3m step 30s m", "m 1 1 _ _ _ _ 4").await;
    check(load, "instant at 3m count_over_time(m[10m])", "{} 2").await;
    check(load, "instant at 2m last_over_time(m[10m])", "m 1").await;
    check(load, "instant at 1m m[5m]", "expect range vector from 0 to 1m step 1m\nm 1").await;
}

#[tokio::test]
async fn windows_are_open_on_the_left_and_closed_on_the_right() {
    check("1m\n m 1 2 3 4", "instant at 3m count_over_time(m[2m])", "{} 2").await;
    check("1m\n m 1 2 3 4", "instant at 3m sum_over_time(m[3m])", "{} 9").await;
    check("1m\n m 1 2 3 4", "instant at 3m m[2m]", "expect range vector from 2m to 3m step 1m\nm 3 4").await;
}

#[tokio::test]
async fn functions_over_time_see_the_whole_window() {
    let load = "1m\n m 1 NaN 5 3\n e 1e308 1e308 1e308 1e308\n k 1 1e100 1 -1e100";
    check(load, "instant at 3m max_over_time(m[1h])", "{} 5").await;
    check(load, "instant at 3m min_over_time(m[1h])", "{} 1").await;
    check(load, "instant at 3m avg_over_time(m[1h])", "{} NaN").await;
    check(load, "instant at 3m avg_over_time(e[1h])", "{} 1e308").await;
    check(load, "instant at 3m sum_over_time(k[1h])", "{} 2").await;
    check(load, "instant at 3m avg_over_time(k[1h])", "{} 0.5").await;
}

#[tokio::test]
async fn rates_extrapolate_as_in_prometheus() {
    check("15s\n c_total 0+15x20", "instant at 5m rate(c_total[1m])", "{} 1").await;
    check("15s\n c_total 0+15x20", "instant at 5m increase(c_total[1m])", "{} 60").await;
    // A reset counts what was there before.
    check("1m\n c_total 10 20 5 15", "instant at 3m increase(c_total[4m])", "{} 33.333333333").await;
    // No further back than where the counter would have been zero.
    check("1m\n c_total 1 31 61", "instant at 2m increase(c_total[5m])", "{} 61").await;
    check("1m\n g 10 5 0", "instant at 2m delta(g[2m])", "{} -10").await;
    check("1m\n c_total 1 3 2", "instant at 2m irate(c_total[5m])", "{} 0.0333333333").await;
    check("1m\n c_total 1", "instant at 2m rate(c_total[5m])", "").await;
}

#[tokio::test]
async fn rate_of_what_may_be_no_counter_says_so() {
    let wanted =
        "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"m\" (1:6)";
    check("1m\n m 1 2 3", "instant at 2m rate(m[5m])", &format!("expect info msg:{wanted}\n{{}} 0.00833333333")).await;
    check("1m\n m_total 1 2 3", "instant at 2m rate(m_total[5m])", "expect no_info\n{} 0.00833333333").await;
    check("1m\n m 1 2 3", "instant at 2m irate(m[5m])", "expect no_info\n{} 0.0166666666").await;
}

#[tokio::test]
async fn names_go_with_the_metric() {
    check(M, "instant at 0 last_over_time(n[1m])", "n 5").await;
    check(M, "instant at 0 sum_over_time(n[1m])", "{} 5").await;
    check(M, "instant at 0 sum by (__name__) (n)", "n 5").await;
    check(M, "instant at 0 sum without () (n)", "{} 5").await;
    let load = "1m\n m_total{a=\"x\"} 1 2\n n_total{a=\"x\"} 1 2";
    let wanted = "expect fail msg:vector cannot contain metrics with the same labelset";
    check(load, "instant at 1m rate({a=\"x\"}[5m])", wanted).await;
    check(load, "instant at 1m -{a=\"x\"}", wanted).await;
    check(
        "1m\n m_total{a=\"x\"} 1 _\n n_total{a=\"x\"} _ 2",
        "range from 0 to 1m step 1m sum_over_time({a=\"x\"}[1m])",
        "{a=\"x\"} 1 2",
    )
    .await;
}

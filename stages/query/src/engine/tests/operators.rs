use super::check;

const V: &str = "1m\n v{a=\"x\"} 1 2 3\n v{a=\"y\"} -1 0 1";

#[tokio::test]
async fn numbers_are_folded() {
    check("1m", "instant at 0 1 + 2 * 3 ^ 2 % 5", "4").await;
    check("1m", "instant at 0 -(2 ^ 2)", "-4").await;
    check("1m", "instant at 0 1 == bool 2", "0").await;
    check("1m", "instant at 1m time() - 30", "30").await;
    check("1m", "range from 0 to 2m step 1m time() * 2", "{} 0 120 240").await;
    check("1m", "instant at 0 \"a text\"", "expect string \"a text\"").await;
    check("1m", "instant at 0 vector(1) + 1", "{} 2").await;
    check("1m", "instant at 0 1 / 0", "Inf").await;
    check("1m", "instant at 0 -7 % 4", "-3").await;
}

#[tokio::test]
async fn arithmetic_with_numbers_drops_the_name() {
    check(V, "instant at 2m v * 2", "{a=\"x\"} 6\n{a=\"y\"} 2").await;
    check(V, "instant at 2m 2 - v", "{a=\"x\"} -1\n{a=\"y\"} 1").await;
    check(V, "instant at 2m -v", "{a=\"x\"} -3\n{a=\"y\"} -1").await;
    check(V, "instant at 2m +v", "v{a=\"x\"} 3\nv{a=\"y\"} 1").await;
    check(V, "instant at 2m v ^ 2 atan2 1", "{a=\"x\"} 1.4601391056\n{a=\"y\"} 0.7853981634").await;
}

#[tokio::test]
async fn comparisons_filter_and_keep_the_name() {
    check(V, "range from 0 to 2m step 1m v > 1", "v{a=\"x\"} _ 2 3").await;
    check(V, "range from 0 to 2m step 1m 1 < v", "v{a=\"x\"} _ 2 3").await;
    check(V, "instant at 2m 1 >= v", "v{a=\"y\"} 1").await;
    check(V, "instant at 2m v == bool 3", "{a=\"x\"} 1\n{a=\"y\"} 0").await;
    check(V, "instant at 2m 3 != bool v", "{a=\"x\"} 0\n{a=\"y\"} 1").await;
    check(V, "instant at 2m v != NaN", "v{a=\"x\"} 3\nv{a=\"y\"} 1").await;
}

#[tokio::test]
async fn a_number_may_change_from_step_to_step() {
    check(V, "range from 0 to 2m step 1m v + time()", "{a=\"x\"} 1 62 123\n{a=\"y\"} -1 60 121").await;
    check(V, "range from 0 to 2m step 1m v{a=\"x\"} * scalar(v{a=\"y\"})", "{a=\"x\"} -1 0 3").await;
    check(V, "range from 0 to 2m step 1m scalar(v{a=\"y\"}) > v", "").await;
    check(V, "range from 0 to 2m step 1m scalar(v{a=\"x\"}) > v{a=\"y\"}", "v{a=\"y\"} -1 0 1").await;
    check(V, "instant at 2m scalar(v)", "NaN").await;
    check(V, "instant at 2m scalar(v{a=\"x\"}) - 1", "2").await;
    check(V, "instant at 2m 1 - scalar(v{a=\"x\"})", "-2").await;
    check(V, "instant at 2m vector(scalar(none))", "{} NaN").await;
    check(V, "instant at 2m -scalar(v{a=\"x\"})", "-3").await;
}

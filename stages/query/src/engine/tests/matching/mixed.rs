use crate::engine::tests::check;

const LOAD: &str = "1m\n h{x=\"a\"} {{schema:0 sum:4 count:2 buckets:[1 1]}} {{schema:0 sum:8 count:4 buckets:[2 2]}}\n\
                    f{x=\"a\"} 2 2\n m{x=\"a\"} 3 {{schema:0 sum:4 count:2 buckets:[1 1]}}\n\
                    c{x=\"a\"} {{schema:-53 sum:1 count:1 custom_values:[5 10] buckets:[1]}}";

#[tokio::test]
async fn histograms_meet_numbers_and_each_other() {
    let twice = "{x=\"a\"} {{schema:0 sum:8 count:4 buckets:[2 2]}} {{schema:0 sum:16 count:8 buckets:[4 4]}}";
    check(LOAD, "range from 0 to 1m step 1m h * f", twice).await;
    check(LOAD, "range from 0 to 1m step 1m f * h", twice).await;
    check(LOAD, "range from 0 to 1m step 1m h + h", twice).await;
    check(LOAD, "instant at 0 h / on(x) group_left f", "{x=\"a\"} {{schema:0 sum:2 count:1 buckets:[0.5 0.5]}}").await;
    check(LOAD, "instant at 0 h == h", "h{x=\"a\"} {{schema:0 sum:4 count:2 buckets:[1 1]}}").await;
    check(LOAD, "instant at 0 h != bool h", "{x=\"a\"} 0").await;
}

#[tokio::test]
async fn what_does_not_go_together_goes_with_a_note() {
    let info = |l: &str, op: &str, r: &str, at: &str| {
        format!(
            "expect info msg:PromQL info: incompatible sample types encountered for binary operator {op:?}: {l} {op} {r} ({at})"
        )
    };
    check(LOAD, "instant at 0 h + f", &info("histogram", "+", "float", "1:1")).await;
    check(LOAD, "instant at 0 -(f - h)", &info("float", "-", "histogram", "1:3")).await;
    check(LOAD, "instant at 0 f </ f", &info("float", "</", "float", "1:1")).await;
    check(LOAD, "instant at 0 h > bool h", &info("histogram", ">", "histogram", "1:1")).await;
    let warning = "expect warn msg:PromQL warning: incompatible bucket layout encountered for binary operator + (1:1)";
    check(LOAD, "instant at 0 h + c", warning).await;
}

#[tokio::test]
async fn a_series_may_have_both_kinds() {
    check(LOAD, "range from 0 to 1m step 1m m * f", "{x=\"a\"} 6 {{schema:0 sum:8 count:4 buckets:[2 2]}}").await;
    check(LOAD, "range from 0 to 1m step 1m m + f", "expect info\n{x=\"a\"} 5 _").await;
    check(LOAD, "instant at 0 h >/ on(x) f", "{x=\"a\"} {{}}").await;
}

#[tokio::test]
async fn what_does_not_go_together_did_not_meet() {
    let load = "1m\n a{i=\"1\"} {{schema:0 sum:4 count:2 buckets:[1 1]}}\n a{i=\"2\"} 2\n b 1";
    check(load, "instant at 0 a + on() b", "expect info\n{} 3").await;
    check(load, "instant at 0 a{i=\"1\"} + on() fill_left(7) b", "expect info\n{} 8").await;
}

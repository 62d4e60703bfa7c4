use super::check;

const LOAD: &str = "1m
 h_bucket{le=\"0.1\", i=\"a\"} 0+1x10
 h_bucket{le=\"0.5\", i=\"a\"} 0+3x10
 h_bucket{le=\"+Inf\", i=\"a\"} 0+4x10
 h_bucket{le=\"0.1\", i=\"b\"} 0+2x10
 h_bucket{le=\"0.5\", i=\"b\"} 0+2x10
 h_bucket{le=\"+Inf\", i=\"b\"} 0+2x10
 n_bucket{le=\"1\"} 5
 n_bucket{le=\"2\"} 4
 n_bucket{le=\"+Inf\"} 6
 bad_bucket{le=\"1\"} 5
 bad_bucket{le=\"x\"} 5
 bad_bucket{le=\"+Inf\"} 10
 short_bucket{le=\"1\"} 5
 short_bucket{le=\"2\"} 6";

#[tokio::test]
async fn quantiles_are_interpolated() {
    check(LOAD, "instant at 10m histogram_quantile(0.5, h_bucket)", "{i=\"a\"} 0.3\n{i=\"b\"} 0.05").await;
    check(LOAD, "instant at 10m histogram_quantile(0.5, rate(h_bucket[5m]))", "{i=\"a\"} 0.3\n{i=\"b\"} 0.05").await;
    check(LOAD, "instant at 10m histogram_quantile(0.5, sum by (le) (rate(h_bucket[5m])))", "{} 0.1").await;
    check(LOAD, "instant at 10m histogram_quantile(0.99, h_bucket{i=\"a\"})", "{i=\"a\"} 0.5").await;
    check(LOAD, "instant at 0 histogram_quantile(0.5, h_bucket)", "{i=\"a\"} NaN\n{i=\"b\"} NaN").await;
    check(LOAD, "instant at 0 histogram_quantile(0.5, short_bucket)", "{} NaN").await;
    check(LOAD, "instant at 0 histogram_quantile(0.5, none)", "").await;
}

#[tokio::test]
async fn a_quantile_outside_0_to_1_is_infinite_and_warned_of() {
    let warn = |q: &str, at: &str| {
        format!("expect warn msg:PromQL warning: quantile value should be between 0 and 1, got {q} ({at})")
    };
    let query = |q| format!("instant at 10m histogram_quantile({q}, h_bucket{{i=\"a\"}})");
    check(LOAD, &query("-1"), &format!("{}\n{{i=\"a\"}} -Inf", warn("-1", "1:20"))).await;
    check(LOAD, &query("1.5"), &format!("{}\n{{i=\"a\"}} Inf", warn("1.5", "1:20"))).await;
    check(LOAD, &query("NaN"), &format!("{}\n{{i=\"a\"}} NaN", warn("NaN", "1:20"))).await;
}

#[tokio::test]
async fn buckets_are_made_monotonic_and_the_asker_is_told() {
    // Asked for at other times, it is also there that it was fixed.
    let info = "PromQL info: input to histogram_quantile needed to be fixed for monotonicity \\(see \
                https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile\\) for metric name \
                \"n_bucket\", from buckets 2 to 2, with a max diff of 1, over 1 samples from .* to .* \\(1:25\\)";
    check(LOAD, "instant at 0 histogram_quantile(0.5, n_bucket)", &format!("expect info regex:{info}\n{{}} 0.6")).await;
    check(LOAD, "instant at 10m histogram_quantile(0.5, h_bucket{i=\"a\"})", "expect no_info\n{i=\"a\"} 0.3").await;
}

#[tokio::test]
async fn a_bucket_without_a_number_is_left_out_and_warned_of() {
    let warn = "PromQL warning: bucket label \"le\" is missing or has a malformed value of \"x\" for metric name \
                \"bad_bucket\" (1:25)";
    check(LOAD, "instant at 0 histogram_quantile(0.5, bad_bucket)", &format!("expect warn msg:{warn}\n{{}} 1")).await;
}

#[tokio::test]
async fn a_quantile_may_change_from_step_to_step() {
    let load = format!("{LOAD}\n q 0.25 0.5");
    let query = "range from 10m to 12m step 1m histogram_quantile(scalar(q @ 0) + 0.25, h_bucket{i=\"a\"})";
    check(&load, query, "{i=\"a\"} 0.3 0.3 0.3").await;
    let query = "range from 0 to 1m step 1m histogram_quantile(scalar(q), h_bucket{i=\"b\"} @ 10m)";
    check(&load, &query.replace("@ 10m", "@ 600"), "{i=\"b\"} 0.025 0.05").await;
}

#[tokio::test]
async fn several_quantiles_are_rows_that_a_label_tells_apart() {
    let query = "instant at 10m histogram_quantiles(h_bucket{i=\"b\"}, \"q\", 0.5, 1, 0)";
    check(LOAD, query, "{i=\"b\", q=\"0.5\"} 0.05\n{i=\"b\", q=\"1.0\"} 0.1\n{i=\"b\", q=\"0.0\"} 0").await;
    let query = "range from 10m to 11m step 1m histogram_quantiles(h_bucket{i=\"b\"}, \"i\", time() / 1200, 0.5)";
    let twice = "expect fail msg:vector cannot contain metrics with the same labelset";
    check(LOAD, query, twice).await;
    let query = "range from 10m to 12m step 2m histogram_quantiles(h_bucket{i=\"b\"}, \"i\", time() / 1200)";
    check(LOAD, query, "{i=\"0.5\"} 0.05\n{i=\"0.6\"} _ 0.06").await;
    let query = "instant at 10m histogram_quantiles(h_bucket, \"i\", 0.5)";
    check(LOAD, query, twice).await;
}

#[tokio::test]
async fn fractions_are_between_two_numbers() {
    check(LOAD, "instant at 10m histogram_fraction(0, 0.1, h_bucket{i=\"a\"})", "{i=\"a\"} 0.25").await;
    check(LOAD, "instant at 10m histogram_fraction(0.1, 0, h_bucket{i=\"a\"})", "{i=\"a\"} 0").await;
    check(LOAD, "instant at 10m histogram_fraction(0, 1 / 0, h_bucket{i=\"a\"})", "{i=\"a\"} 1").await;
}

const MIXED: &str = "1m
 h{i=\"a\"} {{schema:-53 sum:4 count:4 custom_values:[1 2] buckets:[2 2]}} {{schema:-53 sum:4 count:4 custom_values:[1 2] buckets:[2 2]}}
 h{i=\"a\", le=\"1\"} _ 2
 h{i=\"a\", le=\"+Inf\"} _ 4";

#[tokio::test]
async fn a_classic_histogram_beside_a_native_one_leaves_neither() {
    check(MIXED, "instant at 0 histogram_quantile(0.75, h)", "{i=\"a\"} 1.5").await;
    check(MIXED, "instant at 0 histogram_fraction(0, 1, h)", "{i=\"a\"} 0.5").await;
    let warn = "PromQL warning: vector contains a mix of classic and native histograms for metric name \"h\" (1:26)";
    check(MIXED, "instant at 1m histogram_quantile(0.75, h)", &format!("expect warn msg:{warn}")).await;
}

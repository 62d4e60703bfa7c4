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
    let info = "PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see \
                https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile) for metric name \
                \"n_bucket\", from buckets 2 to 2, with a max diff of 1, over 1 samples from 1970-01-01T00:00:00Z to \
                1970-01-01T00:00:00Z (1:25)";
    check(LOAD, "instant at 0 histogram_quantile(0.5, n_bucket)", &format!("expect info msg:{info}\n{{}} 0.6")).await;
    check(LOAD, "instant at 10m histogram_quantile(0.5, h_bucket{i=\"a\"})", "expect no_info\n{i=\"a\"} 0.3").await;
}

#[tokio::test]
async fn a_bucket_without_a_number_is_left_out_and_warned_of() {
    let warn = "PromQL warning: bucket label \"le\" is missing or has a malformed value of \"x\" for metric name \
                \"bad_bucket\" (1:25)";
    check(LOAD, "instant at 0 histogram_quantile(0.5, bad_bucket)", &format!("expect warn msg:{warn}\n{{}} 1")).await;
}

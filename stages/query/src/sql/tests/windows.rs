//! Window functions of SQL over samples.

use super::check;

const LOAD: &str = "1m\n m{i=\"a\"} 3 1 2\n m{i=\"b\"} 5 4";

#[tokio::test]
async fn rows_are_numbered_within_their_series() {
    let text = "SELECT i, value, row_number() OVER (PARTITION BY i ORDER BY value) AS n FROM m ORDER BY i, n";
    check(LOAD, text, &["a,1,1", "a,2,2", "a,3,3", "b,4,1", "b,5,2"]).await;
}

#[tokio::test]
async fn the_last_row_of_each_series_is_the_one_that_is_numbered_first() {
    let text = "SELECT i, value FROM (SELECT *, row_number() OVER (PARTITION BY i ORDER BY time DESC) AS n FROM m) \
                WHERE n = 1 ORDER BY i";
    check(LOAD, text, &["a,2", "b,4"]).await;
}

#[tokio::test]
async fn a_sample_has_the_one_before_it_and_sums_up_to_it_beside_it() {
    let text = "SELECT i, value - lag(value) OVER w AS step, sum(value) OVER w AS sum FROM m \
                WINDOW w AS (PARTITION BY i ORDER BY time) ORDER BY i, time";
    check(LOAD, text, &["a,,3", "a,-2,4", "a,1,6", "b,,5", "b,-1,9"]).await;
}

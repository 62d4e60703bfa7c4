#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;
use crate::syntax;

fn check(expr: &str, wanted: Option<i64>) {
    assert_eq!(reach(&syntax::parse(expr).unwrap()), wanted, "{expr}");
}

#[test]
fn what_looks_back_reads_nothing_after_a_step() {
    check("m", Some(0));
    check("1 + time()", Some(0));
    check("sum by (a) (rate(m[5m] offset 1m)) / on (a) group_left () n offset 1h", Some(0));
    check("max_over_time(rate(m[5m])[1h:1m] offset 5m)", Some(0));
    check("topk(3, m anchored)", Some(0));
}

#[test]
fn what_looks_ahead_reads_as_far_as_its_offsets_together() {
    check("m offset -2m", Some(120_000));
    check("m + n offset -2m", Some(120_000));
    check("quantile(scalar(n offset -3m), m)", Some(180_000));
    check("avg_over_time(m[1h:1m] offset -1m)", Some(60_000));
    check("avg_over_time((m offset -5m)[1h:1m] offset 3m)", Some(120_000));
    check("avg_over_time((m offset -5m)[1h:1m] offset -3m)", Some(480_000));
}

#[test]
fn what_depends_on_more_than_the_samples_around_a_step_is_not_kept() {
    check("m @ 100", None);
    check("m + n @ end()", None);
    check("max_over_time(m[1h:1m] @ start())", None);
    check("rate(m[5m] smoothed)", None);
    check("rate(m[step()])", None);
    check("m offset range()", None);
    check("max_over_time(m[1h:step()])", None);
}

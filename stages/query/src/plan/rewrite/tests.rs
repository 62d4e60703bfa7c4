#![allow(clippy::unwrap_used, missing_docs)]

use super::*;
use crate::exec::counts::Scope;
use crate::exec::steps::Steps;
use crate::plan::{Asked, Planned, Planner};

/// The plan of a query after all rules, and which rules changed it.
fn rewritten(text: &str) -> (String, Vec<&'static str>) {
    let steps = Steps { start: 600_000, step: 60_000, count: 5 };
    let asked = Asked { start: 600_000, end: 840_000, step: 60_000 };
    let (lookback, subquery_step, scope) = (300_000, 60_000, Scope::Steps);
    let planner = Planner { text, asked, steps, until: asked.end, lookback, subquery_step, replica_labels: &[], scope };
    let Planned::Vector(plan) = planner.query(&crate::syntax::parse(text).unwrap()).unwrap() else { panic!("{text}") };
    let (plan, rules) = rewrite(plan, false).unwrap();
    (plan.display_indent().to_string(), rules)
}

fn check(text: &str, rules: &[&str], lines: &[&str]) {
    let (plan, applied) = rewritten(text);
    assert_eq!(applied, rules, "{text}\n{plan}");
    for line in lines {
        assert!(plan.contains(line), "{text}: no `{line}` in\n{plan}");
    }
}

#[test]
fn rules_have_names_of_their_own() {
    let mut names: Vec<_> = RULES.iter().map(|rule| rule.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), RULES.len());
}

#[test]
fn selectors_of_about_the_same_time_are_read_once() {
    check("m + m", &["share_selectors"], &["{__name__=\"m\"} from=300001 to=840000 shared"]);
    check("rate(m[5m]) / m", &["share_selectors"], &[]);
    check("m / m offset 1d", &[], &[]);
    check("m + n", &[], &[]);
}

#[test]
fn matchers_of_the_one_side_hold_for_the_many_side() {
    let rule: &[&str] = &["propagate_matchers"];
    check("a * on (x) b{x=\"1\", y=\"2\"}", rule, &["{__name__=\"a\", x=\"1\"}", "{__name__=\"b\", x=\"1\", y=\"2\"}"]);
    check("a * ignoring (y) group_left b{x=~\"1|2\"}", rule, &["{__name__=\"a\", x=~\"1|2\"}"]);
    check("b{x=\"1\"} * on (x) group_right a", rule, &["{__name__=\"a\", x=\"1\"}"]);
    // The "one" side may have duplicates, which are an error.
    check("a{x=\"1\"} * on (x) b", &[], &[]);
    check("a * on (y) b{x=\"1\"}", &[], &[]);
    check("rate(a[5m]) * on (x) b{x=\"1\"}", &[], &[]);
    check("a + fill (0) b{x=\"1\"}", &[], &[]);
}

#[test]
fn an_aggregation_by_labels_reads_only_these() {
    let rule: &[&str] = &["needed_labels"];
    let metadata = "labels=(__name__, __type__, __unit__)";
    check("sum(m)", rule, &[metadata]);
    check("sum by (b, a) (abs(rate(m[5m]) * 2))", rule, &["labels=(__name__, __type__, __unit__, a, b)"]);
    check("max(sum by (a) (m))", rule, &["labels=(__name__, __type__, __unit__, a)"]);
    check("sum(m * time())", rule, &[metadata]);
    // All others are needed, to tell series apart or to meet on.
    check("sum without (a) (m)", &[], &[]);
    check("sum(m * on (a) n)", &[], &[]);
    check("topk by (a) (1, m)", &[], &[]);
    check("sum(label_replace(m, \"a\", \"$1\", \"b\", \"(.*)\"))", &[], &[]);
    check("sum(max_over_time(m[5m:1m]))", &[], &[]);
}

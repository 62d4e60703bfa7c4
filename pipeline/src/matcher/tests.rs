//! Tests of `matcher`.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::labels::LabelSet;

fn matcher(op: MatchOp, value: &str) -> Matcher {
    Matcher::new("job", op, value).unwrap()
}

#[test]
fn compares_as_its_operator_says() {
    fn check(op: MatchOp, value: &str, yes: &[&str], no: &[&str]) {
        let matcher = matcher(op, value);
        assert!(yes.iter().all(|v| matcher.matches(v)), "{matcher} matches {yes:?}");
        assert!(!no.iter().any(|v| matcher.matches(v)), "{matcher} does not match {no:?}");
    }
    check(MatchOp::Equal, "api", &["api"], &["", "apis", "API"]);
    check(MatchOp::Equal, "", &[""], &["a"]);
    check(MatchOp::NotEqual, "api", &["", "apis"], &["api"]);
    check(MatchOp::NotEqual, "", &["a"], &[""]);
    check(MatchOp::Match, "api|web", &["api", "web"], &["", "apis"]);
    check(MatchOp::Match, "api.*", &["api", "apis", "api\n"], &["", "xapi"]);
    check(MatchOp::Match, "", &[""], &["a"]);
    check(MatchOp::NotMatch, "api.*", &["", "xapi"], &["api", "apis"]);
    check(MatchOp::NotMatch, ".+", &[""], &["a", "\n"]);
    check(MatchOp::Match, ".*", &["", "a"], &[]);
}

#[test]
fn an_absent_label_is_the_empty_text() {
    let labels: LabelSet = [("__name__", "up"), ("job", "api")].into_iter().collect();
    let none: LabelSet = [("__name__", "up")].into_iter().collect();
    assert!(matcher(MatchOp::Equal, "api").selects(labels.as_labels()));
    assert!(!matcher(MatchOp::Equal, "api").selects(none.as_labels()));
    assert!(matcher(MatchOp::NotEqual, "api").selects(none.as_labels()));
    assert!(matcher(MatchOp::Match, "|api").selects(none.as_labels()));
    assert!(matcher(MatchOp::Match, "a?").matches_empty());
    assert!(!matcher(MatchOp::Match, "a+").matches_empty());
}

#[test]
fn a_bad_regular_expression_is_refused_in_gos_words() {
    let error = Matcher::new("job", MatchOp::Match, "a(").unwrap_err();
    assert_eq!(error.to_string(), "error parsing regexp: missing closing ): `a(`");
    assert!(Matcher::new("job", MatchOp::Equal, "a(").is_ok());
}

#[test]
fn reads_as_in_promql() {
    assert_eq!(matcher(MatchOp::NotMatch, "a\"\n\\d").to_string(), r#"job!~"a\"\n\\d""#);
    assert_eq!(Matcher::equal("utf8.label", "é").to_string(), r#""utf8.label"="é""#);
}

#[test]
fn gives_its_pattern_for_pruning() {
    assert_eq!(matcher(MatchOp::Match, "go_.*").pattern().and_then(Pattern::prefix), Some("go_"));
    assert!(matcher(MatchOp::Equal, "go_").pattern().is_none());
}

//! Tests of `reference`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;
use crate::fixture::registry;

const THIN: &str = r#"//! `thin`: leaves out series of a metric.
//!
//! ```yaml
//! stages:
//!   - thin: { metric: up }
//! ```

/// A transform: leaves out series of a metric.
pub(crate) struct Thin {
    /// Which metric.
    metric: String,
}
"#;

fn component(role: Role, name: &str) -> Component {
    let mut registry = registry();
    registry.document("weir_pipeline::fixture::stages", THIN);
    registry.components().into_iter().find(|c| (c.role, c.name) == (role, name)).unwrap()
}

#[test]
fn every_component_is_there_once_with_its_paths() {
    let all = registry().components();
    let shown: Vec<String> =
        all.iter().map(|c| format!("{} {} {}", c.role.as_str(), c.name, c.paths.join("+"))).collect();
    for expect in ["source desk read", "stage pass write+read", "stage deal write", "sink echo read", "resource shelf "]
    {
        assert_eq!(shown.iter().filter(|line| *line == expect).count(), 1, "{expect} in {shown:?}");
    }
    assert!(all.is_sorted_by_key(|c| (c.role, c.name)));
}

#[test]
fn settings_have_types_and_docs() {
    let thin = component(Role::Stage, "thin");
    assert_eq!(thin.example, "stages:\n  - thin: { metric: up }");
    let [metric] = thin.fields.as_slice() else { panic!("expected one setting, got {:?}", thin.fields) };
    assert_eq!((metric.path.as_str(), metric.docs.as_str(), metric.required), ("metric", "Which metric.", true));
    assert_eq!(metric.shape.to_string(), "a text");
}

#[test]
fn settings_below_others_come_after_them() {
    let rules = component(Role::Stage, "rules");
    let paths: Vec<&str> = rules.fields.iter().map(|setting| setting.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "rules",
            "rules[].action",
            "rules[].action.hash",
            "rules[].action.hash.modulus",
            "rules[].action.every",
            "rules[].label",
            "rules[].to",
            "window",
            "limit",
            "ratio",
            "count",
            "on",
            "shelf",
            "labels",
            "spans",
            "filled"
        ]
    );
    let shelf = rules.fields.iter().find(|setting| setting.path == "shelf").unwrap();
    assert_eq!(registry().kinds_that_open(shelf.shape.resource.unwrap()), ["shelf"]);
}

#[test]
fn the_example_can_be_checked_and_changed() {
    let thin = component(Role::Stage, "thin");
    assert_eq!(thin.mistakes(thin.settings.as_ref().unwrap()), [""; 0]);
    let without = thin.example_with("metric", None).unwrap();
    assert_eq!(thin.mistakes(&without).len(), 1);
    let down = parse("", "down", &Env::from_fn(|_| None)).unwrap();
    let other = thin.example_with("metric", Some(down)).unwrap();
    assert_eq!(thin.shown(&other).as_deref(), Some("Thin { metric: \"down\" }"));
}

#[test]
fn a_default_is_what_the_docs_say() {
    let check = |docs: &str, expect: Option<&str>| assert_eq!(default(docs).as_deref(), expect, "{docs}");
    check("Where. Default `127.0.0.1:9090`.", Some("127.0.0.1:9090"));
    check("How long. Default\n30s, which is much.", Some("30s"));
    check("How long; default 30s, at least 1s. No more.", Some("30s"));
    check("How long. Default `1m`: two attempts.", Some("1m"));
    check("How many. Default: no limit.", None);
    check("A share. Default 0.5. No more.", Some("0.5"));
    check("Whose. Default none.", None);
    check("What. No default.", None);
    check("", None);
}

#[test]
fn an_example_is_looked_for_where_the_role_stands() {
    let node = |text: &str| parse("", text, &Env::from_fn(|_| None)).unwrap();
    let both = node("resources: { copy: { link: {} } }\nsink: { link: copy }");
    let shown = |role: Role| role.settings(&both, "link").map(|node| node.to_string());
    assert_eq!(shown(Role::Resource).as_deref(), Some("{}"));
    assert_eq!(shown(Role::Sink).as_deref(), Some("copy"));
    assert_eq!(shown(Role::Source).as_deref(), Some("copy"));
    assert_eq!(Role::Stage.settings(&node("stages: [pass]"), "pass").map(|node| node.is_null()), Some(true));
    assert_eq!(Role::Stage.settings(&node("pass: 5"), "pass").map(|node| node.to_string()).as_deref(), Some("5"));
}

#[test]
fn what_is_required_is_what_is_missed_where_nothing_is_given() {
    let rules = component(Role::Stage, "rules");
    let required: Vec<&str> = rules.fields.iter().filter(|s| s.required).map(|s| s.path.as_str()).collect();
    assert_eq!(required, ["rules", "rules[].action", "rules[].action.hash.modulus", "rules[].label"]);
    assert!(!rules.stands_alone() && component(Role::Stage, "pass").stands_alone());
}

#[test]
fn a_setting_below_others_is_set_and_left_out() {
    let check = |settings: &str, path: &str, value: Option<&str>, expect: Option<&str>| {
        let node = |text: &str| parse("", text, &Env::from_fn(|_| None)).unwrap();
        let changed = with(&node(settings), &steps(path), value.map(node));
        assert_eq!(changed.map(|node| node.to_string()).as_deref(), expect, "{path} of {settings}");
    };
    check("{ a: 1, b: 2 }", "a", Some("3"), Some("{ b: 2, a: 3 }"));
    check("{ a: 1, b: 2 }", "a", None, Some("{ b: 2 }"));
    check("~", "a.b", Some("3"), Some("{ a: { b: 3 } }"));
    check("~", "a.b", None, Some("{ a: {} }"));
    check("a: [ { b: 1 }, { b: 2 } ]", "a[].b", Some("3"), Some("{ a: [{ b: 3 }, { b: 2 }] }"));
    check("~", "a[][].*", Some("3"), Some("{ a: [[{ name: 3 }]] }"));
    check("a: 5", "a.b", Some("3"), None);
    check("a: 5", "a[]", Some("3"), None);
    assert_eq!(place(&steps("a[][].*.b")), "a[0][0].name.b");
}

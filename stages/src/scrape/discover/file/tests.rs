//! Tests of `file`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

/// What files list, as `file: targets {labels}`.
fn listed(known: &Known) -> Vec<String> {
    let shown = |group: &Group| {
        let file = group.labels[PLACE].rsplit('/').next().unwrap();
        let labels: Vec<_> = group.labels.iter().filter(|(name, _)| *name != PLACE).collect();
        let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{file}: {} {{{}}}", group.targets.join(","), labels.join(","))
    };
    known.groups().iter().map(shown).collect()
}

fn look(known: &mut Known, pattern: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    known.look(&[pattern.to_owned()], false, &mut wrong);
    wrong.into_iter().map(|(_, why)| why).collect()
}

#[test]
fn files_list_targets_in_json_and_in_yaml() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write(
        "a.json",
        r#"[ {"targets": ["a:1", "a:2"], "labels": {"x": "\u00e9", "__scheme__": "https"}}, {"targets": []}, null ]"#,
    );
    write("b.yml", "- targets: ['b:1']\n  labels:\n    x: 5\n    y: '${HOME}'\n- labels: {}\n");
    write("c.yaml", "");
    write("d.txt", "no list");
    let mut known = Known::default();
    assert!(look(&mut known, &format!("{}/*", dir.path().display())).len() == 1);
    let mut known = Known::default();
    let all = format!("{}/?.*", dir.path().display());
    known.look(&[all.replace("?.*", "?.json"), all.replace("?.*", "*.y*ml")], true, &mut Vec::new());
    assert_eq!(
        listed(&known),
        ["a.json: a:1,a:2 {__scheme__=https,x=é}", "a.json:  {}", "b.yml: b:1 {x=5,y=${HOME}}", "b.yml:  {}"]
    );
}

#[test]
fn what_changes_is_read_again_and_what_is_wrong_stays_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.yml");
    let (mut known, pattern) = (Known::default(), format!("{}/*.yml", dir.path().display()));
    assert!(look(&mut known, &pattern).is_empty() && listed(&known).is_empty());
    std::fs::write(&path, "- targets: ['a:1']").unwrap();
    assert!(look(&mut known, &pattern).is_empty());
    assert_eq!(listed(&known), ["a.yml: a:1 {}"]);
    std::fs::write(&path, "- target: ['b:1']\n").unwrap();
    let wrong = look(&mut known, &pattern);
    assert_eq!(wrong, ["1:3: [0].target: unknown field `target`, did you mean `targets`?"]);
    assert_eq!(listed(&known), ["a.yml: a:1 {}"]);
    // It is told once.
    assert!(look(&mut known, &pattern).is_empty());
    std::fs::write(&path, "- targets: ['b:1', 'c:1']\n").unwrap();
    assert!(look(&mut known, &pattern).is_empty());
    assert_eq!(listed(&known), ["a.yml: b:1,c:1 {}"]);
    std::fs::remove_file(&path).unwrap();
    look(&mut known, &pattern);
    assert!(listed(&known).is_empty());
}

#[test]
fn what_is_no_list_says_so() {
    let check = |text: &str, expect: &str| {
        let error = json(text).unwrap_err();
        assert!(error.starts_with(expect), "{error}");
    };
    check("{}", "invalid type: map, expected a sequence");
    check("[{\"targets\": [1]}]", "invalid type: integer `1`, expected a string");
    check("[{\"hosts\": []}]", "unknown field `hosts`");
    check("[", "EOF while parsing a list");
    assert_eq!(json("null").unwrap(), Vec::new());
}

#[test]
fn names_match_patterns_as_a_whole() {
    let check =
        |pattern: &str, name: &str, expect: bool| assert_eq!(is_match(pattern, name), expect, "{pattern} {name}");
    check("a.json", "a.json", true);
    check("a.json", "b.json", false);
    check("*.json", "a.json", true);
    check("*.json", ".json", true);
    check("*.json", "a.json.bak", false);
    check("a*b*c.yml", "aXXbYYc.yml", true);
    check("a*b*c.yml", "aXXcYYb.yml", false);
    check("?.yml", "a.yml", true);
    check("?.yml", "ab.yml", false);
    check("**", "anything", true);
    check("", "", true);
    check("*", "", true);
    check("?", "", false);
}

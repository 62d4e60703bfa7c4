//! Tests of `pattern`.
//!
//! `tests/go.txt` holds what Go 1.26 answers: a program of 60 lines read a list of patterns and texts (and 400 random
//! patterns from a list of tokens), parsed each pattern with `syntax.Parse(p, Perl|DotNL)` for the error, compiled
//! `^(?s:p)$` with `regexp`, and printed for each text whether it matches and the groups, all strings with `%q`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::selector::{quote, quoted};

/// The strings in quotes in `line`; `-` is a group without part in the match.
fn strings(mut line: &str) -> Vec<Option<String>> {
    let mut out = Vec::new();
    while !line.is_empty() {
        let Some(rest) = line.strip_prefix('-') else {
            let (text, len) = quoted(line).unwrap_or_else(|e| panic!("{line}: {e}"));
            out.push(Some(text));
            line = line[len..].trim_start();
            continue;
        };
        out.push(None);
        line = rest.trim_start();
    }
    out
}

/// Compares with a table of Go's answers, and returns how many there are.
fn check_table(table: &str) -> usize {
    let (mut pattern, mut wrong, mut count): (Option<Pattern>, Vec<String>, usize) = (None, Vec::new(), 0);
    for line in table.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
        count += 1;
        if let Some(rest) = line.strip_prefix("refused ") {
            let [Some(source), Some(message)] = &strings(rest)[..] else { panic!("{line}") };
            match Pattern::new(source) {
                Err(error) if error.to_string() == *message => {}
                other => wrong.push(format!("{line}\n    got {other:?}")),
            }
        } else if let Some(rest) = line.strip_prefix("pattern ") {
            let source = strings(rest).remove(0).unwrap();
            pattern = Pattern::new(&source).map_err(|e| wrong.push(format!("{line}\n    got {e}"))).ok();
        } else if let Some(pattern) = &pattern {
            let (text, len) = quoted(line.trim_start()).unwrap();
            let got = answer(pattern, &text);
            let expect = line.trim_start()[len..].trim_start();
            if got != expect {
                wrong.push(format!("{pattern:?} on {}\n    go   {expect}\n    here {got}", quote(&text)));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
    count
}

/// In the words of the table.
fn answer(pattern: &Pattern, text: &str) -> String {
    let expanded = pattern.expand(text, "");
    assert_eq!(expanded.is_some(), pattern.is_match(text), "{pattern:?} on {text:?}");
    assert_listed(pattern, text);
    if expanded.is_none() {
        return "no".into();
    }
    let mut out = String::from("yes");
    for i in 1..pattern.0.names.len() {
        let group = pattern.0.regex.as_ref().map_or(Some(text), |r| {
            let captures = r.captures(text).unwrap();
            captures.get(i).map(|m| m.as_str())
        });
        out.push_str(&group.map_or(" -".into(), |g| format!(" {}", quote(g))));
    }
    out
}

/// What the pattern says of itself is true of `text`.
fn assert_listed(pattern: &Pattern, text: &str) {
    if pattern.is_match(text) {
        assert!(text.starts_with(pattern.prefix().unwrap_or("")), "{pattern:?} on {text:?}");
    }
    if let Some(all) = pattern.literals() {
        assert_eq!(all.iter().any(|l| l == text), pattern.is_match(text), "{pattern:?} on {text:?}");
        let plain = compile(pattern.source(), &parse::parse(pattern.source()).unwrap().root).unwrap();
        assert_eq!(plain.is_match(text), pattern.is_match(text), "{pattern:?} on {text:?}");
    }
}

#[test]
fn matches_what_go_matches_and_refuses_what_go_refuses() {
    assert!(check_table(include_str!("tests/go.txt")) > 2000);
}

#[test]
fn expands_templates_as_go_does() {
    let mut count = 0;
    for line in include_str!("tests/expand.txt").lines() {
        let parts: Vec<String> = strings(line).into_iter().flatten().collect();
        let [pattern, text, template, expect] = &parts[..] else { panic!("{line}") };
        assert_eq!(Pattern::new(pattern).unwrap().expand(text, template).as_ref(), Some(expect), "{line}");
        count += 1;
    }
    assert!(count > 500);
}

#[test]
fn expands_nothing_where_the_text_does_not_match() {
    let expand = |p: &str, text: &str| Pattern::new(p).unwrap().expand(text, "x$0");
    assert_eq!(expand("a.", "b"), None);
    assert_eq!(expand("a|b", "c"), None);
    assert_eq!(expand("a.+b(c)", "xb"), None);
    assert_eq!(expand("a|b", "b"), Some("xb".into()));
}

#[test]
fn lists_the_texts_of_small_patterns() {
    fn check(pattern: &str, expect: Option<&[&str]>) {
        let pattern = Pattern::new(pattern).unwrap();
        let got = pattern.literals().map(|all| all.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(got.as_deref(), expect, "{pattern:?}");
    }
    check("", Some(&[""]));
    check("a", Some(&["a"]));
    check("b|a|b", Some(&["a", "b"]));
    check("a|", Some(&["", "a"]));
    check("(a|b)-(?:c|d)", Some(&["a-c", "a-d", "b-c", "b-d"]));
    check("ab?", Some(&["a", "ab"]));
    check("[ab]c|d", Some(&["ac", "bc", "d"]));
    check("[a-c]", Some(&["a", "b", "c"]));
    check(r"node\.\Qx|y\E", Some(&["node.x|y"]));
    check("^a$", Some(&["a"]));
    check("^$", Some(&[""]));
    check(r"\x{D800}", Some(&[]));
    check("x(^a)", None);
    check("(?i)a", None);
    check("(?i:a)|b", None);
    check("[^a]", None);
    check(r"\d", None);
    check("a*", None);
    check("a{2}", None);
    check("[a-z][a-z][a-z][a-z]", None);
    check("[a-z]{2}", None);
    check(".", None);
    check(".*", None);
}

#[test]
fn knows_what_all_matches_begin_with() {
    fn check(pattern: &str, expect: Option<&str>) {
        assert_eq!(Pattern::new(pattern).unwrap().prefix(), expect, "{pattern}");
    }
    check("go_.*", Some("go_"));
    check("^go_.*$", Some("go_"));
    check("(go)_(.+)", Some("go_"));
    check("a+b", Some("a"));
    check("(ab)+", Some("ab"));
    check("abc|abd", Some("ab"));
    check("x(abc|abd)y", Some("xab"));
    check("é|è", None);
    check("go", Some("go"));
    check("", None);
    check("a?b", None);
    check("(?i)go.*", None);
    check("a|", None);
    check(".*", None);
}

#[test]
fn a_large_alternation_of_literals_is_a_set() {
    let all: Vec<String> = (0..20_000).map(|i| format!("10-0-{i}")).collect();
    let pattern = Pattern::new(&all.join("|")).unwrap();
    assert_eq!(pattern.literals().unwrap().len(), 20_000);
    assert!(all.iter().all(|text| pattern.is_match(text)));
    assert!(!pattern.is_match("10-0-20000"));
    assert!(pattern.0.regex.is_none());
}

#[test]
fn refuses_what_is_too_large() {
    fn check(source: &str, expect: &str) {
        let error = Pattern::new(source).unwrap_err().to_string();
        assert!(error.starts_with(expect), "{error}");
        assert!(error.len() < 5000);
    }
    let large = "error parsing regexp: expression too large: `";
    check(&"a".repeat(MAX_BYTES + 1), large);
    check(&".".repeat(MAX_REGEX_BYTES + 1), large);
    check(r"\pL{1000}\pL{1000}\pL{1000}\pL{1000}\pL{1000}", large);
    check("(((a{10}.{10}){10}.){10}){1000}", "error parsing regexp: invalid repeat count: `{1000}`");
    let deep = "error parsing regexp: expression nests too deeply: `";
    check(&("(".repeat(60_000) + &")".repeat(60_000)), deep);
    check(&("(?:a|".repeat(20_000) + &")".repeat(20_000)), deep);
    check(&("a*".to_owned() + &"(?i)*".repeat(20_000)), deep);
    check(&"(".repeat(100_000), "error parsing regexp: missing closing ): `((((");
    check(&"[".repeat(100_000), "error parsing regexp: missing closing ]: `[[[[");
}

#[test]
fn groups_that_mean_nothing_do_not_count_as_depth() {
    let pattern = Pattern::new(&("(?:".repeat(60_000) + "a" + &")".repeat(60_000))).unwrap();
    assert!(pattern.is_match("a"));
}

#[test]
fn the_deepest_pattern_compiles_on_a_small_stack() {
    let deepest = |open: &str, close: &str, levels| open.repeat(levels) + "a|b" + &close.repeat(levels);
    let patterns = [
        deepest("(", ")", MAX_DEPTH - 2),
        deepest("(?:x(?:y|", "))", (MAX_DEPTH - 2) / 2),
        deepest("(?:", ")+", MAX_DEPTH - 2),
    ];
    let work = move || patterns.iter().for_each(|p| assert!(Pattern::new(p).is_ok(), "{p}"));
    std::thread::Builder::new().stack_size(512 << 10).spawn(work).unwrap().join().unwrap();
}

#[test]
fn a_clone_is_a_handle() {
    let pattern = Pattern::new("a.*b").unwrap();
    assert!(Arc::ptr_eq(&pattern.0, &pattern.clone().0));
    assert_eq!(pattern.source(), "a.*b");
}

proptest::proptest! {
    #[test]
    fn no_text_panics(source in r#"[a-c(){}\[\]|*+?.^$\\\-&~:PQEpxid0-9<>,é\n]{0,24}"#, text in "[a-cé\n-]{0,6}") {
        if let Ok(pattern) = Pattern::new(&source) {
            answer(&pattern, &text);
        }
    }

    #[test]
    fn a_quoted_text_matches_itself_alone(text in ".{0,20}", other in ".{0,20}") {
        let pattern = Pattern::new(&regex::escape(&text)).unwrap();
        proptest::prop_assert!(pattern.is_match(&text));
        proptest::prop_assert_eq!(pattern.is_match(&other), text == other);
        proptest::prop_assert_eq!(pattern.literals().map(<[_]>::len), Some(1));
    }
}

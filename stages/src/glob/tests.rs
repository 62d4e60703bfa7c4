//! Tests of `glob`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

#[test]
fn a_star_stands_for_any_characters() {
    let check = |pattern: &str, text: &str, expect: bool| {
        let glob = Glob::try_from(pattern.to_owned()).unwrap();
        assert_eq!(glob.is_match(text), expect, "{pattern} {text}");
    };
    check("a", "a", true);
    check("a", "ab", false);
    check("a*", "a", true);
    check("a*", "abc", true);
    check("a*", "ba", false);
    check("*a", "ba", true);
    check("*a", "ab", false);
    check("*", "", true);
    check("a*b*c", "aXbYc", true);
    check("a*b*c", "aXcYb", false);
    check("a*a", "a", false);
    check("a*a", "aa", true);
    check("*aa*aa", "aaa", false);
    check("*aa*aa", "aaaa", true);
    assert!(Glob::try_from(String::new()).is_err());
}

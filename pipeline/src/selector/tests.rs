//! Tests of `selector`.
//!
//! `tests/prometheus.txt` holds what `ParseMetricSelector` of Prometheus 3.14 made of each text, all strings printed with
//! `%q`: the text, then name, operator and value of each matcher.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

fn parts(selector: &str) -> Vec<(String, String, String)> {
    let matchers = parse(selector).unwrap_or_else(|e| panic!("{selector}: {e}"));
    matchers.into_iter().map(|m| (m.name, m.op.to_string(), m.value)).collect()
}

#[test]
fn reads_what_prometheus_reads() {
    for line in include_str!("tests/prometheus.txt").lines() {
        let (mut rest, mut strings) = (line, Vec::new());
        while !rest.is_empty() {
            let (text, len) = quoted(rest).unwrap();
            strings.push(text);
            rest = rest[len..].trim_start();
        }
        let selector = strings.remove(0);
        let mut expect: Vec<_> = strings.chunks(3).map(|m| (m[0].clone(), m[1].clone(), m[2].clone())).collect();
        // Prometheus puts a name from before the braces last.
        if !selector.trim_start().starts_with('{') {
            expect.rotate_right(1);
        }
        assert_eq!(parts(&selector), expect, "{selector}");
    }
}

#[test]
fn a_selector_of_everything_is_fine() {
    assert!(parse("{}").unwrap().is_empty());
    assert_eq!(parse(r#"{job=~".*"}"#).unwrap().len(), 1);
}

#[test]
fn says_what_it_expected_and_where() {
    fn check(selector: &str, expect: &str) {
        assert_eq!(parse(selector).unwrap_err().to_string(), expect, "{selector}");
    }
    check("", "1:1: expected a metric name or `{`, got the end");
    check(" ", "1:2: expected a metric name or `{`, got the end");
    check("}", "1:1: expected a metric name or `{`, got `}`");
    check("1up", "1:1: expected a metric name or `{`, got `1`");
    check("\"up\"", "1:1: expected a metric name or `{`, got `\"`");
    check("up}", "1:3: expected the end of the selector, got `}`");
    check("up down", "1:4: expected the end of the selector, got `d`");
    check("up[5m]", "1:3: expected the end of the selector, got `[`");
    check("up offset 5m", "1:4: expected the end of the selector, got `o`");
    check("up{", "1:4: expected a label name or `}`, got the end");
    check("up{,}", "1:4: expected a label name or `}`, got `,`");
    check("up{a=\"b\",,}", "1:10: expected a label name or `}`, got `,`");
    check("up{{}", "1:4: expected a label name or `}`, got `{`");
    check("up{1a=\"b\"}", "1:4: expected a label name or `}`, got `1`");
    check("up{é=\"b\"}", "1:4: expected a label name or `}`, got `é`");
    check("{\"\"=\"x\"}", "1:2: expected a label name or `}`, got `\"`");
    check("up{a:b=\"c\"}", "1:5: expected `=`, `!=`, `=~` or `!~`, got `:`");
    check("up{job}", "1:7: expected `=`, `!=`, `=~` or `!~`, got `}`");
    check("up{job>\"a\"}", "1:7: expected `=`, `!=`, `=~` or `!~`, got `>`");
    check("up{job!\"a\"}", "1:7: expected `=`, `!=`, `=~` or `!~`, got `!`");
    check("{\"a\"\"b\"}", "1:5: expected `=`, `!=`, `=~` or `!~`, got `\"`");
    check("up{job=}", "1:8: expected a string, got `}`");
    check("up{job=a}", "1:8: expected a string, got `a`");
    check("up{job==\"a\"}", "1:8: expected a string, got `=`");
    check("up{a=\"b\" c=\"d\"}", "1:10: expected `,` or `}`, got `c`");
    check("up{a=\"b\"", "1:9: expected `,` or `}`, got the end");
    check("up{__name__=\"x\"}", "1:4: expected the metric name once, it is set before the braces");
    check("up{a=\"1\", \"x\"}", "1:11: expected the metric name once, it is set before the braces");
    check("up{job=~\"a(\"}", "1:9: error parsing regexp: missing closing ): `a(`");
    check("up{\n  a=\"b\",\n  c!~\"x**\"}", "3:6: error parsing regexp: invalid nested repetition operator: `**`");
    check("up{a=\"b}", "1:6: expected a closing `\"` on the same line");
    check("up{a='b\nc'}", "1:6: expected a closing `'` on the same line");
    check("up{a=`b}", "1:6: expected a closing backtick");
    check("up{a=\"\\q\"}", "1:7: expected an escape sequence, got `\\q`");
    check(&"a".repeat(MAX_SELECTOR_BYTES + 1), "1:1: expected a selector of at most 1048576 bytes");
}

#[test]
fn unquotes_as_promql_does() {
    fn check(text: &str, expect: &str) {
        assert_eq!(unquote(text).as_deref(), Ok(expect), "{text}");
    }
    check(r#""""#, "");
    check("''", "");
    check("``", "");
    check(r#""a b""#, "a b");
    check(r#""it's""#, "it's");
    check(r"'it\'s'", "it's");
    check(r#"'"'"#, "\"");
    check("`a\\n\n\"'`", "a\\n\n\"'");
    check(r#""\a\b\f\n\r\t\v\\\"""#, "\x07\x08\x0c\n\r\t\x0b\\\"");
    check(r#""\x41\101\u00e9\U0001F600""#, "AAé😀");
    check(r#""\xc3\xa9""#, "é");
    check(r#""é😀""#, "é😀");
    check(r#""\000""#, "\0");
}

#[test]
fn refuses_strings_that_promql_refuses() {
    fn check(text: &str, offset: usize, message: &str) {
        assert_eq!(unquote(text), Err(InvalidString { offset, message: message.into() }), "{text}");
    }
    check("", 0, "expected a string in quotes");
    check("a", 0, "expected a string in quotes");
    check("\"", 1 - 1, "expected a closing `\"` on the same line");
    check("\"a'", 0, "expected a closing `\"` on the same line");
    check("\"a\nb\"", 0, "expected a closing `\"` on the same line");
    check("\"a\\", 2, "expected an escape sequence, got `\\`");
    check("\"a\\\"", 0, "expected a closing `\"` on the same line");
    check("`a", 0, "expected a closing backtick");
    check("\"a\"b", 3, "expected the end after the closing quote");
    check(r#""\q""#, 1, r"expected an escape sequence, got `\q`");
    check(r#""\'""#, 1, r"expected an escape sequence, got `\'`");
    check(r#"'\"'"#, 1, "expected an escape sequence, got `\\\"`");
    check(r#""\8""#, 1, r"expected an escape sequence, got `\8`");
    check(r#""\x4""#, 1, "expected 2 digits of base 16 in an escape sequence, got `\\x4\"`");
    check(r#""\18""#, 1, "expected 3 digits of base 8 in an escape sequence, got `\\18\"`");
    check(r#""\u12""#, 1, "expected 4 digits of base 16 in an escape sequence, got `\\u12\"`");
    check(r#""\uéééé""#, 1, "expected 4 digits of base 16 in an escape sequence, got `\\uéééé`");
    check(r#""\400""#, 1, r"expected a byte of at most 255, got `\400`");
    check(r#""\ud800""#, 1, r"expected a Unicode code point, got `\ud800`");
    check(r#""\U00110000""#, 1, r"expected a Unicode code point, got `\U00110000`");
    check(r#""\xff""#, 0, "expected a string of UTF-8");
}

#[test]
fn quotes_as_go_does() {
    fn check(text: &str, expect: &str) {
        assert_eq!(quote(text), expect);
        assert_eq!(unquote(expect).as_deref(), Ok(text));
    }
    check("", r#""""#);
    check("a b\"\\'`", r#""a b\"\\'`""#);
    check("\x07\x08\x0c\n\r\t\x0b\0\x7f", r#""\a\b\f\n\r\t\v\x00\x7f""#);
    check("é😀", "\"é😀\"");
    check("\u{a0}\u{ad}\u{200b}\u{e000}\u{10ffff}", r#""\u00a0\u00ad\u200b\ue000\U0010ffff""#);
}

#[test]
fn a_selector_selects_where_all_matchers_hold() {
    let selector: Selector = crate::testing::settings("up{job=\"a\",zone!=\"b\"}").unwrap();
    let selects = |text| selector.selects(crate::testing::batch(text).series(0).labels);
    assert!(selects("up{job=\"a\"} 1"));
    assert!(!selects("up{job=\"a\", zone=\"b\"} 1"));
    assert!(!selects("up 1"));
    assert_eq!(selector.matchers().len(), 3);
    let error = crate::testing::settings::<Selector>("'up{'").unwrap_err();
    let expect =
        "1:1: expected a selector such as `{job=\"a\"}`, got `up{`: 1:4: expected a label name or `}`, got the end";
    assert_eq!(error, expect);
}

proptest::proptest! {
    #[test]
    fn unquote_undoes_quote(text in "\\PC{0,20}|[\\x00-\\u{ffff}]{0,20}") {
        proptest::prop_assert_eq!(unquote(&quote(&text)), Ok(text));
    }

    #[test]
    fn a_matcher_reads_back_as_itself(name in "[a-z.é\"]{1,6}", value in "\\PC{0,12}") {
        let matcher = Matcher::equal(name, value);
        let selector = format!("{{{matcher}}}");
        proptest::prop_assert_eq!(parse(&selector), Ok(vec![matcher]), "{}", selector);
    }

    #[test]
    fn no_text_panics(text in r#"[a-c_{}=!~"'`,\\xuU0-9#\n é:]{0,24}"#) {
        if let Err(error) = parse(&text) {
            proptest::prop_assert!(error.column <= text.len() + 1);
        }
        let _ = unquote(&text);
    }
}

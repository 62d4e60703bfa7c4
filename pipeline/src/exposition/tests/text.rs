//! What text 0.0.4 and 1.0.0 says.

use super::*;

fn check(body: &str, expect: &[&str]) {
    assert_eq!(events(body.as_bytes(), Format::Text).unwrap(), expect, "{body}");
}

#[test]
fn samples_are_read_with_and_without_labels_and_timestamps() {
    check("up 1\n", &["up{} 1.0"]);
    check("up 1", &["up{} 1.0"]);
    check("up{} 1 1395066363000\n", &["up{} 1.0 @1395066363000"]);
    check("up{a=\"b\",c=\"d\"} 12.47 -5\n", &["up{a=\"b\",c=\"d\"} 12.47 @-5"]);
    check("job:up:sum{_a1=\"\"} 3\n", &["job:up:sum{_a1=\"\"} 3.0"]);
    check(":a 1\n_b 2\n", &[":a{} 1.0", "_b{} 2.0"]);
}

#[test]
fn blanks_are_allowed_where_words_end() {
    check("\n \t\n  up \t 1 \t 5 \n\n", &["up{} 1.0 @5"]);
    check("up { a = \"b\" , c= \"d\", } 1", &["up{a=\"b\",c=\"d\"} 1.0"]);
    check("up{a=\"b\"}1", &["up{a=\"b\"} 1.0"]);
    check("up{ } 1", &["up{} 1.0"]);
    check("{ \"up\" , a = \"b\" } 1", &["up{a=\"b\"} 1.0"]);
}

#[test]
fn commas_between_labels_may_be_missing_as_in_prometheus() {
    check("up{a=\"1\" b=\"2\"c=\"3\"} 1", &["up{a=\"1\",b=\"2\",c=\"3\"} 1.0"]);
    check("up{a=\"1\",} 1", &["up{a=\"1\"} 1.0"]);
}

#[test]
fn escapes_are_undone_and_unknown_ones_stand_for_themselves() {
    check(r#"a{b="\\ \" \n \x \\n"} 1"#, &[r#"a{b="\\ \" \n \\x \\n"} 1.0"#]);
    check("a{b=\"two\nlines\"} 1", &["a{b=\"two\\nlines\"} 1.0"]);
    check("a{b=\"},{= #\"} 1", &["a{b=\"},{= #\"} 1.0"]);
    check("a{b=\"nul \0\"} 1", &["a{b=\"nul \\0\"} 1.0"]);
}

#[test]
fn names_may_be_quoted() {
    check(r#"{"my.metric","l.x"="v"} 1"#, &["my.metric{l.x=\"v\"} 1.0"]);
    check(r#"{"my.metric"} 1"#, &["my.metric{} 1.0"]);
    check(r#"{q="0.9","http.status",a="b"} 1"#, &["http.status{q=\"0.9\",a=\"b\"} 1.0"]);
    check(r#"{"é \"q\" \\ {x\ny}","©"="6",} 1"#, &["é \"q\" \\ {x\ny}{©=\"6\"} 1.0"]);
    check(
        "# HELP \"my.metric\" Text.\n# TYPE \"my.metric\" counter\n",
        &["help my.metric: \"Text.\"", "type my.metric: Counter"],
    );
}

#[test]
fn comments_are_of_four_kinds() {
    check("# HELP a  Two \\\\ spaces \\n \\\" .\n", &["help a: \" Two \\\\ spaces \\n \\\\\\\" .\""]);
    check("# HELP a\n# HELP b \n#\tTYPE a\tgauge", &["help a: \"\"", "help b: \"\"", "type a: Gauge"]);
    check(
        "# TYPE a untyped\n# TYPE a summary\n# TYPE a histogram\n# TYPE a counter\n",
        &["type a: Unknown", "type a: Summary", "type a: Histogram", "type a: Counter"],
    );
    for comment in
        ["#", "#HELP a b", "# help a b", "# Help", "# HELPED a b", "# HELP", "# EOF", "# UNIT a s", "# HELP a-b c"]
    {
        check(comment, &[&format!("comment {comment:?}")]);
        check(&format!("{comment}\na 1\n"), &[&format!("comment {comment:?}"), "a{} 1.0"]);
    }
}

#[test]
fn numbers_are_those_of_go() {
    let value = |text: &str| {
        let line = format!("a {text}");
        match Parser::new(line.as_bytes(), Format::Text).next() {
            Some(Ok(Event::Sample(sample))) => Some(sample.value),
            _ => None,
        }
    };
    for (text, expect) in [
        ("0", 0.0),
        ("007", 7.0),
        ("123456789012345", 123_456_789_012_345.0),
        ("1234567890123456789", 1_234_567_890_123_456_800.0),
        ("+1", 1.0),
        ("-1.5e3", -1500.0),
        ("1E-7", 1e-7),
        (".5", 0.5),
        ("5.", 5.0),
        ("+Inf", f64::INFINITY),
        ("-inf", f64::NEG_INFINITY),
        ("iNfInItY", f64::INFINITY),
        ("4.9e-324", 5e-324),
        ("1e-400", 0.0),
        ("1.7976931348623157e308", f64::MAX),
    ] {
        assert_eq!(value(text), Some(expect), "{text}");
    }
    assert_eq!(value("-0").map(f64::to_bits), Some((-0.0f64).to_bits()));
    assert_eq!(value("nAn").map(f64::to_bits), Some(0x7ff8_0000_0000_0001));
    for text in [
        "+NaN", "-nan", "1_000", "0x1p-2", "0x10", "1e400", "-1e309", "true", "1,5", "1e", "-", ".", "e5", "infin",
        "1f",
    ] {
        assert_eq!(value(text), None, "{text}");
    }
}

//! Bad bodies, with what is said of them.

use super::*;

fn check(format: Format, body: &[u8], expect: &str) {
    let error = events(body, format).expect_err(&String::from_utf8_lossy(body));
    assert_eq!(error.to_string(), expect, "{}", String::from_utf8_lossy(body));
}

#[test]
fn bad_text_says_where_and_why() {
    for (body, expect) in [
        ("a", "1:2: expected a value after the metric's name, got the end of the text"),
        ("a\n", "1:2: expected a value after the metric's name, got the end of the line"),
        ("# HELP a b\n\na{b=\"c\"}\n", "3:9: expected a value after the labels, got the end of the line"),
        ("a{b='c'} 1\n", "1:5: expected a label value in quotes, got `'c'}`"),
        ("a{b=\n", "1:5: expected a label value in quotes, got the end of the line"),
        ("a{b} 1\n", "1:4: expected `=` after the label name, got `}`"),
        ("a{=\"\"} 0", "1:3: expected a label name or `}`, got `=\"\"}`"),
        ("a{,} 0", "1:3: expected a label name or `}`, got `,}`"),
        ("a{b:c=\"d\"} 0", "1:4: expected `=` after the label name, got `:c=\"d\"}`"),
        ("a{b=\"c\";d=\"e\"} 0", "1:8: expected `,` or `}` after the label value, got `;d=\"e\"}`"),
        ("a{b=\"c\" 0", "1:9: expected `,` or `}` after the label value, got `0`"),
        ("x 1\nab{c=\"", "2:6: expected a closing quote, got the end of the text"),
        ("a{b=\"c\\\n\"} 1", "1:5: expected a closing quote, got the end of the line"),
        ("{\"a\", \"b = \"c\"}", "1:13: expected `=` after the label name, got `c\"}`"),
        ("{\"a\",\"b\"} 1", "1:6: expected one metric name, got `a` and `b`"),
        ("a{\"b\"} 1", "1:3: expected one metric name, got `a` and `b`"),
        ("{a=\"ok\"} 1", "1:1: expected a metric name before or in the braces"),
        ("{} 1", "1:1: expected a metric name before or in the braces"),
        ("{\"\"} 1", "1:1: expected a metric name before or in the braces"),
        ("a{\"\"=\"b\"} 1", "1:3: expected a label name, got an empty one"),
        ("a{b=\"1\",b=\"2\"} 1", "1:9: expected each label once, got `b` twice"),
        ("a{b=\"\",c=\"\",\"b\"=\"\"} 1", "1:13: expected each label once, got `b` twice"),
        ("a{\"b\\\\x\"=\"\",\"b\\x\"=\"\"} 1", "1:13: expected each label once, got `b\\\\x` twice"),
        ("a{__name__=\"b\"} 1", "1:3: expected the metric's name before the braces, got the label `__name__`"),
        ("a true\n", "1:3: expected a number as value, got `true`"),
        ("a 1_2\n", "1:3: expected a number as value, got `1_2`"),
        ("a 0x1p-3\n", "1:3: expected a number as value, got `0x1p-3`"),
        ("a-b 1\n", "1:2: expected a number as value, got `-b`"),
        ("a 1\r\n", "1:3: expected a number as value, got `1\\r`"),
        ("a 0 1_2\n", "1:6: expected the end of the line after the timestamp, got `_2`"),
        ("a 0 1.5\n", "1:6: expected the end of the line after the timestamp, got `.5`"),
        ("a 0 x\n", "1:5: expected a timestamp in milliseconds or the end of the line, got `x`"),
        ("a 0 -\n", "1:5: expected a timestamp in milliseconds or the end of the line, got the end of the line"),
        ("a 0 99999999999999999999\n", "1:5: expected a timestamp of 64 bits, got `99999999999999999999`"),
        ("a 0 1 # {b=\"c\"} 1\n", "1:7: expected the end of the line after the timestamp, got `#`"),
        ("# TYPE #\n", "1:8: expected a metric name after TYPE, got `#`"),
        ("# HELP 1a b\n", "1:8: expected a metric name after HELP, got `1a`"),
        ("# TYPE a info\n", "1:10: expected counter, gauge, histogram, summary or untyped as type, got `info`"),
        ("# TYPE a  gauge\n", "1:10: expected counter, gauge, histogram, summary or untyped as type, got ` gauge`"),
        ("# TYPE a\n", "1:9: expected counter, gauge, histogram, summary or untyped as type, got ``"),
        ("é 1\n", "1:1: expected a metric name, `{`, a comment or an empty line, got `é`"),
        ("a{é=\"ü\",b} 1\n", "1:3: expected a label name or `}`, got `é=\"ü\",b}`"),
        ("a{b=\"éü\",c} 1\n", "1:11: expected `=` after the label name, got `}`"),
        ("1 a\n", "1:1: expected a metric name, `{`, a comment or an empty line, got `1`"),
        ("\0", "1:1: expected a metric name, `{`, a comment or an empty line, got `\\0`"),
        ("<html>\n", "1:1: expected a metric name, `{`, a comment or an empty line, got `<html>`"),
        (
            "{\"a\"=\"b\"} 1 2 3 and more of it that no one wants to read again",
            "1:1: expected a metric name before or in the braces",
        ),
        (
            "averyveryverylongvalue averyveryveryverylongvaluethatnoonereads\n",
            "1:24: expected a number as value, got `averyveryveryverylongvaluethatno…`",
        ),
    ] {
        check(Format::Text, body.as_bytes(), expect);
    }
}

#[test]
fn bad_openmetrics_says_where_and_why() {
    for (body, expect) in [
        ("", "1:1: expected `# EOF` at the end, got the end of the text"),
        ("a 1\n", "2:1: expected `# EOF` at the end, got the end of the text"),
        ("a 1", "1:4: expected `# EOF` at the end, got the end of the text"),
        ("# HELP a b", "1:11: expected `# EOF` at the end, got the end of the text"),
        ("# EOF\n\n", "2:1: expected nothing after `# EOF`, got the end of the line"),
        ("# EOF\na 1\n", "2:1: expected nothing after `# EOF`, got `a`"),
        ("# EOFx", "1:6: expected nothing after `# EOF`, got `x`"),
        ("\n# EOF\n", "1:1: expected a metric name, `{` or `# `, got the end of the line"),
        ("#comment\n# EOF\n", "1:1: expected a metric name, `{` or `# `, got `#comment`"),
        ("# comment\n# EOF\n", "1:3: expected HELP, TYPE, UNIT or EOF after `# `, got `comment`"),
        (" a 1\n# EOF\n", "1:1: expected a metric name, `{` or `# `, got a space"),
        ("# HELP\n# EOF\n", "1:7: expected a space after HELP, got the end of the line"),
        ("# TYPE  a gauge\n# EOF\n", "1:8: expected a metric name after TYPE, got a space"),
        ("# HELP a\n# EOF\n", "1:9: expected a space after the metric's name, got the end of the line"),
        ("# TYPE a\tgauge\n# EOF\n", "1:9: expected a space after the metric's name, got a tab"),
        (
            "# TYPE a untyped\n# EOF\n",
            "1:10: expected counter, gauge, histogram, gaugehistogram, summary, info, stateset or unknown as type, got `untyped`",
        ),
        ("# UNIT a_s seconds\n# EOF\n", "1:12: expected a metric name that ends in its unit `_seconds`, got `a_s`"),
        (
            "# UNIT seconds seconds\n# EOF\n",
            "1:16: expected a metric name that ends in its unit `_seconds`, got `seconds`",
        ),
        ("a{b=\"c\"}1\n# EOF\n", "1:9: expected a space and a value after the labels, got `1`"),
        ("a  1\n# EOF\n", "1:3: expected a value after the metric's name, got a space"),
        ("a\t1\n# EOF\n", "1:2: expected a space and a value after the metric's name, got a tab"),
        ("a {b=\"c\"} 1\n# EOF\n", "1:3: expected a number as value, got `{b=\"c\"}`"),
        ("a{b=\"c\", d=\"e\"} 1\n# EOF\n", "1:9: expected a label name or `}`, got a space"),
        ("a{b =\"c\"} 1\n# EOF\n", "1:4: expected `=` after the label name, got a space"),
        ("a{b=\"c\"d=\"e\"} 1\n# EOF\n", "1:8: expected `,` or `}` after the label value, got `d=\"e\"}`"),
        ("a{b=\"c\nd\"} 1\n# EOF\n", "1:5: expected a closing quote, got the end of the line"),
        ("a{b=\"c\",b=\"d\"} 1\n# EOF\n", "1:9: expected each label once, got `b` twice"),
        ("a{b=\"c\"} 1_0\n# EOF\n", "1:10: expected a number as value, got `1_0`"),
        ("a 1 \n# EOF\n", "1:5: expected a timestamp in seconds, got the end of the line"),
        ("a 1 x\n# EOF\n", "1:5: expected a timestamp in seconds, got `x`"),
        ("a 1 NaN\n# EOF\n", "1:5: expected a timestamp in seconds, got `NaN`"),
        ("a 1 -Inf\n# EOF\n", "1:5: expected a timestamp in seconds, got `-Inf`"),
        ("a 1 2 3\n# EOF\n", "1:6: expected an exemplar or the end of the line after the timestamp, got a space"),
        ("a 1 # x\n# EOF\n", "1:5: expected a timestamp in seconds, got `#`"),
        ("a 1 # {b} 1\n# EOF\n", "1:9: expected `=` after the label name, got `}`"),
        ("a 1 # {\"b\"} 1\n# EOF\n", "1:11: expected `=` after the label name, got `}`"),
        (
            "a 1 # {b=\"c\"}\n# EOF\n",
            "1:14: expected a space and a value after the exemplar's labels, got the end of the line",
        ),
        ("a 1 # {b=\"c\"} 1 x\n# EOF\n", "1:17: expected a timestamp in seconds, got `x`"),
        ("a 1 # {b=\"c\"} 1 2 3\n# EOF\n", "1:18: expected the end of the line after the exemplar, got a space"),
        ("a 1 # {b=\"c\"} 1 2", "1:18: expected `# EOF` at the end, got the end of the text"),
        ("a 1\r\n# EOF\n", "1:3: expected a number as value, got `1\\r`"),
        ("{} 1\n# EOF\n", "1:1: expected a metric name before or in the braces"),
    ] {
        check(Format::OpenMetrics, body.as_bytes(), expect);
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_a_mistake_where_they_stand() {
    for (body, expect) in [
        (&b"a{b=\"\xff\"} 1\n"[..], "1:6: expected UTF-8, got the byte 0xff"),
        (b"a{\xff=\"foo\"} 1\n", "1:3: expected UTF-8, got the byte 0xff"),
        (b"a 1\nb \xc3", "2:3: expected UTF-8, got the byte 0xc3"),
        (b"a 1\n# \x80 comment\n", "2:3: expected UTF-8, got the byte 0x80"),
        (b"a 1\n\xfe", "2:1: expected UTF-8, got the byte 0xfe"),
    ] {
        check(Format::Text, body, expect);
    }
    check(Format::OpenMetrics, b"a 1\xff\n# EOF\n", "1:4: expected UTF-8, got the byte 0xff");
    check(Format::OpenMetrics, b"a 1\n# EOF\n\xff", "3:1: expected UTF-8, got the byte 0xff");
}

#[test]
fn what_comes_before_a_mistake_is_read() {
    let mut parser = Parser::new(b"a 1\nb x\nc 1\n", Format::Text);
    assert!(matches!(parser.next(), Some(Ok(Event::Sample(_)))));
    assert!(matches!(parser.next(), Some(Err(_))));
    assert!(parser.next().is_none());
}

#[test]
fn limits_are_kept() {
    let limits = Limits { line_bytes: 20, labels: 2 };
    let read = |body: &str| Parser::new(body.as_bytes(), Format::Text).with_limits(limits).find_map(Result::err);
    let check =
        |body: &str, expect: Option<&str>| assert_eq!(read(body).map(|e| e.to_string()).as_deref(), expect, "{body}");
    check("a{b=\"1\",c=\"2\"} 1\n", None);
    check("\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n a 1\n", None);
    check("a{b=\"1\",c=\"2\",d=\"\"} 1\n", Some("1:15: expected at most 2 labels, got more"));
    check("a 1\n# a comment of 24 bytes.\n", Some("2:1: expected a line of at most 20 bytes, got one of `25`"));
}

#[test]
fn a_label_that_comes_twice_is_found_among_many() {
    let line = |names: &[&str]| {
        let labels: Vec<_> =
            (0..30).map(|i| format!("l{i}=\"\"")).chain(names.iter().map(|n| format!("{n}=\"\""))).collect();
        format!("a{{{}}} 1", labels.join(","))
    };
    assert!(events(line(&["x", "y"]).as_bytes(), Format::Text).is_ok());
    check(Format::Text, line(&["l7"]).as_bytes(), "1:3: expected each label once, got `l7` twice");
    check(
        Format::Text,
        line(&["\"x\\\\y\"", "\"x\\y\""]).as_bytes(),
        "1:3: expected each label once, got `x\\\\y` twice",
    );
}

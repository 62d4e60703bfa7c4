//! Scripts as text.

use weir_pipeline::histogram::{BucketSpan, Buckets, ResetHint};

use super::*;

/// The values of a series line, as text.
fn values(items: &str) -> String {
    let script = format!("eval range from 0 to 1h step 1m a\n{{}} {items}");
    match parse(&script) {
        Err(error) => error.message,
        Ok(_) => {
            let eval = eval(&script);
            let values = eval.expect.value.series[0].values.iter();
            values.map(|item| item.as_ref().map_or("_".into(), Item::to_string)).collect::<Vec<_>>().join(" ")
        }
    }
}

#[test]
fn items_expand_to_values() {
    let check = |items: &str, expected: &str| assert_eq!(values(items), expected, "{items}");
    check("", "");
    check("1", "1");
    check("1 \t -2.5  +3e2 .5", "1 -2.5 300 0.5");
    check("_", "_");
    check("_x3 1", "_ _ _ 1");
    check("_x0 1", "1");
    check("7x2", "7 7 7");
    check("0x3", "0 0 0 0");
    check("1+2x3", "1 3 5 7");
    check("1-2x3", "1 -1 -3 -5");
    check("-1-1x1", "-1 -2");
    check("1e3+1e-1x1", "1000 1000.1");
    check("1_000", "1000");
    check("stale Inf -inf +INF NaN nan", "stale +Inf -Inf +Inf NaN NaN");
    check("Inf+1x1", "+Inf +Inf");
    // Added again and again, as Prometheus does: the third is not 0.3.
    check("0+0.1x3", "0 0.1 0.2 0.30000000000000004");
}

#[test]
fn what_is_no_item_is_refused() {
    let check =
        |items: &str| assert!(values(items).starts_with("expected a value, got "), "{items}: {}", values(items));
    check("NaNx5");
    check("stalex2");
    check("Stale");
    check("-stale");
    check("1+2");
    check("1+x3");
    check("1x");
    check("1x-1");
    check("1+-2x3");
    check("1 x3");
    check("0x1F");
    check("1e");
    check("5m");
    check("--1");
    check("1__0");
    check("_1");
    check("{1}");
}

#[test]
fn expansions_are_bounded() {
    let check = |items: &str| assert!(values(items).starts_with("expected at most 1048576 samples"), "{items}");
    check("1x1048576");
    check("_x1048577");
    check("1x99999999999999999");
    check("1x18446744073709551615");
    check("1x600000 1x600000");
    check("{{buckets:[1 1 1 1]}}+{{buckets:[1 1 1 1]}}x200000");
    let block = "load 1m\n a 1x1000000\n\n";
    assert_eq!(parse(&block.repeat(4)).unwrap().len(), 4);
    assert_eq!(parse(&block.repeat(5)).unwrap_err().line, 14);
}

/// A histogram that is written, whether its hint counts, and what follows.
fn histogram(text: &str) -> (Histogram, bool) {
    let (histogram, hinted, rest) = literal::read(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(rest, "", "{text}");
    (histogram, hinted)
}

#[test]
fn a_histogram_is_what_its_keys_say() {
    assert_eq!(histogram("{{}}"), (Histogram::default(), false));
    assert_eq!(histogram("{{ }}"), (Histogram::default(), false));
    let text = "{{schema:-1 sum:-2.5 count:Inf z_bucket:3 z_bucket_w:0.01 buckets:[1 -2 NaN ] offset:-4 n_buckets:[5] \
                n_offset:2 counter_reset_hint:gauge}}";
    let (got, hinted) = histogram(text);
    assert!(hinted);
    assert_eq!((got.schema, got.sum, got.count, got.reset), (-1, -2.5, f64::INFINITY, ResetHint::Gauge));
    assert_eq!((got.zero_count, got.zero_threshold), (3.0, 0.01));
    assert_eq!(got.positive.spans, [BucketSpan { offset: -4, length: 3 }]);
    assert_eq!(got.positive.counts[..2], [1.0, -2.0]);
    assert_eq!(got.negative, Buckets { spans: vec![BucketSpan { offset: 2, length: 1 }], counts: vec![5.0] });
    let (got, _) = histogram("{{schema:-53 custom_values:[1 2.5] buckets:[1 2 3]}}");
    assert_eq!((got.schema, got.custom), (-53, vec![1.0, 2.5]));
}

#[test]
fn histograms_expand_to_values() {
    let check = |items: &str, expected: &str| assert_eq!(values(items), expected, "{items}");
    check("{{count:1}}", "{{count:1}}");
    check("{{count:1}} 5 {{sum:2}}x1 _", "{{count:1}} 5 {{sum:2}} {{sum:2}} _");
    check(
        "{{count:1 buckets:[1]}}+{{count:2 buckets:[2]}}x2",
        "{{count:1 buckets:[1]}} {{count:3 buckets:[3]}} {{count:5 buckets:[5]}}",
    );
    check("{{count:5 buckets:[5]}}-{{count:2 buckets:[2]}}x1", "{{count:5 buckets:[5]}} {{count:3 buckets:[3]}}");
    check("{{count:1}}x", r#"expected `x` and a number after a histogram, got "x""#);
    check("{{count:1}}5", r#"expected `x` and a number after a histogram, got "5""#);
    check("{{count:1}}+{{count:1}}", r#"expected `x` and a number after a histogram, got """#);
    check("-{{count:1}}", r#"expected a value, got "-{{count:1}}""#);
    check("{{count:1}}+5x3", r#"expected a histogram, got "5x3""#);
    check(
        "{{schema:1 buckets:[1]}}+{{buckets:[1]}}x1",
        "expected a change of schema 1 or above, got a histogram of schema 0",
    );
}

#[test]
fn the_last_literal_says_whether_a_hint_counts() {
    let check = |items: &str, expected: &[bool]| {
        let eval = eval(&format!("eval range from 0 to 1h step 1m a\n{{}} {items}"));
        let hinted: Vec<_> =
            eval.expect.value.series[0].values.iter().map(|item| item.as_ref().unwrap().hinted).collect();
        assert_eq!(hinted, expected, "{items}");
    };
    check("{{}} {{counter_reset_hint:unknown}} {{}}", &[false, true, false]);
    check("{{counter_reset_hint:reset}}x1", &[true, true]);
    check("{{counter_reset_hint:gauge}}+{{}}x1", &[false, false]);
    check("{{}}+{{counter_reset_hint:gauge}}x1", &[true, true]);
}

#[test]
fn what_is_no_histogram_is_refused() {
    let check = |text: &str, expected: &str| assert_eq!(literal::read(text).unwrap_err(), expected, "{text}");
    let keys = "schema, sum, count, z_bucket, z_bucket_w, buckets, offset, n_buckets, n_offset, custom_values, counter_reset_hint";
    check("{}", r#"expected a histogram, got "{}""#);
    check("{{", &format!("expected one of {keys} in a histogram, got \"\""));
    check("{{count:1}", "expected a space or `}}` in a histogram, got \"}\"");
    check("{{size:1}}", &format!("expected one of {keys} in a histogram, got \"size\""));
    check("{{count}}", "expected `:` after `count`");
    check("{{count:1 count:2}}", "expected `count` once in a histogram");
    check("{{count:x}}", r#"expected a number in a histogram, got "x""#);
    check("{{count:stale}}", r#"expected a number in a histogram, got "stale""#);
    check("{{schema:1.5}}", r#"expected a whole number in a histogram, got "1.5""#);
    check("{{buckets:1}}", r#"expected `[` in a histogram, got "1}}""#);
    check("{{buckets:[]}}", "expected numbers between `[` and `]`");
    check("{{buckets:[1}}", r#"expected a number in a histogram, got """#);
    check("{{counter_reset_hint:no}}", r#"expected unknown, reset, not_reset or gauge, got "no""#);
}

#[test]
fn metrics_are_read_in_each_notation() {
    let check = |metric: &str, expected: &str| {
        let eval = eval(&format!("eval instant at 0 a\n{metric} 1"));
        assert_eq!(eval.expect.value.series[0].labels.to_string(), expected, "{metric}");
    };
    check("a", "a");
    check("a{}", "a");
    check("{}", "{}");
    check(r#"a{b="c",d='e}"',}"#, r#"a{b="c", d="e}\""}"#);
    check(r#"{b="c"}"#, r#"{b="c"}"#);
    check(r#"{"u.p", "l.b" = `x"y`}"#, r#"{__name__="u.p", "l.b"="x\"y"}"#);
    check(r#"a{__name__="b"}"#, "a");
    check("sum", "sum");
    check("expect{}", "expect");
    let check = |line: &str, expected: &str| {
        let got = parse(&format!("eval instant at 0 a\n{line}")).unwrap_err();
        assert_eq!(got.line, 2);
        assert!(got.message.contains(expected), "{line}: {got}");
    };
    check(r#"a{b!="c"} 1"#, "labels take `=`");
    check(r#"a{b="c" 1"#, "expected a metric");
    check(r#"a{b="c"}1"#, "expected a space before \"1\"");
    check("5m", "expected a metric");
}

#[test]
fn starts_are_before_their_samples() {
    let check = |starts: &str, samples: &str, expected: &[i64]| {
        let stored = stored(&format!("load 1m\n a{{b=\"c\"}}@st {starts}\n a{{b=\"c\"}} {samples}"));
        let got: Vec<_> = stored[0].floats.iter().map(|(_, start, _)| *start).collect();
        assert_eq!(got, expected, "{starts}");
    };
    check("-1m -30s 0s 1ms", "1x3", &[-60_000, 30_000, 120_000, 180_001]);
    check("_ _x2 -1s", "1x3", &[0, 0, 0, 179_000]);
    check("-1sx3", "1x3", &[-1000, 59_000, 119_000, 179_000]);
    check("-1s-1sx3", "1x3", &[-1000, 58_000, 117_000, 176_000]);
    check("-4s+1sx3", "1x3", &[-4000, 57_000, 118_000, 179_000]);
    check("0 _ +2m", "_ 1 1", &[0, 240_000]);
    let check = |lines: &str, line: usize, expected: &str| {
        let got = parse(&format!("load 1m\n{lines}")).unwrap_err();
        assert_eq!(got.line, line, "{lines}: {got}");
        assert!(got.message.contains(expected), "{lines}: {got}");
    };
    check("a@st -1m", 2, "expected samples after the line of starts");
    check("a@st -1m\na@st -1m\na 1", 2, "expected samples after the line of starts");
    check("a@st -1m\nb 1", 2, "expected samples of a after its line of starts");
    check("a@st -1m\na 1 2", 2, "expected as many starts as samples, which are 2, got 1");
    check("a@st _x0\na 1", 2, "expected `_` or `_xN`");
    check("a@st -1\na 1", 2, "not a valid duration string");
    check("a@st -1m+1m\na 1", 2, "expected `x` and a number after the duration");
    check("a@st x\na 1", 2, "empty duration string");
}

#[test]
fn commands_are_read_with_their_lines() {
    let script = "# comment\nclear\n\n  load 10s53ms\n  a 1\n# ends the block\n\nCLEAR\nload_with_nhcb 5m\n\neval instant at 1h30m  a + b\n";
    let got: Vec<_> = parse(script).unwrap().into_iter().map(|command| (command.line, command.kind)).collect();
    let [
        (2, CommandKind::Clear),
        (4, CommandKind::Load(one)),
        (8, CommandKind::Clear),
        (9, CommandKind::Load(two)),
        (11, CommandKind::Eval(eval)),
    ] = got.as_slice()
    else {
        panic!("{got:?}")
    };
    assert_eq!((one.step, one.with_nhcb, one.series.len()), (10_053, false, 1));
    assert_eq!((two.step, two.with_nhcb, two.series.len()), (300_000, true, 0));
    assert_eq!((eval.expr.as_str(), eval.when), ("a + b", When::Instant(5_400_000)));
    let eval = super::eval("eval range from 0 to 1m\tstep 10s sum(a)");
    assert_eq!((eval.expr.as_str(), eval.when), ("sum(a)", When::Range(Steps { start: 0, end: 60_000, step: 10_000 })));
}

#[test]
fn what_is_no_command_is_refused_with_its_line() {
    let check = |script: &str, line: usize, expected: &str| {
        let got = parse(script).unwrap_err();
        assert_eq!(got.line, line, "{script}: {got}");
        assert!(got.message.contains(expected), "{script}: {got}");
    };
    check("\nlod 5m", 2, "expected `clear`, `load` or `eval`");
    check("load", 1, "expected a duration as step");
    check("load x", 1, "expected a duration as step");
    check("loads 5m", 1, "expected `load` or `load_with_nhcb`");
    check("load 5m\na 1\n# comment\nb 1", 4, "expected `clear`, `load` or `eval`");
    check("eval a", 1, "expected `eval instant at");
    check("eval_ordered range from 0 to 1 step 1 a", 1, "expected `eval instant at");
    check("eval_bad instant at 0 a", 1, "expected `eval instant at");
    check("eval instant a", 1, "expected `at`");
    check("eval instant at 5m", 1, "expected a query");
    check("eval instant at -5m a", 1, "expected a duration as time");
    check("eval range from 5m to 0 step 1m a", 1, "expected an end that is not before the start");
    check("eval range from 5m step 1m a", 1, "expected `to`");
    check("eval instant at 0 a\na 1 2", 2, "expected one value for an instant query");
    check("eval instant at 0 a\na", 2, "expected one value for an instant query");
    check("eval instant at 0 a\n5\na 1", 3, "expected `clear`, `load` or `eval`");
    check("eval instant at 0 a\nexpect nothing", 2, "expected fail, ordered");
    check("eval instant at 0 a\nexpect fail\nexpect fail", 3, "expected one `expect fail` at most");
    check("eval instant at 0 a\nexpect warn\nexpect no_warn", 3, "expected either `expect warn` or `expect no_warn`");
    check("eval instant at 0 a\nexpect no_info\nexpect info msg: a", 3, "expected either `expect info`");
    check("eval instant at 0 a\nexpect fail text: a", 2, "expected `msg:` or `regex:`");
    check("eval instant at 0 a\nexpect fail regex: a)", 2, "expected a regular expression");
    check("eval instant at 0 a\nexpect string", 2, "expected a string in quotes");
    check("eval instant at 0 a\nexpect string 'a'", 2, "expected a string in quotes");
    check("eval instant at 0 a\nexpect range vector from 1m to 0 step 1s", 2, "expected an end");
    check("eval instant at 0 a\nexpect range vector from 0 to 1m", 2, "expected `step`");
}

#[test]
fn expectations_are_read() {
    let got = eval("eval instant at 1m a\nexpect warn msg: PromQL warning: x\nexpect warn\nexpect info regex:a.c\nexpect ordered\nb 1\nc 2").expect;
    assert_eq!(format!("{:?} {:?}", got.warnings.each, got.infos.each), "[`PromQL warning: x`, anything] [/a.c/]");
    assert!(got.ordered && got.fail.is_none() && !got.warnings.none);
    let places: Vec<_> = got.value.series.iter().map(|series| (series.labels.to_string(), series.place)).collect();
    assert_eq!(places, [("b".to_owned(), 0), ("c".to_owned(), 1)]);
    let check =
        |script: &str, expected: &str| assert_eq!(format!("{:?}", eval(script).expect.fail), expected, "{script}");
    check("eval instant at 0 a\nexpect fail", "Some(anything)");
    check("eval instant at 0 a\nexpect fail msg: a: b", "Some(`a: b`)");
    check("eval_fail instant at 0 a", "Some(anything)");
    check("eval_fail instant at 0 a\nexpected_fail_message a b", "Some(`a b`)");
    check("eval_fail instant at 0 a\nexpected_fail_regexp a.*b", "Some(/a.*b/)");
    assert!(eval("eval_warn instant at 0 a").expect.warnings.some);
    assert!(eval("eval_info range from 0 to 1 step 1m a".replace("to 1 ", "to 1m ").as_str()).expect.infos.some);
    assert!(eval("eval_ordered instant at 0 a").expect.ordered);
    let check = |line: &str, expected: Option<f64>| {
        assert_eq!(eval(&format!("eval instant at 0 a\n{line}")).expect.value.scalar, expected, "{line}");
    };
    check("5", Some(5.0));
    check("-0x1F", Some(-31.0));
    check("+Inf", Some(f64::INFINITY));
    check("a 5", None);
    assert_eq!(eval("eval instant at 0 \"a\"\nexpect string `a\\n`").expect.value.string.as_deref(), Some("a\\n"));
    assert_eq!(eval("eval instant at 0 \"a\"\nexpect string \"\\n\"").expect.value.string.as_deref(), Some("\n"));
    let got = eval("eval instant at 5m a[1m]\nexpect range vector from 10s to 1m step 10s\na 1 2 3");
    assert_eq!(got.when, When::Instant(60_000));
    assert_eq!(got.expect.value.matrix, Some(Steps { start: 10_000, end: 60_000, step: 10_000 }));
}

#[test]
fn a_wrong_query_is_one_evaluation_s_error() {
    let got = eval("eval instant at 0 sum(");
    assert!(got.tree.is_err());
}

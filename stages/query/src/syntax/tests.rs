//! Tests of `syntax`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use super::ast::ValueType;
use super::*;

#[test]
fn an_expression_prints_in_its_canonical_form() {
    let check = |text: &str, printed: &str, value: ValueType| {
        let expr = parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(expr.to_string(), printed, "{text}");
        assert_eq!(expr.value_type(), value, "{text}");
    };
    check("1", "1", ValueType::Scalar);
    check("1h30m", "5400", ValueType::Scalar);
    check("0x1F + 1_000", "31 + 1000", ValueType::Scalar);
    check("-1^2", "-1 ^ 2", ValueType::Scalar);
    check("a+b*c^d^e", "a + b * c ^ d ^ e", ValueType::Vector);
    check("SUM(rate(a[5m])) BY (b)", "sum by (b) (rate(a[5m]))", ValueType::Vector);
    check("topk without(x)(5,a)", "topk without (x) (5, a)", ValueType::Vector);
    check("a{b='c',d!~\"e.*\"} offset 1h @ 5", "a{b=\"c\", d!~\"e.*\"} @ 5.000 offset 1h", ValueType::Vector);
    check("{\"x.y\", z=\"1\"}", "{__name__=\"x.y\", z=\"1\"}", ValueType::Vector);
    check("a[5m:1m] offset -5m", "a[5m:1m] offset -5m", ValueType::Matrix);
    check("a / on(x) group_left(y) b", "a / on (x) group_left (y) b", ValueType::Vector);
    check("sum", "sum", ValueType::Vector);
    check("a > bool 1", "a > bool 1", ValueType::Vector);
}

#[test]
fn a_mistake_is_told_in_prometheus_words_with_its_place() {
    let check = |text: &str, error: &str| assert_eq!(parse(text).unwrap_err().to_string(), error, "{text}");
    check("", "1:1: parse error: no expression found in input");
    check("sum(", "1:5: parse error: unexpected end of input");
    check("a b", "1:3: parse error: unexpected identifier \"b\"");
    check("foo(a)", "1:1: parse error: unknown function with name \"foo\"");
    check("rate(a)", "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector");
    check("{}", "1:1: parse error: vector selector must contain at least one non-empty matcher");
    check("1 > 2", "1:1: parse error: comparisons between scalars must use BOOL modifier");
    check("a[0]", "1:3: parse error: duration must be greater than 0");
    check("a and 1", "1:1: parse error: set operator \"and\" not allowed in binary scalar expression");
}

#[test]
fn every_expression_of_prometheus_scripts_is_read() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/promqltest");
    let Ok(files) = std::fs::read_dir(dir) else {
        println!("skipped: {dir} is not there");
        return;
    };
    let (mut read, mut wrong) = (0, Vec::new());
    for file in files.map(|f| f.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "test")) {
        for line in std::fs::read_to_string(&file).unwrap().lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let skip = match words.as_slice() {
                [first, "instant", "at", ..] if first.starts_with("eval") => 4,
                [first, "range", "from", _, "to", _, "step", ..] if first.starts_with("eval") => 8,
                _ => continue,
            };
            let expr = words[skip..].join(" ");
            match parse(&expr) {
                Ok(_) => read += 1,
                Err(e) => wrong.push(format!("{expr}: {e}")),
            }
        }
    }
    println!("{read} expressions read");
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), read + wrong.len(), wrong.join("\n"));
    assert!(read > 1500, "{read}");
}

#[test]
fn what_is_printed_reads_back_the_same() {
    let files = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/promql");
    for file in std::fs::read_dir(files).into_iter().flatten() {
        fuzz::fuzz(&std::fs::read(file.unwrap().path()).unwrap());
    }
}

//! Whether an answer is the expected one.

use weir_pipeline::{Data, Points, STALE};

use super::*;

fn labels(metric: &str) -> LabelSet {
    [("__name__", metric)].into_iter().collect()
}

fn histogram(text: &str) -> Value {
    literal::read(text).unwrap().0.into()
}

fn vector(values: &[(&str, Value)]) -> Data {
    Data::Vector(values.iter().map(|(metric, value)| (labels(metric), 0, value.clone())).collect())
}

/// What a comparison of an instant query's answer with these lines tells.
fn compared(lines: &str, data: &Data) -> String {
    match compare::data(&eval(&format!("eval instant at 0 a\n{lines}")), data) {
        Ok(()) => String::new(),
        Err(wrong) => format!("{} | {}", wrong.expected, wrong.got),
    }
}

#[test]
fn numbers_may_differ_by_a_millionth() {
    let check = |a: f64, b: f64, expected: bool| {
        assert_eq!(compare::almost_equal(a, b), expected, "{a} {b}");
        assert_eq!(compare::almost_equal(b, a), expected, "{b} {a}");
    };
    check(1.0, 1.0, true);
    check(1.0, 1.000001, true);
    check(1.0, 1.00001, false);
    check(0.0, 1e-300, false);
    check(0.0, -0.0, true);
    check(1e-320, 2e-320, true);
    check(f64::MAX, f64::MAX * 0.9999999, true);
    check(f64::INFINITY, f64::INFINITY, true);
    check(f64::INFINITY, f64::NEG_INFINITY, false);
    check(f64::NAN, -f64::NAN, true);
    check(f64::NAN, 1.0, false);
    check(STALE, STALE, true);
    check(STALE, f64::NAN, false);
}

#[test]
fn histograms_are_compared_without_empty_buckets() {
    let check = |a: &str, b: &str, expected: bool| {
        let (a, hinted, _) = literal::read(a).unwrap();
        let (b, _, _) = literal::read(b).unwrap();
        assert_eq!(compare::histograms_equal(&a, &b, hinted), expected, "{a:?} {b:?}");
    };
    check("{{}}", "{{}}", true);
    check("{{count:1}}", "{{count:1.0000001}}", true);
    check("{{count:1}}", "{{count:2}}", false);
    check("{{sum:1}}", "{{sum:2}}", false);
    check("{{schema:1}}", "{{schema:2}}", false);
    check("{{z_bucket:1}}", "{{}}", false);
    check("{{z_bucket_w:1}}", "{{z_bucket_w:1.0000001}}", false);
    check("{{buckets:[0 1 0 0 2 0]}}", "{{buckets:[1 0 0 2] offset:1}}", true);
    check("{{buckets:[1]}}", "{{buckets:[1] offset:1}}", false);
    check("{{buckets:[1]}}", "{{n_buckets:[1]}}", false);
    check("{{buckets:[1]}}", "{{buckets:[1 1]}}", false);
    check("{{buckets:[NaN]}}", "{{buckets:[NaN]}}", true);
    check("{{schema:-53 custom_values:[1]}}", "{{schema:-53 custom_values:[2]}}", false);
    check("{{}}", "{{counter_reset_hint:gauge}}", true);
    check("{{counter_reset_hint:unknown}}", "{{counter_reset_hint:gauge}}", false);
    check("{{counter_reset_hint:gauge}}", "{{counter_reset_hint:gauge}}", true);
}

#[test]
fn a_vector_has_each_expected_series_and_no_other() {
    let data = vector(&[("a", Value::Float(1.0)), ("b", histogram("{{count:2}}"))]);
    let check = |lines: &str, expected: &str| assert_eq!(compared(lines, &data), expected, "{lines}");
    check("a 1\nb {{count:2}}", "");
    check("b {{count:2}}\na 1", "");
    check("expect ordered\na 1\nb {{count:2}}", "");
    check("expect ordered\nb {{count:2}}\na 1", "a in place 2 | it in place 1");
    check("a 1", "no series b | {{count:2}}");
    check("a 2\nb {{count:2}}", "a 2 | 1");
    check("a {{}}\nb {{count:2}}", "a {{}} | 1");
    check("a 1\nb 2", "b 2 | {{count:2}}");
    check("a 1\nb {{count:3}}", "b {{count:3}} | {{count:2}}");
    check("a 1\nb {{count:2}}\nc 5", "c 5 | no such series");
    check("5", "a scalar or a string | series");
    assert_eq!(compared("", &vector(&[])), "");
    assert_eq!(compared("a _", &vector(&[("a", Value::Float(0.0))])), "");
}

#[test]
fn scalars_and_strings_are_expected_as_such() {
    let (scalar, string) = (Data::Scalar(0, 5.0), Data::String(0, "x".into()));
    assert_eq!(compared("5", &scalar), "");
    assert_eq!(compared("6", &scalar), "scalar 6 | scalar 5");
    assert_eq!(compared("{} 5", &scalar), "a vector or a matrix | scalar 5");
    assert_eq!(compared("expect string \"x\"", &string), "");
    assert_eq!(compared("expect string \"y\"", &string), r#"string "y" | string "x""#);
    assert_eq!(compared("", &string), r#"no string | string "x""#);
}

#[test]
fn a_matrix_has_each_point_at_its_step() {
    let points = |floats: &[(i64, f64)], histograms: &[(i64, &str)]| Points {
        floats: floats.to_vec(),
        histograms: histograms.iter().map(|(t, text)| (*t, histogram(text).histogram().unwrap().clone())).collect(),
    };
    let check = |lines: &str, data: &Data, expected: &str| {
        let eval = eval(&format!("eval range from 1m to 3m step 1m a\n{lines}"));
        let got = match compare::data(&eval, data) {
            Ok(()) => String::new(),
            Err(wrong) => format!("{} | {}", wrong.expected, wrong.got),
        };
        assert_eq!(got, expected, "{lines}");
    };
    let floats = Data::Matrix(vec![(labels("a"), points(&[(60_000, 1.0), (180_000, 3.0)], &[]))]);
    check("a 1 _ 3", &floats, "");
    check("a 1 _ 3 _", &floats, "at most the steps of the query, for a | 4 values in the script");
    check("a 1 3", &floats, "a 1@60000 3@120000 | 1@60000 3@180000, which differs at 120000");
    check("a 1 _ 4", &floats, "a 1@60000 4@180000 | 1@60000 3@180000, which differs at 180000");
    check("a 1", &floats, "a 1@60000 | 1@60000 3@180000, which has more points");
    check("", &floats, "no series a | 1@60000 3@180000");
    check("a 1 _ 3\nb 1", &floats, "b 1 | no such series");
    let mixed = Data::Matrix(vec![(labels("a"), points(&[(60_000, 1.0)], &[(120_000, "{{count:2}}")]))]);
    check("a 1 {{count:2}}", &mixed, "");
    check("a 1 2", &mixed, "a 1@60000 2@120000 | 1@60000 {{count:2}}@120000, which differs at 120000");
    check("a 1", &mixed, "a 1@60000 | 1@60000 {{count:2}}@120000, which has more points");
    let point = || points(&[(60_000, 1.0)], &[]);
    let unsorted = Data::Matrix(vec![(labels("b"), point()), (labels("a"), point())]);
    check("a 1\nb 1", &unsorted, "series in the order of their labels | b before a");
}

#[test]
fn an_instant_query_may_answer_with_a_range_vector() {
    let text = "eval instant at 0 a[1m]\nexpect range vector from 10s to 30s step 10s\na _ 2 3";
    let data = Data::Matrix(vec![(labels("a"), vec![(20_000, 2.0), (30_000, 3.0)].into())]);
    assert_eq!(compare::data(&eval(text), &data), Ok(()));
}

//! Scripts against an engine that knows a few answers.

use std::sync::Mutex;

use async_trait::async_trait;
use weir_pipeline::{Answer, Data, Error, Points, Result};

use super::*;

/// Answers by a function of the query and the times; `step` is 0 for an instant query.
struct Fake {
    answer: fn(&str, Steps) -> Result<Answer>,
    loads: Vec<Vec<StoredSeries>>,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Subject for Fake {
    async fn load(&mut self, series: &[StoredSeries]) {
        self.loads.push(series.to_vec());
    }

    async fn instant(&self, expr: &str, time: i64) -> Result<Answer> {
        self.asked.lock().unwrap().push(format!("{expr} at {time}"));
        (self.answer)(expr, Steps { start: time, end: time, step: 0 })
    }

    async fn range(&self, expr: &str, start: i64, end: i64, step: i64) -> Result<Answer> {
        self.asked.lock().unwrap().push(format!("{expr} from {start} to {end} step {step}"));
        (self.answer)(expr, Steps { start, end, step })
    }
}

fn ran(text: &str, answer: fn(&str, Steps) -> Result<Answer>) -> (Report, Fake) {
    let mut fake = Fake { answer, loads: Vec::new(), asked: Mutex::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let report = runtime.block_on(run("some.test", text, &mut fake));
    (report, fake)
}

fn metric(name: &str) -> LabelSet {
    [("__name__", name)].into_iter().collect()
}

/// The same value at each time.
fn constant(value: f64, steps: Steps) -> Result<Answer> {
    if steps.step == 0 {
        return Ok(Data::Vector(vec![(metric("a"), steps.start, value.into())]).into());
    }
    let points: Vec<_> = (steps.start..=steps.end).step_by(steps.step as usize).map(|time| (time, value)).collect();
    Ok(Data::Matrix(vec![(metric("a"), Points::from(points))]).into())
}

fn failures(report: &Report) -> Vec<String> {
    report.failures.iter().map(ToString::to_string).collect()
}

#[test]
fn an_instant_query_is_asked_in_every_way() {
    let (report, fake) = ran("eval instant at 1m a{b=\"c\"} + a offset 5m\na 5\n", |_, steps| constant(5.0, steps));
    assert_eq!((report.passed, report.failed, report.reruns), (1, 0, 11), "{:?}", failures(&report));
    let mut expected = Vec::new();
    let mut both = |expr: &str, time: i64| {
        expected.push(format!("{expr} at {time}"));
        expected.push(format!("{expr} from {} to {} step 60000", time - 60_000, time + 60_000));
    };
    both(r#"a{b="c"} + a offset 5m"#, 60_000);
    for time in [-600_000, 0, 12_000, 60_000, 600_000] {
        both(r#"a{b="c"} @ 60.000 + a @ 60.000 offset 5m"#, time);
    }
    assert_eq!(*fake.asked.lock().unwrap(), expected);
}

#[test]
fn what_depends_on_time_or_window_is_not_asked_in_these_ways() {
    let check = |eval: &str, reruns: usize| {
        let (report, _) = ran(&format!("{eval}\na 5\n"), |_, steps| constant(5.0, steps));
        assert_eq!((report.passed, report.reruns), (1, reruns), "{eval}: {:?}", failures(&report));
    };
    check("eval instant at 0 a", 7);
    check("eval instant at 1m a", 11);
    check("eval instant at 1m a + time()", 1);
    check("eval instant at 1m a * hour(a)", 1);
    check("eval instant at 1m max_over_time(vector(time())[5m:1m])", 11);
    check("eval instant at 1m a @ start()", 10);
    check("eval instant at 1m a + step()", 0);
    check("eval range from 0 to 0 step 1m a", 0);
}

#[test]
fn pinning_leaves_what_is_pinned() {
    let check = |expr: &str, expected: Option<&str>| {
        let pinned = pin::pinned(&crate::syntax::parse(expr).unwrap(), expr, 90_000);
        assert_eq!(pinned.as_deref(), expected, "{expr}");
    };
    check("a", Some("a @ 90.000"));
    check("a @ 5", Some("a @ 5.000"));
    check("a @ end()", Some("a @ 90.000"));
    check("rate(a[5m] offset 1m)", Some("rate(a[5m] @ 90.000 offset 1m)"));
    check("sum(rate(a[5m])) by (b) / -(c)", Some("sum by (b) (rate(a[5m] @ 90.000)) / -(c @ 90.000)"));
    check("max_over_time(rate(a[5m])[1h:1m])", Some("max_over_time(rate(a[5m])[1h:1m] @ 90.000)"));
    check("topk(scalar(a), b)", Some("topk(scalar(a @ 90.000), b @ 90.000)"));
    check("1 + 2", Some("1 + 2"));
    check("quantile_over_time(5m, a[5m])", Some("quantile_over_time(5m, a[5m] @ 90.000)"));
    check("time()", None);
    check("a > 1 or vector(time())", None);
    check("predict_linear(a[5m], 60)", None);
}

#[test]
fn what_fails_says_where_and_how() {
    let answer = |expr: &str, steps: Steps| match expr {
        "bad" => Err(Error::unprocessable("no such thing")),
        "placed" => Err(Error::invalid("1:5: parse error: no such thing")),
        "late" if steps.step > 0 => Err(Error::unprocessable("no such range")),
        "odd" if steps.step > 0 => constant(6.0, steps),
        _ => constant(5.0, steps),
    };
    let check = |script: &str, expected: &str| {
        let (report, _) = ran(script, answer);
        assert_eq!(failures(&report), [expected], "{script}");
        assert_eq!((report.passed, report.failed), (0, 1));
    };
    check(
        "\neval range from 0 to 1m step 1m a\na 5 6",
        "some.test:2: a\n  expected a 5@0 6@60000\n  got      5@0 5@60000, which differs at 60000",
    );
    check("eval instant at 1m a\na 4", "some.test:1: a at 1m\n  expected a 4\n  got      5");
    check(
        "eval instant at 1m bad",
        "some.test:1: bad at 1m\n  expected an answer\n  got      the error `no such thing`",
    );
    check(
        "eval instant at 1m late\na 5",
        "some.test:1: late as a range query around 1m\n  expected an answer\n  got      the error `no such range`",
    );
    check("eval instant at 1m odd\na 5", "some.test:1: odd as a range query around 1m\n  expected a 5\n  got      6");
    check(
        "eval instant at 1m a\nexpect fail",
        "some.test:1: a at 1m\n  expected the error anything\n  got      an answer",
    );
    check(
        "eval instant at 1m bad\nexpect fail msg: other",
        "some.test:1: bad at 1m\n  expected the error `other`\n  got      the error `no such thing`",
    );
    check(
        "eval instant at 1m a +\nexpect fail",
        "some.test:1: a +\n  expected a query\n  got      1:4: parse error: unexpected end of input",
    );
    let passes = |script: &str| {
        let (report, _) = ran(script, answer);
        assert!(report.is_ok(), "{script}: {:?}", failures(&report));
    };
    passes("eval instant at 1m time() + bad\nexpect ordered\na 5");
    passes("eval instant at 0 bad + time()\na 5");
}

#[test]
fn an_expected_error_is_compared_without_its_place() {
    let answer = |_: &str, _| Err(Error::invalid("1:5: parse error: no such thing"));
    let check = |line: &str, passed: usize| {
        let (report, _) = ran(&format!("eval instant at 1m time()\n{line}"), answer);
        assert_eq!(report.passed, passed, "{line}: {:?}", failures(&report));
    };
    check("expect fail", 1);
    check("expect fail msg: no such thing", 1);
    check("expect fail msg: 1:5: parse error: no such thing", 1);
    check("expect fail msg: no such", 0);
    check("expect fail regex: such", 1);
    check("expect fail regex: ^no.*thing$", 1);
    check("expect fail regex: ^such", 0);
}

#[test]
fn warnings_and_infos_are_compared() {
    let answer = |_: &str, steps| {
        let mut answer = constant(5.0, steps)?;
        answer.warnings = vec!["PromQL warning: one (1:1)".to_owned(), "PromQL warning: two (1:1)".to_owned()];
        Ok(answer)
    };
    let check = |lines: &str, expected: &str| {
        let (report, _) = ran(&format!("eval instant at 1m time()\n{lines}\na 5"), answer);
        let got = report.failures.first().map(|failure| failure.mismatch.clone());
        assert_eq!(
            got.map_or(String::new(), |wrong| format!("{} | {}", wrong.expected, wrong.got)),
            expected,
            "{lines}"
        );
    };
    let all = r#"["PromQL warning: one (1:1)", "PromQL warning: two (1:1)"]"#;
    check("expect warn", "");
    check("expect no_info", "");
    check("expect warn regex: one\nexpect warn msg: PromQL warning: two (1:1)", "");
    check("expect no_warn", &format!("no warnings | {all}"));
    check("expect info", "infos | none");
    check("expect warn regex: three", &format!("/three/ among the warnings | {all}"));
    check("expect warn regex: one", r#"no other warnings than [/one/] | "PromQL warning: two (1:1)""#);
    let (report, _) = ran("eval_info instant at 1m time()\na 5", answer);
    assert_eq!(report.failed, 1);
}

#[test]
fn the_subject_is_loaded_before_it_is_asked_and_not_more_often() {
    let script = "load 1m\n a 1 2\n\nload 1m\n b 3\n\neval instant at 0 time()\na 5\n\neval instant at 0 time()\na 5\n\nclear\n\n\
                  eval instant at 0 time()\na 5\n";
    let (report, fake) = ran(script, |_, steps| constant(5.0, steps));
    assert_eq!(report.passed, 3, "{:?}", failures(&report));
    let names: Vec<Vec<_>> =
        fake.loads.iter().map(|load| load.iter().map(|series| series.labels.to_string()).collect()).collect();
    assert_eq!(names, [vec!["a".to_owned(), "b".to_owned()], vec![]]);
}

#[test]
fn a_load_or_a_script_that_can_t_be_used_is_a_failure() {
    let (report, _) = ran("load 1m\n a 1 2\n\nload 1m\n a 1\n", |_, steps| constant(5.0, steps));
    let expected = "some.test:4:\n  expected samples that can be loaded\n  got      a: expected a sample after 60000ms, got one at 0ms";
    assert_eq!((failures(&report), report.failed, report.is_ok()), (vec![expected.to_owned()], 1, false));
    let (report, _) = ran("clear\nlod 5m", |_, steps| constant(5.0, steps));
    let expected = "some.test:2:\n  expected a script\n  got      expected `clear`, `load` or `eval`, got \"lod 5m\"";
    assert_eq!((failures(&report), report.failed, report.is_ok()), (vec![expected.to_owned()], 1, false));
}

#[test]
fn a_scalar_is_one_in_the_middle_of_a_range_too() {
    let answer = |_: &str, steps: Steps| match steps.step {
        0 => Ok(Data::Scalar(steps.start, 5.0).into()),
        _ => Ok(Data::Matrix(vec![(LabelSet::default(), vec![(steps.start + steps.step, 5.0)].into())]).into()),
    };
    let (report, _) = ran("eval instant at 1m 5\n5", answer);
    assert_eq!((report.passed, report.reruns), (1, 11), "{:?}", failures(&report));
}

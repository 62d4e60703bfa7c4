//! Mistakes of a node as a whole, beside mistakes in its parts.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::testing::settings;
use crate::units::{Bytes, Span};

/// As a job of a scraper.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Fields")]
struct Job(Fields);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    name: String,
    #[serde(default = "minute")]
    interval: Span,
    #[serde(default)]
    timeout: Option<Span>,
    #[serde(default)]
    limit: Option<Bytes>,
    #[serde(default)]
    tries: u8,
    #[serde(default)]
    on: bool,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    labels: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Mode {
    #[default]
    Off,
    Fast,
}

fn minute() -> Span {
    Span::from_secs(60)
}

impl TryFrom<Fields> for Job {
    type Error = String;

    fn try_from(job: Fields) -> Result<Self, String> {
        if let Some(timeout) = job.timeout.filter(|timeout| *timeout > job.interval) {
            return Err(format!("expected a timeout of at most {}, got `{timeout}`", job.interval));
        }
        if job.tries > 100 && !job.on && job.mode == Mode::Off {
            return Err("expected fewer tries, or `on`, or a mode".to_owned());
        }
        if job.labels == ["none"] && job.limit.is_none() {
            return Err("expected a `limit` where there are no labels".to_owned());
        }
        Ok(Self(job))
    }
}

/// As a scraper: every job once.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Vec<Job>")]
struct Jobs;

impl TryFrom<Vec<Job>> for Jobs {
    type Error = String;

    fn try_from(jobs: Vec<Job>) -> Result<Self, String> {
        let mut seen = BTreeSet::new();
        let twice = jobs.iter().find(|job| !seen.insert(&job.0.name));
        twice.map_or(Ok(Self), |job| Err(format!("expected each job once, got `{}` twice", job.0.name)))
    }
}

#[track_caller]
fn check(text: &str, expect: &[&str]) {
    let told = settings::<Jobs>(text).unwrap_err();
    assert_eq!(told.lines().collect::<Vec<_>>(), expect, "{text}");
}

const LATE: &str = "[0]: expected a timeout of at most 1m, got `2m`";
const TWICE: &str = "expected each job once, got `a` twice";

#[test]
fn a_mistake_of_the_whole_is_told_with_those_of_parts_that_do_not_touch_it() {
    let late = |part: &str, told: &str| {
        check(&format!("[{{ name: a, timeout: 2m, {part} }}]"), &[told, &format!("1:2: {LATE}")]);
    };
    late("limit: 5", "1:33: [0].limit: expected a size such as `64MiB` or `1GB`, got `5`");
    late("tries: 300", "1:33: [0].tries: expected a whole number from 0 to 255, got `300`");
    late("on: yes", "1:30: [0].on: expected `true` or `false`, got `yes`");
    late("mode: slow", "1:32: [0].mode: unknown value `slow`, expected one of `off`, `fast`");
    late("labels: [[]]", "1:35: [0].labels[0]: expected a text, got a list");
    late(
        "zebra: 1",
        "1:26: [0].zebra: unknown field `zebra`, expected one of `name`, `interval`, `timeout`, `limit`, `tries`, `on`, \
         `mode`, `labels`",
    );
    check("[{ timeout: 2m }]", &["1:2: [0]: `name` is missing", &format!("1:2: {LATE}")]);

    check(
        "[{ name: a, limit: 5 }, { name: a, on: 5 }]",
        &[
            "1:20: [0].limit: expected a size such as `64MiB` or `1GB`, got `5`",
            "1:40: [1].on: expected `true` or `false`, got `5`",
            &format!("1:1: {TWICE}"),
        ],
    );
    check(
        "[{ name: a }, { name: a }, { name: b, mode: slow }]",
        &["1:45: [2].mode: unknown value `slow`, expected one of `off`, `fast`", &format!("1:1: {TWICE}")],
    );
}

#[test]
fn what_is_wrong_only_because_of_a_wrong_part_is_not_told() {
    check(
        "[{ name: a, timeout: 2m, interval: 5 }]",
        &["1:36: [0].interval: expected a duration such as `30s` or `1m30s`, got `5`"],
    );
    check(
        "[{ name: a, timeout: 2m, intervall: 5m }]",
        &["1:26: [0].intervall: unknown field `intervall`, did you mean `interval`?"],
    );
    // What is missing is no name twice.
    check("[{}, {}]", &["1:2: [0]: `name` is missing", "1:6: [1]: `name` is missing"]);
    check("[{ name: [] }, { name: '0' }]", &["1:10: [0].name: expected a text, got a list"]);
    // A switch, a choice, and what may be absent.
    check("[{ name: a, tries: 200, on: yes }]", &["1:29: [0].on: expected `true` or `false`, got `yes`"]);
    check(
        "[{ name: a, tries: 200, mode: slow }]",
        &["1:31: [0].mode: unknown value `slow`, expected one of `off`, `fast`"],
    );
    check(
        "[{ name: a, labels: [none], limit: 5 }]",
        &["1:36: [0].limit: expected a size such as `64MiB` or `1GB`, got `5`"],
    );
    check("[{ name: a, labels: [none, []] }]", &["1:28: [0].labels[1]: expected a text, got a list"]);
}

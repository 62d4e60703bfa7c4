//! Tests of `tap`.
#![allow(clippy::unwrap_used)]

use clap::Parser;
use serde_json::json;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    tap: Tap,
}

fn tap(arguments: &[&str]) -> Tap {
    Line::try_parse_from(["tap", "--url", "http://weir/"].iter().chain(arguments)).map(|line| line.tap).unwrap()
}

#[test]
fn what_is_asked_says_all_that_was_given() {
    let check = |arguments: &[&str], expect: &str| assert_eq!(tap(arguments).uri(), format!("http://weir/-/{expect}"));
    check(&["agent"], "tap?stage=agent");
    check(&["agent.stages[1]", "--limit", "5", "--tenant", "a"], "tap?stage=agent.stages%5B1%5D&tenant=a&limit=5");
    check(
        &["a", "--match", "up{x=\"y z\"}", "--match", "b", "--format", "json"],
        "tap?stage=a&match%5B%5D=up%7Bx%3D%22y%20z%22%7D&match%5B%5D=b&format=json",
    );
    check(&["--rate"], "tap/rates?");
    check(&["--top", "agent", "--limit", "1"], "tap/rates?stage=agent&limit=1");
}

#[test]
fn a_stage_or_rates_must_be_asked_for() {
    let refused = |arguments: &[&str]| Line::try_parse_from(["tap"].iter().chain(arguments)).is_err();
    assert!(refused(&[]));
    assert!(refused(&["--rate", "--match", "up"]));
    assert!(refused(&["agent", "--format", "xml"]));
}

#[test]
fn samples_are_printed_as_they_come() {
    assert_eq!(tap(&["agent"]).shown("up 1 1000", true), "up 1 1000\n");
    assert_eq!(tap(&["agent"]).shown("", true), "");
}

#[test]
fn rates_are_a_table_of_what_comes_in_a_second() {
    let stage = |pipeline: &str, stage: &str, batches: u64, samples: u64, bytes: u64| {
        json!({ "pipeline": pipeline, "stage": stage, "batches": batches, "samples": samples, "series": samples,
                "bytes": bytes, "dropped": 0, "errors": 1 })
    };
    let stages = [stage("a", "stages[0].filter", 3, 2000, 4 << 20), stage("agent", "sink.blocks", 0, 0, 500)];
    let line = json!({ "seconds": 2.0, "stages": stages }).to_string();
    assert_eq!(
        tap(&["--rate"]).shown(&line, false),
        "stage               batches/s  samples/s  series/s  bytes/s  dropped/s  errors/s\n\
         a.stages[0].filter        1.5       1000      1000   2.0MiB          0       0.5\n\
         agent.sink.blocks           0          0         0     250B          0       0.5\n\n"
    );
    assert!(tap(&["--rate"]).shown(&line, true).starts_with(CLEAR));
    assert_eq!(tap(&["--rate", "--format", "json"]).shown(&line, true), format!("{line}\n"));
}

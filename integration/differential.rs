//! Beside a real Prometheus: random samples of a seed are written to both, random queries of it must answer alike.
//!
//! Every run replays the seeds of `differential/seeds.txt`. `WEIR_DIFFERENTIAL=<seconds>` goes on with random ones for
//! so long, and prints each. A seed that fails belongs into the file.
//!
//! What Prometheus 2.42 answers otherwise on purpose is a table in `stages/promql/README.md`.

use std::time::{Duration, Instant};

use crate::harness::peers;
use crate::harness::weir::{PIPELINES, Weir};
use crate::harness::{now, writers};

mod chance;
mod compare;
mod queries;
mod samples;

use chance::Chance;

/// How many queries of a seed, each at one time and over a range.
const QUERIES: usize = 100;

/// As the usual ones, for samples of long ago.
fn pipelines() -> String {
    PIPELINES.replace("head: { cut_after: '${CUT_AFTER:-1h}' }", "head: { max_past: 36500d }")
}

/// The seeds of the file.
fn seeds() -> Vec<u64> {
    let lines = include_str!("differential/seeds.txt").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_whitespace().next()).map(|seed| seed.parse().unwrap()).collect()
}

/// Runs a seed, and says what was different. `None` where there is no Prometheus.
fn run(seed: u64) -> Option<Vec<String>> {
    let dir = tempfile::tempdir().unwrap();
    let prometheus = peers::prometheus(dir.path(), "global: {}\n")?;
    let mut weir = Weir::new(dir.path(), &pipelines());
    weir.start(&[]);
    let mut chance = Chance::new(seed);
    let body = samples::request(&mut chance);
    for (at, path) in [(prometheus.address, "/api/v1/write"), (weir.receive, "/api/v1/receive")] {
        let response = writers::post_to(at, path, &body).unwrap();
        assert!((200..300).contains(&response.status), "seed {seed}, {path}: {}", response.text());
    }
    let mut failures = Vec::new();
    for number in 0..QUERIES {
        let query = queries::query(&mut chance, samples::START / 1000);
        let time = |ms: i64| format!("{}.500", (samples::START + ms) / 1000);
        let end = chance.between(300, samples::LENGTH / 1000 + 400) * 1000;
        let (start, end) = (time(end - chance.between(0, 20) * 60_000), time(end));
        let step = chance.of(&["60", "37", "15", "300"]);
        let instant = [("query", query.as_str()), ("time", &end)];
        let range = [("query", query.as_str()), ("start", &start), ("end", &end), ("step", step)];
        for (endpoint, params) in [("query", &instant[..]), ("query_range", &range[..])] {
            let theirs = compare::ask(prometheus.address, endpoint, params);
            let ours = compare::ask(weir.api, endpoint, params);
            if let Some(difference) = compare::difference(&theirs, &ours) {
                failures.push(format!("seed {seed}, query {number}, {endpoint} {params:?}\n    {difference}"));
            }
        }
    }
    Some(failures)
}

fn assert_alike(seed: u64, failures: &[String]) {
    for failure in failures {
        println!("{failure}");
    }
    assert!(failures.is_empty(), "seed {seed}: {} answers differ", failures.len());
}

#[test]
fn random_queries_of_random_samples_answer_as_prometheus_does() {
    for seed in seeds() {
        let Some(failures) = run(seed) else { return };
        assert_alike(seed, &failures);
    }
    let more = std::env::var("WEIR_DIFFERENTIAL").ok().and_then(|text| text.parse().ok()).map(Duration::from_secs);
    let begin = Instant::now();
    while more.is_some_and(|more| begin.elapsed() < more) {
        let seed = now() as u64;
        println!("seed {seed}");
        let Some(failures) = run(seed) else { return };
        assert_alike(seed, &failures);
    }
}

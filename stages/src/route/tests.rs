//! Tests of `route`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::sync::Mutex;

use weir_pipeline::Kind;
use weir_pipeline::testing::{Recorder, Subject, assert_contract, batch, context, documented, settings, text};

use super::*;

/// The branches of the rest that were built, and the links.
struct Built {
    next: Next<Write>,
    branches: Arc<Mutex<BTreeMap<String, Recorder<Write>>>>,
}

fn written() -> Recorder<Write> {
    Recorder::new(|batch: &Batch| Ok(Ack::written(batch.sample_count() as u64)))
}

fn build(yaml: &str) -> Built {
    let context = context();
    let branches = Arc::new(Mutex::new(BTreeMap::new()));
    for name in ["one", "two"] {
        let (link, recorder) = (OpenLink::named(name), written());
        link.lead(recorder.next());
        context.keep_resource(name, link);
        branches.lock().unwrap().insert(format!("link {name}"), recorder);
    }
    let keep = branches.clone();
    let rest = Rest::new(move |_: &Context, name: &str| {
        let recorder = written();
        keep.lock().unwrap().insert(name.to_owned(), recorder.clone());
        Ok(recorder.next())
    });
    let next = settings::<Route>(yaml).unwrap().split(&context, rest).unwrap();
    Built { next, branches }
}

impl Built {
    /// What each branch got, without those that got nothing.
    fn got(&self) -> Vec<String> {
        let branches = self.branches.lock().unwrap();
        let shown = |(name, rest): (&String, &Recorder<Write>)| {
            let lines: Vec<_> =
                rest.requests().iter().flat_map(|b| text(b).lines().map(str::to_owned).collect::<Vec<_>>()).collect();
            (!lines.is_empty()).then(|| format!("{name}: {}", lines.join(", ")))
        };
        branches.iter().filter_map(shown).collect()
    }

    fn rest(&self, name: &str) -> Recorder<Write> {
        self.branches.lock().unwrap()[name].clone()
    }
}

#[tokio::test(start_paused = true)]
async fn a_series_goes_to_the_first_branch_that_it_matches_and_others_go_down_the_rest() {
    let built = build("branches: [ { name: a, match: ['up{job=\"a\"}', down] }, { name: b, match: [up], to: one } ]");
    let ack = built.next.send(batch("up{job=\"a\"} 1\nup{job=\"b\"} 2\ndown 3\nother 4")).await.unwrap();
    assert_eq!(ack, Ack::written(4));
    assert_eq!(built.got(), ["a: up{job=\"a\"} 1, down 3", "link one: up{job=\"b\"} 2", "otherwise: other 4"]);
}

#[tokio::test(start_paused = true)]
async fn a_branch_is_for_its_tenants() {
    let built = build("{ branches: [ { name: a, tenants: [x, 'team-*'], to: one }, { name: b, tenants: [y] } ] }");
    for tenant in ["x", "team-1", "y", "z"] {
        built.next.send(batch(&format!("up{{t=\"{tenant}\"}} 1")).with_tenant(tenant.parse().unwrap())).await.unwrap();
    }
    assert_eq!(
        built.got(),
        ["b: up{t=\"y\"} 1", "link one: up{t=\"x\"} 1, up{t=\"team-1\"} 1", "otherwise: up{t=\"z\"} 1"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_series_that_goes_on_is_created_anew_for_each_further_branch() {
    let built = build(
        "{ branches: [ { name: a, continue: true, to: one }, { name: b, match: [up], continue: true }, { name: c, match: [x] } ] }",
    );
    let ack = built.next.send(batch("up 1\nup 2 1\nx 3")).await.unwrap();
    assert_eq!(built.got(), ["b: up 1, up 2 1", "c: x 3", "link one: up 1, up 2 1, x 3"]);
    assert_eq!((ack.created, ack.count(Outcome::Written), ack.balances(3)), (3, 6, true));
}

#[tokio::test(start_paused = true)]
async fn what_matches_nothing_may_be_dropped_or_rejected() {
    for (otherwise, outcome) in [("drop", Outcome::Dropped), ("reject", Outcome::Rejected)] {
        let built = build(&format!("{{ branches: [ {{ name: a, match: [up] }} ], otherwise: {otherwise} }}"));
        let ack = built.next.send(batch("up 1\nx 2\nx 3 1")).await.unwrap();
        assert_eq!((ack.count(outcome), ack.count(Outcome::Written)), (2, 1));
        assert!(ack.entries().iter().any(|entry| entry.reason == "no_route"), "{ack:?}");
        assert_eq!(built.got(), ["a: up 1"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_one_branch_is_not_copied() {
    let built = build("branches: [ { name: a, match: [up] } ]");
    let sent = batch("up 1");
    built.next.send(sent.clone()).await.unwrap();
    let got = built.rest("a").requests().remove(0);
    assert_eq!(got.series(0).values.as_ptr(), sent.series(0).values.as_ptr());
}

#[tokio::test(start_paused = true)]
async fn where_a_branch_fails_the_request_fails() {
    let built = build("branches: [ { name: a, match: [up] } ]");
    built.rest("a").answer(|_| Err(Error::unprocessable("no")));
    assert_eq!(built.next.send(batch("up 1\nx 1")).await.unwrap_err().kind(), Kind::Unprocessable);
    assert_eq!(built.rest("otherwise").requests().len(), 1);
}

#[test]
fn wrong_settings_are_refused() {
    let check = |yaml: &str, expect: &str| assert_eq!(settings::<Route>(yaml).unwrap_err(), expect);
    check("{}", "1:1: expected 1 to 63 branches, got 0");
    check("branches: []", "1:1: expected 1 to 63 branches, got 0");
    check("branches: [ {} ]", "1:13: branches[0]: `name` is missing");
    check(
        "branches: [ { name: 'a b' } ]",
        "1:1: expected letters, digits, `-` and `_` as the name of a branch, got `a b`",
    );
    check(
        "branches: [ { name: a }, { name: a } ]",
        "1:1: expected each branch once and none called `otherwise`, got `a`",
    );
    check(
        "branches: [ { name: otherwise } ]",
        "1:1: expected each branch once and none called `otherwise`, got `otherwise`",
    );
    check(
        "{ branches: [ { name: a, tenants: [''] } ] }",
        "1:36: branches[0].tenants[0]: expected a name such as `team-*`, got an empty one",
    );
    check(
        "{ branches: [ { name: a } ], otherwise: keep }",
        "1:41: otherwise: unknown value `keep`, expected one of `pass`, `drop`, `reject`",
    );
}

#[test]
fn the_example_in_the_docs_is_valid() {
    let route: Route = documented(include_str!("../route.rs"), "route");
    assert_eq!(route.0.branches.len(), 2);
}

#[test]
fn it_keeps_the_contract() {
    for yaml in [
        "branches: [ { name: a, match: ['{instance=~\"host-[12].*\"}'] } ]",
        "{ branches: [ { name: a, continue: true }, { name: b, match: ['{instance=\"host-1:9100\"}'] } ], otherwise: drop }",
    ] {
        let route: Route = settings(yaml).unwrap();
        let build = move |context: &Context, next: Next<Write>| {
            route.clone().split(context, Rest::new(move |_: &Context, _: &str| Ok(next.clone())))
        };
        assert_contract(Subject::service("route", build));
    }
}

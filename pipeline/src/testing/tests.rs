//! Tests of `testing`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::task::{Context as Task, Poll};

use serde::Deserialize;
use tower::Service;

use super::*;
use crate::error::{Error, Kind};
use crate::next::{Next, Reply};
use crate::path::{Path, Read, Write};
use crate::query::{Answer, Data};
use crate::{Ack, Batch, Outcome, Result, Stage, Transform};

/// What `check_contract` says of a stage.
fn verdict<P: Requests>(subject: Subject<P>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(check_contract(&subject))
}

/// Drops every second series: with or without counting.
#[derive(Clone, Debug, Deserialize)]
struct Halve {
    count: bool,
}

impl Transform for Halve {
    const NAME: &'static str = "halve";

    fn apply(&self, batch: Batch) -> Result<(Batch, Ack)> {
        let mut i = 0;
        let out = batch.filter(|_| {
            i += 1;
            i % 2 == 1
        });
        let gone = (batch.sample_count() - out.sample_count()) as u64;
        Ok((out, Ack::default().with(Outcome::Dropped, "half", if self.count { gone } else { 0 })))
    }
}

#[test]
fn a_transform_that_counts_what_it_drops_keeps_the_contract() {
    assert_contract(Subject::transform(Halve { count: true }));
}

#[test]
fn a_lossy_stage_breaks_the_contract() {
    let fault = verdict(Subject::transform(Halve { count: false })).unwrap_err();
    assert_eq!(
        fault,
        "`halve` breaks the contract (three series; all is written): 6 samples went in and 0 were created, but the ack \
         counts 4: Ack { entries: [Entry { outcome: Written, reason: \"\", detail: None, place: None, count: 4, \
         histograms: 0 }], created: 0, exemplars: 0 }"
    );
}

#[test]
#[should_panic(expected = "`halve` breaks the contract (three series; all is written): 6 samples went in")]
fn the_assertion_panics_with_the_sentence() {
    assert_contract(Subject::transform(Halve { count: false }));
}

/// A stage with the faults of its fields.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Faulty {
    forgets_created: bool,
    counts_twice: bool,
    always_ready: bool,
    hides_errors: bool,
    changes_kind: bool,
    changes_place: bool,
    hangs: bool,
    detaches: bool,
}

struct FaultyService<P: Path> {
    faults: Faulty,
    next: Next<P>,
}

impl<P: Requests> Stage<P> for Faulty {
    const NAME: &'static str = "faulty";

    fn wrap(self, _: &crate::Context, next: Next<P>) -> Result<Next<P>> {
        Ok(Next::new(FaultyService { faults: self, next }))
    }
}

impl<P: Path> Clone for FaultyService<P> {
    fn clone(&self) -> Self {
        Self { faults: self.faults.clone(), next: self.next.clone() }
    }
}

impl<P: Requests> Service<P::Request> for FaultyService<P> {
    type Response = P::Response;
    type Error = Error;
    type Future = Reply<P>;

    fn poll_ready(&mut self, cx: &mut Task<'_>) -> Poll<Result<()>> {
        if self.faults.hangs {
            return Poll::Pending;
        }
        if self.faults.always_ready { Poll::Ready(Ok(())) } else { self.next.poll_ready(cx) }
    }

    fn call(&mut self, request: P::Request) -> Reply<P> {
        let faults = self.faults.clone();
        let reply = self.next.call(request.clone());
        Box::pin(async move {
            let result = if faults.detaches { tokio::spawn(reply).await.unwrap() } else { reply.await };
            let mut response = match result {
                Err(_) if faults.hides_errors => {
                    return P::answers(&request).into_iter().next().map(|(_, a)| a).ok_or_else(Error::closed);
                }
                Err(error) if faults.changes_kind => return Err(Error::internal("oops").with_source(error)),
                Err(error) if faults.changes_place => {
                    return Err(Error::new(error.kind(), "oops").at(&"here".into()));
                }
                other => other?,
            };
            if let Some(ack) = P::ack(&mut response) {
                ack.created *= u64::from(!faults.forgets_created);
                if faults.counts_twice {
                    ack.add(Outcome::Dropped, "again", P::samples(&request) / 2);
                }
            }
            Ok(response)
        })
    }
}

#[track_caller]
fn check<P: Requests>(faults: Faulty, expect: &str) {
    let fault = verdict(Subject::<P>::stage(faults)).unwrap_err();
    assert!(fault.starts_with(expect), "{fault}");
}

#[test]
fn a_stage_without_faults_keeps_the_contract_on_both_paths() {
    assert_contract(Subject::<Write>::stage(Faulty::default()));
    assert_contract(Subject::<Read>::stage(Faulty::default()));
}

#[test]
fn each_fault_is_found_and_told() {
    check::<Write>(
        Faulty { forgets_created: true, ..Faulty::default() },
        "`faulty` breaks the contract (one sample; samples are created): 1 samples went in and 0 were created, but the \
         ack counts 3",
    );
    check::<Write>(
        Faulty { counts_twice: true, ..Faulty::default() },
        "`faulty` breaks the contract (three series; all is written): 6 samples went in and 0 were created, but the \
         ack counts 9",
    );
    check::<Write>(
        Faulty { always_ready: true, ..Faulty::default() },
        "`faulty` breaks the contract (one sample): it called the rest before the rest was ready",
    );
    check::<Read>(
        Faulty { hides_errors: true, ..Faulty::default() },
        "`faulty` breaks the contract (the rest answers with the error `invalid`): it hides the error",
    );
    check::<Read>(
        Faulty { changes_kind: true, ..Faulty::default() },
        "`faulty` breaks the contract (the rest answers with the error `invalid`): it makes `internal(oops: \
         test.stages[1].rest: the rest fails)` of it, which is another kind",
    );
    check::<Write>(
        Faulty { changes_place: true, ..Faulty::default() },
        "`faulty` breaks the contract (the rest answers with the error `invalid`): it changes the place to `here`",
    );
    check::<Write>(Faulty { hangs: true, ..Faulty::default() }, "`faulty` hangs: one sample; all is written");
    check::<Read>(
        Faulty { detaches: true, ..Faulty::default() },
        "`faulty` breaks the contract (a caller went away while it waited): the rest still works for it",
    );
    assert_contract(Subject::<Read>::stage(Faulty { detaches: true, ..Faulty::default() }).carries_on());
}

#[test]
fn a_stage_that_says_it_is_ready_by_design_must_be() {
    let fault = verdict(Subject::<Read>::stage(Faulty::default()).ready_by_design()).unwrap_err();
    assert_eq!(fault, "`faulty` breaks the contract (the rest is not ready): it is not ready by design as it says");
}

#[test]
fn a_stage_that_is_ready_by_design_must_wait_for_the_rest() {
    // Ready at once, it sends as soon as the rest is.
    let patient = |_: &crate::Context, next: Next<Write>| {
        Ok(Next::new(tower::service_fn(move |batch| {
            let next = next.clone();
            async move { next.send(batch).await }
        })))
    };
    assert_contract(Subject::service("patient", patient).ready_by_design());
    let fault = verdict(Subject::service("patient", patient)).unwrap_err();
    assert_eq!(fault, "`patient` breaks the contract (the rest is not ready): it is ready all the same");
}

#[test]
fn a_sink_is_held_to_its_part_of_the_contract() {
    let sink = |lost: u64| {
        let answer = move |batch: &Batch| Ok(Ack::written((batch.sample_count() as u64).saturating_sub(lost)));
        Recorder::<Write>::new(answer).next()
    };
    assert_sink_contract("memory", |_| Ok(sink(0)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let fault = runtime.block_on(check_sink_contract("memory", sink(1))).unwrap_err();
    assert!(fault.starts_with("`memory` breaks the contract (one sample): 1 samples went in"), "{fault}");
    let closed = Recorder::<Read>::new(|_| Err(Error::closed())).next();
    let fault = runtime.block_on(check_sink_contract("memory", closed)).unwrap_err();
    assert_eq!(
        fault,
        "`memory` breaks the contract (an instant query): expected an answer, got the error `closed(the pipeline is \
         closed)`"
    );
}

/// A source that sends every minute, with the faults of its fields.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Ticks {
    ends: bool,
    deaf: bool,
    hasty: bool,
    fails: bool,
}

impl<P: Requests> crate::Source<P> for Ticks {
    const NAME: &'static str = "ticks";

    async fn run(self, context: crate::Context, next: Next<P>) -> Result<()> {
        let mut sent = tokio::task::JoinSet::new();
        let mut ticks = tokio::time::interval(std::time::Duration::from_secs(60));
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    let next = next.clone();
                    sent.spawn(async move { next.send(request::<P>()).await.map(|_| ()) });
                    if self.ends {
                        return Ok(());
                    }
                }
                () = context.shutdown.cancelled(), if !self.deaf => break,
            }
        }
        if self.fails {
            return Err(Error::internal("oops"));
        }
        if self.hasty {
            sent.detach_all();
        }
        while sent.join_next().await.is_some() {}
        Ok(())
    }
}

#[test]
fn a_source_is_held_to_its_part_of_the_contract() {
    assert_source_contract::<Write, _>(Ticks::default());
    assert_source_contract::<Read, _>(Ticks::default());
    let check = |ticks: Ticks, expect: &str| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let fault = runtime.block_on(check_source_contract::<Write, _>(ticks)).unwrap_err();
        assert_eq!(fault, format!("`ticks` breaks the contract: {expect}"));
    };
    check(Ticks { ends: true, ..Ticks::default() }, "it ended before it was told to, with Ok(())");
    check(Ticks { deaf: true, ..Ticks::default() }, "it does not return although it was told to stop");
    check(Ticks { hasty: true, ..Ticks::default() }, "it returned before what it sent down was answered");
    check(Ticks { fails: true, ..Ticks::default() }, "it returned before what it sent down was answered");
}

#[tokio::test(start_paused = true)]
async fn the_recorder_does_as_it_is_told() {
    let rest = Recorder::<Read>::new(|_| Ok(Answer::from(Data::Scalar(0, 1.0))));
    let (next, query) = (rest.next(), Read::requests().swap_remove(0).1);
    assert!(next.send(query.clone()).await.is_ok());
    rest.answer(|_| Err(Error::unavailable("later")));
    assert_eq!(next.send(query.clone()).await.unwrap_err().kind(), Kind::Unavailable { retry_after: None });
    rest.fail_ready(Error::closed());
    assert_eq!(next.send(query.clone()).await.unwrap_err().kind(), Kind::Closed);
    rest.set_ready(true);
    rest.set_open(false);
    let waiting = tokio::spawn({
        let (next, query) = (next.clone(), query.clone());
        async move { next.send(query).await }
    });
    tokio::task::yield_now().await;
    assert_eq!(rest.in_flight(), 1);
    rest.set_open(true);
    assert!(waiting.await.unwrap().is_err());
    assert_eq!((rest.in_flight(), rest.requests().len(), rest.unready_calls()), (0, 3, 0));
    let _ = next.clone().call(query).await;
    assert_eq!(rest.unready_calls(), 1, "a call without poll_ready");
}

#[test]
fn settings_are_read_from_yaml_and_from_docs() {
    assert!(settings::<Halve>("count: true").unwrap().count);
    assert_eq!(settings::<Halve>("count: 1\nto: 2").unwrap_err(), "1:8: count: expected `true` or `false`, got `1`");
    let source = "//! Half.\n//!\n//! ```yaml\n//! halve:\n//!   count: true\n//! ```\nuse x;\n";
    assert!(documented::<Halve>(source, "halve").count);
}

#[test]
#[should_panic(expected = "the docs of `halve` have no YAML example")]
fn docs_without_an_example_are_told() {
    documented::<Halve>("//! Half.\nuse x;\n//! ```yaml\n", "halve");
}

#[test]
fn batches_read_back_as_they_are_shown() {
    fn check(shown: &str) {
        let lines: String = shown.lines().map(|line| format!("{}\n", line.trim())).collect();
        assert_eq!(text(&batch(shown)), lines);
    }
    check("");
    check("up 1");
    check("up{a=\"b\", job=\"c\"} 1 1000\nup{a=\"b\", job=\"c\"} stale 2000\ndown NaN -5");
    check("a inf\na -inf\na -0\na 0.1\na 1e300\na 5e-324");
    check("{\"disk.free\", \"a b\"=\"c\"} 1\n{} 2\n{a=\"}\"} 3\nx{a=\"\\\"\\n\\x7f\"} 4");
    check("up 1\ndown 1\nup 2");
    assert_eq!(batch("up 1\ndown 1\nup 2").series_count(), 3);
    assert_eq!(batch("# TYPE up gauge\n\n up{ b='x' , a=`y`, } +Inf 7").series(0).values, [f64::INFINITY]);
}

#[test]
fn wrong_lines_are_told() {
    fn check(line: &'static str, expect: &str) {
        let panic = std::panic::catch_unwind(|| batch(line)).unwrap_err();
        assert_eq!(panic.downcast_ref::<String>().unwrap(), &format!("the line `{line}`: {expect}"));
    }
    check("up", "expected a value after the labels");
    check("up x", "expected a value, got `x`");
    check("up 1 now", "expected milliseconds since the Unix epoch, got `now`");
    check("up 1 2 3", "expected the end of the line, got `3`");
    check("up{a=\"b\" 1", "expected a closing `}`");
    check("up{a=\"b} 1", "expected a closing `\"` on the same line");
    check("up{a=~\"b\"} 1", "expected labels with `=`, got `a=~\"b\"`");
    check("1up 1", "1:1: expected a metric name or `{`, got `1`");
}

proptest::proptest! {
    #[test]
    fn any_batch_reads_back(series in proptest::collection::vec(("[a-c_\\n\"é ]{1,3}", "\\PC{1,4}", proptest::num::f64::ANY, proptest::num::i64::ANY), 0..6)) {
        let mut out = Batch::builder(crate::Tenant::default());
        for (name, value, number, timestamp) in &series {
            out.series([(name, value)].into_iter().collect::<crate::LabelSet>().as_labels());
            // Other NaNs read back as the plain one.
            out.sample(*timestamp, if number.is_nan() { f64::NAN } else { *number });
        }
        let shown = text(&out.build());
        proptest::prop_assert_eq!(text(&batch(&shown)), shown);
    }
}

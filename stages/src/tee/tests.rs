//! Tests of `tee`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use weir_pipeline::Kind;
use weir_pipeline::testing::{Recorder, Subject, assert_contract, batch, context, documented, settings, text};

use super::*;

fn written() -> Recorder<Write> {
    Recorder::new(|batch: &Batch| Ok(Ack::written(batch.sample_count() as u64)))
}

struct Setup {
    context: Context,
    next: Next<Write>,
    rest: Recorder<Write>,
    copies: Recorder<Write>,
}

fn setup(more: &str) -> Setup {
    let (context, rest, copies, link) = (context(), written(), written(), OpenLink::named("copy"));
    link.lead(copies.next());
    context.keep_resource("copy", link);
    let next = settings::<Tee>(&format!("{{ to: copy, {more} }}")).unwrap().wrap(&context, rest.next()).unwrap();
    Setup { context, next, rest, copies }
}

impl Setup {
    fn missed(&self, reason: &str) -> u64 {
        let text = self.context.metrics.encode();
        let begin =
            format!("weir_tee_missed_samples_total{{pipeline=\"test\",place=\"test.stages[0]\",reason=\"{reason}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&begin)).map_or(0, |count| count.parse().unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn both_get_the_batch_and_the_answer_is_that_of_the_rest() {
    let setup = setup("");
    setup.rest.answer(|_| Ok(Ack::written(1).with(Outcome::Rejected, "too_old", 1)));
    let sent = batch("up 1\nup 2 1");
    let ack = setup.next.send(sent.clone()).await.unwrap();
    assert_eq!((ack.count(Outcome::Written), ack.count(Outcome::Rejected)), (1, 1));
    setup.context.close().await;
    assert_eq!(text(&setup.copies.requests()[0]), text(&sent));
    assert_eq!(setup.copies.requests()[0].series(0).values.as_ptr(), sent.series(0).values.as_ptr());
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_fails_or_takes_long_is_missed_and_harms_nobody() {
    let setup = setup("pending: 1B");
    setup.copies.answer(|_| Err(Error::unavailable("down")));
    assert_eq!(setup.next.send(batch("up 1\nup 2 1")).await.unwrap(), Ack::written(2));
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(setup.missed("unavailable"), 2);
    setup.copies.set_open(false);
    for _ in 0..2 {
        assert_eq!(setup.next.send(batch("up 1")).await.unwrap(), Ack::written(1));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // There is room for one alone.
    assert_eq!(setup.missed("pending_full"), 1);
    setup.context.close().await;
    assert_eq!(setup.missed("closed"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_is_required_fails_the_request_and_the_worse_ack_counts() {
    let setup = setup("required: true");
    setup.copies.answer(|_| Ok(Ack::default().with(Outcome::Rejected, "too_old", 1)));
    assert_eq!(setup.next.send(batch("up 1")).await.unwrap().count(Outcome::Rejected), 1);
    setup.copies.answer(|_| Err(Error::unavailable("down")));
    assert_eq!(setup.next.send(batch("up 1")).await.unwrap_err().message(), "down");
    setup.rest.answer(|_| Err(Error::new(Kind::Invalid, "no")));
    assert_eq!(setup.next.send(batch("up 1")).await.unwrap_err().kind(), Kind::Invalid);
}

#[test]
fn wrong_settings_are_refused() {
    let check = |yaml: &str, expect: &str| assert_eq!(settings::<Tee>(yaml).unwrap_err(), expect);
    check("{}", "1:1: `to` is missing");
    check("{ to: a, required: maybe }", "1:20: required: expected `true` or `false`, got `maybe`");
}

#[test]
fn the_example_in_the_docs_is_valid() {
    let tee: Tee = documented(include_str!("../tee.rs"), "tee");
    assert_eq!((tee.to.name(), tee.required), ("copy", false));
}

#[test]
fn it_keeps_the_contract() {
    for required in [false, true] {
        let tee: Tee = settings(&format!("{{ to: copy, required: {required} }}")).unwrap();
        let build = move |context: &Context, next: Next<Write>| {
            let link = OpenLink::named("copy");
            link.lead(written().next());
            context.keep_resource("copy", link);
            tee.clone().wrap(context, next)
        };
        assert_contract(Subject::service("tee", build));
    }
}

//! Tests of `link`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;

use weir_pipeline::config::Env;
use weir_pipeline::plan::{Document, Plan};
use weir_pipeline::testing::{Recorder, assert_source_contract, batch, context, documented, settings, text};
use weir_pipeline::{Kind, Outcome, Registry};

use super::*;

fn written() -> Recorder<Write> {
    Recorder::new(|batch: &Batch| Ok(Ack::written(batch.sample_count() as u64)))
}

/// A context with the links `a` and `b`.
fn linked() -> Context {
    let context = context();
    ["a", "b"].iter().for_each(|name| context.keep_resource(name, OpenLink::named(name)));
    context
}

fn link(name: &str) -> Link {
    settings(name).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_to_a_link_goes_down_the_pipeline_that_begins_with_it() {
    let (context, rest) = (linked(), written());
    let sink = link("a").open(&context).unwrap();
    // Whoever comes first waits for the other.
    let sending = tokio::spawn({
        let sink = sink.clone();
        async move { sink.send(batch("up 1\nup 2")).await }
    });
    tokio::task::yield_now().await;
    let running = tokio::spawn(link("a").run(context.clone(), rest.next()));
    assert_eq!(sending.await.unwrap().unwrap(), Ack::written(2));
    assert_eq!(text(&rest.requests()[0]), "up 1\nup 2\n");
    rest.answer(|_| Err(Error::new(Kind::Unprocessable, "no")));
    assert_eq!(sink.send(batch("up 1")).await.unwrap_err().kind(), Kind::Unprocessable);
    // At the end others may still drain.
    context.shutdown.cancel();
    running.await.unwrap().unwrap();
    rest.answer(|_| Ok(Ack::default().with(Outcome::Dropped, "filter", 1)));
    assert_eq!(sink.send(batch("up 1")).await.unwrap().count(Outcome::Dropped), 1);
}

#[tokio::test(start_paused = true)]
async fn a_link_begins_one_pipeline_and_without_it_nothing_can_be_sent() {
    let context = linked();
    let sink = link("b").open(&context).unwrap();
    let error = sink.send(batch("up 1")).await.unwrap_err();
    assert_eq!((error.kind().is_retryable(), error.message()), (true, "no pipeline begins with the link `b`"));
    tokio::spawn(link("a").run(context.clone(), written().next()));
    tokio::task::yield_now().await;
    let error = link("a").run(context.clone(), written().next()).await.unwrap_err();
    assert_eq!(error.message(), "the link `a` begins two pipelines");
    assert_eq!(link("c").open(&context).map(drop).unwrap_err().message(), "no resource `c` is declared");
}

#[tokio::test(start_paused = true)]
async fn a_circle_is_found_when_a_batch_goes_round() {
    let context = linked();
    let (a, b) = (link("a").open(&context).unwrap(), link("b").open(&context).unwrap());
    tokio::spawn(link("a").run(context.clone(), b));
    tokio::spawn(link("b").run(context.clone(), a.clone()));
    let error = a.send(batch("up 1")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Internal);
    assert!(error.message().contains("leads in a circle"), "{error:?}");
}

#[test]
fn pipelines_that_lead_into_each_other_are_a_mistake_of_the_files() {
    let check = |expect: &[&str], bodies: &[&str]| {
        let document =
            |(n, body): (usize, &&str)| Document { name: format!("{n}.yaml"), text: format!("name: p{n}\n{body}\n") };
        let links =
            Document { name: "links.yaml".into(), text: "resources: { a: { link: {} }, b: { link: {} } }".into() };
        let documents: Vec<Document> = bodies.iter().enumerate().map(document).chain([links]).collect();
        let registry = Registry::default().with(crate::register);
        let plan = Plan::read(&documents, &registry, &Env::from_fn(|_| None));
        let told = plan.err().into_iter().flatten().map(|mistake| mistake.to_string());
        assert_eq!(told.collect::<Vec<String>>(), expect, "{bodies:?}");
    };
    let door = "source: { receive: { listen: '127.0.0.1:1' } }\nsink: { link: a }";
    check(&[], &[door, "source: { link: a }\nsink: { link: b }", "source: { link: b }\nsink: { stdout: {} }"]);
    let itself = "source: { link: a }\nstages: [ { tee: { to: a } } ]\nsink: { stdout: {} }";
    check(&["1.yaml:1:7: pipelines that lead into each other: p1 → p1"], &[door, itself]);
    check(
        &["1.yaml:1:7: pipelines that lead into each other: p1 → p2 → p1"],
        &[door, "source: { link: a }\nsink: { link: b }", "source: { link: b }\nsink: { link: a }"],
    );
    let end = "source: { link: a }\nsink: { stdout: {} }";
    check(&["0.yaml:3:15: sink.link: no pipeline begins with `a`"], &[door]);
    check(&["2.yaml:1:7: source: `a` begins the pipeline `p1` already"], &[door, end, end]);
}

#[test]
fn the_example_in_the_docs_is_valid() {
    let sink: BTreeMap<String, Link> = documented(include_str!("../link.rs"), "sink");
    assert_eq!(sink["link"].0.name(), "copy");
}

#[test]
fn it_keeps_the_contracts() {
    weir_pipeline::testing::assert_sink_contract::<Write>("link", |_| {
        let link = OpenLink::named("a");
        link.lead(written().next());
        Ok(link.next())
    });
}

#[derive(Clone, Debug, Deserialize)]
struct Alone(Link);

impl Source<Write> for Alone {
    const NAME: &'static str = "link";

    async fn run(self, context: Context, next: Next<Write>) -> Result<()> {
        context.keep_resource("a", OpenLink::named("a"));
        self.0.run(context, next).await
    }
}

#[test]
fn it_keeps_the_contract_of_sources() {
    assert_source_contract::<Write, Alone>(Alone(link("a")));
}

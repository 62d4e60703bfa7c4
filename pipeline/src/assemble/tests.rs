//! Tests of `assemble`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use tokio_util::sync::CancellationToken;

use super::*;
use crate::clock::Clock;
use crate::fixture::{journal, plan};
use crate::metrics::Metrics;
use crate::plan::Pipeline;
use crate::testing::batch;
use crate::{Batch, Error};

/// The service of the one pipeline of a file, and the metrics around it.
async fn service(text: &str) -> (Result<Next<Write>>, Metrics) {
    let plan = plan(&[text]).unwrap();
    let metrics = Metrics::default();
    let context = Context::new(Clock::starting_at(0), metrics.clone(), CancellationToken::new());
    open(&plan.resources, &context).await.unwrap();
    let Some(Pipeline::Write(parts)) = plan.pipelines.first() else { panic!("expected a pipeline that writes") };
    (assemble(parts, &context, &Observers::new(&metrics)), metrics)
}

async fn send(text: &str, batch: Batch) -> Result<Vec<String>> {
    let ack = service(text).await.0.unwrap().send(batch).await?;
    let shown = |e: &crate::ack::Entry| {
        format!("{} {} {}: {}", e.place.as_deref().unwrap_or("?"), e.outcome, e.reason, e.count)
    };
    Ok(ack.entries().iter().map(shown).collect())
}

/// The error of a pipeline with these stages and this sink.
async fn error(stages: &str, sink: &str) -> Error {
    let text = format!("name: p\nsource: pulse\nstages: {stages}\nsink: {sink}\n");
    send(&text, batch("up 1")).await.expect_err("expected an error")
}

#[tokio::test(start_paused = true)]
async fn an_error_has_the_place_where_it_happened() {
    let check = async |stages, sink, expect: &str| assert_eq!(error(stages, sink).await.to_string(), expect);
    check("[]", "{ keep: { error: full } }", "p.sink.keep: full").await;
    check("[pass, pass: { error: torn }, pass]", "keep", "p.stages[1].pass: torn").await;
    // The innermost place is the right one.
    check("[pass, thin: { metric: a }, pass]", "{ keep: { error: full } }", "p.sink.keep: full").await;
    check("[deal: { to: [a, b] }, pass]", "{ keep: { error: full } }", "p.stages[0].deal[a].sink.keep: full").await;
    check(
        "[pass, deal: { to: [a, b] }, deal: { to: [c] }, pass: { error: torn }]",
        "keep",
        "p.stages[1].deal[a].stages[2].deal[c].stages[3].pass: torn",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_component_that_can_not_be_built_is_named() {
    let check = async |text: &str, expect: &str| {
        assert_eq!(service(text).await.0.expect_err("expected an error").to_string(), expect);
    };
    check(
        "name: p\nsource: pulse\nstages: [pass, pass: { unbuildable: true }]\nsink: keep",
        "p.stages[1].pass: expected something to build with",
    )
    .await;
    check(
        "name: p\nsource: pulse\nstages: [deal: { to: [a] }, pass: { unbuildable: true }]\nsink: keep",
        "p.stages[0].deal[a].stages[1].pass: expected something to build with",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_ack_says_where_each_sample_ended() {
    let text = "name: p\nsource: pulse\nstages: [thin: { metric: b }, pass]\nsink: { keep: { rejects: 1 } }\n";
    let acked = send(text, batch("a 1\nb 1\nc 1\nb 2")).await.unwrap();
    assert_eq!(
        acked,
        ["p.stages[0].thin dropped thin: 2", "p.sink.keep written : 1", "p.sink.keep rejected too_old: 1"]
    );
    let text = "name: p\nsource: pulse\nstages: [deal: { to: [x, y] }, thin: { metric: b }]\nsink: keep\n";
    let acked = send(text, batch("a 1\nb 1\nc 1\nb 2")).await.unwrap();
    assert_eq!(
        acked,
        ["p.stages[0].deal[x].sink.keep written : 2", "p.stages[0].deal[y].stages[1].thin dropped thin: 2"]
    );
}

#[tokio::test(start_paused = true)]
async fn samples_are_counted_once_through_stages_and_a_fan_out() {
    let text = "name: p\nsource: pulse\nstages: [pass, thin: { metric: b }, deal: { to: [x, y] }, pass]\nsink: keep\n";
    let (next, metrics) = service(text).await;
    next.unwrap().send(batch("a 1\nb 1\nc 1\nd 2")).await.unwrap();
    let encoded = metrics.encode();
    let mut counted: Vec<&str> =
        encoded.lines().filter_map(|l| l.strip_prefix("weir_pipeline_samples_total")).collect();
    counted.sort_unstable();
    assert_eq!(
        counted,
        [
            r#"{pipeline="p",stage="stages[1].thin",outcome="dropped",reason="thin"} 1"#,
            r#"{pipeline="p",stage="stages[2].deal[x].sink.keep",outcome="written",reason=""} 2"#,
            r#"{pipeline="p",stage="stages[2].deal[y].sink.keep",outcome="written",reason=""} 1"#,
        ]
    );
    assert!(!encoded.contains("weir_pipeline_law_violations_total{"), "{encoded}");
}

#[tokio::test(start_paused = true)]
async fn a_stage_that_loses_samples_is_found_out() {
    let (next, metrics) = service("name: p\nsource: pulse\nstages: [pass, lossy, pass]\nsink: keep\n").await;
    next.unwrap().send(batch("a 1\nb 1")).await.unwrap();
    let encoded = metrics.encode();
    let found = |stage: &str| encoded.contains(&format!("law_violations_total{{pipeline=\"p\",stage=\"{stage}\"}} 1"));
    // Those above it can't balance either; those below it do.
    assert_eq!(
        ["stages[0].pass", "stages[1].lossy", "stages[2].pass", "sink.keep"].map(found),
        [true, true, false, false]
    );
}

#[tokio::test(start_paused = true)]
async fn branches_are_built_apart_from_each_other() {
    let text = "name: p\nsource: pulse\nstages: [pass, deal: { to: [a, b] }, pass]\nsink: keep\n";
    service(text).await.0.unwrap();
    assert_eq!(journal(), ["sink p.stages[1].deal[a].sink.keep", "sink p.stages[1].deal[b].sink.keep"]);
}

#[tokio::test(start_paused = true)]
async fn external_labels_are_added_directly_below_the_source() {
    let text =
        "name: p\nexternal_labels: { cluster: local }\nsource: pulse\nstages: [thin: { metric: b }]\nsink: keep\n";
    let (next, metrics) = service(text).await;
    journal();
    next.unwrap().send(batch("a 1\na{cluster=\"other\"} 2\nb 3")).await.unwrap();
    assert_eq!(journal(), ["keep a{cluster=\"local\"} 1, a{cluster=\"other\"} 2"]);
    let received = metrics.encode();
    let labels = r#"weir_pipeline_received_samples_total{pipeline="p",stage="external_labels"} 3"#;
    assert!(received.contains(labels), "{received}");
}

#[tokio::test(start_paused = true)]
async fn resources_are_open_when_components_are_built() {
    let text = "resources:\n  a: { shelf: { path: a, beside: [b] } }\n  b: { shelf: { path: b } }\nname: p\nsource: pulse\n\
                sink: { keep: { shelf: a } }\n";
    service(text).await.0.unwrap();
    assert_eq!(journal(), ["open b", "open a", "sink p.sink.keep"]);
}

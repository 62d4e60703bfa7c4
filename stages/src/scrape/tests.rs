//! Tests of `scrape`: settings, and the whole source over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

pub(super) mod server;
mod yaml;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use weir_pipeline::{Ack, Batch, Clock, Metrics, testing};

use server::{Answer, Server};

use super::*;

/// A job with these settings beside its name.
pub(super) fn job(settings: &str) -> Job {
    testing::settings(&format!("{{ job_name: j, {settings} }}")).unwrap()
}

/// What a batch holds, a sample a line: labels, value, time.
pub(super) fn show(batch: &Batch) -> Vec<String> {
    testing::text(batch).lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_target_is_scraped_at_steady_times_over_one_connection() {
    let server = Server::start(|_| Answer::text("# TYPE a gauge\na{job=\"mine\"} 1\n")).await;
    let yaml = format!(
        "{{ jobs: [ {{ job_name: j, scrape_interval: 100ms, static_configs: [ {{ targets: ['{}'] }} ] }} ], tenant: t }}",
        server.address
    );
    let scrape: Scrape = testing::settings(&yaml).unwrap();
    let context =
        Context::new(Clock::system(), Metrics::default(), CancellationToken::new()).at("agent", "agent.scrape");
    let (sent, mut received) = mpsc::channel(10);
    let next = Next::new(tower::service_fn(move |batch: Batch| {
        let sent = sent.clone();
        Box::pin(async move {
            let samples = batch.sample_count() as u64;
            let _ = sent.send(batch).await;
            Ok(Ack::written(samples))
        }) as futures_util::future::BoxFuture<'static, Result<Ack>>
    }));
    let running = tokio::spawn(scrape.run(context.clone(), next));
    let (first, second) = (received.recv().await.unwrap(), received.recv().await.unwrap());
    context.shutdown.cancel();
    running.await.unwrap().unwrap();

    let names: Vec<_> = first.iter().map(|series| series.labels.to_string()).collect();
    let own = format!("{{instance=\"{}\", job=\"j\"}}", server.address);
    assert_eq!(names[0], format!("a{{exported_job=\"mine\", instance=\"{}\", job=\"j\"}}", server.address));
    assert_eq!(names[1], format!("up{own}"));
    assert_eq!(first.tenant().as_str(), "t");
    let times: Vec<_> = [&first, &second].iter().map(|batch| batch.series(0).timestamps[0]).collect();
    assert!(times[1] > times[0], "{times:?}");
    assert_eq!((first.metadata().len(), second.metadata().len()), (1, 0));
    assert_eq!(server.connections(), 1);
    let metrics = context.metrics.encode();
    assert!(
        metrics.contains("prometheus_target_scrape_pool_targets{pipeline=\"agent\",scrape_job=\"j\"} 1\n"),
        "{metrics}"
    );
    assert!(
        metrics.contains("weir_scrape_scrapes_total{pipeline=\"agent\",scrape_job=\"j\",result=\"ok\"}"),
        "{metrics}"
    );
}

#[tokio::test]
async fn jobs_that_stay_at_a_reload_go_on_and_those_that_go_end() {
    let body = Arc::new(std::sync::Mutex::new("a 1\nb 1\n"));
    let told = body.clone();
    let server = Server::start(move |_| Answer::text(*told.lock().unwrap())).await;
    let scrape = |jobs: [&str; 2], timeout: &str| {
        let job = |name: &str| {
            let targets = format!("static_configs: [ {{ targets: ['{}'] }} ]", server.address);
            format!("{{ job_name: {name}, scrape_interval: 100ms, scrape_timeout: {timeout}, {targets} }}")
        };
        testing::settings::<Scrape>(&format!("{{ jobs: [ {}, {} ] }}", job(jobs[0]), job(jobs[1]))).unwrap()
    };
    let context =
        Context::new(Clock::system(), Metrics::default(), CancellationToken::new()).at("agent", "agent.scrape");
    let rest = testing::Recorder::<Write>::new(|batch| Ok(Ack::written(batch.sample_count() as u64)));
    let lines = || rest.requests().iter().flat_map(show).collect::<Vec<_>>();
    let of = |name: &str, job: &str| {
        let lines = lines().into_iter().filter(|l| l.starts_with(name) && l.contains(&format!("job=\"{job}\"")));
        lines.map(|l| l.split(' ').rev().nth(1).unwrap().to_owned()).collect::<Vec<_>>()
    };
    let running = tokio::spawn(scrape(["j", "k"], "90ms").run(context.clone(), rest.next()));
    while of("up{", "j").len() < 2 || of("up{", "k").len() < 2 {
        tokio::task::yield_now().await;
    }
    context.dismiss(Departure::Replaced);
    running.await.unwrap().unwrap();
    *body.lock().unwrap() = "a 1\n";
    let mut second = context.clone();
    second.shutdown = CancellationToken::new();
    let before = of("up{", "j").len();
    let running = tokio::spawn(scrape(["j", "l"], "80ms").run(second.clone(), rest.next()));
    while of("up{", "j").len() < before + 2 || of("up{", "k").last().unwrap() != "stale" {
        tokio::task::yield_now().await;
    }
    second.shutdown.cancel();
    running.await.unwrap().unwrap();
    let stale = |name: &str, job: &str| of(name, job).iter().filter(|value| *value == "stale").count();
    assert_eq!((stale("up{", "j"), stale("a{", "j"), stale("b{", "j")), (0, 0, 1), "{:?}", lines());
    assert_eq!((stale("up{", "k"), stale("a{", "k"), stale("b{", "k")), (1, 1, 1), "{:?}", lines());
}

#[tokio::test]
async fn without_a_target_it_waits_for_the_end() {
    let context = testing::context();
    let next = testing::Recorder::<Write>::new(|_| Ok(Ack::default())).next();
    let scrape: Scrape = testing::settings("{ jobs: [ { job_name: j } ] }").unwrap();
    let running = tokio::spawn(scrape.run(context.clone(), next));
    tokio::task::yield_now().await;
    assert!(!running.is_finished());
    context.shutdown.cancel();
    running.await.unwrap().unwrap();
}

#[test]
fn it_keeps_the_contract_of_sources() {
    let yaml = "{ jobs: [ { job_name: j, static_configs: [ { targets: ['127.0.0.1:1', '127.0.0.1:2'] } ] } ] }";
    testing::assert_source_contract::<Write, Scrape>(testing::settings(yaml).unwrap());
}

//! Tests of `run::reload`.

use super::parts::{plan, tally};
use super::{after, told};
use crate::fixture::journal;
use crate::run::{GRACE, Running};
use crate::{Clock, Metrics};

async fn start(texts: &[&str]) -> Running {
    let running = plan(texts).unwrap().start(Clock::starting_at(0), Metrics::default()).await.unwrap();
    tokio::task::yield_now().await;
    running
}

/// Reloads and returns what changed, or why not.
async fn reload(running: &mut Running, texts: &[&str]) -> String {
    running.reload(plan(texts)).await.map_or_else(|error| error.to_string(), |changed| changed.to_string())
}

async fn shutdown(running: Running) {
    assert_eq!(told(&running.shutdown(GRACE).await), [""; 0]);
}

fn flood(stages: &str, sink: &str) -> String {
    format!("name: p\nsource: {{ flood: {{ lanes: 8 }} }}\nstages: [{stages}]\nsink: {{ tally: {{ {sink} }} }}\n")
}

const CABINET: &str = "resources:\n  a: { cabinet: { path: a } }\n";

#[tokio::test(start_paused = true)]
async fn under_load_no_batch_is_lost_or_doubled_over_a_hundred_reloads() {
    let mut running = start(&[&flood("", "called: s0, takes: 3ms")]).await;
    for i in 1..=100 {
        tokio::time::sleep(std::time::Duration::from_millis(i % 7)).await;
        let changed = reload(&mut running, &[&flood("tidy, pass", &format!("called: s{i}, takes: {}ms", i % 5))]).await;
        assert_eq!(changed, "built p");
    }
    after(1).await;
    shutdown(running).await;
    let (acked, sinks) = tally();
    assert!(acked > 5000, "{acked}");
    assert!(sinks.len() > 50, "{sinks:?}");
    let journal = journal();
    // The source ran through, and every tree that went was tidied up.
    assert_eq!(journal.iter().filter(|line| line.starts_with("start")).count(), 1);
    assert_eq!(journal.iter().filter(|line| line.starts_with("tidied")).count(), 100);
}

#[tokio::test(start_paused = true)]
async fn what_did_not_change_stays_as_it_is() {
    let (p, q) = (flood("tidy", "called: p, takes: 1ms, cabinet: a"), "name: q\nsource: pulse\nsink: keep\n");
    let mut running = start(&[CABINET, &p, q]).await;
    journal();
    assert_eq!(reload(&mut running, &[CABINET, &p, q]).await, "nothing changed");
    // Neither the order of files nor their layout matters.
    let moved = format!("# moved\n\n{p}");
    assert_eq!(reload(&mut running, &[q, &moved, CABINET]).await, "nothing changed");
    after(1).await;
    assert_eq!(journal(), [""; 0]);
    shutdown(running).await;
    tally();
}

#[tokio::test(start_paused = true)]
async fn a_bad_file_changes_nothing_and_the_metrics_say_so() {
    let metrics = Metrics::default();
    let p = flood("", "called: p, takes: 1ms");
    let mut running = plan(&[&p]).unwrap().start(Clock::starting_at(5000), metrics.clone()).await.unwrap();
    let told = || {
        let all = metrics.encode();
        let lines = all.lines().filter(|line| line.starts_with("prometheus_config_last"));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).collect::<Vec<_>>()
    };
    assert_eq!(told(), [1.0, 5.0]);
    after(1).await;
    let error = reload(&mut running, &[&p.replace("sink", "sinc")]).await;
    assert_eq!(error, "0.yaml:4:1: sinc: unknown field `sinc`, did you mean `sink`?");
    assert_eq!(told(), [0.0, 5.0]);
    after(1).await;
    assert_eq!(reload(&mut running, &[&p]).await, "nothing changed");
    assert_eq!(told(), [1.0, 7.0]);
    shutdown(running).await;
    assert_eq!(tally().1.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_opened_or_built_changes_nothing() {
    let p = |stages| flood(stages, "called: p, takes: 1ms");
    let mut running = start(&[&p("")]).await;
    journal();
    let opens = "resources: { a: { cabinet: { path: a } }, b: { cabinet: { path: b, fails: true, beside: a } } }";
    assert_eq!(reload(&mut running, &[opens, &p("")]).await, "resources.b.cabinet: expected a key");
    assert_eq!(journal(), ["open a of 0", "close a of 0"]);
    let bad = p("tidy: { unbuildable: true }");
    let error = reload(&mut running, &[CABINET, &bad, "name: q\nsource: pulse\nsink: keep\n"]).await;
    assert_eq!(error, "p.stages[0].tidy: expected a duster");
    assert_eq!(journal(), ["open a of 0", "tidied p.stages[0].tidy", "close a of 0"]);
    assert_eq!(reload(&mut running, &[&p("")]).await, "nothing changed");
    shutdown(running).await;
    tally();
}

#[tokio::test(start_paused = true)]
async fn pipelines_and_resources_come_and_go() {
    let p = flood("tidy", "called: p, takes: 5ms, cabinet: a");
    let mut running = start(&[CABINET, &p]).await;
    after(1).await;
    journal();
    let (b, q) =
        ("resources: { b: { cabinet: { path: b } } }", p.replace("name: p", "name: q").replace("t: a", "t: b"));
    let q = q.replace("called: p", "called: q");
    assert_eq!(reload(&mut running, &[b, &q]).await, "opened b; closed a; built q; ended p");
    after(1).await;
    // The old one is gone before the new one begins, and closes in order.
    assert_eq!(
        journal(),
        ["open b of 0", "stop p.source.flood", "start q.source.flood", "tidied p.stages[0].tidy", "close a of 0"]
    );
    shutdown(running).await;
    assert_eq!(journal(), ["stop q.source.flood", "tidied q.stages[0].tidy", "close b of 0"]);
    // Both count from zero, but at other times.
    assert_eq!(tally().1.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_resource_whose_need_changed_is_another_one_too() {
    let resources = |size| {
        format!(
            "resources: {{ a: {{ cabinet: {{ path: 'a{size}', size: {size} }} }}, b: {{ cabinet: {{ path: 'b{size}', beside: a }} }} }}"
        )
    };
    let mut running = start(&[&resources(1), "name: p\nsource: pulse\nsink: keep\n"]).await;
    let changed = reload(&mut running, &[&resources(2), "name: p\nsource: pulse\nsink: keep\n"]).await;
    assert_eq!(changed, "opened a, b; closed a, b");
    tokio::task::yield_now().await;
    shutdown(running).await;
    let closed: Vec<_> = journal().into_iter().filter(|line| line.starts_with("close")).collect();
    assert_eq!(closed, ["close b1 of 0", "close a1 of 1", "close b2 of 0", "close a2 of 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_changes_where_it_is_closes_first_and_who_sends_waits() {
    let cabinet = |size| format!("resources: {{ a: {{ cabinet: {{ path: a, size: {size} }} }} }}");
    let p = flood("tidy", "called: p, takes: 5ms, cabinet: a");
    let mut running = start(&[&cabinet(1), &p]).await;
    for size in 2..20 {
        tokio::time::sleep(std::time::Duration::from_millis(7)).await;
        assert_eq!(reload(&mut running, &[&cabinet(size), &p]).await, "opened a; closed a; built p");
    }
    after(1).await;
    shutdown(running).await;
    let (acked, sinks) = tally();
    assert!(acked > 500 && sinks.len() > 10, "{acked} {sinks:?}");
    let journal = journal();
    assert_eq!(journal.iter().filter(|line| line.starts_with("refused")).count(), 0, "{journal:?}");
    assert_eq!(journal.iter().filter(|line| line.starts_with("close")).count(), 19);
}

#[tokio::test(start_paused = true)]
async fn where_what_comes_in_its_place_can_not_be_opened_the_old_one_opens_again() {
    let cabinet = |more| format!("resources: {{ a: {{ cabinet: {{ path: a, size: 1{more} }} }} }}");
    let p = flood("tidy", "called: p, takes: 5ms, cabinet: a");
    let mut running = start(&[&cabinet(""), &p]).await;
    after(1).await;
    let error = reload(&mut running, &[&cabinet(", fails: true"), &p]).await;
    assert_eq!(error, "resources.a.cabinet: expected a key");
    after(1).await;
    assert_eq!(reload(&mut running, &[&cabinet(""), &p]).await, "nothing changed");
    shutdown(running).await;
    assert_eq!(tally().1.into_iter().collect::<Vec<_>>(), ["p in a of 1"]);
    assert_eq!(
        journal(),
        [
            "open a of 1",
            "start p.source.flood",
            "tidied p.stages[0].tidy",
            "close a of 1",
            "open a of 1",
            "stop p.source.flood",
            "tidied p.stages[0].tidy",
            "close a of 1",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_source_that_changed_gives_its_address_to_the_one_that_comes() {
    let booth = |name, port, lingers| {
        format!("name: {name}\nsource: {{ booth: {{ port: {port}, lingers: {lingers}s }} }}\nsink: keep\n")
    };
    let mut running = start(&[&booth("p", 1, 7)]).await;
    assert_eq!(running.listeners().await.len(), 1);
    let before = tokio::time::Instant::now();
    // It answers what it has taken for a while, which nobody waits for.
    assert_eq!(reload(&mut running, &[&booth("p", 1, 6)]).await, "built p");
    assert!(before.elapsed() < std::time::Duration::from_secs(1), "{:?}", before.elapsed());
    after(8).await;
    assert_eq!(reload(&mut running, &[&booth("q", 1, 5)]).await, "built q; ended p");
    assert_eq!(running.listeners().await.len(), 1);
    after(8).await;
    let journal: Vec<_> = journal().into_iter().filter(|line| !line.starts_with("sink")).collect();
    assert_eq!(
        journal,
        [
            "listen p.source.booth 1",
            "listen p.source.booth 1",
            "left p.source.booth 1",
            "listen q.source.booth 1",
            "left p.source.booth 1",
        ]
    );
    shutdown(running).await;
}

#[tokio::test(start_paused = true)]
async fn where_a_new_source_can_not_be_had_the_old_ones_come_again() {
    let booth = |port| format!("name: p\nsource: {{ booth: {{ port: {port} }} }}\nsink: keep\n");
    let (other, flood) = ("name: q\nsource: { booth: { port: 2 } }\nsink: keep\n", flood("", "called: r, takes: 1ms"));
    let flood = flood.replace("name: p", "name: r");
    let mut running = start(&[&booth(1), other, &flood]).await;
    running.listeners().await;
    let error = reload(&mut running, &[&booth(2), other, &flood.replace("lanes: 8", "lanes: 9")]).await;
    assert_eq!(error, "p.source.booth: port 2 is taken");
    let mut listeners: Vec<_> = running.listeners().await.iter().map(|(_, at)| at.port()).collect();
    listeners.sort_unstable();
    assert_eq!(listeners, [1, 2]);
    after(1).await;
    assert_eq!(reload(&mut running, &[&booth(1), other, &flood]).await, "nothing changed");
    shutdown(running).await;
    assert!(tally().0 > 1000);
}

#[tokio::test(start_paused = true)]
async fn what_hangs_below_holds_up_neither_the_reload_nor_for_ever_the_end() {
    let p = |takes: &str| flood("tidy", &format!("called: p, takes: {takes}"));
    let mut running = start(&[&p("1h")]).await;
    after(1).await;
    let before = tokio::time::Instant::now();
    assert_eq!(reload(&mut running, &[&p("1ms")]).await, "built p");
    assert_eq!(before.elapsed(), std::time::Duration::ZERO);
    // The one after it has to know what the last one left.
    let error = reload(&mut running, &[&p("2ms")]).await;
    assert_eq!(error, "what the last change replaced has not drained yet");
    let errors = told(&running.shutdown(std::time::Duration::from_secs(3)).await);
    assert_eq!(errors, ["p.source.flood: did not drain within 3s", "what was replaced did not drain and close"]);
    tally();
}

#[tokio::test(start_paused = true)]
async fn components_ask_the_program_to_reload_and_hear_what_came_of_it() {
    let running = start(&["name: p\nsource: pulse\nsink: keep\n"]).await;
    let context = running.context.clone();
    assert!(context.reload().await.unwrap_err().kind().is_retryable());
    let mut asked = running.asked();
    let asking = tokio::spawn({
        let context = context.clone();
        async move { context.reload().await }
    });
    let Some(crate::Asked::Reload(reply)) = asked.recv().await else { panic!("expected a reload") };
    reply.send(Err(crate::Error::invalid("expected a key"))).unwrap();
    assert_eq!(asking.await.unwrap().unwrap_err().to_string(), "expected a key");
    context.quit().unwrap();
    assert!(matches!(asked.recv().await, Some(crate::Asked::Quit)));
    drop(asked);
    assert!(context.quit().is_err());
    shutdown(running).await;
}

#[tokio::test(start_paused = true)]
async fn a_source_goes_on_with_what_the_one_before_it_left() {
    let p =
        |batches: u32| format!("name: p\nsource: {{ pulse: {{ batches: {batches}, then: leaves }} }}\nsink: keep\n");
    let mut running = start(&[&p(1)]).await;
    after(2).await;
    journal();
    let steps = |journal: Vec<String>| {
        let own = journal.into_iter().filter_map(|line| line.strip_prefix("p.source.pulse ").map(str::to_owned));
        own.collect::<Vec<_>>()
    };
    let change = async |running: &mut Running, texts: &[&str]| {
        reload(running, texts).await;
        after(9).await;
        steps(journal())
    };
    assert_eq!(change(&mut running, &[&p(2)]).await, ["goes: Replaced", "goes on after 1"]);
    // One whose place nobody takes is told so, and nobody is there to go on.
    assert_eq!(change(&mut running, &["name: q\nsource: pulse\nsink: keep\n"]).await, ["goes: Removed"]);
    assert_eq!(change(&mut running, &[&p(3)]).await, [""; 0]);
    // Where a change fails the one of before comes back.
    let door = "name: d\nsource: { door: { after: 1s, fails: no } }\nsink: keep\n";
    let back = ["goes: Replaced", "goes on after 3", "goes: Replaced", "goes on after 4"];
    assert_eq!(change(&mut running, &[&p(4), door]).await, back);
    shutdown(running).await;
    assert_eq!(steps(journal()), ["goes: Stop"]);
}

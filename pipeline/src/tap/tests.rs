//! Tests of `tap`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use futures_util::FutureExt;
use tokio::task::unconstrained;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::assemble::assemble;
use crate::clock::Clock;
use crate::context::Context;
use crate::fixture::plan;
use crate::metrics::Metrics;
use crate::next::Next;
use crate::observe::Observers;
use crate::path::Write;
use crate::plan::Pipeline;
use crate::testing::{batch, text};

/// The pipeline of a file, whose points are among these.
fn pipeline(taps: &Taps, file: &str) -> Next<Write> {
    let plan = plan(&[file]).unwrap();
    let context = Context::new(Clock::starting_at(0), Metrics::default(), CancellationToken::new());
    let Some(Pipeline::Write(parts)) = plan.pipelines.first() else { panic!("expected a pipeline that writes") };
    assemble(parts, &context, &Observers::new(&context.metrics).with_taps(taps)).unwrap()
}

const EDGE: &str = "name: edge\nsource: pulse\nstages: [pass, thin: { metric: b }, pass]\nsink: keep\n";
const FAN: &str = "name: fan\nsource: pulse\nstages: [deal: { to: [x, y] }, pass]\nsink: keep\n";
const LABELLED: &str = "name: edge\nexternal_labels: { a: b }\nsource: pulse\nsink: keep\n";

/// What a watch has got, and where.
fn got(watch: &mut Watch) -> Vec<(String, String)> {
    let shown = std::iter::from_fn(|| unconstrained(watch.next()).now_or_never().flatten());
    shown.map(|shown| (shown.place.to_string(), text(&shown.batch).replace('\n', ";"))).collect()
}

fn pair(place: &str, text: &str) -> (String, String) {
    (place.to_owned(), text.to_owned())
}

#[tokio::test(start_paused = true)]
async fn who_watches_gets_what_comes_to_a_stage_and_shares_it() {
    let taps = Taps::default();
    let next = pipeline(&taps, EDGE);
    next.send(batch("a 0")).await.unwrap();
    let mut source = taps.watch(taps.find("edge").unwrap(), 8).unwrap();
    let mut thin = taps.watch(taps.find("edge.thin").unwrap(), 8).unwrap();
    let mut sink = taps.watch(taps.find("edge.keep").unwrap(), 8).unwrap();
    let sent = batch("a 1\nb 1");
    next.send(sent.clone()).await.unwrap();
    let shown = source.next().await.unwrap();
    assert_eq!(shown.batch.series(0).values.as_ptr(), sent.series(0).values.as_ptr());
    assert_eq!(&*shown.place, "edge.stages[0].pass");
    assert_eq!(got(&mut thin), [pair("edge.stages[1].thin", "a 1;b 1;")]);
    assert_eq!(got(&mut sink), [pair("edge.sink.keep", "a 1;")]);
    assert_eq!((source.missed(), thin.missed(), sink.missed()), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_looked_at_while_nobody_watches() {
    let taps = Taps::default();
    let next = pipeline(&taps, EDGE);
    let is_watched = || taps.points().iter().map(|point| point.is_watched()).collect::<Vec<_>>();
    assert_eq!(is_watched(), [false; 4]);
    let watch = taps.watch(taps.find("edge.thin").unwrap(), 8).unwrap();
    let rates = taps.rates(Selected::All, 8).unwrap();
    assert_eq!(is_watched(), [true; 4]);
    drop(rates);
    assert_eq!(is_watched().iter().filter(|watched| **watched).count(), 1);
    drop(watch);
    assert_eq!(is_watched(), [false; 4]);
    next.send(batch("a 1")).await.unwrap();
    assert!(taps.points().iter().all(|point| point.counts.batches.load(Ordering::Relaxed) == 0));
}

#[tokio::test(start_paused = true)]
async fn all_branches_of_a_stage_are_watched_or_one() {
    let taps = Taps::default();
    let next = pipeline(&taps, FAN);
    let mut all = taps.watch(taps.find("fan.keep").unwrap(), 8).unwrap();
    let mut one = taps.watch(taps.find("fan.stages[0].deal[y].sink.keep").unwrap(), 8).unwrap();
    next.send(batch("a 1\nb 1")).await.unwrap();
    let (x, y) = ("fan.stages[0].deal[x].sink.keep", "fan.stages[0].deal[y].sink.keep");
    assert_eq!(got(&mut all), [pair(x, "a 1;"), pair(y, "b 1;")]);
    assert_eq!(got(&mut one), [pair(y, "b 1;")]);
}

#[test]
fn names_mean_what_they_say() {
    let taps = Taps::default();
    let _trees = [EDGE, FAN].map(|file| pipeline(&taps, file));
    let check = |target: &str, expect: Selected| assert_eq!(taps.find(target), Ok(expect), "{target}");
    let stage = |pipeline: &str, stage: &str| Selected::Stage(pipeline.into(), stage.into());
    check("edge", Selected::Source("edge".into()));
    check("edge.thin", stage("edge", "stages[1].thin"));
    check("edge.stages[1]", stage("edge", "stages[1].thin"));
    check("edge.stages[1].thin", stage("edge", "stages[1].thin"));
    check("edge.sink", stage("edge", "sink.keep"));
    check("edge.keep", stage("edge", "sink.keep"));
    check("fan.pass", stage("fan", "stages[1].pass"));
    check("fan.keep", stage("fan", "sink.keep"));
    check("fan.stages[0].deal[x].sink.keep", Selected::Place("fan.stages[0].deal[x].sink.keep".into()));
    assert_eq!(Selected::Source("edge".into()).widened(), Selected::Pipeline("edge".into()));
}

#[test]
fn names_that_mean_nothing_or_several_are_told() {
    let taps = Taps::default();
    let none = "unknown pipeline or stage `edge`: no pipeline takes samples";
    assert_eq!(taps.find("edge").unwrap_err(), none);
    let _tree = pipeline(&taps, EDGE);
    let check = |target: &str, expect: &str| assert_eq!(taps.find(target).unwrap_err(), expect);
    let all = "there are `edge`, `edge.stages[0].pass`, `edge.stages[1].thin`, `edge.stages[2].pass`, `edge.sink.keep`";
    check("edge.pass", "`edge.pass` may be `edge.stages[0].pass` or `edge.stages[2].pass`");
    check("egde", &format!("unknown pipeline or stage `egde`, did you mean `edge`? {all}"));
    check("edge.thim", &format!("unknown pipeline or stage `edge.thim`, did you mean `edge.thin`? {all}"));
    check("edge.", &format!("unknown pipeline or stage `edge.`, did you mean `edge`? {all}"));
    check("something.else", &format!("unknown pipeline or stage `something.else`: {all}"));
}

#[tokio::test(start_paused = true)]
async fn what_is_built_later_under_a_name_is_watched_too() {
    let taps = Taps::default();
    let old = pipeline(&taps, EDGE);
    let mut watch = taps.watch(taps.find("edge").unwrap(), 8).unwrap();
    let new = pipeline(&taps, LABELLED);
    old.send(batch("a 1")).await.unwrap();
    new.send(batch("a 2")).await.unwrap();
    // The stage that comes first now is another one; it alone shows what the source sends.
    assert_eq!(got(&mut watch), [pair("edge.stages[0].pass", "a 1;"), pair("edge.external_labels", "a 2;")]);
    drop(old);
    assert_eq!(taps.spots().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_there_is_no_room_for_is_counted_and_nobody_waits() {
    let taps = Taps::default();
    let next = pipeline(&taps, LABELLED);
    let mut watch = taps.watch(taps.find("edge.keep").unwrap(), 8).unwrap();
    let sent = batch("a 1\nb 1");
    for _ in 0..MAX_BATCHES + 10 {
        next.send(sent.clone()).await.unwrap();
    }
    assert_eq!((watch.missed(), watch.missed()), (20, 0));
    assert_eq!(got(&mut watch).len(), MAX_BATCHES);

    // By what they take: the first is taken in any case, and the others once there is room.
    let mut large = Batch::builder(crate::Tenant::default());
    large.series(crate::LabelSet::default().as_labels());
    (0..1_100_000).for_each(|t| _ = large.sample(t, 1.0));
    let large = large.build();
    assert!(large.byte_size() as u64 > MAX_BYTES);
    for _ in 0..3 {
        next.send(large.clone()).await.unwrap();
    }
    assert_eq!((watch.missed(), got(&mut watch).len()), (2_200_000, 1));
    next.send(sent.clone()).await.unwrap();
    assert_eq!((watch.missed(), got(&mut watch).len()), (0, 1));
}

#[test]
fn no_more_than_so_many_watch() {
    let taps = Taps::default();
    let _tree = pipeline(&taps, EDGE);
    let first = taps.watch(Selected::All, 2).unwrap();
    let _second = taps.rates(Selected::All, 2).unwrap();
    assert!(taps.watch(Selected::All, 2).is_none() && taps.rates(Selected::All, 2).is_none());
    drop(first);
    assert!(taps.watch(Selected::All, 2).is_some());
}

#[tokio::test(start_paused = true)]
async fn rates_say_how_much_came_to_each_stage_since_they_were_asked() {
    let taps = Taps::default();
    let (edge, fan) = (pipeline(&taps, EDGE), pipeline(&taps, FAN));
    edge.send(batch("a 1")).await.unwrap();
    let mut rates = taps.rates(Selected::All, 8).unwrap();
    edge.send(batch("a 1\na 2 1\nb 1")).await.unwrap();
    fan.send(batch("a 1\nb 1")).await.unwrap();
    let shown = |rate: &Rate| {
        let Counted { batches, samples, series, bytes, dropped, errors } = rate.counted;
        assert_eq!(bytes > 0, batches > 0);
        format!("{}.{} {batches} {samples} {series} {dropped} {errors}", rate.pipeline, rate.stage)
    };
    let taken: Vec<String> = rates.take().iter().map(shown).collect();
    assert_eq!(
        taken,
        [
            "edge.stages[0].pass 1 3 2 0 0",
            "edge.stages[1].thin 1 3 2 1 0",
            "edge.stages[2].pass 1 2 1 0 0",
            "edge.sink.keep 1 2 1 0 0",
            "fan.stages[0].deal 1 2 2 0 0",
            "fan.stages[1].pass 2 2 2 0 0",
            "fan.sink.keep 2 2 2 0 0"
        ]
    );
    assert!(rates.take().iter().all(|rate| rate.counted == Counted::default()));
    let mut one = taps.rates(taps.find("edge").unwrap().widened(), 8).unwrap();
    assert_eq!(one.take().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn errors_and_what_is_rejected_count_where_they_happened() {
    let taps = Taps::default();
    let fails = pipeline(&taps, "name: a\nsource: pulse\nstages: [pass, pass: { error: torn }]\nsink: keep\n");
    let rejects = pipeline(&taps, "name: b\nsource: pulse\nstages: [pass]\nsink: { keep: { rejects: 1 } }\n");
    let mut rates = taps.rates(Selected::All, 8).unwrap();
    fails.send(batch("a 1")).await.unwrap_err();
    rejects.send(batch("a 1\nb 1")).await.unwrap();
    let counted: Vec<(u64, u64)> = rates.take().iter().map(|r| (r.counted.errors, r.counted.dropped)).collect();
    assert_eq!(counted, [(0, 0), (1, 0), (0, 0), (0, 0), (0, 1)]);
}

//! Start timestamps of floats, from a batch to functions.

use super::*;

const STEP: i64 = 15_000;

/// A counter that began anew twice, each time at a value above the last one before: only its starts tell of that.
fn counter(end: i64) -> Batch {
    let mut batch = Batch::builder(Tenant::default());
    for (name, known) in [("since_total", true), ("bare_total", false)] {
        batch.series(LabelSet::from_iter([("__name__", name)]).as_labels());
        for n in 0..40 {
            let time = |n: i64| end - (39 - n) * STEP;
            let start = if known { time(n / 15 * 15) - 1 } else { 0 };
            batch.sample_since(start, time(n), (n * 10) as f64);
        }
    }
    batch.build()
}

#[tokio::test]
async fn functions_know_of_starts_in_the_head_and_in_blocks_alike() {
    let (sink, store, _dir, context) = sink().await;
    let end = context.clock.now() / STEP * STEP;
    let ask = async |expr: &str, step: i64| {
        let (expr, start) = (expr.into(), end - 20 * STEP);
        let ask = if step == 0 { Ask::Instant { expr, time: end } } else { Ask::Range { expr, start, end, step } };
        sink.send(Query::new(Tenant::default(), ask)).await.unwrap().data
    };
    let answers = async || {
        let functions = ["resets", "increase", "rate", "irate"];
        let mut all = Vec::new();
        for function in functions {
            for metric in ["since_total", "bare_total"] {
                all.push(ask(&format!("{function}({metric}[10m])"), STEP).await);
            }
        }
        all.push(ask("start_timestamp(since_total)", 0).await);
        all
    };
    let value = async |expr: &str| match ask(expr, 0).await {
        Data::Vector(all) => all.first().and_then(|(.., value)| value.float()),
        other => panic!("{other:?}"),
    };
    store.append(&counter(end)).await.unwrap();
    assert_eq!(value("resets(since_total[10m])").await, Some(2.0));
    assert_eq!(value("resets(bare_total[10m])").await, Some(0.0));
    let start = value("start_timestamp(since_total)").await.unwrap();
    assert!((start * 1000.0 - (end - 9 * STEP - 1) as f64).abs() < 0.5, "{start}");
    let (since, bare) = (value("increase(since_total[10m])").await, value("increase(bare_total[10m])").await);
    assert!(since > bare, "{since:?} {bare:?}");
    let before = answers().await;
    assert_eq!(store.cut().await.unwrap().samples, 80);
    assert_eq!(answers().await, before);
    // Half of it is there twice, in the head and in a block.
    store.append(&counter(end)).await.unwrap();
    assert_eq!(answers().await, before);
    store.cut().await.unwrap();
    assert_eq!(answers().await, before);
}

#[tokio::test]
async fn functions_know_of_starts_where_replicas_are_one_series() {
    let (sink, store, _dir, context) = sink_of("{ store: central, replica_labels: [replica] }").await;
    let end = context.clock.now() / STEP * STEP;
    let mut batch = Batch::builder(Tenant::default());
    // The first is away for a while in the middle, in which the counter begins anew.
    for (replica, behind) in [("a", 0), ("b", 1000)] {
        batch.series(LabelSet::from_iter([("__name__", "c_total"), ("replica", replica)]).as_labels());
        for n in (0..40).filter(|n| replica == "b" || !(12..20).contains(n)) {
            let time = |n: i64| end - (39 - n) * STEP;
            batch.sample_since(time(n / 15 * 15) - 1, time(n) + behind, (n * 10) as f64);
        }
    }
    store.append(&batch.build()).await.unwrap();
    let ask = Ask::Instant { expr: "resets(c_total[10m])".into(), time: end };
    let answer = sink.send(Query::new(Tenant::default(), ask)).await.unwrap();
    let Data::Vector(all) = answer.data else { panic!("{:?}", answer.data) };
    let values: Vec<_> = all.iter().map(|(.., value)| value.float()).collect();
    assert_eq!(values, [Some(2.0)]);
}

use std::collections::BTreeMap;
use std::sync::Arc;

use weir_pipeline::{Ask, Query, Tenant};

use super::{Engine, Limits, floats, loaded};
use crate::engine::Replicas;

/// Two scrapers of one counter: one has a gap, the other is behind.
const LOAD: &str = "15s
 c_total{job=\"a\", replica=\"1\"} 0+15x20 _x20 615+15x40
 c_total{job=\"a\", replica=\"2\"} _ 0+15x80
 g{replica=\"1\"} 1x10
 g{replica=\"2\"} 1x10 2x20";

async fn ask(engine: &Engine, expr: &str, replica_labels: Option<Vec<String>>) -> Vec<(String, Vec<(i64, f64)>)> {
    let ask = Ask::Range { expr: expr.into(), start: 120_000, end: 1_200_000, step: 60_000 };
    let query = Query::new("team".parse::<Tenant>().unwrap(), ask);
    let answer = engine.query(Query { replica_labels: replica_labels.map(Arc::from), ..query }).await.unwrap();
    floats(answer.data).into_iter().map(|(labels, points)| (labels.to_string(), points)).collect()
}

fn engine(all: &[&str], of_team: Option<&str>) -> Engine {
    let owned = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect::<Vec<_>>();
    let team = of_team.map(|label| ("team".parse().unwrap(), owned(&[label])));
    let replicas = Replicas::new(owned(all), BTreeMap::from_iter(team));
    Engine::with_partitions(Arc::new(loaded(LOAD)), Limits::default(), 2).with_replicas(replicas)
}

#[tokio::test]
async fn replicas_become_one_series_without_gap_and_without_a_reset() {
    let engine = engine(&["replica"], None);
    let rates = ask(&engine, "rate(c_total[1m])", None).await;
    let [(labels, points)] = rates.as_slice() else { panic!("{rates:?}") };
    assert_eq!(labels, "{job=\"a\"}");
    assert_eq!(points.len(), 19);
    assert!(points.iter().all(|(_, rate)| (0.7..=1.3).contains(rate)), "{points:?}");
    let count = ask(&engine, "count(g)", None).await;
    assert!(count[0].1.iter().all(|(_, count)| *count == 1.0), "{count:?}");
}

#[tokio::test]
async fn a_query_may_name_other_labels_or_none() {
    let engine = engine(&["replica"], None);
    assert_eq!(ask(&engine, "rate(c_total[1m])", Some(Vec::new())).await.len(), 2);
    assert_eq!(ask(&engine, "rate(c_total[1m])", Some(vec!["job".into()])).await.len(), 2);
}

#[tokio::test]
async fn a_tenant_may_have_labels_of_its_own() {
    assert_eq!(ask(&engine(&["replica"], Some("job")), "g", None).await.len(), 2);
    assert_eq!(ask(&engine(&[], Some("replica")), "g", None).await.len(), 1);
}

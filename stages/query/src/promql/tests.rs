#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use serde::Deserialize;
use weir_blocks::block::{BlockShelf, Memory};
use weir_blocks::bucket::objects::Objects;
use weir_blocks::store::Declaration;
use weir_pipeline::testing;
use weir_pipeline::{Ask, Batch, Data, LabelSet, Tenant};

use super::*;

mod starts;

#[derive(Debug, Deserialize)]
struct Documented {
    promql: Promql,
}

#[test]
fn the_yaml_in_the_docs_is_valid_and_has_prometheus_defaults() {
    let settings: Documented = testing::documented(include_str!("../promql.rs"), "sink");
    let Promql { of: Of::Store(store), limits, .. } = settings.promql else { panic!("{settings:?}") };
    assert_eq!(store.name(), "central");
    assert_eq!(limits, Limits { concurrency: 8, tenant_concurrency: 8, ..Limits::default() });
}

#[test]
fn every_setting_can_be_given() {
    let yaml = "{ store: s, memory: 64MiB, lookback: 1m, timeout: 30s, tenant_memory: 128MiB, tenant_concurrency: 2, max_series: 9, max_samples: 7, concurrency: 3 }";
    let limits = testing::settings::<Promql>(yaml).unwrap().limits;
    let seconds = std::time::Duration::from_secs;
    let wanted = Limits {
        memory: 64 << 20,
        tenant_memory: 128 << 20,
        tenant_concurrency: 2,
        max_series: 9,
        lookback: seconds(60),
        timeout: seconds(30),
        max_samples: 7,
        concurrency: 3,
    };
    assert_eq!(limits, wanted);
}

#[test]
fn settings_that_are_wrong_say_so() {
    let check = |text: &str, wanted: &str| {
        let error = testing::settings::<Promql>(text).unwrap_err();
        assert!(error.ends_with(wanted), "{error}");
    };
    check("{}", "expected one of `store` and `cluster`, got neither");
    check("{ store: a, cluster: b }", "expected one of `store` and `cluster`, got both");
    let cases = [
        ("memory: 256", "expected a size such as `64MiB` or `1GB`, got `256`"),
        ("memory: 1KiB", "expected at least 1MiB, got `1KiB`"),
        ("memory: 0", "expected at least 1MiB, got `0B`"),
        ("memory: lots", "expected a size such as `64MiB` or `1GB`, got `lots`"),
        ("memory: -1MiB", "expected a size such as `64MiB` or `1GB`, got `-1MiB`"),
        ("lookback: 5", "expected a duration such as `30s` or `1m30s`, got `5`"),
        ("lookback: 0", "expected at least 1ms, got `0s`"),
        ("lookback: 0s", "expected at least 1ms, got `0s`"),
        ("timeout: soon", "expected a duration such as `30s` or `1m30s`, got `soon`"),
        ("timeout: 0s", "expected at least 1ms, got `0s`"),
        ("max_samples: 0", "expected a whole number of at least 1, got `0`"),
        ("max_samples: -5", "expected a whole number of at least 1, got `-5`"),
        ("max_samples: all", "expected a whole number of at least 1, got `all`"),
        ("concurrency: 0", "expected a whole number of at least 1, got `0`"),
        ("concurrency: 1.5", "expected a whole number of at least 1, got `1.5`"),
        ("max_sample: 5", "unknown field `max_sample`, did you mean `max_samples`?"),
    ];
    for (setting, wanted) in cases {
        let error = testing::settings::<Promql>(&format!("{{ store: s, {setting} }}")).unwrap_err();
        assert!(error.ends_with(wanted), "{setting}: {error}");
    }
}

/// A sink over a store with nothing in it, which cuts when told to.
async fn sink() -> (Next<Read>, Store, tempfile::TempDir, Context) {
    sink_of("{ store: central }").await
}

async fn sink_of(yaml: &str) -> (Next<Read>, Store, tempfile::TempDir, Context) {
    let context = testing::context();
    let dir = tempfile::tempdir().unwrap();
    let declared: Declaration =
        testing::settings(&format!("{{ path: {}, bucket: local }}", dir.path().display())).unwrap();
    let objects = Arc::new(Objects::local(&dir.path().join("blocks")).unwrap());
    let shelf = Arc::new(BlockShelf::new(objects, context.clock.clone(), Memory::mib(8, 8)));
    let fs = Arc::new(weir_blocks::seam::RealFs);
    let store = Store::open(declared, &context, fs, shelf, None).await.unwrap();
    context.keep_resource("central", Arc::new(store.clone()));
    let settings: Promql = testing::settings(yaml).unwrap();
    (settings.open(&context).unwrap(), store, dir, context)
}

#[tokio::test]
async fn what_a_store_has_is_answered_to_its_tenant() {
    let (sink, store, _dir, context) = sink().await;
    let now = context.clock.now();
    let tenant = Tenant::new("team").unwrap();
    let mut batch = Batch::builder(tenant.clone());
    for i in 0..3i64 {
        let labels: LabelSet = [("__name__", "m_total".to_owned()), ("i", i.to_string())].into_iter().collect();
        batch.series(labels.as_labels());
        (0..5).for_each(|n| {
            batch.sample(now - 60_000 + n * 15_000, (n * i * 15) as f64);
        });
    }
    store.append(&batch.build()).await.unwrap();
    let sum = Ask::Instant { expr: "sum(rate(m_total[1m]))".into(), time: now };
    let ask = |tenant: &Tenant| Query::new(tenant.clone(), sum.clone());
    let answer = sink.send(ask(&tenant)).await.unwrap();
    let Data::Vector(series) = answer.data else { panic!("{answer:?}") };
    let [(labels, time, value)] = series.as_slice() else { panic!("{series:?}") };
    assert!(labels.as_labels().is_empty() && *time == now && (value.float().unwrap() - 3.0).abs() < 1e-9, "{series:?}");
    assert_eq!(sink.send(ask(&Tenant::default())).await.unwrap().data, Data::Vector(Vec::new()));
    let select = Query {
        ask: Ask::LabelValues { name: "i".into(), selectors: Vec::new(), start: now, end: now },
        ..ask(&tenant)
    };
    assert_eq!(sink.send(select).await.unwrap().data, Data::Names(vec!["0".into(), "1".into(), "2".into()]));
}

#[tokio::test]
async fn the_sink_keeps_the_contract() {
    let (sink, _store, _dir, _context) = sink().await;
    testing::check_sink_contract::<Read>("promql", sink).await.unwrap();
}

#[tokio::test]
async fn a_store_that_is_not_declared_is_an_error() {
    let settings: Promql = testing::settings("{ store: nowhere }").unwrap();
    let error = settings.open(&testing::context()).unwrap_err();
    assert_eq!(error.message(), "no resource `nowhere` is declared");
}

//! Tests of `limits`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use tokio::time::sleep;
use weir_pipeline::testing::{Recorder, batch, context, documented, settings};
use weir_pipeline::{Ack, Batch, Context, Kind, Next, Stage, Write};

use super::*;
use crate::limit::Limit;

/// The stage `limit` by these limits, in front of what writes all.
async fn limited(yaml: &str) -> (Next<Write>, Context, Arc<OpenLimits>) {
    let (context, rest) = (context(), Recorder::new(|batch: &Batch| Ok(Ack::written(batch.sample_count() as u64))));
    let limits = settings::<Limits>(yaml).unwrap().open(&context).await.unwrap();
    context.keep_resource("tenants", limits.clone());
    let stage = settings::<Limit>("{ limits: tenants }").unwrap();
    (stage.wrap(&context, rest.next()).unwrap(), context, limits)
}

/// So many series of a tenant, with a sample each.
fn of(tenant: &str, series: usize) -> Batch {
    let text: String = (0..series).map(|i| format!("up{{i=\"{i}\"}} 1\n")).collect();
    batch(&text).with_tenant(tenant.parse().unwrap())
}

fn lines(context: &Context, name: &str) -> Vec<String> {
    let mut lines: Vec<_> =
        context.metrics.encode().lines().filter(|line| line.starts_with(name)).map(str::to_owned).collect();
    lines.sort();
    lines
}

#[tokio::test(start_paused = true)]
async fn each_tenant_has_its_own_limits_and_the_rest_those_of_all() {
    let yaml = "{ default: { series: 2, samples_per_second: 10, burst: 5 }, tenants: { big: { series: 4 }, \
        fast: { samples_per_second: 100 }, free: { series: 0, samples_per_second: 0 } } }";
    let (next, context, _) = limited(yaml).await;
    let written = async |tenant: &str, series: usize| {
        next.send(of(tenant, series)).await.unwrap().count(weir_pipeline::Outcome::Written)
    };
    assert_eq!(written("small", 3).await, 2);
    assert_eq!(written("big", 5).await, 4);
    assert_eq!(written("free", 1000).await, 1000);
    // Ten seconds' worth of its own rate, not the burst of others.
    assert_eq!(written("fast", 900).await, 2);
    let error = next.send(of("small", 5)).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Overloaded { retry_after: Some(_) }), "{error:?}");
    assert_eq!(
        lines(&context, "weir_limits_hits"),
        [
            "weir_limits_hits_total{pipeline=\"test\",limit=\"samples_per_second\",tenant=\"small\"} 1",
            "weir_limits_hits_total{pipeline=\"test\",limit=\"series_limit\",tenant=\"big\"} 1",
            "weir_limits_hits_total{pipeline=\"test\",limit=\"series_limit\",tenant=\"fast\"} 1",
            "weir_limits_hits_total{pipeline=\"test\",limit=\"series_limit\",tenant=\"small\"} 1",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn where_all_tenants_together_send_too_much_nobody_is_blamed() {
    let (next, _, _) = limited("{ default: { samples_per_second: 0 }, global: { samples_per_second: 10 } }").await;
    next.send(of("a", 60)).await.unwrap();
    next.send(of("b", 40)).await.unwrap();
    let error = next.send(of("c", 1)).await.unwrap_err();
    assert_eq!(error.message(), "all tenants together may send 10 samples a second");
    assert_eq!(error.kind(), Kind::Unavailable { retry_after: Some(Duration::from_millis(100)) });
    sleep(Duration::from_secs(1)).await;
    next.send(of("c", 1)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_tenant_may_not_send_is_not_taken_off_what_all_may() {
    let yaml = "{ default: { samples_per_second: 1, burst: 1 }, global: { samples_per_second: 1, burst: 2 } }";
    let (next, _, _) = limited(yaml).await;
    next.send(of("a", 1)).await.unwrap();
    for _ in 0..9 {
        assert!(matches!(next.send(of("a", 1)).await.unwrap_err().kind(), Kind::Overloaded { .. }));
    }
    next.send(of("b", 1)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn all_tenants_together_have_so_many_series_and_those_that_end_make_room() {
    let (next, context, _) = limited("{ default: { series: 3 }, global: { series: 4 }, active_for: 1h }").await;
    let check = async |tenant: &str, series: usize, written: u64, reason: &str| {
        let ack = next.send(of(tenant, series)).await.unwrap();
        assert_eq!(ack.count(weir_pipeline::Outcome::Written), written, "{ack:?}");
        assert_eq!(ack.entries().iter().find(|e| !e.reason.is_empty()).map_or("", |e| e.reason), reason);
    };
    let active = |n: u64| {
        let line = format!("weir_limit_active_series{{pipeline=\"test\",place=\"test.stages[0]\"}} {n}");
        assert_eq!(lines(&context, "weir_limit_active_series"), [line]);
    };
    check("a", 5, 3, "series_limit").await;
    check("b", 2, 1, "global_series_limit").await;
    // Those that are active go on.
    check("a", 3, 3, "").await;
    check("c", 1, 0, "global_series_limit").await;
    active(4);
    sleep(Duration::from_secs(1800)).await;
    check("b", 1, 1, "").await;
    // `a` has sent nothing for an hour.
    sleep(Duration::from_secs(1800)).await;
    check("c", 4, 3, "series_limit").await;
    check("b", 2, 1, "global_series_limit").await;
    active(4);
    let hit = "weir_limits_hits_total{pipeline=\"test\",limit=\"global_series_limit\",tenant=\"c\"} 1";
    assert!(lines(&context, "weir_limits_hits").contains(&hit.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_all_alone_counts_the_series_of_each() {
    let (next, _, _) = limited("{ default: { series: 0 }, global: { series: 2 } }").await;
    let written = async |tenant: &str| next.send(of(tenant, 2)).await.unwrap().count(weir_pipeline::Outcome::Written);
    assert_eq!((written("a").await, written("b").await, written("a").await), (2, 0, 2));
}

#[tokio::test(start_paused = true)]
async fn a_file_is_followed_and_what_was_counted_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("limits.yaml");
    std::fs::write(&path, "default: { series: 2 }\n").unwrap();
    let (next, context, limits) = limited(&format!("{{ file: '{}', poll: 1s }}", path.display())).await;
    let accepted =
        async |tenant: &str, n: usize| next.send(of(tenant, n)).await.unwrap().count(weir_pipeline::Outcome::Written);
    assert_eq!(accepted("a", 5).await, 2);
    let changed = async |text: &str, done: &dyn Fn() -> bool| {
        std::fs::write(&path, text).unwrap();
        while !done() {
            sleep(Duration::from_secs(1)).await;
        }
    };
    let reloads = |n: u32| {
        let (context, line) =
            (context.clone(), format!("reload_total{{pipeline=\"test\",place=\"test.stages[0]\"}} {n}\n"));
        move || context.metrics.encode().contains(&format!("thanos_receive_limits_config_{line}"))
    };
    changed("default: { series: 3 }\ntenants: { b: { series: 1 } }\n", &reloads(1)).await;
    // Two are active already: one more may be.
    assert_eq!((accepted("a", 5).await, accepted("b", 5).await), (3, 1));
    changed("default: { series: many }\ntenants: { ../b: {} }\n", &reloads(2)).await;
    assert_eq!(limits.of(&"b".parse().unwrap()).series, 1);
    assert!(
        context
            .metrics
            .encode()
            .contains("thanos_receive_limits_config_reload_err_total{pipeline=\"test\",place=\"test.stages[0]\"} 1\n")
    );
    changed("", &reloads(3)).await;
    assert_eq!(limits.of(&"b".parse().unwrap()).series, 10_000_000);
}

#[tokio::test]
async fn a_wrong_file_is_told_with_its_places_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("limits.yaml");
    std::fs::write(&path, "default: { series: many }\ntenants:\n  a/b: {}\n  c: { bytes: 1 }\n").unwrap();
    let limits = settings::<Limits>(&format!("{{ file: '{}' }}", path.display())).unwrap();
    let error = limits.open(&context()).await.err().unwrap();
    let shown = error.message().replace(&format!("{}:", path.display()), "");
    let expect = "1:20: default.series: expected a whole number of at least 0, got `many`; \
        3:3: tenants.a/b: expected a tenant of 1 to 150 characters from a-z A-Z 0-9 !-_.*'(), got `a/b`; \
        4:8: tenants.c.bytes: unknown field `bytes`";
    assert!(shown.starts_with(expect), "{shown}");
    std::fs::write(&path, "file: other.yaml\n").unwrap();
    let limits = settings::<Limits>(&format!("{{ file: '{}' }}", path.display())).unwrap();
    let error = limits.open(&context()).await.err().unwrap();
    assert!(error.message().ends_with("expected `file`, `poll` and `active_for` in the settings, not in the file"));
    let none = settings::<Limits>(&format!("{{ file: '{}/none' }}", dir.path().display())).unwrap();
    assert!(none.open(&context()).await.err().unwrap().message().contains("can't be read"));
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_said_no_rate_is_too_much() {
    let (next, context, _) = limited("{}").await;
    let batch = of("a", 20_000);
    for _ in 0..100 {
        assert_eq!(next.send(batch.clone()).await.unwrap().count(weir_pipeline::Outcome::Written), 20_000);
    }
    assert_eq!(lines(&context, "weir_limits_hits"), [""; 0]);
}

#[tokio::test]
async fn tenants_beyond_the_first_hundred_are_counted_without_names() {
    let (next, context, _) = limited("{ default: { series: 1 } }").await;
    for i in 0..150 {
        next.send(of(&format!("t{i}"), 2)).await.unwrap();
    }
    let lines = lines(&context, "weir_limits_hits");
    assert_eq!(lines.len(), 101);
    assert!(lines.contains(&"weir_limits_hits_total{pipeline=\"test\",limit=\"series_limit\",tenant=\"\"} 50".into()));
}

#[test]
fn wrong_settings_are_refused() {
    let check = |yaml: &str, expect: &str| assert_eq!(settings::<Limits>(yaml).unwrap_err(), expect);
    check("{ poll: 1s }", "1:1: expected `poll` only with `file`");
    let beside = "1:1: expected `default`, `tenants` and `global` in the file, not beside `file`";
    check("{ file: a, default: {} }", beside);
    check("{ file: a, tenants: { a: {} } }", beside);
    check("{ file: a, poll: 0s }", "1:1: expected `poll` above 0, got `0s`");
    check("{ tenants: { a: { burst: 0 } } }", "1:1: expected `burst` of `a` above 0, got `0`");
    check("{ global: { burst: 0 } }", "1:1: expected `burst` of `global` above 0, got `0`");
    check("{ active_for: 0s }", "1:1: expected `active_for` above 0, got `0s`");
}

#[test]
fn the_example_in_the_docs_is_valid() {
    let docs = include_str!("../limits.rs").replace("//! tenants:\n//!   limits:", "//! limits:");
    let limits: Limits = documented(&docs, "limits");
    let From::Here(known) = limits.from else { panic!("{limits:?}") };
    assert_eq!((known.default.series, known.tenants.len()), (500_000, 1));
}

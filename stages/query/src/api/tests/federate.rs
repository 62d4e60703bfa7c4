//! Federation.

use weir_pipeline::STALE;
use weir_pipeline::metrics::{OPENMETRICS, TEXT};

use super::*;

/// Two metrics whose last samples are 15 seconds old, and what is not to be seen.
async fn federated() -> Running {
    let mut all = Memory::default();
    let mut add = |labels: &[(&str, &str)], samples: &[(i64, f64)]| {
        let (timestamps, values) = samples.iter().map(|(before, value)| (NOW - before, *value)).unzip();
        all.add(labels.iter().copied().collect(), Run { timestamps, values, ..Run::default() });
    };
    add(&[("__name__", "up"), ("instance", "b:1"), ("job", "x")], &[(30_000, 0.0), (15_000, 1.0)]);
    add(&[("__name__", "up"), ("A", "\"\n\\"), ("job", "x")], &[(15_000, f64::INFINITY)]);
    add(&[("__name__", "up"), ("job", "gone")], &[(30_000, 1.0), (15_000, STALE)]);
    add(&[("__name__", "up"), ("job", "old")], &[(300_000, 1.0)]);
    add(&[("__name__", "a.b"), ("job", "x")], &[(0, 0.5)]);
    over(all, "").await
}

#[tokio::test]
async fn the_last_samples_come_as_text_or_openmetrics() {
    let running = federated().await;
    let path = "/federate?match[]=up&match[]={__name__=~\".%2B\"}";
    let got = running.get(path).await;
    assert_eq!((got.status, got.header("content-type")), (200, Some(TEXT)));
    let at = NOW - 15_000;
    let expect = format!(
        "# TYPE \"a.b\" untyped\n{{\"a.b\",job=\"x\",instance=\"\"}} 0.5 {NOW}\n# TYPE up untyped\n\
         up{{A=\"\\\"\\n\\\\\",job=\"x\",instance=\"\"}} +Inf {at}\nup{{instance=\"b:1\",job=\"x\"}} 1 {at}\n"
    );
    assert_eq!(got.text(), expect);
    let got = running.with(Method::GET, path, &[("accept", "application/openmetrics-text")]).await;
    assert_eq!((got.status, got.header("content-type")), (200, Some(OPENMETRICS)));
    let expect = expect
        .replace("untyped", "unknown")
        .replace(&NOW.to_string(), "1500000000.123")
        .replace(&at.to_string(), "1499999985.123");
    assert_eq!(got.text(), format!("{expect}# EOF\n"));
    assert!(running.seen().iter().all(|query| !query.partial));
}

#[tokio::test]
async fn what_is_not_selected_does_not_come_and_mistakes_are_told_as_text() {
    let running = federated().await;
    let check = async |path: &str, status: u16, text: &str| {
        let got = running.get(path).await;
        assert_eq!((got.status, got.text()), (status, text), "{path}");
    };
    check("/federate", 200, "").await;
    check("/federate?match[]=none", 200, "").await;
    let old = format!("# TYPE up untyped\nup{{job=\"old\",instance=\"\"}} 1 {}\n", NOW - 300_000);
    check("/federate?match[]=up{job=\"old\"}&lookback_delta=10m", 200, &old).await;
    assert_eq!(running.get("/federate?match[]={").await.status, 400);
    let got = running.get("/federate?match[]={job=\"\"}").await;
    assert_eq!((got.status, got.header("content-type")), (400, Some("text/plain; charset=utf-8")));
    running.seen();
    running.get("/federate?match[]=up&partial_response=true").await;
    assert!(running.seen()[0].partial);
}

//! Whose samples are, and what a tenant may send.

use weir_pipeline::Resource;
use weir_pipeline::batch::{Metadata, MetricKind};
use weir_pipeline::testing::{batch, settings as from_yaml, text};

use super::*;
use crate::limits::Limits as TenantLimits;

/// A body of 1.0 with what the text says.
fn of(samples: &str) -> Vec<u8> {
    let mut body = Vec::new();
    encode(&batch(samples), Version::V1, &mut body);
    packed(&body)
}

/// A body of 2.0.
fn second(samples: &str) -> Vec<u8> {
    let mut body = Vec::new();
    encode(&batch(samples), Version::V2, &mut body);
    packed(&body)
}

/// What the pipeline saw: tenants and samples.
fn seen(running: &Running) -> Vec<(String, String)> {
    running.seen.lock().unwrap().drain(..).map(|batch| (batch.tenant().to_string(), text(&batch))).collect()
}

fn splits() -> Receive {
    yaml::read("{ listen: 127.0.0.1:0, split_tenant_label: tenant_id }").unwrap()
}

#[tokio::test]
async fn series_go_to_the_tenant_that_their_label_names_without_it() {
    let good = |batch: Batch| -> BoxFuture<'static, Result<Ack>> {
        Box::pin(async move { Ok(Ack::written(batch.sample_count() as u64)) })
    };
    let running = start(splits(), good).await;
    let all = "up{tenant_id=\"b\"} 1 1\nup 2 1\nup{job=\"x\", tenant_id=\"a\"} 3 1\ndown{tenant_id=\"b\"} 4 1\n";
    let got = running.write(&[("X-Scope-OrgID", "team"), V2], second(all)).await;
    assert_eq!((got.status, got.header(SAMPLES_WRITTEN)), (204, Some("4")));
    let expect = [("a", "up{job=\"x\"} 3 1\n"), ("b", "up 1 1\ndown 4 1\n"), ("team", "up 2 1\n")];
    assert_eq!(seen(&running), expect.map(|(tenant, text)| (tenant.to_owned(), text.to_owned())));
    // Nothing names a tenant: all goes as it is.
    assert_eq!(running.write(&[], of("up 1 1\n")).await.status, 204);
    assert_eq!(seen(&running), [("default-tenant".to_owned(), "up 1 1\n".to_owned())]);
}

/// A series of a tenant that has this name, and what is said of these metrics.
fn told(series: &[(&str, &str)], metrics: &[(&str, MetricKind)]) -> Vec<u8> {
    let mut all = Batch::builder(Tenant::default());
    for (name, tenant) in series {
        let labels: LabelSet =
            [("__name__", *name), ("tenant_id", *tenant)].into_iter().filter(|(_, value)| !value.is_empty()).collect();
        all.series(labels.as_labels()).sample(1, 1.0);
    }
    for (metric, kind) in metrics {
        let (metric, help) = ((*metric).to_owned(), format!("What {metric} is."));
        all.metadata(Metadata { metric, kind: *kind, help, unit: String::new() });
    }
    let mut body = Vec::new();
    encode(&all.build(), Version::V1, &mut body);
    packed(&body)
}

#[tokio::test]
async fn what_is_said_of_a_metric_goes_to_the_tenants_of_its_series_alone() {
    use MetricKind::{Counter, Gauge, GaugeHistogram, Histogram, Info, Summary, Unknown};
    let running = start(splits(), |batch| Box::pin(async move { Ok(Ack::written(batch.sample_count() as u64)) })).await;
    let check = async |series: &[(&str, &str)], metrics: &[(&str, MetricKind)], expect: &[(&str, &str)]| {
        assert_eq!(running.write(&[("X-Scope-OrgID", "team")], told(series, metrics)).await.status, 204);
        let seen: Vec<_> = running.seen.lock().unwrap().drain(..).collect();
        let said = |batch: &Batch| batch.metadata().iter().map(|m| m.metric.clone()).collect::<Vec<_>>().join(" ");
        let seen: Vec<_> = seen.iter().map(|batch| (batch.tenant().to_string(), said(batch))).collect();
        let expect: Vec<_> = expect.iter().map(|(tenant, said)| ((*tenant).to_owned(), (*said).to_owned())).collect();
        assert_eq!(seen, expect, "{series:?}");
    };
    let all = [
        ("up", Gauge),
        ("requests", Counter),
        ("took", Histogram),
        ("size", GaugeHistogram),
        ("waits", Summary),
        ("build", Info),
        ("odd", Unknown),
    ];
    check(&[("up", "a"), ("requests_total", "b")], &all[..2], &[("a", "up"), ("b", "requests")]).await;
    check(&[("up", "a"), ("up", "b"), ("up", "")], &all[..1], &[("a", "up"), ("b", "up"), ("team", "up")]).await;
    for (name, said) in [
        ("requests_created", "requests"),
        ("took_bucket", "took"),
        ("took_sum", "took"),
        ("took_count", "took"),
        ("took", "took"),
        ("size_gsum", "size"),
        ("size_gcount", "size"),
        ("size_bucket", "size"),
        ("waits_sum", "waits"),
        ("build_info", "build"),
        ("odd", "odd"),
        // Of other kinds, or of none.
        ("up_total", ""),
        ("requests_bucket", ""),
        ("waits_bucket", ""),
        ("odd_count", ""),
    ] {
        let rest: Vec<_> = all.iter().map(|(metric, _)| *metric).filter(|metric| *metric != said).collect();
        check(&[(name, "a")], &all, &[("a", said), ("team", &rest.join(" "))]).await;
    }
    // Where no series says a tenant all goes with the request.
    check(&[], &all[..2], &[("team", "up requests")]).await;
}

#[tokio::test]
async fn what_is_said_to_many_tenants_is_charged_before_it_is_copied() {
    let mut settings = splits();
    settings.max_batch = Bytes::mib(1);
    let running = start(settings, |batch| Box::pin(async move { Ok(Ack::written(batch.sample_count() as u64)) })).await;
    let tenants: Vec<String> = (0..1000).map(|i| format!("t{i}")).collect();
    let series: Vec<_> = tenants.iter().map(|tenant| ("up", tenant.as_str())).collect();
    let long = "up".repeat(1000);
    assert_eq!(running.write(&[], told(&series, &[("up", MetricKind::Gauge)])).await.status, 204);
    assert_eq!(running.seen.lock().unwrap().drain(..).len(), 1000);
    let long: Vec<_> = tenants.iter().map(|tenant| (long.as_str(), tenant.as_str())).take(200).collect();
    assert_eq!(running.write(&[], told(&long, &[])).await.status, 204);
    assert_eq!(running.seen.lock().unwrap().drain(..).len(), 200);
    let got = running.write(&[], told(&long, &[(long[0].0, MetricKind::Gauge)])).await;
    let text = "expected samples that take at most 1048576 bytes in memory, of all tenants\n";
    assert_eq!((got.status, got.text.as_str()), (400, text));
    assert!(running.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_label_that_names_no_tenant_costs_its_series_alone() {
    let running = start(splits(), |batch| Box::pin(async move { Ok(Ack::written(batch.sample_count() as u64)) })).await;
    let all = "up{tenant_id=\"../a\"} 1 1\nup{tenant_id=\"a\"} 2 1\nup{tenant_id=\"a/b\"} 3 1\n";
    let got = running.write(&[V2], second(all)).await;
    assert_eq!((got.status, got.header(SAMPLES_WRITTEN)), (400, Some("1")));
    let text = "invalid_tenant: 2 rejected: the label `tenant_id` of up{tenant_id=\"../a\"}: expected a tenant of";
    assert!(got.text.starts_with(text), "{}", got.text);
    assert_eq!(seen(&running), [("a".to_owned(), "up 2 1\n".to_owned())]);
}

#[tokio::test]
async fn where_the_part_of_one_tenant_fails_the_sender_hears_what_is_worth_repeating() {
    let answer = |batch: Batch| -> BoxFuture<'static, Result<Ack>> {
        let overloaded = Kind::Overloaded { retry_after: Some(Duration::from_secs(9)) };
        Box::pin(std::future::ready(match batch.tenant().as_str() {
            "full" => Err(Error::new(overloaded, "full")),
            "away" => Err(Error::unavailable("away")),
            "broken" => Err(Error::internal("broken")),
            "wrong" => Err(Error::invalid("wrong")),
            _ => Ok(Ack::written(batch.sample_count() as u64)),
        }))
    };
    let running = start(splits(), answer).await;
    let check = async |tenants: &[&str], expect: (u16, &str, Option<&str>)| {
        let all: String = tenants.iter().map(|tenant| format!("up{{tenant_id=\"{tenant}\"}} 1 1\n")).collect();
        let got = running.write(&[V2], second(&all)).await;
        assert_eq!((got.status, got.text.trim_end(), got.header("retry-after")), expect, "{tenants:?}");
        assert_eq!(got.header(SAMPLES_WRITTEN), Some("1"), "{tenants:?}");
    };
    check(&["good", "full"], (429, "full", Some("9"))).await;
    check(&["good", "full", "away", "broken"], (503, "away", Some("1"))).await;
    check(&["good", "full", "broken", "wrong"], (500, "broken", None)).await;
    check(&["good", "wrong"], (400, "wrong", None)).await;
}

#[tokio::test]
async fn what_is_too_large_for_its_tenant_gets_413_and_is_counted() {
    let context = context();
    let yaml = "{ tenants: { a: { request_bytes: 200B }, b: { request_series: 2 }, c: { request_samples: 3 } } }";
    let limits = from_yaml::<TenantLimits>(yaml).unwrap().open(&context).await.unwrap();
    context.keep_resource("tenants", limits);
    let settings = yaml::read("{ listen: 127.0.0.1:0, limits: tenants, max_body: 1KiB }").unwrap();
    let good = |batch: Batch| -> BoxFuture<'static, Result<Ack>> {
        Box::pin(async move { Ok(Ack::written(batch.sample_count() as u64)) })
    };
    let running = start_in(context, settings, good).await;
    let check = async |tenant: &str, body: Vec<u8>, status: u16, text: &str| {
        let got = running.write(&[("X-Scope-OrgID", tenant)], body).await;
        assert_eq!((got.status, got.text.trim_end()), (status, text), "{tenant}");
        assert_eq!(got.header("retry-after"), None);
    };
    let long = "up{a=\"".to_owned() + &"x".repeat(300) + "\"} 1 1\n";
    // Compressed it is short, decompressed too long.
    check("a", of(&long), 413, "expected a body of at most 200 bytes").await;
    check("a", vec![0xff; 500], 413, "expected a body of at most 200 bytes").await;
    check("a", vec![0xff; 2000], 413, "expected a body of at most 1024 bytes").await;
    check("a", of("up 1 1\n"), 204, "").await;
    check("x", of(&long), 204, "").await;
    check("b", of("a 1 1\nb 1 1\nc 1 1\n"), 413, "expected at most 2 series in a request of `b`, got `3`").await;
    check("b", of("a 1 1\nb 1 1\n"), 204, "").await;
    check("c", body(Version::V1, 4), 413, "expected at most 3 samples in a request of `c`, got `4`").await;
    check("c", body(Version::V1, 3), 204, "").await;
    // Without a length it is limited as it comes.
    let chunks = (0..100).map(|_| Ok(Frame::data(bytes::Bytes::from(vec![0xffu8; 50]))));
    let stream = StreamBody::new(futures_util::stream::iter(chunks));
    let request = running.post("/api/v1/receive").header("thanos-tenant", "a").body(stream.boxed()).unwrap();
    let got = running.send(request).await;
    assert_eq!((got.status, got.text.as_str()), (413, "expected a body of at most 200 bytes\n"));
    let metrics = running.context.metrics.encode();
    for (limit, tenant, n) in [("request_bytes", "a", 3), ("request_series", "b", 1), ("request_samples", "c", 1)] {
        let line = format!("weir_limits_hits_total{{pipeline=\"in\",limit=\"{limit}\",tenant=\"{tenant}\"}} {n}\n");
        assert!(metrics.contains(&line), "{line} in\n{metrics}");
    }
}

#[tokio::test]
async fn gzip_that_says_too_little_is_too_large_for_its_tenant_all_the_same() {
    let context = context();
    let limits = from_yaml::<TenantLimits>("{ tenants: { a: { request_bytes: 200B } } }").unwrap();
    context.keep_resource("tenants", limits.open(&context).await.unwrap());
    let settings = yaml::read("{ listen: 127.0.0.1:0, limits: tenants }").unwrap();
    let running = start_in(context, settings, |_| Box::pin(async { Ok(Ack::default()) })).await;
    let zipped = |bytes: &[u8]| {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut out, bytes).unwrap();
        out.finish().unwrap()
    };
    let check = async |spaces: usize, status: u16| {
        let members = [zipped(b"{}"), zipped(&vec![b' '; spaces]), zipped(b" ")].concat();
        let request = running.post("/api/v1/otlp/v1/metrics").header("content-type", "application/json");
        let request = request.header("content-encoding", "gzip").header("x-scope-orgid", "a");
        let got = running.send(request.body(full(members)).unwrap()).await;
        assert_eq!(got.status, status, "{}", got.text);
    };
    check(190, 200).await;
    check(300, 413).await;
    let hits = "weir_limits_hits_total{pipeline=\"in\",limit=\"request_bytes\",tenant=\"a\"} 1\n";
    assert!(running.context.metrics.encode().contains(hits));
}

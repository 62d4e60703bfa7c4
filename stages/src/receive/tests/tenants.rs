//! Whose samples are, and what a tenant may send.

use weir_pipeline::Resource;
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

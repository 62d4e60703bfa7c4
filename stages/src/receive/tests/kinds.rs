//! How much was written of each kind: floats, native histograms, exemplars.

use weir_pipeline::ack::{Counts, reason};
use weir_pipeline::testing::{histogram_point, settings as from_yaml};
use weir_pipeline::{Exemplar, Stage};

use super::*;
use crate::limit::Limit;

/// A request with two series: one of two floats and two exemplars, one of a native histogram and an exemplar.
fn mixed() -> Vec<u8> {
    let mut all = Batch::builder(Tenant::default());
    let exemplar = |timestamp| Exemplar { labels: LabelSet::default(), value: 1.0, timestamp };
    let labels = |name: &'static str, team: &'static str| -> LabelSet {
        [("__name__", name), ("team", team)].into_iter().collect()
    };
    let floats = labels("floats", "a");
    all.series(floats.as_labels()).sample(1, 1.0).sample(2, 2.0).exemplar(exemplar(1)).exemplar(exemplar(2));
    all.series(labels("histograms", "b").as_labels()).histogram(histogram_point(1, 1)).exemplar(exemplar(1));
    let mut body = Vec::new();
    encode(&all.build(), Version::V2, &mut body);
    packed(&body)
}

/// What the reply to a request says is written: floats, native histograms and exemplars.
fn written(got: &Got) -> [u64; 3] {
    ["samples", "histograms", "exemplars"].map(|what| {
        let header = got.header(&format!("x-prometheus-remote-write-{what}-written"));
        header.expect("a count").parse().unwrap()
    })
}

#[tokio::test]
async fn the_reply_says_of_each_kind_how_much_is_written() {
    let check = async |rejected: Counts, expect: (u16, [u64; 3])| {
        let answer = move |batch: Batch| -> BoxFuture<'static, Result<Ack>> {
            let mut ack = Ack::written(batch.sample_count() as u64 - rejected.samples());
            ack.reject_all(reason::TOO_OLD, "no", rejected);
            Box::pin(std::future::ready(Ok(ack)))
        };
        let got = start(settings(), answer).await.write(&[V2], mixed()).await;
        assert_eq!((got.status, written(&got)), expect, "{rejected:?}");
    };
    let counts = |floats, histograms, exemplars| Counts { floats, histograms, exemplars };
    check(counts(0, 0, 0), (204, [2, 1, 3])).await;
    check(counts(1, 0, 0), (400, [1, 1, 3])).await;
    check(counts(0, 1, 0), (400, [2, 0, 3])).await;
    // Exemplars fail no request.
    check(counts(0, 0, 2), (204, [2, 1, 1])).await;
    check(counts(2, 1, 3), (400, [0, 0, 0])).await;
    // An older node does not tell the kinds apart.
    check(counts(3, 0, 0), (400, [0, 0, 3])).await;
}

#[tokio::test]
async fn what_is_beyond_a_limit_is_written_of_no_kind() {
    let context = context();
    let good =
        Next::new(tower::service_fn(|batch: Batch| async move { Ok(Ack::written(batch.sample_count() as u64)) }));
    let limit = from_yaml::<Limit>("{ label_value: 1B }").unwrap().wrap(&context, good.clone()).unwrap();
    let running = start_in(context.clone(), settings(), move |batch| {
        let limit = limit.clone();
        Box::pin(async move { limit.send(batch).await })
    })
    .await;
    let got = running.write(&[V2], mixed()).await;
    assert_eq!((got.status, written(&got)), (400, [0, 0, 0]), "{}", got.text);
    let few = from_yaml::<Limit>("{ series: 1 }").unwrap().wrap(&context, good).unwrap();
    let running = start(settings(), move |batch| {
        let few = few.clone();
        Box::pin(async move { few.send(batch).await })
    })
    .await;
    let got = running.write(&[V2], mixed()).await;
    assert_eq!((got.status, written(&got)), (400, [2, 0, 2]), "{}", got.text);
}

#[tokio::test]
async fn what_goes_to_several_tenants_is_counted_by_what_each_takes() {
    let answer = |batch: Batch| -> BoxFuture<'static, Result<Ack>> {
        let mut ack = Ack::default();
        match batch.tenant().as_str() {
            "b" => ack.reject_all(reason::TOO_OLD, "no", Counts::of(&batch)),
            _ => ack = Ack::written(batch.sample_count() as u64),
        }
        Box::pin(std::future::ready(Ok(ack)))
    };
    let split = yaml::read("{ listen: 127.0.0.1:0, split_tenant_label: team }").unwrap();
    let got = start(split, answer).await.write(&[V2], mixed()).await;
    assert_eq!((got.status, written(&got)), (400, [2, 0, 2]), "{}", got.text);
    // No tenant can be called so.
    let by_name = yaml::read("{ listen: 127.0.0.1:0, split_tenant_label: wrong }").unwrap();
    let mut all = Batch::builder(Tenant::default());
    let labels: LabelSet = [("__name__", "up"), ("wrong", "a/b")].into_iter().collect();
    let exemplar = Exemplar { labels: LabelSet::default(), value: 1.0, timestamp: 1 };
    all.series(labels.as_labels()).sample(1, 1.0).histogram(histogram_point(2, 1)).exemplar(exemplar);
    let mut body = Vec::new();
    encode(&all.build(), Version::V2, &mut body);
    let got = start(by_name, answer).await.write(&[V2], packed(&body)).await;
    assert_eq!((got.status, written(&got)), (400, [0, 0, 0]), "{}", got.text);
}

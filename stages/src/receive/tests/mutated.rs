//! Bodies that are mutated, through the real receiver.

use weir_pipeline::testing::{Dice, batch};

use super::*;
use crate::remote_write::{Limits as Decoding, decode, decompress};

/// So many bodies of each version.
const BODIES: u64 = 10_000;

/// The status that a body is to get, and how much of it is written.
fn expected(body: &[u8], version: Version) -> (u16, u64) {
    let mut out = Vec::new();
    if decompress(body, 32 << 20, &mut out).is_err() {
        return (400, 0);
    }
    match decode(&out, version, Tenant::default(), &Decoding::default()) {
        Err(_) => (400, 0),
        Ok(decoded) => {
            let status = if decoded.refused.fails(version) { 400 } else { 204 };
            (status, decoded.batch.sample_count() as u64)
        }
    }
}

async fn check(version: Version) {
    let running = start_good().await;
    let mut dice = Dice::default();
    let text =
        "http_requests_total{code=\"200\", method=\"GET\"} 5 1000\nup 1 1000\nup stale 2000\nsize{le=\"+Inf\"} NaN 7\n";
    let mut good = Vec::new();
    encode(&batch(text), version, &mut good);
    let headers = [("content-type", version.content_type())];
    let mut statuses = std::collections::BTreeMap::<u16, u64>::new();
    for n in 0..BODIES {
        // What is in the snappy block, or the block itself.
        let mut body = good.clone();
        if !n.is_multiple_of(4) {
            dice.mutate(&mut body, b"");
        }
        let mut body = packed(&body);
        if n.is_multiple_of(4) {
            dice.mutate(&mut body, b"");
        }
        let (status, written) = expected(&body, version);
        let got = running.write(&headers, body.clone()).await;
        assert_eq!(got.status, status, "body {n}: {body:02x?}: {}", got.text);
        let counted = got.header(SAMPLES_WRITTEN).map(|count| count.parse::<u64>().unwrap());
        assert_eq!(counted, (version == Version::V2).then_some(written), "body {n}: {body:02x?}");
        *statuses.entry(status).or_default() += 1;
    }
    assert!(statuses.values().all(|n| *n > 100) && statuses.len() == 2, "{statuses:?}");
    assert_eq!(running.write(&headers, packed(&good)).await.status, 204, "it goes on");
}

#[tokio::test]
async fn ten_thousand_mutated_bodies_of_1_0_get_the_right_status() {
    check(Version::V1).await;
}

#[tokio::test]
async fn ten_thousand_mutated_bodies_of_2_0_get_the_right_status() {
    check(Version::V2).await;
}

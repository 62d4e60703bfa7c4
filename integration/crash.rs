//! `kill -9` at random moments: every acknowledged sample is there, once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use weir_pipeline::{Batch, LabelSet, Tenant};
use weir_stages::remote_write;

use crate::harness::weir::{PIPELINES, Weir};
use crate::harness::{http, now, pause};

const KILLS: u64 = 20;
const SENDERS: usize = 4;
const SERIES: usize = 50;

/// What the receiver acknowledged: for each sender, how many rounds from its first timestamp on.
type Acked = Arc<Mutex<BTreeMap<usize, Vec<i64>>>>;

fn body(sender: usize, timestamp: i64) -> Vec<u8> {
    let mut batch = Batch::builder(Tenant::default());
    for series in 0..SERIES {
        let labels: LabelSet =
            [("__name__", "crash_total".to_owned()), ("sender", sender.to_string()), ("series", series.to_string())]
                .into_iter()
                .collect();
        batch.series(labels.as_labels());
        batch.sample(timestamp, value(sender, series, timestamp));
    }
    let mut encoded = Vec::new();
    remote_write::encode(&batch.build(), remote_write::Version::V1, &mut encoded);
    let mut body = Vec::new();
    remote_write::compress(&encoded, &mut body).unwrap();
    body
}

/// A value that no other sample has.
fn value(sender: usize, series: usize, timestamp: i64) -> f64 {
    (timestamp % 1_000_000_000) as f64 * 1e3 + (sender * SERIES + series) as f64
}

/// Sends one request after the other until told to stop; a refused or broken one is sent again, as Prometheus does.
fn send(sender: usize, to: std::net::SocketAddr, acked: &Acked, stop: &AtomicBool) {
    let mut timestamp = now() - 3_600_000;
    while !stop.load(Ordering::Relaxed) {
        let headers = [("Content-Encoding", "snappy"), ("Content-Type", "application/x-protobuf")];
        match http::request(to, "POST", "/api/v1/receive", &headers, &body(sender, timestamp)) {
            Some(response) if response.status == 204 => {
                acked.lock().unwrap().entry(sender).or_default().push(timestamp);
                timestamp += 7;
            }
            Some(response) => assert_eq!(response.status, 503, "{}", response.text()),
            None => pause(Duration::from_millis(5)),
        }
    }
}

#[test]
fn twenty_kills_under_load_lose_no_acknowledged_sample() {
    let dir = tempfile::tempdir().unwrap();
    let mut weir = Weir::new(dir.path(), PIPELINES);
    // Cuts are frequent, so that some kills hit them.
    let env = [("CUT_AFTER", "1s")];
    weir.start(&env);
    let (acked, stop) = (Acked::default(), Arc::new(AtomicBool::new(false)));
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (acked, stop, to) = (acked.clone(), stop.clone(), weir.receive);
            std::thread::spawn(move || send(sender, to, &acked, &stop))
        })
        .collect();
    // Moments from 50 to 1,550 ms after the start, from a fixed seed.
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..KILLS {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        pause(Duration::from_millis(50 + seed % 1500));
        weir.kill();
        weir.start(&env);
    }
    stop.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.join().unwrap();
    }
    let acked = acked.lock().unwrap();
    let total: usize = acked.values().map(Vec::len).sum();
    assert!(total > 100, "only {total} requests were acknowledged");
    for (sender, timestamps) in acked.iter() {
        check(&weir, *sender, timestamps);
    }
    println!("{KILLS} kills, {} samples acknowledged, all there once", total * SERIES);
}

/// Every acknowledged sample of a sender is there once with its value, and nothing else but the one request that was
/// under way at a kill.
fn check(weir: &Weir, sender: usize, timestamps: &[i64]) {
    let query = format!("crash_total{{sender=\"{sender}\"}}[3h]");
    let data = http::api(weir.api, "query", &[("query", &query), ("time", &(now() / 1000).to_string())]);
    let result = data["result"].as_array().unwrap();
    assert_eq!(result.len(), SERIES);
    for found in result {
        let series: usize = found["metric"]["series"].as_str().unwrap().parse().unwrap();
        let mut values = BTreeMap::new();
        for point in found["values"].as_array().unwrap() {
            let at = (point[0].as_f64().unwrap() * 1000.0).round() as i64;
            let number: f64 = point[1].as_str().unwrap().parse().unwrap();
            assert!(values.insert(at, number).is_none(), "{series} at {at} comes twice");
        }
        for at in timestamps {
            assert_eq!(values.get(at), Some(&value(sender, series, *at)), "sender {sender}, series {series}, at {at}");
        }
        assert!(values.len() <= timestamps.len() + 1, "{} samples, {} acknowledged", values.len(), timestamps.len());
    }
}

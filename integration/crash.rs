//! `kill -9` at random moments, twenty times in CI and five hundred times in `bench/soak.sh`: every acknowledged sample is there,
//! once.

use std::time::Duration;

use serde_json::json;

use crate::harness::weir::{PIPELINES, Weir};
use crate::harness::writers::{SERIES, Writers, body, found, have_exemplars, post};
use crate::harness::{http, now, pause, soak};

const SENDERS: usize = 4;

/// How often it is killed.
fn kills() -> usize {
    if soak() > 1 { 500 } else { 20 }
}

#[test]
fn kills_under_load_lose_no_acknowledged_sample() {
    let dir = tempfile::tempdir().unwrap();
    let mut weir = Weir::new(dir.path(), PIPELINES);
    // Cuts are frequent, so that some kills hit them.
    let env = [("CUT_AFTER", "1s")];
    weir.start(&env);
    let writers = Writers::start(SENDERS, weir.receive);
    // Moments from 50 to 1,550 ms after the start, from a fixed seed.
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..kills() {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        pause(Duration::from_millis(50 + seed % 1500));
        weir.kill();
        weir.start(&env);
    }
    let acked = writers.stop();
    let total: usize = acked.values().map(Vec::len).sum();
    assert!(total > 100, "only {total} requests were acknowledged");
    for (sender, timestamps) in acked.iter() {
        let found = found(weir.api, *sender);
        assert_eq!(found.len(), SERIES);
        for (series, values) in found {
            let missing = timestamps.iter().find(|at| !values.contains_key(at));
            assert_eq!(missing, None, "sender {sender}, series {series}");
            // Nothing else but the one request that was under way at a kill.
            assert!(values.len() <= timestamps.len() + 1, "{} samples, {} acked", values.len(), timestamps.len());
        }
    }
    have_exemplars(weir.api, &acked);
    println!("{} kills, {} samples acknowledged, all there once", kills(), total * SERIES);
}

#[test]
fn what_an_acknowledged_request_said_of_metrics_outlives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut weir = Weir::new(dir.path(), PIPELINES);
    weir.start(&[]);
    assert_eq!(post(weir.receive, &body(0, now())).unwrap().status, 204);
    let expect = json!({ "crash_total": [{ "type": "counter", "help": "Of a sender.", "unit": "" }] });
    for _ in 0..2 {
        assert_eq!(http::api(weir.api, "metadata", &[]), expect);
        weir.kill();
        weir.start(&[]);
    }
    assert_eq!(http::api(weir.api, "metadata", &[]), expect);
    weir.stop();
}

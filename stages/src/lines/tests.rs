//! Tests of `lines`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use weir_pipeline::testing::{assert_sink_contract, batch};

use super::*;

#[test]
fn a_batch_is_text_or_json() {
    let batch = batch("up{job=\"a\"} 1 1000\nup{job=\"a\"} stale 2000\nx -0.5 3\nx NaN 4\nx +Inf 5");
    assert_eq!(
        Format::Text.lines(&batch),
        "up{job=\"a\"} 1 1000\nup{job=\"a\"} NaN 2000\nx -0.5 3\nx NaN 4\nx +Inf 5\n"
    );
    let json = Format::Json.lines(&batch.with_tenant("t".parse().unwrap()));
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        lines,
        [
            json!({ "tenant": "t", "metric": { "__name__": "up", "job": "a" }, "values": [1.0, "stale"], "timestamps": [1000, 2000] }),
            json!({ "tenant": "t", "metric": { "__name__": "x" }, "values": [-0.5, "NaN", "+Inf"], "timestamps": [3, 4, 5] }),
        ]
    );
}

#[test]
fn a_sink_of_lines_keeps_the_contract() {
    for format in [Format::Text, Format::Json] {
        assert_sink_contract::<Write>("lines", |_| Ok(sink(format, Vec::new(), "a list", |_| Ok(()))));
    }
}

//! Whether two answers are the same: both errors, or the same points of the same series.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::Value;

use crate::harness::http;

/// The points of each series, at milliseconds, or what the error says.
pub type Answer = Result<BTreeMap<String, BTreeMap<i64, f64>>, String>;

/// How far numbers may be apart, of the greater of both and of 1: the order of additions is nobody's promise.
const TOLERANCE: f64 = 1e-7;

/// Asks, and reads the answer.
pub fn ask(at: SocketAddr, endpoint: &str, params: &[(&str, &str)]) -> Answer {
    let response = http::api_raw(at, endpoint, params).unwrap_or_else(|| panic!("{at} did not answer {params:?}"));
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    if body["status"] != "success" {
        // A mistake in the query, or one that its data make; anything else is no answer.
        assert!(matches!(response.status, 400 | 422), "{params:?}: {body}");
        return Err(body["error"].to_string());
    }
    let result = &body["data"]["result"];
    if body["data"]["resultType"] == "scalar" {
        return Ok(BTreeMap::from([("scalar".to_owned(), [point(result)].into())]));
    }
    let mut series = BTreeMap::new();
    for element in result.as_array().unwrap() {
        let points = match element["values"].as_array() {
            Some(values) => values.iter().map(point).collect(),
            None => [point(&element["value"])].into(),
        };
        let labels = element["metric"].to_string();
        assert!(series.insert(labels.clone(), points).is_none(), "{params:?}: {labels} twice");
    }
    Ok(series)
}

fn point(value: &Value) -> (i64, f64) {
    let number = match value[1].as_str().unwrap() {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        text => text.parse().unwrap(),
    };
    ((value[0].as_f64().unwrap() * 1000.0).round() as i64, number)
}

/// What is different, if anything.
pub fn difference(theirs: &Answer, ours: &Answer) -> Option<String> {
    let (theirs, ours) = match (theirs, ours) {
        (Err(_), Err(_)) => return None,
        (Ok(theirs), Ok(ours)) => (theirs, ours),
        (Err(error), Ok(_)) => return Some(format!("weir answers, prometheus fails: {error}")),
        (Ok(_), Err(error)) => return Some(format!("prometheus answers, weir fails: {error}")),
    };
    if let Some(labels) = theirs.keys().find(|labels| !ours.contains_key(*labels)) {
        return Some(format!("only prometheus has {labels}: {:?}", theirs[labels]));
    }
    for (labels, ours) in ours {
        let Some(theirs) = theirs.get(labels) else { return Some(format!("only weir has {labels}: {ours:?}")) };
        let times = theirs.keys().chain(ours.keys());
        let apart = |time: &&i64| match (theirs.get(time), ours.get(time)) {
            (Some(a), Some(b)) => !alike(*a, *b),
            _ => true,
        };
        if let Some(time) = times.into_iter().find(apart) {
            let (theirs, ours) = (theirs.get(time), ours.get(time));
            return Some(format!("{labels} at {time}: prometheus {theirs:?}, weir {ours:?}"));
        }
    }
    None
}

fn alike(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()).max(1.0)
}

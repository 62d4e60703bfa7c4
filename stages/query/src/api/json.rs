//! Prometheus' JSON: its numbers, its timestamps, its results.
//!
//! Source: `util/jsonutil/marshal.go` and `web/api/v1/json_codec.go` of Prometheus 3.14.

use std::fmt::Write as _;

use weir_pipeline::{Data, LabelSet};

/// A text in JSON's quotes.
pub(super) fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A sample's value without its quotes: the shortest that reads back the same, with an exponent below 1e-6 and from
/// 1e21 on, as Go writes it.
pub(super) fn value(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let magnitude = value.abs();
    if magnitude == 0.0 || (1e-6..1e21).contains(&magnitude) {
        return format!("{value}");
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => {
            let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
            format!("{mantissa}e{sign}{digits:0>2}")
        }
        None => text,
    }
}

/// Milliseconds as seconds, with three digits of a fraction where there is one.
pub(super) fn time(ms: i64) -> String {
    let (sign, ms) = (if ms < 0 { "-" } else { "" }, ms.unsigned_abs());
    match ms % 1000 {
        0 => format!("{sign}{}", ms / 1000),
        fraction => format!("{sign}{}.{fraction:03}", ms / 1000),
    }
}

/// `{"resultType":…,"result":…}`, or the list of series or names.
pub(super) fn data(data: &Data) -> String {
    match data {
        Data::Scalar(at, v) => format!(r#"{{"resultType":"scalar","result":{}}}"#, point(*at, *v)),
        Data::String(at, s) => format!(r#"{{"resultType":"string","result":[{},{}]}}"#, time(*at), text(s)),
        Data::Vector(samples) => {
            let mut out = String::from(r#"{"resultType":"vector","result":["#);
            for (i, (metric, at, v)) in samples.iter().enumerate() {
                separate(&mut out, i);
                let _ = write!(out, r#"{{"metric":{},"value":{}}}"#, labels(metric), point(*at, *v));
            }
            out + "]}"
        }
        Data::Matrix(series) => {
            let mut out = String::from(r#"{"resultType":"matrix","result":["#);
            for (i, (metric, points)) in series.iter().enumerate() {
                separate(&mut out, i);
                let _ = write!(out, r#"{{"metric":{},"values":["#, labels(metric));
                for (j, (at, v)) in points.iter().enumerate() {
                    separate(&mut out, j);
                    out.push_str(&point(*at, *v));
                }
                out.push_str("]}");
            }
            out + "]}"
        }
        Data::Series(sets) => format!("[{}]", sets.iter().map(labels).collect::<Vec<_>>().join(",")),
        Data::Names(names) => format!("[{}]", names.iter().map(|n| text(n)).collect::<Vec<_>>().join(",")),
    }
}

fn separate(out: &mut String, i: usize) {
    if i > 0 {
        out.push(',');
    }
}

fn point(at: i64, v: f64) -> String {
    format!(r#"[{},"{}"]"#, time(at), value(v))
}

fn labels(set: &LabelSet) -> String {
    let pairs: Vec<String> = set.as_labels().iter().map(|(n, v)| format!("{}:{}", text(n), text(v))).collect();
    format!("{{{}}}", pairs.join(","))
}

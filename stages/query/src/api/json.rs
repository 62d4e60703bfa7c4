//! Answers as JSON, written straight into the body.
//!
//! Source: `web/api/v1/json_codec.go` and `util/jsonutil/marshal.go` of Prometheus 3.14.

use std::io::Write as _;

use weir_pipeline::{Answer, Data, Labels, QueryStats, SeriesExemplars, Value};

mod histogram;
mod stats;

/// So many warnings and so many infos are in an answer; of the rest only the number is told.
const NOTES: usize = 10;

/// The envelope of an error.
pub(super) fn error(kind: &str, message: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + message.len());
    out.extend(b"{\"status\":\"error\",\"errorType\":");
    string(kind, &mut out);
    out.extend(b",\"error\":");
    escaped(message, &mut out);
    out.push(b'}');
    out
}

/// The envelope of an answer.
pub(super) fn answer(answer: &Answer) -> Vec<u8> {
    let mut out = Vec::with_capacity(4096);
    out.extend(b"{\"status\":\"success\",\"data\":");
    data(answer, &mut out);
    notes("warnings", "warning", &answer.warnings, &mut out);
    notes("infos", "info", &answer.infos, &mut out);
    out.push(b'}');
    out
}

/// The envelope of a text.
pub(super) fn text(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + text.len());
    out.extend(b"{\"status\":\"success\",\"data\":");
    escaped(text, &mut out);
    out.push(b'}');
    out
}

/// How many values an answer has, about.
pub(super) fn size(data: &Data) -> usize {
    match data {
        Data::Scalar(..) | Data::String(..) => 1,
        Data::Vector(samples) => samples.len(),
        Data::Matrix(series) => series.iter().map(|(_, points)| 1 + points.len()).sum(),
        Data::Series(series) => series.len(),
        Data::Names(names) => names.len(),
        Data::Exemplars(series) => series.iter().map(|series| 1 + series.exemplars.len()).sum(),
        Data::Samples(_) | Data::Rows(_) => 0,
    }
}

fn data(answer: &Answer, out: &mut Vec<u8>) {
    let typed =
        |kind: &str, out: &mut Vec<u8>, value: &dyn Fn(&mut Vec<u8>)| typed(kind, answer.stats.as_ref(), out, value);
    match &answer.data {
        Data::Scalar(time, value) => typed("scalar", out, &|out| single(*time, &plain(*value), out)),
        Data::String(time, text) => typed("string", out, &|out| single(*time, text, out)),
        Data::Vector(samples) => typed("vector", out, &|out| {
            list(samples, out, |(labels, time, value), out| {
                metric(labels.as_labels(), out);
                match value {
                    Value::Float(value) => {
                        out.extend(b",\"value\":");
                        point(*time, *value, out);
                    }
                    Value::Histogram(value) => {
                        out.extend(b",\"histogram\":");
                        histogram::point(*time, value, out);
                    }
                }
                out.push(b'}');
            });
        }),
        Data::Matrix(series) => typed("matrix", out, &|out| {
            list(series, out, |(labels, points), out| {
                metric(labels.as_labels(), out);
                if !points.floats.is_empty() {
                    out.extend(b",\"values\":");
                    list(&points.floats, out, |(time, value), out| point(*time, *value, out));
                }
                if !points.histograms.is_empty() {
                    out.extend(b",\"histograms\":");
                    list(&points.histograms, out, |(time, value), out| histogram::point(*time, value, out));
                }
                out.push(b'}');
            });
        }),
        Data::Series(series) => list(series, out, |labels, out| object(labels.as_labels(), out)),
        Data::Names(names) => list(names, out, |name, out| escaped(name, out)),
        Data::Exemplars(series) => list(series, out, exemplars),
        // Nobody asks for them here.
        Data::Samples(_) | Data::Rows(_) => out.extend(b"null"),
    }
}

/// The value of a query, with its type, and how it was found.
fn typed(kind: &str, stats: Option<&QueryStats>, out: &mut Vec<u8>, value: &dyn Fn(&mut Vec<u8>)) {
    out.extend(b"{\"resultType\":\"");
    out.extend(kind.as_bytes());
    out.extend(b"\",\"result\":");
    value(out);
    if let Some(stats) = stats {
        out.extend(b",\"stats\":");
        stats::write(stats, out);
    }
    out.push(b'}');
}

fn list<T>(items: &[T], out: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

/// The start of a sample's or a series' object.
fn metric(labels: Labels<'_>, out: &mut Vec<u8>) {
    out.extend(b"{\"metric\":");
    object(labels, out);
}

/// The exemplars of a series.
fn exemplars(series: &SeriesExemplars, out: &mut Vec<u8>) {
    out.extend(b"{\"seriesLabels\":");
    object(series.series.as_labels(), out);
    out.extend(b",\"exemplars\":");
    list(&series.exemplars, out, |exemplar, out| {
        out.extend(b"{\"labels\":");
        object(exemplar.labels.as_labels(), out);
        out.extend(b",\"value\":\"");
        number(exemplar.value, out);
        out.extend(b"\",\"timestamp\":");
        timestamp(exemplar.timestamp, out);
        out.push(b'}');
    });
    out.push(b'}');
}

fn object(labels: Labels<'_>, out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, (name, value)) in labels.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        string(name, out);
        out.push(b':');
        string(value, out);
    }
    out.push(b'}');
}

/// A scalar or a string. Prometheus writes its time as any number, unlike that of a sample.
fn single(millis: i64, text: &str, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = write!(out, "[{},", millis as f64 / 1000.0);
    escaped(text, out);
    out.push(b']');
}

fn point(time: i64, value: f64, out: &mut Vec<u8>) {
    out.push(b'[');
    timestamp(time, out);
    out.extend(b",\"");
    number(value, out);
    out.extend(b"\"]");
}

/// Warnings or infos, if there are any.
fn notes(key: &str, kind: &str, notes: &[String], out: &mut Vec<u8>) {
    if notes.is_empty() {
        return;
    }
    let mut shown: Vec<String> = notes.iter().take(NOTES).cloned().collect();
    if notes.len() > NOTES {
        shown.push(format!("{} more {kind} annotations omitted", notes.len() - NOTES));
    }
    // Writing to memory does not fail.
    let _ = write!(out, ",\"{key}\":");
    list(&shown, out, |note, out| escaped(note, out));
}

/// A string that could stand in HTML: Prometheus writes all strings so but those of labels.
fn escaped(text: &str, out: &mut Vec<u8>) {
    let from = out.len();
    string(text, out);
    if !text.contains(['<', '>', '&', '\u{2028}', '\u{2029}']) {
        return;
    }
    let plain = String::from_utf8_lossy(&out.split_off(from)).into_owned();
    let special =
        [('<', "\\u003c"), ('>', "\\u003e"), ('&', "\\u0026"), ('\u{2028}', "\\u2028"), ('\u{2029}', "\\u2029")];
    out.extend(special.iter().fold(plain, |text, (c, escape)| text.replace(*c, escape)).into_bytes());
}

fn string(text: &str, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(out, text);
}

/// Milliseconds as seconds: `1435781451.781`, `1435781451`.
fn timestamp(millis: i64, out: &mut Vec<u8>) {
    let sign = if millis < 0 { "-" } else { "" };
    let (whole, rest) = (millis.unsigned_abs() / 1000, millis.unsigned_abs() % 1000);
    let _ = match rest {
        0 => write!(out, "{sign}{whole}"),
        _ => write!(out, "{sign}{whole}.{rest:03}"),
    };
}

/// The shortest digits that read as the same number, without an exponent: so scalars are.
fn plain(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        _ => value.to_string(),
    }
}

/// The shortest digits that read as the same number, with an exponent where it is far from 1: so samples are.
fn number(value: f64, out: &mut Vec<u8>) {
    let magnitude = value.abs();
    let _ = match value {
        _ if value.is_finite() && magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) => {
            let text = format!("{value:e}");
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let (sign, exponent) = match exponent.strip_prefix('-') {
                Some(exponent) => ('-', exponent),
                None => ('+', exponent),
            };
            write!(out, "{digits}e{sign}{exponent:0>2}")
        }
        _ if value.is_finite() => write!(out, "{value}"),
        _ => write!(out, "{}", plain(value)),
    };
}

#[cfg(test)]
mod tests;

//! Answers as JSON, written straight into the body.
//!
//! Source: `web/api/v1/json_codec.go` and `util/jsonutil/marshal.go` of Prometheus 3.14.

use std::io::Write as _;

use weir_pipeline::{Answer, Data, LabelSet, Labels, SeriesExemplars, Value};

use super::pieces::{Gone, PIECE};

mod histogram;
mod number;
mod stats;

pub(super) use number::number;
use number::{plain, timestamp};

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

/// Takes what is written so far, and clears it.
pub(super) type Drain<'a> = dyn FnMut(&mut Vec<u8>) -> Result<(), Gone> + 'a;

/// The envelope of an answer.
pub(super) fn answer(answer: &Answer) -> Vec<u8> {
    let mut out = Vec::with_capacity(4096);
    // What takes everything does not fail.
    let _ = write(answer, &mut out, &mut |_| Ok(()));
    out
}

/// The envelope of an answer, in pieces; what is left in `out` is the last one.
pub(super) fn write(answer: &Answer, out: &mut Vec<u8>, drain: &mut Drain<'_>) -> Result<(), Gone> {
    out.extend(b"{\"status\":\"success\",\"data\":");
    data(answer, out, drain)?;
    notes("warnings", "warning", &answer.warnings, out);
    notes("infos", "info", &answer.infos, out);
    out.push(b'}');
    Ok(())
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
        Data::Metadata(known) => known.len(),
        Data::Tenants(tenants) => tenants.len(),
        Data::Cardinality(_) | Data::Changes(_) | Data::Samples(_) | Data::Rows(_) => 0,
    }
}

fn data(answer: &Answer, out: &mut Vec<u8>, drain: &mut Drain<'_>) -> Result<(), Gone> {
    match &answer.data {
        Data::Scalar(time, value) => typed("scalar", answer, out, |out| {
            single(*time, &plain(*value), out);
            Ok(())
        }),
        Data::String(time, text) => typed("string", answer, out, |out| {
            single(*time, text, out);
            Ok(())
        }),
        Data::Vector(samples) => typed("vector", answer, out, |out| parts(samples, out, drain, sample)),
        Data::Matrix(series) => typed("matrix", answer, out, |out| {
            parts(series, out, drain, |(labels, points), out| {
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
            })
        }),
        Data::Series(series) => parts(series, out, drain, |labels, out| object(labels.as_labels(), out)),
        Data::Names(names) => parts(names, out, drain, |name, out| escaped(name, out)),
        Data::Exemplars(series) => parts(series, out, drain, exemplars),
        // What has a shape of its own where it is asked for.
        _ => {
            out.extend(b"null");
            Ok(())
        }
    }
}

/// The value of a query, with its type, and how it was found.
fn typed(
    kind: &str,
    answer: &Answer,
    out: &mut Vec<u8>,
    value: impl FnOnce(&mut Vec<u8>) -> Result<(), Gone>,
) -> Result<(), Gone> {
    out.extend(b"{\"resultType\":\"");
    out.extend(kind.as_bytes());
    out.extend(b"\",\"result\":");
    value(out)?;
    if let Some(stats) = &answer.stats {
        out.extend(b",\"stats\":");
        stats::write(stats, out);
    }
    out.push(b'}');
    Ok(())
}

/// A sample of a vector.
fn sample((labels, time, value): &(LabelSet, i64, Value), out: &mut Vec<u8>) {
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
}

/// A list that goes out in pieces.
fn parts<T>(
    items: &[T],
    out: &mut Vec<u8>,
    drain: &mut Drain<'_>,
    write: impl Fn(&T, &mut Vec<u8>),
) -> Result<(), Gone> {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(item, out);
        if out.len() >= PIECE {
            drain(out)?;
        }
    }
    out.push(b']');
    Ok(())
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

pub(super) fn object(labels: Labels<'_>, out: &mut Vec<u8>) {
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

pub(super) fn string(text: &str, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(out, text);
}

#[cfg(test)]
mod tests;

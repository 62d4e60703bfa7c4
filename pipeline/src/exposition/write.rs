//! A batch as text.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::batch::{Batch, Metadata, MetricKind, Series};
use crate::labels::{Labels, METRIC, is_label_name, is_metric_name};

/// What the series of a family add to its name.
const SUFFIXES: [&str; 4] = ["_bucket", "_sum", "_count", "_total"];

/// A batch as Prometheus text 0.0.4, for tests and documents: sorted by metric, labels and time, every sample with its
/// timestamp. Names that are not classic are quoted as in 1.0.0.
///
/// What the format can't say is lost: every NaN is `NaN`, start timestamps and units are left out, and kinds that 0.0.4
/// does not have are `untyped`.
pub fn write(batch: &Batch) -> String {
    let mut rows: Vec<(Series<'_>, usize)> =
        batch.iter().flat_map(|series| (0..series.timestamps.len()).map(move |i| (series, i))).collect();
    let time = |row: &(Series<'_>, usize)| row.0.timestamps.get(row.1).copied();
    rows.sort_by(|a, b| {
        let (x, y) = (a.0.labels, b.0.labels);
        x.metric().cmp(y.metric()).then_with(|| x.compare(y)).then_with(|| time(a).cmp(&time(b)))
    });
    let mut said: BTreeMap<&str, &Metadata> = batch.metadata().iter().map(|m| (m.metric.as_str(), m)).collect();
    let mut out = String::new();
    for (series, i) in rows {
        if let Some(metadata) = family(&mut said, series.labels.metric()) {
            meta(metadata, &mut out);
        }
        if let (Some(timestamp), Some(value)) = (series.timestamps.get(i), series.values.get(i)) {
            labels(series.labels, &mut out);
            number(*value, &mut out);
            // Writing into a text can't fail.
            let _ = writeln!(out, " {timestamp}");
        }
    }
    for metadata in said.into_values() {
        meta(metadata, &mut out);
    }
    out
}

/// What is said of the family of `metric`, the first time that it is asked for.
fn family<'a>(said: &mut BTreeMap<&str, &'a Metadata>, metric: &str) -> Option<&'a Metadata> {
    families(metric).find_map(|name| said.remove(name))
}

/// What the family of a metric may be called, likeliest first: `a_bucket` belongs to `a_bucket` or to `a`.
pub fn families(metric: &str) -> impl Iterator<Item = &str> {
    let stems = SUFFIXES.iter().filter_map(move |suffix| metric.strip_suffix(suffix));
    std::iter::once(metric).chain(stems)
}

fn meta(metadata: &Metadata, out: &mut String) {
    let kind = match metadata.kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
        MetricKind::Histogram => "histogram",
        MetricKind::Summary => "summary",
        _ => "untyped",
    };
    let mut name = String::new();
    if is_metric_name(&metadata.metric) {
        name.push_str(&metadata.metric);
    } else {
        quoted(&metadata.metric, &mut name);
    }
    if !metadata.help.is_empty() {
        let help = metadata.help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = writeln!(out, "# HELP {name} {help}");
    }
    let _ = writeln!(out, "# TYPE {name} {kind}");
}

/// Name and labels, and a space.
fn labels(labels: Labels<'_>, out: &mut String) {
    let metric = labels.metric();
    let mut before = "{";
    if is_metric_name(metric) {
        out.push_str(metric);
    } else if !metric.is_empty() {
        out.push('{');
        quoted(metric, out);
        before = ",";
    }
    for (name, value) in labels.iter().filter(|(name, _)| *name != METRIC) {
        out.push_str(before);
        before = ",";
        if is_label_name(name) {
            out.push_str(name);
        } else {
            quoted(name, out);
        }
        out.push('=');
        quoted(value, out);
    }
    match (before, metric.is_empty()) {
        (",", _) => out.push('}'),
        (_, true) => out.push_str("{}"),
        _ => {}
    }
    out.push(' ');
}

fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// The shortest decimal that reads as the same value.
fn number(value: f64, out: &mut String) {
    if value.is_nan() {
        out.push_str("NaN");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else {
        let start = out.len();
        let _ = write!(out, "{value:?}");
        if out.get(start..).is_some_and(|digits| digits.ends_with(".0")) {
            out.truncate(out.len() - 2);
        }
    }
}

//! Answers as text.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use weir_pipeline::LabelSet;

/// How many columns a line of a chart has.
const COLUMNS: usize = 60;

/// What a line of a chart is drawn with, from low to high.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One series of an answer.
pub(super) struct Series {
    /// None for a scalar, which is no series.
    labels: Option<BTreeMap<String, String>>,
    points: Vec<Point>,
}

/// A sample, as the answer has it.
struct Point {
    /// Unix seconds.
    time: String,
    value: String,
}

/// The series of an answer's `data`; a scalar is one without labels.
pub(super) fn series(data: &Value) -> Vec<Series> {
    let result = &data["result"];
    if let Some("scalar" | "string") = data["resultType"].as_str() {
        return vec![Series { labels: None, points: vec![Point::of(result)] }];
    }
    let series = |of: &Value| {
        let labels = of["metric"].as_object().into_iter().flatten();
        let labels: BTreeMap<_, _> =
            labels.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
        let mut points: Vec<Point> = Vec::new();
        for several in ["values", "histograms"] {
            points.extend(of[several].as_array().into_iter().flatten().map(Point::of));
        }
        for one in ["value", "histogram"] {
            points.extend((!of[one].is_null()).then(|| Point::of(&of[one])));
        }
        // Where a series has both, each has some of the times.
        points.sort_by(|a, b| a.seconds().total_cmp(&b.seconds()));
        Series { labels: Some(labels), points }
    };
    result.as_array().into_iter().flatten().map(series).collect()
}

/// A line for each sample: the series, the value, the time.
pub(super) fn table(all: &[Series]) -> String {
    let rows: Vec<(String, &Point)> =
        all.iter().flat_map(|series| series.points.iter().map(move |point| (series.name(), point))).collect();
    let names = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let values = rows.iter().map(|(_, point)| point.value.chars().count()).max().unwrap_or(0);
    rows.iter().map(|(name, point)| format!("{name:<names$}  {:>values$}  @{}\n", point.value, point.time)).collect()
}

/// A line for each series: how it went, and its least, greatest and last value; below all, from when to when.
pub(super) fn chart(all: &[Series]) -> String {
    let times = all.iter().flat_map(|series| series.points.iter().map(Point::seconds)).filter(|time| time.is_finite());
    let bounds = times.fold(None, |bounds: Option<(f64, f64)>, time| {
        let (first, last) = bounds.unwrap_or((time, time));
        Some((first.min(time), last.max(time)))
    });
    let Some((first, last)) = bounds else { return String::new() };
    let mut out = String::new();
    for series in all {
        let numbers: Vec<f64> =
            series.points.iter().filter_map(|point| point.value.parse().ok()).filter(|n: &f64| n.is_finite()).collect();
        let (least, greatest) =
            numbers.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), n| (low.min(*n), high.max(*n)));
        out.push_str(&format!("{}\n", series.name()));
        let line = series.line((first, last), (least, greatest));
        let end = series.points.last().map_or("", |point| &point.value);
        if numbers.is_empty() {
            out.push_str(&format!("  {line}  last {end}\n"));
        } else {
            out.push_str(&format!("  {line}  min {least}  max {greatest}  last {end}\n"));
        }
    }
    out.push_str(&format!("  {:<width$}{last}\n", format!("@{first}"), width = COLUMNS - 1 - last.to_string().len()));
    out
}

/// Lines of a table for other programs, as RFC 4180 has them.
pub(super) fn csv(all: &[Series]) -> String {
    let names: BTreeSet<&String> =
        all.iter().flat_map(|series| series.labels.iter().flatten().map(|(name, _)| name)).collect();
    let line = |cells: Vec<String>| format!("{}\r\n", cells.join(","));
    let head = ["time".to_owned(), "value".to_owned()].into_iter().chain(names.iter().map(|name| cell(name)));
    let mut out = line(head.collect());
    for series in all {
        for point in &series.points {
            let labels = names
                .iter()
                .map(|name| cell(series.labels.as_ref().and_then(|l| l.get(*name)).map_or("", String::as_str)));
            out.push_str(&line([cell(&point.time), cell(&point.value)].into_iter().chain(labels).collect()));
        }
    }
    out
}

/// A cell, in quotes where it must be.
fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

// === impl Series ===

impl Series {
    /// As PromQL writes it.
    fn name(&self) -> String {
        let Some(labels) = &self.labels else { return String::new() };
        labels.clone().into_iter().collect::<LabelSet>().to_string()
    }

    /// How it went between two times: in each column the greatest value of its time, where there is one.
    fn line(&self, (first, last): (f64, f64), (least, greatest): (f64, f64)) -> String {
        let mut columns = [None; COLUMNS];
        for point in &self.points {
            let Some(value) = point.value.parse::<f64>().ok().filter(|value| value.is_finite()) else { continue };
            let share = if last > first { (point.seconds() - first) / (last - first) } else { 1.0 };
            let column = columns.get_mut((share * (COLUMNS - 1) as f64).round() as usize);
            if let Some(column) = column {
                *column = Some(column.map_or(value, |other: f64| other.max(value)));
            }
        }
        let bar = |column: &Option<f64>| {
            let Some(value) = column else { return ' ' };
            let share = if greatest > least { (value - least) / (greatest - least) } else { 0.5 };
            BARS.get((share * (BARS.len() - 1) as f64).round() as usize).copied().unwrap_or(' ')
        };
        columns.iter().map(bar).collect()
    }
}

// === impl Point ===

impl Point {
    /// From `[time, value]`; a native histogram is shown as PromQL's text for one.
    fn of(pair: &Value) -> Self {
        let value = match &pair[1] {
            Value::String(text) => text.clone(),
            Value::Object(_) => histogram(&pair[1]),
            _ => String::new(),
        };
        Self { time: pair[0].to_string(), value }
    }

    fn seconds(&self) -> f64 {
        self.time.parse().unwrap_or(f64::NAN)
    }
}

/// A native histogram as Prometheus prints one: `{count:3, sum:4.5, [-1,1]:1, (1,2]:2}`.
///
/// Source: `FloatHistogram.String` of Prometheus' `model/histogram/float_histogram.go`.
fn histogram(of: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let mut out = format!("{{count:{}, sum:{}", text(&of["count"]), text(&of["sum"]));
    for bucket in of["buckets"].as_array().into_iter().flatten() {
        let (open, close) = match bucket[0].as_u64() {
            Some(0) => ('(', ']'),
            Some(1) => ('[', ')'),
            Some(2) => ('(', ')'),
            _ => ('[', ']'),
        };
        let [lower, upper, count] = [1, 2, 3].map(|at| text(&bucket[at]));
        out.push_str(&format!(", {open}{lower},{upper}{close}:{count}"));
    }
    out.push('}');
    out
}

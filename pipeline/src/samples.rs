//! Batches as text: a line for each sample, as expositions write it.

use std::fmt::Write as _;

use crate::batch::{Batch, STALE, is_stale};
use crate::labels::{LabelSet, Labels, METRIC, is_metric_name};
use crate::matcher::{MatchOp, Matcher};
use crate::selector::{self, quote, quoted};
use crate::tenant::Tenant;

/// The batch of a tenant that `text` shows. A line is a sample: labels, value, and milliseconds since the Unix epoch, 0 where
/// there are none. `stale` is the value of staleness markers. Lines with the same labels, one after the other, are one
/// series. Empty lines and those that begin with `#` mean nothing.
///
/// # Errors
/// The first line that is wrong, and why.
pub fn parse(text: &str, tenant: Tenant) -> Result<Batch, String> {
    let mut out = Batch::builder(tenant);
    let mut last: Option<LabelSet> = None;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (labels, timestamp, value) = sample(line).map_err(|why| format!("the line `{line}`: {why}"))?;
        if last.as_ref() != Some(&labels) {
            out.series(labels.as_labels());
        }
        out.sample(timestamp, value);
        last = Some(labels);
    }
    Ok(out.build())
}

/// The samples of `batch` in the notation of [`parse`], in their order; of native histograms, which it can't read, only
/// count and sum. It leaves out the tenant, start timestamps, exemplars, metadata, and series without samples.
pub fn text(batch: &Batch) -> String {
    let mut out = String::new();
    for series in batch.iter() {
        let labels = shown(series.labels);
        for (&timestamp, &value) in series.timestamps.iter().zip(series.values) {
            // Writing to a String does not fail.
            let _ = match timestamp {
                0 => writeln!(out, "{labels} {}", number(value)),
                _ => writeln!(out, "{labels} {} {timestamp}", number(value)),
            };
        }
        for point in series.histograms {
            let (count, sum) = (number(point.histogram.count), number(point.histogram.sum));
            let _ = writeln!(out, "{labels} histogram(count={count},sum={sum}) {}", point.timestamp);
        }
    }
    out
}

fn sample(line: &str) -> Result<(LabelSet, i64, f64), String> {
    let (series, rest) = line.split_at(series_end(line)?);
    let mut words = rest.split_whitespace();
    let value = match words.next() {
        Some("stale") => STALE,
        Some(word) => word.parse().map_err(|_| format!("expected a value, got `{word}`"))?,
        None => return Err("expected a value after the labels".into()),
    };
    let timestamp = words.next().map_or(Ok(0), |word| {
        word.parse().map_err(|_| format!("expected milliseconds since the Unix epoch, got `{word}`"))
    })?;
    if let Some(word) = words.next() {
        return Err(format!("expected the end of the line, got `{word}`"));
    }
    Ok((labels(series)?, timestamp, value))
}

/// Where the labels end.
fn series_end(line: &str) -> Result<usize, String> {
    let mut at = line.find(['{', ' ', '\t']).unwrap_or(line.len());
    if !line[at..].starts_with('{') {
        return Ok(at);
    }
    while let Some(c) = line[at..].chars().next() {
        match c {
            '}' => return Ok(at + 1),
            '"' | '\'' | '`' => at += quoted(&line[at..]).map_err(|error| error.to_string())?.1,
            c => at += c.len_utf8(),
        }
    }
    Err("expected a closing `}`".into())
}

fn labels(text: &str) -> Result<LabelSet, String> {
    let matchers = selector::parse(text).map_err(|error| error.to_string())?;
    if let Some(other) = matchers.iter().find(|m| m.op != MatchOp::Equal) {
        return Err(format!("expected labels with `=`, got `{other}`"));
    }
    Ok(matchers.into_iter().map(|m| (m.name, m.value)).collect())
}

fn shown(labels: Labels<'_>) -> String {
    let metric = labels.metric();
    let outside = if is_metric_name(metric) { metric } else { "" };
    let quoted = if outside.is_empty() && !metric.is_empty() { Some(quote(metric)) } else { None };
    let others = labels.iter().filter(|(name, _)| *name != METRIC);
    let all: Vec<_> = quoted.into_iter().chain(others.map(|(n, v)| Matcher::equal(n, v).to_string())).collect();
    if all.is_empty() && !outside.is_empty() { outside.into() } else { format!("{outside}{{{}}}", all.join(", ")) }
}

/// A value in the notation of [`text`]: `stale` for staleness markers.
pub fn number(value: f64) -> String {
    match value.abs() {
        _ if is_stale(value) => "stale".into(),
        size if size == 0.0 || !size.is_finite() || (1e-5..1e15).contains(&size) => value.to_string(),
        _ => format!("{value:e}"),
    }
}

//! `federate`: the last sample of each series that is selected, as text for another Prometheus to scrape.
//!
//! Shape: `GET /federate?match[]=…`, within five minutes before now or `lookback_delta`; in OpenMetrics where that is
//! accepted. Sorted by metric and labels, each sample with its own time; a series without `instance` has an empty one, so
//! that it does not get that of the scrape. Series that have ended are left out. Native histograms are left out.
//!
//! Errors: as plain text. What would be partial is an error, unless `partial_response=true`.
//!
//! Source: `web/federate.go` of Prometheus 3.14.

use std::collections::BTreeMap;
use std::io::Write as _;

use futures_util::StreamExt;
use hyper::Request;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};
use weir_pipeline::labels::{METRIC, is_label_name, is_metric_name};
use weir_pipeline::{Ask, Batch, Data, LabelSet, is_stale, metrics};

use super::answer::stream;
use super::json::{Drain, number};
use super::pieces::{Gone, PIECE};
use super::reply::{Refusal, Reply};
use super::service::{Service, tenant};
use super::{accept, params};

/// How far to look back, in milliseconds.
const LOOKBACK: i64 = 5 * 60 * 1000;

/// The last samples, in the order in which they are written: by metric, then by labels.
type Last = BTreeMap<(String, LabelSet), (i64, f64)>;

// === impl Service ===

impl Service {
    /// Answers a scrape.
    pub(super) async fn federate(&self, request: Request<Incoming>) -> Result<Reply, Refusal> {
        let start = Instant::now();
        let until = start + self.settings.timeout.get();
        let (encoding, openmetrics) = (accept::encoding(request.headers()), accept::openmetrics(request.headers()));
        let tenant = tenant(request.headers(), &self.settings.default_tenant)?;
        let form = self.form_in_time(request, start).await?;
        let (selectors, options) = params::federate(&form)?;
        let now = self.context.clock.now();
        let lookback = options.lookback.map_or(LOOKBACK, |span| i64::try_from(span.as_millis()).unwrap_or(i64::MAX));
        let turn = self.turn(until).await?;
        let mut last = Last::new();
        for matchers in selectors {
            let ask = Ask::Samples {
                matchers,
                start: now.saturating_sub(lookback).saturating_add(1),
                end: now,
                labels_only: false,
                bucket: None,
            };
            let answer = self.pass(tenant.clone(), ask, options.clone(), until).await?;
            let Data::Samples(batches) = answer.data else { return Err(Refusal::internal("expected samples")) };
            let mut batches = batches.take().ok_or_else(|| Refusal::internal("expected samples that nobody took"))?;
            let late = |_| Refusal::timed_out("query timed out in expression evaluation");
            while let Some(batch) = timeout_at(until, batches.next()).await.map_err(late)? {
                add(&batch.map_err(|error| Refusal::of(&error, None))?, &mut last);
            }
        }
        let media = if openmetrics { metrics::OPENMETRICS } else { metrics::TEXT };
        stream(media, encoding, self.settings.timeout.get(), move |drain, out| {
            let _turn = turn;
            write(&last, openmetrics, out, drain)
        })
    }
}

/// Adds the last samples of a batch's series, but of those that have ended.
fn add(batch: &Batch, last: &mut Last) {
    for series in batch.iter() {
        let (Some(time), Some(value)) = (series.timestamps.last(), series.values.last()) else { continue };
        if !is_stale(*value) && !series.labels.metric().is_empty() {
            last.insert((series.labels.metric().to_owned(), series.labels.to_set()), (*time, *value));
        }
    }
}

/// Writes the samples, each metric with its type, which nobody knows.
fn write(last: &Last, openmetrics: bool, out: &mut Vec<u8>, drain: &mut Drain<'_>) -> Result<(), Gone> {
    let mut before = "";
    for ((metric, labels), (time, value)) in last {
        if before != metric {
            before = metric;
            out.extend(b"# TYPE ");
            if is_metric_name(metric) {
                out.extend(metric.as_bytes())
            } else {
                quoted(metric, out)
            };
            out.extend(if openmetrics { b" unknown\n".as_slice() } else { b" untyped\n" });
        }
        series(metric, labels, out);
        number(*value, out);
        // Writing to memory does not fail.
        let _ = match openmetrics {
            true => writeln!(out, " {}", *time as f64 / 1000.0),
            false => writeln!(out, " {time}"),
        };
        if out.len() >= PIECE {
            drain(out)?;
        }
    }
    if openmetrics {
        out.extend(b"# EOF\n");
    }
    Ok(())
}

/// The name and the labels, and a space.
fn series(metric: &str, labels: &LabelSet, out: &mut Vec<u8>) {
    let mut separator = b'{';
    let is_plain = is_metric_name(metric);
    if is_plain {
        out.extend(metric.as_bytes());
    } else {
        out.push(separator);
        separator = b',';
        quoted(metric, out);
    }
    let labels = labels.as_labels();
    let instance = labels.get("instance").is_none().then_some(("instance", ""));
    for (name, value) in labels.iter().filter(|(name, _)| *name != METRIC).chain(instance) {
        out.push(separator);
        separator = b',';
        if is_label_name(name) {
            out.extend(name.as_bytes())
        } else {
            quoted(name, out)
        };
        out.push(b'=');
        quoted(value, out);
    }
    out.extend(b"} ");
}

/// A text in quotes, as both formats have it.
fn quoted(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'\\' => out.extend(b"\\\\"),
            b'"' => out.extend(b"\\\""),
            b'\n' => out.extend(b"\\n"),
            byte => out.push(byte),
        }
    }
    out.push(b'"');
}

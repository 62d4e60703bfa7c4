//! The last samples as text.

use std::io::Write as _;

use weir_pipeline::labels::{is_label_name, is_metric_name};
use weir_pipeline::query::Value;
use weir_pipeline::{Histogram, LabelSet};

use super::{Family, Kind, Last, classic, labels_of};
use crate::api::json::{Drain, number};
use crate::api::pieces::{Gone, PIECE};

/// Writes the samples, each metric with its type. Histograms without custom buckets have no form.
pub(super) fn write(last: &Last, openmetrics: bool, out: &mut Vec<u8>, drain: &mut Drain<'_>) -> Result<(), Gone> {
    let mut before = None;
    for ((family, labels), sample) in last {
        if sample.value.histogram().is_some_and(|histogram| !histogram.has_custom_buckets()) {
            continue;
        }
        if before != Some(family) {
            before = Some(family);
            out.extend(b"# TYPE ");
            if is_metric_name(&family.metric) {
                out.extend(family.metric.as_bytes())
            } else {
                quoted(&family.metric, out)
            };
            out.extend(type_of(family.kind, openmetrics));
        }
        let mut row = Row { family, labels, time: sample.time, openmetrics, out };
        match &sample.value {
            Value::Float(value) => row.write("", None, *value),
            Value::Histogram(histogram) => row.histogram(histogram),
        }
        if out.len() >= PIECE {
            drain(out)?;
        }
    }
    if openmetrics {
        out.extend(b"# EOF\n");
    }
    Ok(())
}

/// The type, to the end of its line.
fn type_of(kind: Kind, openmetrics: bool) -> &'static [u8] {
    match kind {
        Kind::Float if openmetrics => b" unknown\n",
        Kind::Float => b" untyped\n",
        Kind::GaugeHistogram if openmetrics => b" gaugehistogram\n",
        Kind::Histogram | Kind::GaugeHistogram => b" histogram\n",
    }
}

/// The lines of one sample.
struct Row<'a> {
    family: &'a Family,
    labels: &'a LabelSet,
    time: i64,
    openmetrics: bool,
    out: &'a mut Vec<u8>,
}

// === impl Row ===

impl Row<'_> {
    /// A line for each bucket, one for the sum and one for the count.
    fn histogram(&mut self, histogram: &Histogram) {
        for (bound, count) in classic(histogram) {
            self.write("_bucket", Some(bound), count);
        }
        self.write("_bucket", Some(f64::INFINITY), histogram.count);
        let gauge = self.openmetrics && self.family.kind == Kind::GaugeHistogram;
        let (sum, count) = if gauge { ("_gsum", "_gcount") } else { ("_sum", "_count") };
        self.write(sum, None, histogram.sum);
        self.write(count, None, histogram.count);
    }

    /// A line: the name with what is behind it, the labels, the value, and the time.
    fn write(&mut self, behind: &str, bound: Option<f64>, value: f64) {
        self.series(behind, bound);
        number(value, self.out);
        // Writing to memory does not fail.
        let _ = match self.openmetrics {
            true => writeln!(self.out, " {}", self.time as f64 / 1000.0),
            false => writeln!(self.out, " {}", self.time),
        };
    }

    /// The name and the labels, and a space.
    fn series(&mut self, behind: &str, bound: Option<f64>) {
        let (metric, out) = (format!("{}{behind}", self.family.metric), &mut *self.out);
        let mut separator = b'{';
        if is_metric_name(&metric) {
            out.extend(metric.as_bytes());
        } else {
            out.push(separator);
            separator = b',';
            quoted(&metric, out);
        }
        for (name, value) in labels_of(self.labels) {
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
        if let Some(bound) = bound {
            out.extend(b",le=\"");
            let start = out.len();
            number(bound, out);
            let is_whole = out.get(start..).is_some_and(|bound| bound.iter().all(u8::is_ascii_digit));
            if self.openmetrics && is_whole {
                out.extend(b".0");
            }
            out.push(b'"');
        }
        out.extend(b"} ");
    }
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

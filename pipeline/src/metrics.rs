//! Weir's own metrics: one registry, served as OpenMetrics text.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

mod process;

/// The media type of [`Metrics::encode`].
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The media type of [`Metrics::encode_text`].
pub const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Where metrics are registered. A clone shares the registry.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Mutex<Registered>>);

#[derive(Default)]
struct Registered {
    registry: Registry,
    /// The handles by name: two pipelines with the same source share its metrics.
    handles: HashMap<String, Box<dyn Any + Send + Sync>>,
    described: BTreeMap<String, Description>,
}

/// What a metric is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Description {
    /// The name that its samples have, without `_bucket`, `_sum` and `_count`.
    pub name: String,
    /// `counter`, `gauge`, `histogram` or `info`.
    pub kind: &'static str,
    /// What it counts, without a dot at the end.
    pub help: String,
}

// === impl Metrics ===

impl Metrics {
    /// Registers `metric` and returns it: metrics are handles that share their values. Names are full (`weir_…`),
    /// counters without their `_total`. What is registered already under the name is returned instead; where that is of
    /// another type, `metric` stays unregistered, since a page with two families of one name can't be read.
    pub fn register<M: Metric + Clone>(&self, name: &str, help: &str, metric: M) -> M {
        let mut all = self.lock();
        if let Some(known) = all.handles.get(name) {
            return known.downcast_ref::<M>().cloned().unwrap_or_else(|| {
                tracing::error!(name, "a metric is registered as two types: a fault of the program");
                metric
            });
        }
        let (kind, suffix) = match metric.metric_type() {
            MetricType::Counter => ("counter", "_total"),
            MetricType::Gauge => ("gauge", ""),
            MetricType::Histogram => ("histogram", ""),
            MetricType::Info => ("info", "_info"),
            MetricType::Unknown => ("unknown", ""),
        };
        all.describe(format!("{name}{suffix}"), kind, help);
        all.registry.register(name, help, metric.clone());
        all.handles.insert(name.to_owned(), Box::new(metric.clone()));
        metric
    }

    /// Registers what does not change, as `weir_build_info`. The name comes without its `_info`.
    pub fn info(&self, name: &str, help: &str, labels: &[(&'static str, &str)]) {
        let labels: Vec<(&'static str, String)> = labels.iter().map(|(n, v)| (*n, (*v).to_owned())).collect();
        let mut all = self.lock();
        all.describe(format!("{name}_info"), "info", help);
        all.registry.register(name, help, Info::new(labels));
    }

    /// Registers what the system says of the process, once.
    pub fn process(&self) {
        let mut all = self.lock();
        if all.handles.insert("process".to_owned(), Box::new(())).is_none() {
            for (name, help, kind) in process::DESCRIBED {
                let suffix = if kind == "counter" { "_total" } else { "" };
                all.describe(format!("{name}{suffix}"), kind, help);
            }
            all.registry.register_collector(Box::new(process::Process));
        }
    }

    /// What is registered, sorted by name.
    pub fn described(&self) -> Vec<Description> {
        self.lock().described.values().cloned().collect()
    }

    /// All metrics as OpenMetrics text.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        if encode(&mut text, &self.lock().registry).is_err() {
            text.clear();
        }
        text
    }

    /// All metrics as text 0.0.4, for those who do not read OpenMetrics: counters are described by their full names, and
    /// types that it does not know are what they are closest to.
    pub fn encode_text(&self) -> String {
        let mut out = String::new();
        let mut suffix = "";
        let openmetrics = self.encode();
        let lines: Vec<&str> = openmetrics.lines().collect();
        for (i, line) in lines.iter().enumerate() {
            let Some(said) = line.strip_prefix("# ") else {
                out.push_str(line);
                out.push('\n');
                continue;
            };
            let mut words = said.splitn(3, ' ');
            let (Some(what), Some(name), rest) = (words.next(), words.next(), words.next().unwrap_or_default()) else {
                continue;
            };
            // The type comes after the help, whose name depends on it.
            let kind = match what {
                "HELP" => lines.get(i + 1).and_then(|next| next.rsplit(' ').next()).unwrap_or_default(),
                _ => rest,
            };
            if matches!(what, "HELP" | "TYPE") {
                suffix = match kind {
                    "counter" => "_total",
                    "info" => "_info",
                    _ => "",
                };
            }
            match what {
                "HELP" => out.push_str(&format!("# HELP {name}{suffix} {rest}\n")),
                "TYPE" => {
                    let kind = match rest {
                        "info" | "stateset" => "gauge",
                        "unknown" => "untyped",
                        "gaugehistogram" => "histogram",
                        known => known,
                    };
                    out.push_str(&format!("# TYPE {name}{suffix} {kind}\n"));
                }
                _ => {}
            }
        }
        out
    }

    fn lock(&self) -> MutexGuard<'_, Registered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Registered ===

impl Registered {
    fn describe(&mut self, name: String, kind: &'static str, help: &str) {
        let help = help.to_owned();
        self.described.insert(name.clone(), Description { name, kind, help });
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

#[cfg(test)]
mod tests;

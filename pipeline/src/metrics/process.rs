//! What the system says of the process, in the names that every Prometheus client has.
//!
//! Source: "Process metrics" of Prometheus' guide for client libraries. Read from `/proc` when asked; where there is none,
//! there are no such metrics.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Ticks of a second in `/proc`: the same on every Linux.
const TICKS: f64 = 100.0;

/// The names, help texts and kinds.
pub(super) const DESCRIBED: [(&str, &str, &str); 7] = [
    ("process_cpu_seconds", "Time that the process computed, in its own code and for it", "counter"),
    ("process_resident_memory_bytes", "Memory that the process has in use", "gauge"),
    ("process_virtual_memory_bytes", "Memory that the process can address", "gauge"),
    ("process_start_time_seconds", "When the process started, since the Unix epoch", "gauge"),
    ("process_open_fds", "Files and sockets that are open", "gauge"),
    ("process_max_fds", "How many files and sockets may be open", "gauge"),
    ("process_threads", "Threads", "gauge"),
];

/// What the system says of the process.
#[derive(Debug)]
pub(super) struct Process;

/// One reading, in the order of [`DESCRIBED`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Reading([Option<f64>; 7]);

// === impl Reading ===

impl Reading {
    /// The values by now; `None` for what can't be read.
    pub(super) fn now() -> Self {
        let read = |name: &str| std::fs::read_to_string(format!("/proc/{name}")).unwrap_or_default();
        let files = std::fs::read_dir("/proc/self/fd").map(|files| files.count() as f64).ok();
        Self::of(&read("self/stat"), &read("self/status"), &read("self/limits"), &read("stat"), files)
    }

    /// What these files say.
    pub(super) fn of(stat: &str, status: &str, limits: &str, system: &str, files: Option<f64>) -> Self {
        // The name of the process, in parentheses, may have anything; fields are counted from behind it.
        let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        let field = |number: usize| fields.get(number.checked_sub(3)?)?.parse::<f64>().ok();
        let line = |text: &str, begin: &str| -> Option<f64> {
            text.lines().find_map(|line| line.strip_prefix(begin))?.split_whitespace().next()?.parse().ok()
        };
        let kib = |begin: &str| line(status, begin).map(|kib| kib * 1024.0);
        let cpu = field(14).zip(field(15)).map(|(user, system)| (user + system) / TICKS);
        let started = line(system, "btime ").zip(field(22)).map(|(boot, ticks)| boot + ticks / TICKS);
        let most = line(limits, "Max open files");
        Self([cpu, kib("VmRSS:"), kib("VmSize:"), started, files, most, line(status, "Threads:")])
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let Reading(values) = Reading::now();
        for ((name, help, kind), value) in DESCRIBED.into_iter().zip(values) {
            let Some(value) = value else { continue };
            // The registry ends help texts with a dot; here nobody does.
            let help = format!("{help}.");
            if kind == "counter" {
                let counter = ConstCounter::new(value);
                counter.encode(encoder.encode_descriptor(name, &help, None, counter.metric_type())?)?;
            } else {
                let gauge = ConstGauge::new(value);
                gauge.encode(encoder.encode_descriptor(name, &help, None, gauge.metric_type())?)?;
            }
        }
        Ok(())
    }
}

//! The same load on Weir and its peers, each alone on the machine, one after the other.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::load::{self, Report, Shape};
use crate::peer::{Disk, Kind, Peer, Servers};
use crate::process::Cpu;
use crate::series::Population;
use crate::{Result, keep};

/// The metric whose samples are counted afterwards.
pub(crate) const COUNTED: &str = "container_memory_working_set_bytes";

/// How long the last sample may take to become visible.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs Weir, VictoriaMetrics and Prometheus in turn under the same load.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    servers: Servers,
    #[command(flatten)]
    shape: Shape,
    /// The name of the result, a file in --results.
    #[arg(long, default_value = "compare")]
    name: String,
    /// Where results are kept.
    #[arg(long, default_value = "bench/results")]
    results: PathBuf,
    /// Where the servers keep their data, in directories that are removed. Default: the system's.
    #[arg(long)]
    scratch: Option<PathBuf>,
}

/// What one server gave.
#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    version: Option<String>,
    load: Report,
    /// From the last reply to when the last sample is found.
    visible_after_seconds: Option<f64>,
    /// Samples of one metric, as sent and as found.
    counted_expected: u64,
    counted_found: Option<f64>,
    /// CPU from the start of the load to after the flush.
    cpu_seconds_with_flush: f64,
    disk: Disk,
    blocks_bytes_per_sample: Option<f64>,
    all_bytes_per_sample: f64,
}

/// Everything.
#[derive(Debug, Serialize)]
struct Comparison {
    name: String,
    machine: Machine,
    rows: Vec<Row>,
}

/// Where it was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    cpus: usize,
    cpu: Option<String>,
    memory_kib: Option<u64>,
}

/// Runs it, prints a table and writes the result.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    let population = Population::new(arguments.shape.series);
    let mut rows = Vec::new();
    for (kind, binary, version) in arguments.servers.installed() {
        eprintln!("{}…", kind.name());
        rows.push(run(kind, binary, version, arguments, &population)?);
    }
    let comparison = Comparison { name: arguments.name.clone(), machine: Machine::here(), rows };
    keep(&comparison, &comparison.table(), &arguments.name, &arguments.results)
}

fn run(
    kind: Kind,
    binary: &Path,
    version: Option<String>,
    arguments: &Arguments,
    population: &Population,
) -> Result<Row> {
    let scratch = match &arguments.scratch {
        Some(path) => tempfile::tempdir_in(path)?,
        None => tempfile::tempdir()?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut peer = runtime.block_on(Peer::start(kind, binary, scratch.path()))?;
    let before = Cpu::of(peer.pid())?;
    let shape = Shape { protocol: arguments.shape.protocol.min(kind.protocol()), ..arguments.shape.clone() };
    if shape.protocol != arguments.shape.protocol {
        eprintln!("{} takes remote write 1.0 only", kind.name());
    }
    let load = load::run(&peer.write, &shape, population, Some(peer.pid()))?;
    let rounds = load.samples_sent / population.series.len().max(1) as u64;
    let expected = rounds * population.count(COUNTED) as u64;
    let (visible, found) = runtime.block_on(await_samples(&peer, &load, expected))?;
    let loaded = Cpu::of(peer.pid())?.since(before).total();
    let other = runtime.block_on(peer.flush(binary))?;
    let after = Cpu::of(peer.pid())?;
    let cpu_seconds_with_flush = if other { loaded + after.total() } else { after.since(before).total() };
    let disk = runtime.block_on(peer.stop())?;
    let per_sample = |bytes: u64| bytes as f64 / load.samples_taken.max(1) as f64;
    Ok(Row {
        name: kind.name(),
        version,
        visible_after_seconds: visible,
        counted_expected: expected,
        counted_found: found,
        cpu_seconds_with_flush,
        blocks_bytes_per_sample: (disk.blocks_bytes > 0).then(|| per_sample(disk.blocks_bytes)),
        all_bytes_per_sample: per_sample(disk.all_bytes),
        disk,
        load,
    })
}

/// Waits until every sample of one metric is found. Returns how long that took, and how many there were at the end.
pub(crate) async fn await_samples(peer: &Peer, load: &Report, expected: u64) -> Result<(Option<f64>, Option<f64>)> {
    // One second more than all rounds: the left end of a range is open.
    let range = (load.last_timestamp - load.first_timestamp) / 1000 + 1;
    let query = format!("sum(count_over_time({COUNTED}[{range}s]))");
    let start = Instant::now();
    loop {
        let found = peer.value(&query, load.last_timestamp).await?;
        if found == Some(expected as f64) {
            return Ok((Some(start.elapsed().as_secs_f64()), found));
        }
        if start.elapsed() > PATIENCE {
            return Ok((None, found));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

// === impl Comparison ===

impl Comparison {
    /// A table of the figures, and how the first server's compare.
    fn table(&self) -> String {
        type Figure = (&'static str, fn(&Row) -> Option<f64>);
        const FIGURES: [Figure; 9] = [
            ("samples/s", |row| Some(row.load.samples_per_second)),
            ("samples per server CPU second", |row| Some(row.load.server.as_ref()?.samples_per_cpu_second)),
            ("server CPU s, with flush", |row| Some(row.cpu_seconds_with_flush)),
            ("peak memory, MiB", |row| Some(row.load.server.as_ref()?.peak_memory_bytes as f64 / 1_048_576.0)),
            ("latency p50, ms", |row| Some(row.load.latency_milliseconds.p50)),
            ("latency p99, ms", |row| Some(row.load.latency_milliseconds.p99)),
            ("blocks, bytes per sample", |row| row.blocks_bytes_per_sample),
            ("all on disk, bytes per sample", |row| Some(row.all_bytes_per_sample)),
            ("failed requests", |row| Some(row.load.failures.values().sum::<u64>() as f64)),
        ];
        let mut text = format!("{:<32}", "");
        for row in &self.rows {
            text += &format!("{:>28}", row.name);
        }
        text.push('\n');
        for (name, figure) in FIGURES {
            text += &format!("{name:<32}");
            let first = self.rows.first().and_then(figure);
            for (i, row) in self.rows.iter().enumerate() {
                let cell = match (figure(row), first) {
                    (None, _) => "-".to_owned(),
                    (Some(value), Some(first)) if i > 0 && value != 0.0 => {
                        format!("{} (x{:.2})", number(value), first / value)
                    }
                    (Some(value), _) => number(value),
                };
                text += &format!("{cell:>28}");
            }
            text.push('\n');
        }
        for row in self.rows.iter().filter(|row| row.counted_found != Some(row.counted_expected as f64)) {
            let found = row.counted_found.unwrap_or(0.0);
            text += &format!("{}: found {found} of {} samples of {COUNTED}\n", row.name, row.counted_expected);
        }
        text
    }
}

fn number(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

// === impl Machine ===

impl Machine {
    /// This one.
    pub(crate) fn here() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let line = |text: String, key: &str| {
            let line = text.lines().find(|line| line.starts_with(key))?.split_once(':')?.1.trim().to_owned();
            Some(line)
        };
        let memory = line(read("/proc/meminfo"), "MemTotal");
        Self {
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            cpu: line(read("/proc/cpuinfo"), "model name"),
            memory_kib: memory.and_then(|text| text.split_whitespace().next()?.parse().ok()),
        }
    }
}

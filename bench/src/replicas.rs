//! A ring of three Weirs with replication factor 3 beside one VictoriaMetrics that keeps one copy, under the same load.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::compare::{COUNTED, Machine, await_samples};
use crate::load::{self, Report, Shape};
use crate::peer::replicas::Replicas;
use crate::peer::{Kind, Peer};
use crate::process::{Cpu, peak_memory};
use crate::series::Population;
use crate::{Result, keep};

/// Runs three Weirs that keep three copies, and one VictoriaMetrics that keeps one, in turn under the same load.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Weir's release binary.
    #[arg(long, default_value = "target/release/weir")]
    weir: PathBuf,
    /// The files of a cluster.
    #[arg(long, default_value = "pipelines.d/cluster")]
    pipelines: PathBuf,
    /// VictoriaMetrics; passed over where it is not installed.
    #[arg(long, default_value = "victoria-metrics")]
    victoria_metrics: PathBuf,
    #[command(flatten)]
    shape: Shape,
    /// The name of the result, a file in --results.
    #[arg(long, default_value = "replicas")]
    name: String,
    /// Where results are kept.
    #[arg(long, default_value = "bench/results")]
    results: PathBuf,
}

/// What the servers of one kind gave.
#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    version: Option<String>,
    /// How many processes shared the load, and how many copies they keep.
    copies: usize,
    /// CPU seconds of all of them, from the first request to the last reply.
    cpu_seconds: f64,
    samples_per_cpu_second: f64,
    /// The most that each had resident, in sum.
    peak_memory_bytes: u64,
    counted_expected: u64,
    counted_found: Option<f64>,
    load: Report,
}

/// Everything.
#[derive(Debug, Serialize)]
struct Results {
    name: String,
    machine: Machine,
    rows: Vec<Row>,
}

/// Runs it, prints a table and writes the result.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    let population = Population::new(arguments.shape.series);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut rows = Vec::new();
    let scratch = tempfile::tempdir()?;
    let ring = runtime.block_on(Replicas::start(&arguments.weir, &arguments.pipelines, scratch.path()))?;
    let version = Kind::Weir.version(&arguments.weir);
    rows.push(run(&runtime, &ring.query, &ring.pids(), version, arguments, &population)?);
    drop((ring, scratch));
    match Kind::VictoriaMetrics.version(&arguments.victoria_metrics) {
        None => eprintln!("victoria-metrics is not installed: passed over"),
        version => rows.push(beside(&runtime, &arguments.victoria_metrics, version, arguments, &population)?),
    }
    let results = Results { name: arguments.name.clone(), machine: Machine::here(), rows };
    keep(&results, &results.table(), &arguments.name, &arguments.results)
}

fn beside(
    runtime: &tokio::runtime::Runtime,
    binary: &Path,
    version: Option<String>,
    arguments: &Arguments,
    population: &Population,
) -> Result<Row> {
    let scratch = tempfile::tempdir()?;
    let peer = runtime.block_on(Peer::start(Kind::VictoriaMetrics, binary, scratch.path()))?;
    run(runtime, &peer, &[peer.pid()], version, arguments, population)
}

/// Loads the processes `pids` through `peer`.
fn run(
    runtime: &tokio::runtime::Runtime,
    peer: &Peer,
    pids: &[u32],
    version: Option<String>,
    arguments: &Arguments,
    population: &Population,
) -> Result<Row> {
    eprintln!("{}, {} of them…", peer.kind.name(), pids.len());
    let cpu = || pids.iter().map(|pid| Ok(Cpu::of(*pid)?.total())).sum::<Result<f64>>();
    let shape = Shape { protocol: arguments.shape.protocol.min(peer.kind.protocol()), ..arguments.shape.clone() };
    let before = cpu()?;
    let load = load::run(&peer.write, &shape, population, None)?;
    let cpu_seconds = cpu()? - before;
    let rounds = load.samples_sent / population.series.len().max(1) as u64;
    let counted_expected = rounds * population.count(COUNTED) as u64;
    let (_, counted_found) = runtime.block_on(await_samples(peer, &load, counted_expected))?;
    Ok(Row {
        name: peer.kind.name(),
        version,
        copies: pids.len(),
        cpu_seconds,
        samples_per_cpu_second: load.samples_taken as f64 / cpu_seconds,
        peak_memory_bytes: pids.iter().map(|pid| peak_memory(*pid)).sum::<Result<u64>>()?,
        counted_expected,
        counted_found,
        load,
    })
}

// === impl Results ===

impl Results {
    fn table(&self) -> String {
        let mut text = format!(
            "{:<20}{:>8}{:>24}{:>14}{:>12}{:>12}{:>12}\n",
            "", "copies", "samples/CPU second", "samples/s", "p50, ms", "p99, ms", "peak, MiB"
        );
        for row in &self.rows {
            let Row { name, copies, samples_per_cpu_second, load, .. } = row;
            let (p50, p99) = (load.latency_milliseconds.p50, load.latency_milliseconds.p99);
            let memory = row.peak_memory_bytes as f64 / 1_048_576.0;
            text += &format!(
                "{name:<20}{copies:>8}{samples_per_cpu_second:>24.0}{:>14.0}{p50:>12.1}{p99:>12.1}{memory:>12.0}\n",
                load.samples_per_second
            );
            if row.counted_found != Some(row.counted_expected as f64) {
                let (found, expected) = (row.counted_found.unwrap_or(0.0), row.counted_expected);
                text += &format!("{name}: found {found} of {expected} samples of {COUNTED}\n");
            }
        }
        text
    }
}

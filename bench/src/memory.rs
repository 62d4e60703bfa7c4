//! What series take in memory: of Weir and its peers in turn, idle, with one sample of each series, with all, and after a
//! restart.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use weir_pipeline::units::Span;

use crate::compare::{COUNTED, Machine, await_samples};
use crate::load::{self, Shape};
use crate::peer::{Kind, Peer, Servers};
use crate::process::{peak_memory, resident_memory};
use crate::series::Population;
use crate::{Result, keep};

/// A million series take a little more than a head may by default.
const HEAD: &str = ", head: { memory: 1GiB }";

/// How long a server is left alone before its memory is read: allocators give memory back after a second.
const REST: Duration = Duration::from_secs(5);

const MIB: f64 = 1_048_576.0;

/// Measures the memory of Weir, VictoriaMetrics and Prometheus with the same series.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    servers: Servers,
    /// Series in all.
    #[arg(long, default_value_t = 1_000_000)]
    series: usize,
    /// Samples of each of them at the end.
    #[arg(long, default_value_t = 4)]
    each: u64,
    /// The name of the result, a file in --results.
    #[arg(long, default_value = "memory")]
    name: String,
    /// Where results are kept.
    #[arg(long, default_value = "bench/results")]
    results: PathBuf,
    /// Where the servers keep their data, in directories that are removed. Default: the system's.
    #[arg(long)]
    scratch: Option<PathBuf>,
}

/// What one server gave. All is resident memory of its process, in bytes.
#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    version: Option<String>,
    series: usize,
    /// Before anything came.
    idle: u64,
    /// With one sample of each series.
    with_one_sample: u64,
    /// The same less `idle`, per series.
    per_series: f64,
    /// With all samples.
    with_all_samples: u64,
    /// The most that it ever had until here.
    peak: u64,
    /// Started anew on the same directory: the most that it had until it answered, and what it has then.
    restarted_peak: u64,
    restarted: u64,
}

/// Everything.
#[derive(Debug, Serialize)]
struct Results {
    name: String,
    machine: Machine,
    samples_of_each_series: u64,
    rows: Vec<Row>,
}

/// Runs it, prints a table and writes the result.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    let population = Population::new(arguments.series);
    let mut rows = Vec::new();
    for (kind, binary, version) in arguments.servers.installed() {
        eprintln!("{}…", kind.name());
        rows.push(run(kind, binary, version, arguments, &population)?);
    }
    let (name, samples_of_each_series) = (arguments.name.clone(), arguments.each);
    let results = Results { name, machine: Machine::here(), samples_of_each_series, rows };
    keep(&results, &results.table(), &arguments.name, &arguments.results)
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
    let mut peer = runtime.block_on(Peer::start_with(kind, binary, scratch.path(), HEAD))?;
    let series = population.series.len();
    let idle = runtime.block_on(resting(&peer))?;
    // The first sample is older than the others, so that no server gets one out of order.
    let send = |peer: &Peer, samples: u64, ago: &str| -> Result<()> {
        let shape =
            Shape { ago: Some(ago.parse::<Span>()?), ..Shape::of(series, samples * series as u64, "15s".parse()?) };
        let load = load::run(&peer.write, &shape, population, Some(peer.pid()))?;
        if !load.failures.is_empty() {
            return Err(format!("{} refused: {}", kind.name(), load.first_failure.unwrap_or_default()).into());
        }
        let expected = samples * population.count(COUNTED) as u64;
        match runtime.block_on(await_samples(peer, &load, expected))? {
            (Some(_), _) => Ok(()),
            (None, found) => Err(format!("{}: found {found:?} of {expected} samples", kind.name()).into()),
        }
    };
    send(&peer, 1, "30m")?;
    let with_one_sample = runtime.block_on(resting(&peer))?;
    if let more @ 1.. = arguments.each.saturating_sub(1) {
        send(&peer, more, "20m")?;
    }
    let (with_all_samples, peak) = (runtime.block_on(resting(&peer))?, peak_memory(peer.pid())?);
    runtime.block_on(peer.restart(binary))?;
    let restarted_peak = peak_memory(peer.pid())?;
    let restarted = runtime.block_on(resting(&peer))?;
    runtime.block_on(peer.stop())?;
    Ok(Row {
        name: kind.name(),
        version,
        series,
        idle,
        with_one_sample,
        per_series: with_one_sample.saturating_sub(idle) as f64 / series.max(1) as f64,
        with_all_samples,
        peak,
        restarted_peak,
        restarted,
    })
}

/// What a server has resident that was left alone for a while.
async fn resting(peer: &Peer) -> Result<u64> {
    tokio::time::sleep(REST).await;
    resident_memory(peer.pid())
}

// === impl Results ===

impl Results {
    fn table(&self) -> String {
        type Figure = (&'static str, fn(&Row) -> f64);
        const FIGURES: [Figure; 7] = [
            ("idle, MiB", |row| row.idle as f64 / MIB),
            ("one sample of each series, MiB", |row| row.with_one_sample as f64 / MIB),
            ("that less idle, bytes per series", |row| row.per_series),
            ("all samples, MiB", |row| row.with_all_samples as f64 / MIB),
            ("peak, MiB", |row| row.peak as f64 / MIB),
            ("peak of a restart, MiB", |row| row.restarted_peak as f64 / MIB),
            ("after a restart, MiB", |row| row.restarted as f64 / MIB),
        ];
        let mut text = format!("{:<34}", format!("{} series", self.rows.first().map_or(0, |row| row.series)));
        self.rows.iter().for_each(|row| text += &format!("{:>18}", row.name));
        text.push('\n');
        for (name, figure) in FIGURES {
            text += &format!("{name:<34}");
            self.rows.iter().for_each(|row| text += &format!("{:>18.0}", figure(row)));
            text.push('\n');
        }
        text
    }
}

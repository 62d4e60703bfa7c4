//! `weir-bench`: load for anything that takes remote write, and comparisons of those who do. See the README beside it.

mod alone;
mod compare;
mod cuts;
mod decode;
mod http;
mod latency;
mod load;
mod memory;
mod peer;
mod process;
mod queries;
mod replicas;
mod series;
mod template;
mod walk;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde::Serialize;

/// The allocator of the program that is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What went wrong, in words: a benchmark only prints it.
type Failure = Box<dyn std::error::Error + Send + Sync>;
type Result<T, E = Failure> = std::result::Result<T, E>;

/// Load for anything that takes remote write, and comparisons of those who do.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sends Kubernetes-like series to one server and reports throughput, latencies, and what the server took.
    Load(load::Arguments),
    /// Runs Weir, VictoriaMetrics and Prometheus in turn under the same load, and compares.
    Compare(compare::Arguments),
    /// Asks Weir, VictoriaMetrics and Prometheus the same queries over the same samples, and compares.
    Queries(queries::Arguments),
    /// Measures what series take in the memory of Weir, VictoriaMetrics and Prometheus, also after a restart.
    Memory(memory::Arguments),
    /// Runs a ring of three Weirs that keep three copies beside one VictoriaMetrics, under the same load.
    Replicas(replicas::Arguments),
    /// Loads one Weir that cuts its head often, at a steady rate, and tells what cuts cost those who write.
    Cuts(cuts::Arguments),
    /// Receives and throws away: the receiver alone, as a server for `load`.
    Receive(alone::Arguments),
    /// Decodes the load's requests in this process: what reading costs, without a network and a store.
    Decode(decode::Arguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Load(arguments) => load::main(&arguments),
        Command::Compare(arguments) => compare::main(&arguments),
        Command::Queries(arguments) => queries::main(&arguments),
        Command::Memory(arguments) => memory::main(&arguments),
        Command::Replicas(arguments) => replicas::main(&arguments),
        Command::Cuts(arguments) => cuts::main(&arguments),
        Command::Receive(arguments) => alone::main(&arguments),
        Command::Decode(arguments) => decode::main(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("weir-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes a report to `file`, or to standard output.
fn publish(report: &impl Serialize, file: Option<&PathBuf>) -> Result<()> {
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    match file {
        Some(file) => std::fs::write(file, text).map_err(|e| format!("{}: {e}", file.display()).into()),
        None => Ok(std::io::stdout().write_all(text.as_bytes())?),
    }
}

/// Keeps a comparison as `<name>.json` in a directory, and prints its table.
fn keep(comparison: &impl Serialize, table: &str, name: &str, directory: &Path) -> Result<()> {
    std::fs::create_dir_all(directory)?;
    let file = directory.join(format!("{name}.json"));
    publish(comparison, Some(&file))?;
    std::io::stdout().write_all(table.as_bytes())?;
    eprintln!("written to {}", file.display());
    Ok(())
}

//! What cuts cost those who write: one Weir that cuts its head often, under a load of a steady rate. Each request's latency counts
//! from when it was due, and belongs to the cut that was under way meanwhile, to the merges of blocks after it, or to neither.

mod watch;

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use weir_pipeline::units::Span;

use crate::compare::Machine;
use crate::latency::Latencies;
use crate::load::{self, Protocol, Quantiles, Report, Shape, Timed};
use crate::peer::{Kind, Peer};
use crate::series::Population;
use crate::{Result, keep};
use watch::{Watch, Window, Work};

/// Loads one Weir that cuts often, at a steady rate, and tells what cuts cost.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Weir's release binary.
    #[arg(long, default_value = "target/release/weir")]
    weir: PathBuf,
    /// How often it cuts.
    #[arg(long, default_value = "20s")]
    cut_after: Span,
    /// Samples per second over all connections.
    #[arg(long, default_value_t = 200_000.0)]
    rate: f64,
    /// How long it is loaded.
    #[arg(long, default_value = "5m")]
    duration: Span,
    /// Series in all.
    #[arg(long, default_value_t = 100_000)]
    series: usize,
    /// Remote write 1.0 or 2.0.
    #[arg(long, default_value = "1")]
    protocol: Protocol,
    /// The name of the result, a file in --results.
    #[arg(long, default_value = "cuts")]
    name: String,
    /// Where results are kept.
    #[arg(long, default_value = "bench/results")]
    results: PathBuf,
}

/// Requests of one kind.
#[derive(Debug, Serialize)]
struct Part {
    requests: u64,
    latency_milliseconds: Quantiles,
}

/// What cuts cost.
#[derive(Debug, Serialize)]
struct Cost {
    cuts: usize,
    /// How long all cuts took, and the longest of them.
    cut_seconds: f64,
    longest_cut_seconds: f64,
    during_cuts: Part,
    during_merges: Part,
    between: Part,
    /// P99 during cuts, by that of requests during which there was neither a cut nor a merge.
    p99_ratio: f64,
}

/// Everything.
#[derive(Debug, Serialize)]
struct Results {
    name: String,
    version: Option<String>,
    machine: Machine,
    cut_after: String,
    cost: Cost,
    load: Report,
}

/// Runs it, prints a table and writes the result.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    let population = Population::new(arguments.series);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let scratch = tempfile::tempdir()?;
    let store = format!(", head: {{ cut_after: {} }}", arguments.cut_after);
    let peer = runtime.block_on(Peer::start_with(Kind::Weir, &arguments.weir, scratch.path(), &store))?;
    eprintln!("{} samples/s for {}, a cut each {}…", arguments.rate, arguments.duration, arguments.cut_after);
    let watch = Watch::start(format!("{}/metrics", peer.base));
    let load = load::run(&peer.write, &arguments.shape(), &population, Some(peer.pid()))?;
    let cost = Cost::of(&load.each, &watch.stop()?);
    let results = Results {
        name: arguments.name.clone(),
        version: Kind::Weir.version(&arguments.weir),
        machine: Machine::here(),
        cut_after: arguments.cut_after.to_string(),
        cost,
        load,
    };
    keep(&results, &results.table(), &arguments.name, &arguments.results)?;
    match results.load.failures.values().sum::<u64>() {
        0 => Ok(()),
        n => Err(format!("{n} requests failed").into()),
    }
}

/// What was under way while a request was: a cut before a merge, where there were both.
fn during(request: &Timed, windows: &[Window]) -> Option<Work> {
    let end = request.due + request.latency;
    let meanwhile = windows.iter().filter(|window| window.begin <= end && request.due <= window.end);
    meanwhile.map(|window| window.work).min()
}

// === impl Arguments ===

impl Arguments {
    fn shape(&self) -> Shape {
        let Self { rate, duration, series, protocol, .. } = *self;
        Shape { protocol, rate: Some(rate), duration: Some(duration), ..Shape::of(series, 0, Span::from_secs(15)) }
    }
}

// === impl Part ===

impl Part {
    fn of<'a>(requests: impl Iterator<Item = &'a Timed>) -> Self {
        let mut latencies = Latencies::default();
        requests.for_each(|request| latencies.record(request.latency));
        Self { requests: latencies.count(), latency_milliseconds: Quantiles::of(&latencies) }
    }
}

// === impl Cost ===

impl Cost {
    fn of(requests: &[Timed], windows: &[Window]) -> Self {
        let part = |work| Part::of(requests.iter().filter(|request| during(request, windows) == work));
        let (during_cuts, during_merges, between) = (part(Some(Work::Cut)), part(Some(Work::Merge)), part(None));
        let cuts: Vec<Duration> = windows.iter().filter(|w| w.work == Work::Cut).map(|cut| cut.took).collect();
        Self {
            cuts: cuts.len(),
            cut_seconds: cuts.iter().sum::<Duration>().as_secs_f64(),
            longest_cut_seconds: cuts.iter().max().map_or(0.0, Duration::as_secs_f64),
            p99_ratio: during_cuts.latency_milliseconds.p99 / between.latency_milliseconds.p99,
            during_cuts,
            during_merges,
            between,
        }
    }
}

// === impl Results ===

impl Results {
    fn table(&self) -> String {
        let Self { cost, load, .. } = self;
        let mut text = format!("{:<20}{:>10}{:>12}{:>12}{:>12}\n", "", "requests", "p50, ms", "p99, ms", "max, ms");
        let rows = [
            ("during cuts", cost.during_cuts.requests, &cost.during_cuts.latency_milliseconds),
            ("during merges", cost.during_merges.requests, &cost.during_merges.latency_milliseconds),
            ("between", cost.between.requests, &cost.between.latency_milliseconds),
            ("all", load.requests, &load.latency_milliseconds),
        ];
        for (name, requests, Quantiles { p50, p99, max, .. }) in rows {
            text += &format!("{name:<20}{requests:>10}{p50:>12.1}{p99:>12.1}{max:>12.1}\n");
        }
        let Cost { cuts, cut_seconds, longest_cut_seconds, p99_ratio, .. } = cost;
        text += &format!(
            "{cuts} cuts took {cut_seconds:.1} s of {:.0} s, the longest {longest_cut_seconds:.1} s; p99 x{p99_ratio:.2}; \
             {:.0} samples/s\n",
            load.seconds, load.samples_per_second
        );
        text
    }
}

#[cfg(test)]
mod tests;

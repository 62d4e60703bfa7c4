//! The same PromQL queries on Weir and its peers, side by side over the same samples.
//!
//! All servers run at once, loaded with the same series. Each query is asked of each in turn, again and again, so that what
//! disturbs the machine disturbs all alike; the first answers are not counted.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hyper::Method;
use hyper::body::Bytes;
use serde::Serialize;
use weir_pipeline::units::Span;

use crate::compare::{Machine, await_samples};
use crate::http::Connection;
use crate::load::{self, Shape};
use crate::peer::{Kind, Peer, Servers, percent};
use crate::process::{Cpu, peak_memory};
use crate::series::Population;
use crate::{Result, keep};

mod cancel;

/// What is asked: a name for the table, and the query.
const QUERIES: [(&str, &str); 9] = [
    ("selector", "container_memory_working_set_bytes"),
    ("sum by", "sum by (namespace) (container_memory_working_set_bytes)"),
    ("sum(rate) by two", "sum by (namespace, code) (rate(http_requests_total[5m]))"),
    ("histogram_quantile", "histogram_quantile(0.9, rate(http_request_duration_seconds_bucket[5m]))"),
    (
        "many-to-one join",
        "sum by (created_by_name) \
         (container_memory_working_set_bytes * on (namespace, pod) group_left (created_by_name) kube_pod_info)",
    ),
    ("topk", "topk(10, rate(container_cpu_usage_seconds_total[5m]))"),
    ("max_over_time[1h]", "max_over_time(container_memory_working_set_bytes[1h])"),
    ("single series", "node_load1{instance=\"10.0.0.0:9100\"}"),
    ("count over all", "count by (__name__) ({__name__=~\".+\"})"),
];

/// How many steps a range query has.
const STEPS: i64 = 240;

/// Up to so long are series loaded over several connections.
const ONE_HOUR: Span = Span::from_secs(3600);

/// Asks Weir, VictoriaMetrics and Prometheus the same queries over the same samples, and compares how long they take.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    servers: Servers,
    /// Only queries whose name has this in it.
    #[arg(long, default_value = "")]
    queries: String,
    /// Series in all.
    #[arg(long, default_value_t = 100_000)]
    series: usize,
    /// How long the series are.
    #[arg(long, default_value = "1h")]
    span: Span,
    /// The time between two samples of a series.
    #[arg(long, default_value = "15s")]
    interval: Span,
    /// Asks all of a server over one connection, as a dashboard's server does, instead of one for each query.
    #[arg(long)]
    keep_alive: bool,
    /// How often each query is asked, beside the first time.
    #[arg(long, default_value_t = 7)]
    times: usize,
    /// Has servers write what they hold in memory before they are asked: all samples come from blocks then.
    #[arg(long)]
    flushed: bool,
    /// The name of the result, a file in --results.
    #[arg(long, default_value = "queries")]
    name: String,
    /// Where results are kept.
    #[arg(long, default_value = "bench/results")]
    results: PathBuf,
    /// Where the servers keep their data, in directories that are removed. Default: the system's.
    #[arg(long)]
    scratch: Option<PathBuf>,
}

/// One server, loaded.
struct Server {
    peer: Peer,
    version: Option<String>,
    last: i64,
    _scratch: tempfile::TempDir,
}

/// Everything.
#[derive(Debug, Serialize)]
struct Results {
    name: String,
    machine: Machine,
    /// Whether a server was asked all over one connection.
    keep_alive: bool,
    series: usize,
    samples: u64,
    servers: Vec<Totals>,
    queries: Vec<Row>,
}

/// What one server took for all queries.
#[derive(Debug, Serialize)]
struct Totals {
    name: &'static str,
    version: Option<String>,
    cpu_seconds: f64,
    peak_memory_bytes: u64,
    sum_of_medians_milliseconds: f64,
    /// The same, where ranges may be answered from results that are kept, as those of a dashboard are.
    sum_of_medians_kept_milliseconds: f64,
    /// From when the asker of the slowest query went, to when the server did nothing any more: each time.
    cancel_milliseconds: Vec<f64>,
}

/// One query: the latencies of each server.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    query: &'static str,
    range: bool,
    /// Whether servers may answer from results that they keep of the same query.
    kept: bool,
    answers: Vec<Answer>,
}

/// How one server answered a query.
#[derive(Debug, Serialize)]
struct Answer {
    name: &'static str,
    series: usize,
    milliseconds: Vec<f64>,
    median_milliseconds: f64,
}

/// Runs it, prints a table and writes the result.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    let population = Population::new(arguments.series);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut servers = Vec::new();
    let mut samples = 0;
    for (kind, binary, version) in arguments.servers.installed() {
        eprintln!("loading {}…", kind.name());
        let (server, taken) = start(&runtime, kind, binary, version, arguments, &population)?;
        samples = taken;
        servers.push(server);
    }
    runtime.block_on(rest(&servers))?;
    let before = servers.iter().map(|server| Cpu::of(server.peer.pid())).collect::<Result<Vec<_>>>()?;
    let queries = runtime.block_on(ask_all(&servers, arguments))?;
    let mut totals = Vec::new();
    for (i, (server, before)) in servers.iter().zip(before).enumerate() {
        let sum = |kept: bool| {
            let rows = queries.iter().filter(|row| !row.range || row.kept == kept);
            rows.filter_map(|row| row.answers.get(i)).map(|answer| answer.median_milliseconds).sum()
        };
        let cpu_seconds = Cpu::of(server.peer.pid())?.since(before).total();
        totals.push(Totals {
            name: server.peer.kind.name(),
            version: server.version.clone(),
            cpu_seconds,
            cancel_milliseconds: runtime.block_on(give_up(server, i, &queries, arguments))?,
            peak_memory_bytes: peak_memory(server.peer.pid())?,
            sum_of_medians_milliseconds: sum(false),
            sum_of_medians_kept_milliseconds: sum(true),
        });
    }
    for server in servers {
        runtime.block_on(server.peer.stop())?;
    }
    let series = population.series.len();
    let (name, keep_alive) = (arguments.name.clone(), arguments.keep_alive);
    let results = Results { name, machine: Machine::here(), keep_alive, series, samples, servers: totals, queries };
    keep(&results, &results.table(), &arguments.name, &arguments.results)
}

/// Starts a server, and gives it the samples.
fn start(
    runtime: &tokio::runtime::Runtime,
    kind: Kind,
    binary: &Path,
    version: Option<String>,
    arguments: &Arguments,
    population: &Population,
) -> Result<(Server, u64)> {
    let scratch = match &arguments.scratch {
        Some(path) => tempfile::tempdir_in(path)?,
        None => tempfile::tempdir()?,
    };
    let mut peer = runtime.block_on(Peer::start(kind, binary, scratch.path()))?;
    let rounds = arguments.span.as_millis() / arguments.interval.as_millis().max(1);
    let series = population.series.len() as u64;
    let mut shape = Shape::of(arguments.series, series * rounds.unsigned_abs(), arguments.interval);
    if arguments.span > ONE_HOUR {
        // Of several connections one may fall behind the others by more than Prometheus takes.
        shape.connections = 1;
    }
    let load = load::run(&peer.write, &shape, population, Some(peer.pid()))?;
    if let Some(failure) = &load.first_failure {
        return Err(format!("{}: {failure}", kind.name()).into());
    }
    runtime.block_on(await_samples(&peer, &load, load.samples_sent / series.max(1) * counted(population)))?;
    if arguments.flushed {
        runtime.block_on(peer.flush(binary))?;
    }
    let last = load.last_timestamp;
    Ok((Server { peer, version, last, _scratch: scratch }, load.samples_taken))
}

fn counted(population: &Population) -> u64 {
    population.count(crate::compare::COUNTED) as u64
}

/// Waits until no server is at work any more: what they have taken they cut, merge and compact by themselves for a while, each
/// at a pace of its own, and in the time of the others.
async fn rest(servers: &[Server]) -> Result<()> {
    const LOOK: Duration = Duration::from_secs(5);
    const PATIENCE: u32 = 120;
    for _ in 0..PATIENCE {
        let before = servers.iter().map(|server| Cpu::of(server.peer.pid())).collect::<Result<Vec<_>>>()?;
        tokio::time::sleep(LOOK).await;
        let mut busy = Vec::new();
        for (server, before) in servers.iter().zip(before) {
            let share = Cpu::of(server.peer.pid())?.since(before).total() / LOOK.as_secs_f64();
            if share > 0.02 {
                busy.push(format!("{} ({:.0} %)", server.peer.kind.name(), share * 100.0));
            }
        }
        if busy.is_empty() {
            return Ok(());
        }
        eprintln!("at work: {}", busy.join(", "));
    }
    eprintln!("some are still at work: what they take for it is in their figures");
    Ok(())
}

async fn ask_all(servers: &[Server], arguments: &Arguments) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let connections = servers.iter().map(|server| Connection::new(&server.peer.base));
    let mut connections = connections.collect::<Result<Vec<_>>>()?;
    for (range, kept, how) in [(false, false, "instant"), (true, false, "range"), (true, true, "range again")] {
        for (name, query) in QUERIES.into_iter().filter(|(name, _)| name.contains(&arguments.queries)) {
            let name = format!("{name}, {how}");
            let answer = |server: &Server| Answer {
                name: server.peer.kind.name(),
                series: 0,
                milliseconds: Vec::new(),
                median_milliseconds: 0.0,
            };
            let mut answers: Vec<Answer> = servers.iter().map(answer).collect();
            for time in 0..=arguments.times {
                for ((server, answer), connection) in servers.iter().zip(&mut answers).zip(&mut connections) {
                    let url = url(server, query, (range, kept), arguments);
                    if arguments.keep_alive {
                        connection.to(&url)?;
                    } else {
                        // It opens with the request.
                        *connection = Connection::new(&url)?;
                    }
                    let start = Instant::now();
                    let reply = connection.send(Method::GET, &[], Bytes::new()).await?;
                    let took = start.elapsed().as_secs_f64() * 1000.0;
                    if reply.status != 200 {
                        return Err(format!("{}: {query}: {} {}", answer.name, reply.status, reply.text).into());
                    }
                    if time == 0 {
                        answer.series = reply.text.matches("\"metric\":").count();
                    } else {
                        answer.milliseconds.push(took);
                    }
                }
            }
            for answer in &mut answers {
                answer.median_milliseconds = median(&answer.milliseconds);
            }
            eprintln!("{}", line(&name, &answers));
            rows.push(Row { name, query, range, kept, answers });
        }
    }
    Ok(rows)
}

/// Gives up the slowest query of a server, again and again, each time in the middle.
async fn give_up(server: &Server, i: usize, rows: &[Row], arguments: &Arguments) -> Result<Vec<f64>> {
    let median = |row: &&Row| row.answers.get(i).map_or(0.0, |answer| answer.median_milliseconds);
    let slowest = rows.iter().max_by(|a, b| median(a).total_cmp(&median(b)));
    let Some(row) = slowest.filter(|row| median(row) > 20.0) else { return Ok(Vec::new()) };
    let half = Duration::from_secs_f64(median(&row) / 2000.0);
    let mut took = Vec::new();
    for _ in 0..arguments.times {
        let url = url(server, row.query, (row.range, false), arguments);
        took.push(cancel::cancel(&url, server.peer.pid(), half).await?);
    }
    Ok(took)
}

fn url(server: &Server, query: &str, (range, kept): (bool, bool), arguments: &Arguments) -> String {
    let query: String = query.bytes().map(percent).collect();
    let (base, last) = (&server.peer.base, server.last / 1000);
    let anew = if kept { "" } else { "&nocache=1" };
    if range {
        let step = (arguments.span.as_millis() / 1000 / STEPS).max(1);
        let first = last - step * (STEPS - 1);
        format!("{base}/api/v1/query_range?query={query}&start={first}&end={last}&step={step}{anew}")
    } else {
        format!("{base}/api/v1/query?query={query}&time={last}{anew}")
    }
}

fn median(latencies: &[f64]) -> f64 {
    let mut sorted = latencies.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// One line of the table: the medians, and how many times the first the others are.
fn line(name: &str, answers: &[Answer]) -> String {
    let first = answers.first().map_or(f64::NAN, |answer| answer.median_milliseconds);
    let mut text = format!("{name:<30}");
    for (i, answer) in answers.iter().enumerate() {
        let ratio = if i == 0 { String::new() } else { format!(" (x{:.2})", answer.median_milliseconds / first) };
        text += &format!("{:>26}", format!("{:.1} ms{ratio} #{}", answer.median_milliseconds, answer.series));
    }
    text
}

// === impl Results ===

impl Results {
    fn table(&self) -> String {
        let mut text = format!("{:<30}", "median latency");
        for server in &self.servers {
            text += &format!("{:>26}", server.name);
        }
        text.push('\n');
        for row in &self.queries {
            text += &line(&row.name, &row.answers);
            text.push('\n');
        }
        let sums = self.servers.iter().map(|server| Answer {
            name: server.name,
            series: 0,
            milliseconds: Vec::new(),
            median_milliseconds: server.sum_of_medians_milliseconds,
        });
        text += &line("sum of medians, computed", &sums.collect::<Vec<_>>());
        text.push('\n');
        let sums = self.servers.iter().map(|server| Answer {
            name: server.name,
            series: 0,
            milliseconds: Vec::new(),
            median_milliseconds: server.sum_of_medians_kept_milliseconds,
        });
        text += &line("sum of medians, ranges again", &sums.collect::<Vec<_>>());
        text.push('\n');
        for server in &self.servers {
            let (cpu, memory) = (server.cpu_seconds, server.peak_memory_bytes >> 20);
            text += &format!("{}: {cpu:.1} CPU seconds, peak memory {memory} MiB", server.name);
            let most = server.cancel_milliseconds.iter().copied().fold(0.0, f64::max);
            if !server.cancel_milliseconds.is_empty() {
                text += &format!(
                    ", a query given up ends after {:.1} ms (median; at most {most:.1} ms)",
                    median(&server.cancel_milliseconds)
                );
            }
            text.push('\n');
        }
        text
    }
}

//! One run of load against one server.

mod sender;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use serde::Serialize;
use tokio::sync::mpsc;
use weir_pipeline::Clock;
use weir_pipeline::units::Span;
use weir_stages::remote_write::{Version, compress};

use crate::latency::Latencies;
use crate::process::{Cpu, peak_memory};
use crate::series::Population;
use crate::template::Template;
use crate::{Result, publish};

/// Requests made ahead of each connection, so that it never waits for the encoder.
const AHEAD: usize = 4;

/// How far into the future timestamps may run before a run ends: Prometheus refuses more than ten minutes.
const FUTURE: i64 = 300_000;

/// Sends Kubernetes-like series to one server.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Where to write.
    #[arg(long, default_value = "http://127.0.0.1:19291/api/v1/write")]
    pub(crate) url: String,
    #[command(flatten)]
    pub(crate) shape: Shape,
    /// The process of the server: its CPU time and peak memory are then reported.
    #[arg(long)]
    pub(crate) pid: Option<u32>,
    /// Where the report goes, as JSON. Default: standard output.
    #[arg(long)]
    pub(crate) output: Option<PathBuf>,
}

/// What the load looks like.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub(crate) struct Shape {
    /// Remote write 1.0 or 2.0.
    #[arg(long, default_value = "1")]
    pub(crate) protocol: Protocol,
    /// Tenants, to which the requests go in turn. With 0 or 1 no tenant is named.
    #[arg(long, default_value_t = 0)]
    pub(crate) tenants: usize,
    /// Series in all.
    #[arg(long, default_value_t = 100_000)]
    pub(crate) series: usize,
    /// Samples in each request.
    #[arg(long, default_value_t = 2000)]
    pub(crate) samples_per_request: usize,
    /// Connections, each with one request at a time.
    #[arg(long, default_value_t = 4)]
    pub(crate) connections: usize,
    /// Samples per second over all connections. Default: as many as the server takes.
    #[arg(long)]
    pub(crate) rate: Option<f64>,
    /// Samples to send, rounded up to whole rounds over all series.
    #[arg(long, default_value_t = 4_000_000)]
    pub(crate) samples: u64,
    /// Ends the run after this time, whatever was sent. Replaces --samples.
    #[arg(long, conflicts_with = "samples")]
    #[serde(serialize_with = "span")]
    pub(crate) duration: Option<Span>,
    /// The time between two samples of a series, as in their timestamps.
    #[arg(long, default_value = "15s")]
    #[serde(serialize_with = "interval")]
    pub(crate) interval: Span,
    /// How long ago the first sample was. Default: so that the last is of now; with --duration, 6h.
    #[arg(long)]
    #[serde(serialize_with = "span")]
    pub(crate) ago: Option<Span>,
}

/// The version of the protocol, as an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Protocol(u8);

/// What a run gave.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) shape: Shape,
    /// Samples that were sent, and those of requests that got 2xx.
    pub(crate) samples_sent: u64,
    pub(crate) samples_taken: u64,
    pub(crate) requests: u64,
    /// Requests that failed, by status, or `error` where there was no reply.
    pub(crate) failures: BTreeMap<String, u64>,
    /// What the first of them said.
    pub(crate) first_failure: Option<String>,
    pub(crate) bytes_sent: u64,
    pub(crate) seconds: f64,
    pub(crate) samples_per_second: f64,
    pub(crate) latency_milliseconds: Quantiles,
    /// What the load generator itself took, on the same machine.
    pub(crate) client_cpu: Cpu,
    pub(crate) server: Option<Server>,
    /// Milliseconds since the Unix epoch of the first and the last round.
    pub(crate) first_timestamp: i64,
    pub(crate) last_timestamp: i64,
    /// Each request, in no order.
    #[serde(skip)]
    pub(crate) each: Vec<Timed>,
}

/// When a request was due (or sent, without --rate), and how long it took from then to the end of its reply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timed {
    pub(crate) due: Instant,
    pub(crate) latency: Duration,
}

/// Latencies of requests, from when they were due (or sent, without --rate) to the end of their replies.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Quantiles {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

/// What the server took during the run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Server {
    pub(crate) cpu: Cpu,
    pub(crate) cpu_seconds: f64,
    /// Since the process started.
    pub(crate) peak_memory_bytes: u64,
    pub(crate) samples_per_cpu_second: f64,
}

/// A request, ready to send.
struct Ready {
    number: u64,
    body: Bytes,
    samples: u64,
    tenant: Option<String>,
    timestamp: i64,
}

/// Runs the load and prints or writes the report.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    let population = Population::new(arguments.shape.series);
    let report = run(&arguments.url, &arguments.shape, &population, arguments.pid)?;
    publish(&report, arguments.output.as_ref())?;
    match report.failures.values().sum::<u64>() {
        0 => Ok(()),
        n => Err(format!("{n} requests failed: {}", report.first_failure.unwrap_or_default()).into()),
    }
}

/// Runs the load against `url`.
pub(crate) fn run(url: &str, shape: &Shape, population: &Population, pid: Option<u32>) -> Result<Report> {
    let version = shape.protocol.version();
    let mut shares: Vec<Vec<(u64, Template)>> = (0..shape.connections.max(1)).map(|_| Vec::new()).collect();
    let all = templates(version, population, shape.samples_per_request)?;
    let (chunks, count) = (all.len() as u64, shares.len());
    for (chunk, template) in all.into_iter().enumerate() {
        // A series stays on one connection: its samples arrive in order.
        if let Some(share) = shares.get_mut(chunk % count) {
            share.push((chunk as u64, template));
        }
    }
    let rounds = shape.rounds();
    let first_timestamp = now() - shape.ago.map_or_else(|| shape.span(rounds), Span::as_millis);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (client, server) = (Cpu::of(std::process::id())?, pid.map(Cpu::of).transpose()?);
    let start = Instant::now();
    let mut queues = Vec::new();
    for share in shares {
        let (sender, receiver) = mpsc::channel(AHEAD);
        queues.push(receiver);
        let shape = shape.clone();
        std::thread::spawn(move || produce(share, &shape, rounds, chunks, first_timestamp, &sender));
    }
    let tallies = runtime.block_on(async {
        let senders =
            queues.into_iter().map(|queue| tokio::spawn(sender::run(url.to_owned(), shape.clone(), queue, start)));
        let mut total = sender::Tally::default();
        for sender in senders.collect::<Vec<_>>() {
            total.merge(sender.await??);
        }
        Ok::<_, crate::Failure>(total)
    })?;
    let seconds = start.elapsed().as_secs_f64();
    let client_cpu = Cpu::of(std::process::id())?.since(client);
    let server = match (pid, server) {
        (Some(pid), Some(before)) => Some(Server::new(pid, Cpu::of(pid)?.since(before), tallies.taken)?),
        _ => None,
    };
    Ok(tallies.report(shape, seconds, client_cpu, server, first_timestamp))
}

/// The requests of one round.
pub(crate) fn templates(version: Version, population: &Population, samples: usize) -> Result<Vec<Template>> {
    let chunks = population.series.chunks(samples.max(1)).enumerate();
    chunks.map(|(i, series)| Template::new(version, population, series, i * samples)).collect()
}

/// Makes one connection's requests, as fast as they are taken.
fn produce(
    mut share: Vec<(u64, Template)>,
    shape: &Shape,
    rounds: u64,
    chunks: u64,
    first: i64,
    queue: &mpsc::Sender<Ready>,
) {
    for round in 1..=rounds {
        let timestamp = first + (round - 1) as i64 * shape.interval.as_millis();
        if timestamp > now() + FUTURE {
            return;
        }
        for (chunk, template) in &mut share {
            let mut body = Vec::new();
            let tenant = (shape.tenants > 1).then(|| format!("tenant-{}", *chunk % shape.tenants as u64));
            let samples = template.samples();
            if compress(template.fill(round, timestamp), &mut body).is_err() {
                return;
            }
            let number = (round - 1) * chunks + *chunk;
            let ready = Ready { number, body: body.into(), samples, tenant, timestamp };
            if queue.blocking_send(ready).is_err() {
                return;
            }
        }
    }
}

fn now() -> i64 {
    Clock::system().now()
}

// === impl Shape ===

impl Shape {
    /// So many samples of so many series, as fast as they are taken, the last of now.
    pub(crate) fn of(series: usize, samples: u64, interval: Span) -> Self {
        let (protocol, samples_per_request, connections) = (Protocol(1), 2000, 4);
        let (tenants, rate, duration, ago) = (0, None, None, None);
        Self { protocol, tenants, series, samples_per_request, connections, rate, samples, duration, interval, ago }
    }

    /// How often each series is sent.
    pub(crate) fn rounds(&self) -> u64 {
        match self.duration {
            Some(_) => u64::MAX >> 16,
            None => self.samples.div_ceil(self.series.max(1) as u64).max(1),
        }
    }

    /// From the first round to the last, in milliseconds.
    fn span(&self, rounds: u64) -> i64 {
        match self.duration {
            Some(_) => 6 * 3_600_000,
            None => (rounds - 1) as i64 * self.interval.as_millis(),
        }
    }
}

// === impl Protocol ===

impl Protocol {
    pub(crate) const V1: Self = Self(1);
    pub(crate) const V2: Self = Self(2);

    pub(crate) fn version(self) -> Version {
        if self.0 == 1 { Version::V1 } else { Version::V2 }
    }
}

impl FromStr for Protocol {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "1" | "1.0" => Ok(Self::V1),
            "2" | "2.0" => Ok(Self::V2),
            _ => Err(format!("expected 1 or 2, got `{text}`")),
        }
    }
}

// === impl Quantiles ===

impl Quantiles {
    pub(crate) fn of(latencies: &Latencies) -> Self {
        let quantile = |q| latencies.quantile(q);
        Self { p50: quantile(0.5), p90: quantile(0.9), p99: quantile(0.99), max: latencies.max() }
    }
}

// === impl Server ===

impl Server {
    fn new(pid: u32, cpu: Cpu, samples: u64) -> Result<Self> {
        let cpu_seconds = cpu.total();
        let samples_per_cpu_second = (samples as f64 / cpu_seconds.max(0.01)).round();
        Ok(Self { cpu, cpu_seconds, peak_memory_bytes: peak_memory(pid)?, samples_per_cpu_second })
    }
}

fn span<S: serde::Serializer>(span: &Option<Span>, serializer: S) -> Result<S::Ok, S::Error> {
    span.map(|span| span.to_string()).serialize(serializer)
}

fn interval<S: serde::Serializer>(span: &Span, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(span)
}

/// The time until request `number` is due, where a rate is asked for.
fn due(shape: &Shape, number: u64) -> Option<Duration> {
    let requests_per_second = shape.rate? / shape.samples_per_request.max(1) as f64;
    Duration::try_from_secs_f64(number as f64 / requests_per_second).ok()
}

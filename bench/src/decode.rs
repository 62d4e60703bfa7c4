//! What reading a request costs, in this process: snappy and the decoder.

use std::time::Instant;

use serde::Serialize;
use weir_pipeline::Tenant;
use weir_stages::remote_write::{Limits, compress, decode, decompress};

use crate::load::{Protocol, templates};
use crate::process::Cpu;
use crate::series::Population;
use crate::{Result, publish};

/// Decodes the load's requests in this process.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Remote write 1.0 or 2.0.
    #[arg(long, default_value = "1")]
    protocol: Protocol,
    /// Series in all.
    #[arg(long, default_value_t = 100_000)]
    series: usize,
    /// Samples in each request.
    #[arg(long, default_value_t = 2000)]
    samples_per_request: usize,
    /// Rounds over all series.
    #[arg(long, default_value_t = 40)]
    rounds: u64,
}

#[derive(Serialize)]
struct Report {
    samples: u64,
    bytes_compressed_per_sample: f64,
    bytes_per_sample: f64,
    seconds: f64,
    decompress_samples_per_cpu_second: f64,
    decode_samples_per_cpu_second: f64,
    both_samples_per_cpu_second: f64,
}

/// Runs it and prints a report.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    let population = Population::new(arguments.series);
    let version = arguments.protocol.version();
    let mut bodies = Vec::new();
    for mut template in templates(version, &population, arguments.samples_per_request)? {
        let mut packed = Vec::new();
        compress(template.fill(1, 1_700_000_000_000), &mut packed)?;
        bodies.push(packed);
    }
    let (mut decompressed, limits) = (Vec::new(), Limits::default());
    let (start, before, mut samples, mut bytes) = (Instant::now(), Cpu::of(std::process::id())?, 0, 0);
    for _ in 0..arguments.rounds {
        for body in &bodies {
            decompress(body, 32 << 20, &mut decompressed)?;
            bytes += decompressed.len();
        }
    }
    let between = Cpu::of(std::process::id())?;
    for _ in 0..arguments.rounds {
        for body in &bodies {
            decompress(body, 32 << 20, &mut decompressed)?;
            samples += decode(&decompressed, version, Tenant::default(), &limits)?.batch.sample_count() as u64;
        }
    }
    let both = Cpu::of(std::process::id())?.since(between).total();
    let unpack = between.since(before).total();
    let packed: usize = bodies.iter().map(Vec::len).sum();
    let per_second = |seconds: f64| (samples as f64 / seconds.max(0.001)).round();
    let report = Report {
        samples,
        bytes_compressed_per_sample: packed as f64 * arguments.rounds as f64 / samples as f64,
        bytes_per_sample: bytes as f64 / samples as f64,
        seconds: start.elapsed().as_secs_f64(),
        decompress_samples_per_cpu_second: per_second(unpack),
        decode_samples_per_cpu_second: per_second(both - unpack),
        both_samples_per_cpu_second: per_second(both),
    };
    publish(&report, None)
}

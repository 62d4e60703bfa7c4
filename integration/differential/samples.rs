//! Random series: counters that are reset, gauges, gaps, staleness markers, numbers that are none, classic histograms.

use weir_pipeline::{Batch, BatchBuilder, LabelSet, Tenant};
use weir_stages::remote_write;

use super::chance::Chance;

/// The first sample is after this, in milliseconds since the Unix epoch. A whole minute.
pub const START: i64 = 1_700_000_040_000;

/// How long series are, in milliseconds.
pub const LENGTH: i64 = 40 * 60_000;

/// Milliseconds between the samples of a series.
const INTERVAL: i64 = 15_000;

/// The bounds of classic histograms.
const BOUNDS: [&str; 4] = ["0.5", "1", "2.5", "+Inf"];

/// What a staleness marker is.
const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// The series of a seed, as a request of remote write.
pub fn request(chance: &mut Chance) -> Vec<u8> {
    let mut batch = Batch::builder(Tenant::default());
    for job in ["a", "b"] {
        for instance in ["1", "2", "3"] {
            let labels = |name: &'static str| [("__name__", name), ("job", job), ("instance", instance)];
            add(&mut batch, &labels("c_total"), &counter(chance));
            add(&mut batch, &labels("g"), &gauge(chance));
            if (job, instance) != ("b", "3") {
                add(&mut batch, &labels("g2"), &gauge(chance));
            }
            add(&mut batch, &labels("odd"), &odd(chance));
        }
        let zone = if job == "a" { "eu" } else { "us" };
        let ones: Vec<_> = times(chance).into_iter().map(|time| (time, 1.0)).collect();
        add(&mut batch, &[("__name__", "info"), ("job", job), ("zone", zone)], &ones);
        for (le, samples) in BOUNDS.into_iter().zip(buckets(chance)) {
            add(&mut batch, &[("__name__", "h_bucket"), ("job", job), ("le", le)], &samples);
        }
    }
    let mut encoded = Vec::new();
    remote_write::encode(&batch.build(), remote_write::Version::V1, &mut encoded);
    let mut body = Vec::new();
    remote_write::compress(&encoded, &mut body).unwrap();
    body
}

fn add(batch: &mut BatchBuilder, labels: &[(&str, &str)], samples: &[(i64, f64)]) {
    let labels: LabelSet = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    batch.series(labels.as_labels());
    for (time, value) in samples {
        batch.sample(*time, *value);
    }
}

/// When a series without gaps has samples: never at a whole or half second, where windows have their edges.
fn times(chance: &mut Chance) -> Vec<i64> {
    let phase = chance.between(0, 14) * 1000 + chance.between(0, 1) * 500 + chance.between(1, 499);
    (0..LENGTH / INTERVAL).map(|i| START + i * INTERVAL + phase).collect()
}

/// Takes samples out, and puts a staleness marker where some gaps begin.
fn with_gaps(chance: &mut Chance, samples: Vec<(i64, f64)>) -> Vec<(i64, f64)> {
    let (mut out, mut gone, mut is_marked) = (Vec::new(), 0, false);
    for (time, value) in samples {
        if gone == 0 && chance.once_in(40) {
            (gone, is_marked) = (chance.between(1, 30), chance.once_in(2));
        }
        match gone {
            0 => out.push((time, value)),
            _ => {
                if std::mem::take(&mut is_marked) {
                    out.push((time, STALE));
                }
                gone -= 1;
            }
        }
    }
    out
}

/// A counter that is reset once at most, and then far from 0: see the table in `stages/promql/README.md`.
fn counter(chance: &mut Chance) -> Vec<(i64, f64)> {
    let times = times(chance);
    let mut value = chance.between(1_000_000, 9_000_000) as f64;
    let reset = chance.between(0, 300) as usize;
    let mut samples = Vec::new();
    for (i, time) in times.into_iter().enumerate() {
        value = if i == reset { (value * 0.3).round() } else { value + chance.between(1, 4_000) as f64 / 4.0 };
        samples.push((time, value));
    }
    with_gaps(chance, samples)
}

/// Quarters, so that sums are exact in whichever order; so many that no two are likely the same.
fn gauge(chance: &mut Chance) -> Vec<(i64, f64)> {
    let samples =
        times(chance).into_iter().map(|time| (time, chance.between(-4_000_000, 4_000_000) as f64 / 4.0)).collect();
    with_gaps(chance, samples)
}

/// A gauge that stands still, and is NaN or infinite at times.
fn odd(chance: &mut Chance) -> Vec<(i64, f64)> {
    let mut value = 1.0;
    let mut samples = Vec::new();
    for time in times(chance) {
        if chance.once_in(5) {
            value = chance.of(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -1.0, 1.0, 2.5, 3.0]);
        }
        samples.push((time, value));
    }
    with_gaps(chance, samples)
}

/// The counts of each bucket of a histogram, cumulative.
fn buckets(chance: &mut Chance) -> Vec<Vec<(i64, f64)>> {
    let times = times(chance);
    let mut counts = BOUNDS.map(|_| chance.between(100_000, 200_000) as f64);
    let mut out = BOUNDS.map(|_| Vec::new()).to_vec();
    for time in times {
        let mut sum = 0.0;
        for (count, samples) in counts.iter_mut().zip(&mut out) {
            *count += chance.between(1, 50) as f64;
            sum += *count;
            samples.push((time, sum));
        }
    }
    out
}

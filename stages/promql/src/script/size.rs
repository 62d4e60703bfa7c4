//! How many bytes a chunk of float histograms takes, which is what makes Prometheus begin a new one.
//!
//! Nothing is encoded, only counted. A chunk writes its buckets once at its start, and is written anew where a
//! histogram brings buckets that it does not have.
//!
//! Source: `tsdb/chunkenc/float_histogram_st.go`, `histogram_meta.go`, `st.go`, `varbit.go` and `xor.go` of Prometheus
//! 3.14.0.

use std::collections::BTreeMap;
use std::sync::Arc;

use weir_pipeline::Histogram;
use weir_pipeline::histogram::Buckets;

use super::chunk::indexed;

/// What stands before the samples: their number, and flags.
const HEADER_BYTES: usize = 3;

/// The sample at which the start is written even if it did not change.
const LAST_START_CHANGE: usize = 127;

/// The bits of numbers of variable length: how many the value has, and how many are written.
const VARBITS: [(u32, usize); 7] = [(3, 5), (6, 9), (9, 13), (12, 17), (18, 24), (25, 32), (56, 64)];

/// A sample.
#[derive(Clone, Debug)]
struct Sample {
    time: i64,
    start: i64,
    histogram: Arc<Histogram>,
}

/// The size of a chunk, and what is needed to go on.
#[derive(Clone, Debug, Default)]
pub(super) struct Size {
    samples: Vec<Sample>,
    written: Written,
}

/// What is written.
#[derive(Clone, Debug, Default)]
struct Written {
    bits: usize,
    samples: usize,
    times: Deltas,
    starts: Starts,
    /// Count, zero count and sum.
    numbers: [Xor; 3],
    positive: BTreeMap<i64, Xor>,
    negative: BTreeMap<i64, Xor>,
}

/// The last time and the last difference.
#[derive(Clone, Copy, Debug, Default)]
struct Deltas {
    time: i64,
    delta: i64,
}

/// The last start, and the last difference once starts are written.
#[derive(Clone, Copy, Debug, Default)]
struct Starts {
    start: i64,
    delta: Option<i64>,
}

/// A number of which the changed bits are written.
#[derive(Clone, Copy, Debug, Default)]
struct Xor {
    bits: u64,
    /// How many bits at the start and at the end were left out the last time.
    window: Option<(u32, u32)>,
}

// === impl Size ===

impl Size {
    /// A chunk of one sample.
    pub(super) fn new(time: i64, start: i64, histogram: &Arc<Histogram>) -> Self {
        let mut size = Self::default();
        size.add(time, start, histogram);
        size
    }

    /// Adds a sample.
    pub(super) fn add(&mut self, time: i64, start: i64, histogram: &Arc<Histogram>) {
        let sample = Sample { time, start, histogram: histogram.clone() };
        let is_wider = !self.written.has(histogram);
        if is_wider {
            let mut written = Written::default();
            for sample in self.samples.iter().chain([&sample]) {
                written.widen(&sample.histogram);
            }
            self.samples.iter().for_each(|sample| written.add(sample));
            self.written = written;
        }
        self.written.add(&sample);
        self.samples.push(sample);
    }

    /// The size in bytes.
    pub(super) fn bytes(&self) -> usize {
        HEADER_BYTES + self.written.bits.div_ceil(8)
    }
}

// === impl Written ===

impl Written {
    /// Whether there is room for all its buckets.
    fn has(&self, histogram: &Histogram) -> bool {
        let all = |own: &BTreeMap<i64, Xor>, buckets| indexed(buckets).all(|(index, _)| own.contains_key(&index));
        all(&self.positive, &histogram.positive) && all(&self.negative, &histogram.negative)
    }

    /// Makes room for all its buckets.
    fn widen(&mut self, histogram: &Histogram) {
        self.positive.extend(indexed(&histogram.positive).map(|(index, _)| (index, Xor::default())));
        self.negative.extend(indexed(&histogram.negative).map(|(index, _)| (index, Xor::default())));
    }

    fn add(&mut self, sample: &Sample) {
        let Sample { time, start, histogram } = sample;
        let previous = self.times.time;
        let numbers = [histogram.count, histogram.zero_count, histogram.sum];
        if self.samples == 0 {
            self.bits += layout(histogram) + spans(&self.positive) + spans(&self.negative);
            self.bits += varbit(*time) + 64 * (3 + self.positive.len() + self.negative.len());
        } else {
            let delta = time.wrapping_sub(previous);
            self.bits += varbit(delta.wrapping_sub(self.times.delta));
            self.times.delta = delta;
        }
        self.times.time = *time;
        let mut bits = 0;
        for (xor, number) in self.numbers.iter_mut().zip(numbers) {
            bits += xor.write(number);
        }
        if !histogram.is_stale() {
            bits += buckets(&mut self.positive, &histogram.positive);
            bits += buckets(&mut self.negative, &histogram.negative);
        }
        if self.samples > 0 {
            self.bits += bits;
        } else {
            // They were written whole.
            self.numbers.iter_mut().for_each(|xor| xor.window = None);
            self.positive.values_mut().chain(self.negative.values_mut()).for_each(|xor| xor.window = None);
        }
        self.samples += 1;
        self.bits += self.starts.write(self.samples, *time, previous, *start);
    }
}

/// The bits of what is said once of all histograms.
fn layout(histogram: &Histogram) -> usize {
    let threshold = histogram.zero_threshold;
    // A power of two within a byte.
    let is_short = threshold == 0.0
        || threshold.to_bits().trailing_zeros() >= 52 && (2f64.powi(-243)..=2f64.powi(10)).contains(&threshold);
    let custom = match histogram.has_custom_buckets() {
        true => varbit_unsigned(histogram.custom.len() as u64) + histogram.custom.iter().map(bound).sum::<usize>(),
        false => 0,
    };
    (if is_short { 8 } else { 72 }) + varbit(i64::from(histogram.schema)) + custom
}

/// The bits of a bound of custom buckets: short where it has at most three decimals.
fn bound(bound: &f64) -> usize {
    let thousand = bound * 1000.0;
    let is_short = (0.0..=33_554_430.0).contains(&thousand) && thousand.round() / 1000.0 == *bound;
    if is_short { varbit_unsigned(thousand.round() as u64 + 1) } else { 65 }
}

/// The bits of the spans of buckets at these indices.
fn spans(buckets: &BTreeMap<i64, Xor>) -> usize {
    let (mut bits, mut count, mut end, mut length) = (0, 0, 0, 0u64);
    for index in buckets.keys() {
        if length == 0 || *index != end {
            bits += if length > 0 { varbit_unsigned(length) } else { 0 };
            bits += varbit(index - end);
            (count, length) = (count + 1, 0);
        }
        (end, length) = (index + 1, length + 1);
    }
    bits + varbit_unsigned(count) + if length > 0 { varbit_unsigned(length) } else { 0 }
}

/// Writes all buckets; those that the histogram does not have are 0.
fn buckets(written: &mut BTreeMap<i64, Xor>, buckets: &Buckets) -> usize {
    let mut given = indexed(buckets).peekable();
    let write = |(index, xor): (&i64, &mut Xor)| {
        let count = given.next_if(|(other, _)| other == index).map_or(0.0, |(_, count)| count);
        xor.write(count)
    };
    written.iter_mut().map(write).sum()
}

// === impl Starts ===

impl Starts {
    /// The bits of the start of sample number `number`, from 1.
    fn write(&mut self, number: usize, time: i64, previous: i64, start: i64) -> usize {
        let same = start == self.start;
        self.start = start;
        let delta = previous.wrapping_sub(start);
        match (number, self.delta) {
            (1, _) if start == 0 => 0,
            (1, _) => varint(time.wrapping_sub(start)),
            (_, Some(before)) => {
                self.delta = Some(delta);
                varbit(delta.wrapping_sub(before))
            }
            (2.., None) if !same || number == LAST_START_CHANGE + 1 => {
                self.delta = Some(delta);
                varbit(delta)
            }
            _ => 0,
        }
    }
}

// === impl Xor ===

impl Xor {
    fn write(&mut self, number: f64) -> usize {
        let changed = number.to_bits() ^ self.bits;
        self.bits = number.to_bits();
        if changed == 0 {
            return 1;
        }
        let (leading, trailing) = (changed.leading_zeros().min(31), changed.trailing_zeros());
        match self.window {
            Some((first, last)) if leading >= first && trailing >= last => 2 + (64 - first - last) as usize,
            _ => {
                self.window = Some((leading, trailing));
                13 + (64 - leading - trailing) as usize
            }
        }
    }
}

fn varbit(value: i64) -> usize {
    let fits = |bits: u32| value > -(1i64 << (bits - 1)) && value <= 1i64 << (bits - 1);
    match value {
        0 => 1,
        _ => VARBITS.iter().find(|(bits, _)| fits(*bits)).map_or(72, |(_, written)| *written),
    }
}

fn varbit_unsigned(value: u64) -> usize {
    match value {
        0 => 1,
        _ => VARBITS.iter().find(|(bits, _)| value >> bits == 0).map_or(72, |(_, written)| *written),
    }
}

/// The bits of a number in whole bytes, seven bits in each.
fn varint(value: i64) -> usize {
    let zigzag = (value << 1 ^ value >> 63) as u64;
    8 * (64 - zigzag.leading_zeros() as usize).div_ceil(7).max(1)
}

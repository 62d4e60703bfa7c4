//! Chunks of native histograms.

use weir_pipeline::histogram::{BucketSpan, Buckets, CUSTOM_SCHEMA, ResetHint};
use weir_pipeline::testing::histogram_point;
use weir_pipeline::{Histogram, STALE};

use super::super::histograms::{chunks, histogram_chunk};
use super::*;

impl Reader<'_> {
    /// The size and the bits of a number.
    fn varbit(&mut self) -> (usize, u64) {
        let ones = (0..8).take_while(|_| self.bits(1) == 1).count();
        let size = [0, 3, 6, 9, 12, 18, 25, 56, 64][ones];
        (size, self.bits(size))
    }

    fn varbit_signed(&mut self) -> i64 {
        let (size, raw) = self.varbit();
        let is_negative = size > 0 && size < 64 && raw > 1 << (size - 1);
        if is_negative { raw as i64 - (1 << size) } else { raw as i64 }
    }

    fn float(&mut self) -> f64 {
        f64::from_bits(self.bits(64))
    }

    fn spans(&mut self) -> Buckets {
        let read = |r: &mut Self| BucketSpan { length: r.varbit().1 as u32, offset: r.varbit_signed() as i32 };
        let spans: Vec<BucketSpan> = (0..self.varbit().1).map(|_| read(self)).collect();
        let length: u32 = spans.iter().map(|span| span.length).sum();
        Buckets { spans, counts: vec![0.0; length as usize] }
    }

    fn layout(&mut self) -> Histogram {
        let zero_threshold = match self.bits(8) {
            0 => 0.0,
            255 => self.float(),
            power => 2f64.powi(power as i32 - 244),
        };
        let schema = self.varbit_signed() as i32;
        let (positive, negative) = (self.spans(), self.spans());
        let bound = |r: &mut Self| match r.varbit().1 {
            0 => r.float(),
            thousandths => (thousandths - 1) as f64 / 1000.0,
        };
        let bounds = if schema == CUSTOM_SCHEMA { self.varbit().1 } else { 0 };
        let custom = (0..bounds).map(|_| bound(self)).collect();
        Histogram { zero_threshold, schema, positive, negative, custom, ..Histogram::default() }
    }
}

/// What a reader of Prometheus makes of a chunk, by the description of the format.
fn read(data: &[u8]) -> Vec<(i64, Histogram)> {
    let mut r = Reader(data, 0);
    let (count, flags) = (r.bits(16), r.bits(8));
    let mut histogram = r.layout();
    let buckets = histogram.positive.counts.len() + histogram.negative.counts.len();
    let (mut time, mut delta, mut numbers) = (0i64, 0i64, vec![(0u64, (0, 0)); buckets + 3]);
    let mut out = Vec::new();
    for i in 0..count {
        let change = r.varbit_signed();
        delta = if i == 0 { 0 } else { delta + change };
        time += if i == 0 { change } else { delta };
        for (nth, (bits, window)) in numbers.iter_mut().enumerate() {
            if i == 0 {
                *bits = r.bits(64);
            } else if r.bits(1) == 1 {
                if r.bits(1) == 1 {
                    let (leading, size) = (r.bits(5), r.bits(6));
                    let size = if size == 0 { 64 } else { size };
                    *window = (64 - leading - size, size);
                }
                *bits ^= r.bits(window.1 as usize) << window.0;
            }
            if i > 0 && nth == 2 && weir_pipeline::is_stale(f64::from_bits(*bits)) {
                break;
            }
        }
        let mut all = numbers.iter().map(|(bits, _)| f64::from_bits(*bits));
        let mut next = || all.next().unwrap();
        (histogram.count, histogram.zero_count, histogram.sum) = (next(), next(), next());
        histogram.positive.counts.iter_mut().chain(&mut histogram.negative.counts).for_each(|count| *count = next());
        histogram.reset = match flags {
            0xc0 => ResetHint::Gauge,
            _ if i > 0 => ResetHint::NotReset,
            _ => ResetHint::Unknown,
        };
        out.push((time, histogram.clone()));
    }
    out
}

fn point(timestamp: i64, histogram: Histogram) -> HistogramPoint {
    HistogramPoint { timestamp, start: 0, histogram: histogram.into() }
}

fn counted(reset: ResetHint, counts: &[f64]) -> Histogram {
    let spans = vec![BucketSpan { offset: -3, length: counts.len() as u32 }];
    let count = counts.iter().sum();
    Histogram { reset, count, positive: Buckets { spans, counts: counts.to_vec() }, ..Histogram::default() }
}

/// How many histograms each chunk has.
fn sizes(points: &[Histogram]) -> Vec<usize> {
    let points: Vec<_> = points.iter().cloned().zip(0..).map(|(histogram, at)| point(at, histogram)).collect();
    chunks(&points).map(<[_]>::len).collect()
}

proptest! {
    #[test]
    fn histograms_read_back_as_they_were(seeds in prop::collection::vec((any::<u64>(), 0..4usize), 1..20)) {
        // Some of the same layout follow each other.
        let points: Vec<HistogramPoint> = seeds
            .iter()
            .flat_map(|(seed, more)| std::iter::repeat_n(histogram_point(0, *seed), more + 1))
            .zip(0..)
            .map(|(point, at)| HistogramPoint { timestamp: at * at * 15_000 - 7, ..point })
            .collect();
        let back: Vec<_> = chunks(&points).flat_map(|points| read(&histogram_chunk(points))).collect();
        prop_assert_eq!(back.len(), points.len());
        for (point, (time, histogram)) in points.iter().zip(back) {
            prop_assert_eq!(point.timestamp, time);
            if point.histogram.is_stale() {
                prop_assert!(histogram.is_stale());
                continue;
            }
            // What is said of resets is the chunk's; -0 is 0 as a threshold.
            let said = Histogram { reset: point.histogram.reset, ..histogram };
            prop_assert_eq!(format!("{:?}", *point.histogram), format!("{said:?}"));
        }
    }
}

#[test]
fn a_chunk_goes_on_as_long_as_no_count_falls() {
    let unknown = |counts: &[f64]| counted(ResetHint::Unknown, counts);
    assert_eq!(sizes(&[unknown(&[1.0, 2.0]), unknown(&[1.0, 3.0]), unknown(&[2.0, 2.0])]), [2, 1]);
    assert_eq!(sizes(&[unknown(&[1.0, 2.0]), unknown(&[1.0, 2.0, 0.0])]), [1, 1]);
    let not = |counts: &[f64]| counted(ResetHint::NotReset, counts);
    assert_eq!(sizes(&[unknown(&[1.0]), not(&[1.0]), counted(ResetHint::Reset, &[5.0]), not(&[6.0])]), [2, 2]);
    let gauge = |counts: &[f64]| counted(ResetHint::Gauge, counts);
    assert_eq!(sizes(&[gauge(&[5.0]), gauge(&[1.0]), not(&[2.0])]), [2, 1]);
    let stale = || Histogram { sum: STALE, ..Histogram::default() };
    assert_eq!(sizes(&[not(&[1.0]), stale(), stale(), not(&[2.0])]), [3, 1]);
    assert_eq!(sizes(&vec![not(&[1.0]); 250]), [120, 120, 10]);
}

#[test]
fn the_first_bytes_of_a_chunk_are_as_prometheus_writes_them() {
    // One sample, no flags, threshold 2⁻¹²⁸, schema 1, one positive span of one bucket at 0, no negative ones.
    let histogram = Histogram {
        zero_threshold: 2f64.powi(-128),
        schema: 1,
        positive: Buckets { spans: vec![BucketSpan { offset: 0, length: 1 }], counts: vec![1.0] },
        ..Histogram::default()
    };
    let data = histogram_chunk(&[point(0, histogram)]);
    // 10 001 the schema, 10 001 a span, 10 001 its length, 0 its offset, 0 no other, 0 the time.
    assert_eq!(data[..6], [0, 1, 0, 116, 0b1000_1100, 0b0110_0010]);
}

#[test]
fn a_series_with_both_kinds_has_chunks_in_order_of_time() {
    let labels: LabelSet = [("__name__", "m")].into_iter().collect();
    let mut batch = Batch::builder("t".parse().unwrap());
    batch.series(labels.as_labels());
    [1, 2, 9].iter().for_each(|at| _ = batch.sample(*at, 1.0));
    [5, 6, 12].iter().for_each(|at| _ = batch.histogram(point(*at, counted(ResetHint::Unknown, &[1.0]))));
    let batch = batch.build();
    let mut frame = Vec::new();
    put_frames(&batch.series(0), 0, &mut frame);
    let mut found = Vec::new();
    let mut cursor = Cursor::new(&frame[frame.len() - (usize::from(frame[0]) + 128 * usize::from(frame[1] - 1))..]);
    cursor.key().unwrap();
    let mut series = cursor.message().unwrap();
    while let Some(field) = series.key().unwrap() {
        let mut chunk = series.message().unwrap();
        if field != key(2, LEN) {
            continue;
        }
        let mut next = || {
            chunk.key().unwrap();
            chunk.varint().unwrap()
        };
        found.push((next(), next(), next()));
    }
    assert_eq!(found, [(1, 2, 1), (5, 6, 3), (9, 9, 1), (12, 12, 3)]);

    let mut result = Vec::new();
    put_series(&batch.series(0), &mut result);
    let mut expect = Vec::new();
    batch.series(0).histograms.iter().for_each(|point| histogram::put(4, point, false, &mut expect));
    assert!(result.ends_with(&expect));
}

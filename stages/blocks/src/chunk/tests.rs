#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use proptest::prelude::*;

use super::{Chunk, Open, Starts, fuzz};
use crate::testing::{corpus, mutations};

fn bits(samples: impl IntoIterator<Item = (i64, f64)>) -> Vec<(i64, u64)> {
    samples.into_iter().map(|(t, v)| (t, v.to_bits())).collect()
}

/// Encodes, compares bit for bit, and returns the bytes per sample.
fn check(name: &str, samples: &[(i64, f64)]) -> f64 {
    let chunk = Chunk::of(samples.iter().copied()).unwrap();
    assert_eq!(bits(chunk.iter()), bits(samples.iter().copied()), "{name}");
    assert_eq!(
        (chunk.min_ts(), chunk.max_ts(), chunk.count()),
        (samples[0].0, samples[samples.len() - 1].0, samples.len())
    );
    chunk.data.len() as f64 / samples.len() as f64
}

fn regular(values: impl IntoIterator<Item = f64>) -> Vec<(i64, f64)> {
    values.into_iter().enumerate().map(|(i, v)| (1_700_000_000_000 + 15_000 * i as i64, v)).collect()
}

#[test]
fn each_kind_of_series_takes_few_bytes_per_sample() {
    let noise = |i: u64| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f64 / 1e6;
    let table: [(&str, Vec<f64>, f64); 7] = [
        ("idle counter", vec![42.0; 120], 0.2),
        ("counter by ones", (0..120).map(f64::from).collect(), 2.1),
        ("counter of bytes", (0..120u64).map(|i| 1e9 + (i * 1_234_567) as f64 + noise(i).floor()).collect(), 4.8),
        ("gauge of two decimals", (0..120u64).map(|i| (noise(i) * 100.0).round() / 100.0).collect(), 4.1),
        ("gauge of seconds", (0..120u64).map(|i| (noise(i) * 1e6).round() / 1e6).collect(), 5.5),
        ("any floats", (0..120u64).map(|i| noise(i).sqrt()).collect(), 9.3),
        ("up and stale", (0..120).map(|i| if i == 119 { weir_pipeline::STALE } else { 1.0 }).collect(), 0.3),
    ];
    for (name, values, most) in table {
        let samples = regular(values);
        let took = check(name, &samples);
        println!("{name}: {took:.2} bytes per sample");
        assert!(took <= most, "{name}: {took}");
    }
}

#[test]
fn every_float_survives() {
    let odd =
        [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::MIN, f64::MAX, f64::MIN_POSITIVE, f64::EPSILON, 0.1, -0.1];
    let bits =
        [1, 0x7ff0_0000_0000_0001, 0x7ff0_0000_0000_0002, 0x7ff8_0000_0000_0000, 0xfff8_dead_beef_0001, u64::MAX];
    let mut all: Vec<f64> = odd.into_iter().chain(bits.map(f64::from_bits)).collect();
    all.extend([
        9_007_199_254_740_991.0,
        9_007_199_254_740_992.0,
        9_007_199_254_740_994.0,
        1e300,
        1e-300,
        0.3,
        1e9 + 0.1,
    ]);
    for a in &all {
        for b in &all {
            check("pair", &regular([*a, *b, *b, *a, *b]));
        }
    }
}

#[test]
fn extreme_timestamps_survive() {
    check("extremes", &[(i64::MIN, 1.0), (-1, 1.0), (0, 1.0), (1, 1.0), (i64::MAX, 1.0)]);
    check("steps", &[(0, 1.0), (127, 1.0), (128, 1.0), (32_768, 2.0), (40_000_000, 2.0), (40_000_001, 2.0)]);
}

#[test]
fn a_snapshot_does_not_see_what_comes_later() {
    let mut open = Open::default();
    assert_eq!(open.snapshot(), None);
    open.push(1, 5.0);
    open.push(2, 5.0);
    let before = open.snapshot().unwrap();
    open.push(3, 5.0);
    assert_eq!(bits(before.iter()), bits([(1, 5.0), (2, 5.0)]));
    assert_eq!(open.seal().unwrap().count(), 3);
    assert!(open.is_empty() && open.seal().is_none());
}

#[test]
fn decoding_a_range_keeps_both_ends() {
    let chunk = Chunk::of((0..10).map(|i| (i * 10, i as f64))).unwrap();
    let check = |start, end, expect: &[i64]| {
        let (mut timestamps, mut values) = (Vec::new(), Vec::new());
        chunk.decode_into(start, end, &mut timestamps, &mut values);
        assert_eq!(timestamps, expect);
        assert_eq!(values.len(), expect.len());
    };
    check(20, 40, &[20, 30, 40]);
    check(21, 29, &[]);
    check(-5, 0, &[0]);
    check(90, i64::MAX, &[90]);
    check(i64::MIN, i64::MAX, &[0, 10, 20, 30, 40, 50, 60, 70, 80, 90]);
}

proptest! {
    #[test]
    fn what_goes_in_comes_out(steps in prop::collection::vec((1i64..100_000, any::<u64>(), 0u8..4), 1..200)) {
        let mut ts = -50_000;
        let mut last = 0.0;
        let samples: Vec<_> = steps.iter().map(|&(step, word, kind)| {
            ts += if kind == 0 { 15_000 } else { step };
            last = match kind {
                0 => last,
                1 => f64::from_bits(word),
                2 => (word % 1_000_000) as f64 / 1000.0,
                _ => last + (word % 50) as f64,
            };
            (ts, last)
        }).collect();
        let chunk = Chunk::of(samples.iter().copied()).unwrap();
        prop_assert_eq!(bits(chunk.iter()), bits(samples));
    }
}

#[test]
fn rubbish_reads_as_fewer_samples() {
    for seed in corpus("chunk") {
        mutations(&seed, 300, fuzz::fuzz);
    }
}

proptest! {
    #[test]
    fn what_is_decoded_at_once_is_what_is_read_one_by_one_within_the_time(
        steps in prop::collection::vec((1i64..100_000, prop_oneof![
            Just(1.0), (-1_000_000i64..1_000_000).prop_map(|n| n as f64), any::<f64>(), (0i64..i64::MAX).prop_map(|n| n as f64 / 100.0),
        ], 1usize..40), 1..60),
        start in -100_000i64..3_000_000, length in -10i64..3_000_000,
    ) {
        let mut time = 0;
        let mut samples = Vec::new();
        for (step, value, repeats) in steps {
            for _ in 0..repeats {
                time += step;
                samples.push((time, value));
            }
        }
        let (chunk, end) = (Chunk::of(samples.iter().copied()).unwrap(), start + length);
        let (mut timestamps, mut values) = (vec![7], vec![7.0]);
        chunk.decode_into(start, end, &mut timestamps, &mut values);
        let got = bits(timestamps.into_iter().zip(values));
        let within = samples.iter().copied().filter(|(t, _)| (start..=end).contains(t));
        prop_assert_eq!(got, bits(std::iter::once((7, 7.0)).chain(within)));
    }
}

#[test]
fn starts_that_do_not_change_take_a_few_bytes_and_none_take_nothing() {
    let samples = regular((0..120).map(f64::from));
    let bytes = |start: &dyn Fn(i64) -> i64| {
        let chunk = Chunk::of_since(samples.iter().map(|(t, v)| (*t, *v, start(*t)))).unwrap();
        chunk.byte_size() - Chunk::of(samples.iter().copied()).unwrap().byte_size()
    };
    assert_eq!(bytes(&|_| 0), 0);
    assert_eq!(bytes(&|_| 1_600_000_000_000), 1 + 6 + 4);
    // Each starts where the one before it is.
    assert!(bytes(&|t| t - 15_000) < 6 * 120);
    assert_eq!(size_of::<Starts>(), 24);
}

proptest! {
    #[test]
    fn starts_come_back_with_their_samples(
        runs in prop::collection::vec((prop_oneof![Just(0), Just(7), -100i64..100, any::<i64>()], 1usize..20), 1..12),
        from in -20i64..250, length in 0i64..250,
    ) {
        let starts: Vec<i64> = runs.iter().flat_map(|(start, count)| std::iter::repeat_n(*start, *count)).collect();
        let samples: Vec<_> = starts.iter().zip(0i64..).map(|(start, t)| (t, t as f64, *start)).collect();
        let chunk = Chunk::of_since(samples.iter().copied()).unwrap();
        prop_assert_eq!(chunk.has_starts(), starts.iter().any(|start| *start != 0));
        prop_assert_eq!(bits(chunk.iter()), bits(samples.iter().map(|(t, v, _)| (*t, *v))));
        // After samples of another chunk, which have none.
        let (mut timestamps, mut values, mut found) = (vec![-50], vec![1.0], Vec::new());
        chunk.decode_since((from, from + length), (&mut timestamps, &mut values, &mut found));
        let within = samples.iter().filter(|(t, ..)| (from..=from + length).contains(t));
        let expect: Vec<_> = std::iter::once(0).chain(within.map(|(.., start)| *start)).collect();
        prop_assert_eq!((timestamps.len(), values.len()), (expect.len(), expect.len()));
        prop_assert!(found == expect || found.is_empty() && expect.iter().all(|start| *start == 0));
    }
}

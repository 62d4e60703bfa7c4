//! Rubbish never panics, and what is encoded comes back bit for bit.

use weir_pipeline::HistogramPoint;
use weir_pipeline::testing::histogram_bits;

use super::{Chunk, Content, HistogramPoints, Samples};

/// Takes the bytes for a chunk, and then for samples.
///
/// # Panics
/// Where the law does not hold.
pub fn fuzz(data: &[u8]) {
    let _ = Samples::new(data, u32::from(u16::MAX), 0).count();
    histograms(data);
    starts(data);
    let mut ts = 0i64;
    let mut samples = Vec::new();
    for word in data.chunks_exact(9) {
        let (step, bytes) = word.split_at(1);
        let Ok(bytes) = <[u8; 8]>::try_from(bytes) else { return };
        let step = i64::from(step.first().copied().unwrap_or(0));
        // Mostly regular steps and small numbers, as in life; sometimes anything.
        let (step, value) = match step {
            0..64 => (15_000, f64::from_le_bytes(bytes)),
            64..128 => (15_000, f64::from(u16::from_le_bytes([bytes[0], bytes[1]])) / 100.0),
            128..192 => (step, f64::from(i16::from_le_bytes([bytes[0], bytes[1]]))),
            _ => (step << (bytes[7] % 48), samples.last().map_or(0.0, |(_, v)| *v)),
        };
        let Some(next) = ts.checked_add(step) else { break };
        ts = next;
        samples.push((ts, value));
    }
    let same = |(a, b): ((i64, f64), &(i64, f64))| a.0 == b.0 && a.1.to_bits() == b.1.to_bits();
    match Chunk::of(samples.iter().copied()) {
        Some(chunk) => assert!(chunk.count() == samples.len() && chunk.iter().zip(&samples).all(same)),
        None => assert!(samples.is_empty()),
    }
}

/// Rubbish behind samples tells of starts that are as many as the samples.
fn starts(data: &[u8]) {
    let count = 50;
    let chunk = Chunk { min_ts: 0, max_ts: 0, count, content: Content::FloatsSince, data: data.into() };
    let (mut timestamps, mut values, mut starts) = (Vec::new(), Vec::new(), Vec::new());
    chunk.decode_since((i64::MIN, i64::MAX), (&mut timestamps, &mut values, &mut starts));
    assert!(timestamps.len() == values.len() && (starts.is_empty() || starts.len() == timestamps.len()));
}

/// What reads as histograms, and rises, comes back bit for bit.
fn histograms(data: &[u8]) {
    let mut points: Vec<HistogramPoint> = HistogramPoints::new(data, u32::from(u16::MAX)).collect();
    points.sort_by_key(|point| point.timestamp);
    points.dedup_by_key(|point| point.timestamp);
    if let Some(chunk) = Chunk::of_histograms(&points) {
        let read: Vec<_> = chunk.histograms().collect();
        assert_eq!(histogram_bits(&read), histogram_bits(&points));
    }
}

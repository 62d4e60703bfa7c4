//! The union of runs of one series on their timestamps.
//!
//! Where one timestamp has two values, one that is not NaN beats one that is, and else the greater bits win: everywhere
//! alike, so that merging is commutative, associative and idempotent. A native histogram beats a float. Of two histograms
//! one that is not stale beats one that is, then the greater count, then the greater sum, by bits, and then the greater bits
//! of all else.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::Arc;

use weir_pipeline::HistogramPoint;

/// Of two values at one timestamp, the one that stays.
pub fn winner(a: f64, b: f64) -> f64 {
    let rank = |v: f64| (!v.is_nan(), v.to_bits());
    if rank(a) >= rank(b) { a } else { b }
}

/// Whether of two histograms at one timestamp the first one stays, and the other one is not the same.
pub fn beats(a: &HistogramPoint, b: &HistogramPoint) -> bool {
    compare(a, b).is_gt()
}

/// Brings histograms into strict order of time, one for each timestamp, and returns how many lost a conflict.
pub fn merge_histograms(points: &mut Vec<HistogramPoint>) -> u64 {
    if points.is_sorted_by(|a, b| a.timestamp < b.timestamp) {
        return 0;
    }
    let mut conflicts = 0;
    points.sort_by_key(|point| point.timestamp);
    points.dedup_by(|next, kept| {
        let same = next.timestamp == kept.timestamp;
        if same {
            let order = compare(next, kept);
            conflicts += u64::from(order.is_ne());
            if order.is_gt() {
                std::mem::swap(next, kept);
            }
        }
        same
    });
    conflicts
}

/// Takes out the floats that stand at the time of a histogram; both are in order of time. Returns how many those are.
pub fn drop_beaten(timestamps: &mut Vec<i64>, values: &mut Vec<f64>, histograms: &[HistogramPoint]) -> u64 {
    let is_beaten = |ts: &i64| histograms.binary_search_by_key(ts, |point| point.timestamp).is_ok();
    if histograms.is_empty() || !timestamps.iter().any(is_beaten) {
        return 0;
    }
    let before = timestamps.len();
    let kept = timestamps.iter().copied().zip(values.iter().copied()).filter(|(ts, _)| !is_beaten(ts));
    (*timestamps, *values) = kept.unzip();
    (before - timestamps.len()) as u64
}

fn compare(a: &HistogramPoint, b: &HistogramPoint) -> Ordering {
    if Arc::ptr_eq(&a.histogram, &b.histogram) && a.start == b.start {
        return Ordering::Equal;
    }
    let rank = |p: &HistogramPoint| (!p.histogram.is_stale(), p.histogram.count.to_bits(), p.histogram.sum.to_bits());
    let bytes = |point: &HistogramPoint| {
        let mut out = Vec::new();
        point.encode_after(None, &mut out);
        out
    };
    rank(a).cmp(&rank(b)).then_with(|| bytes(a).cmp(&bytes(b)))
}

/// Appends the exact union of `runs`, each in strict order of time, and returns how many values lost a conflict.
pub fn merge(runs: &[(&[i64], &[f64])], out_ts: &mut Vec<i64>, out_v: &mut Vec<f64>) -> u64 {
    let total = runs.iter().map(|(t, _)| t.len()).sum();
    out_ts.reserve(total);
    out_v.reserve(total);
    match runs {
        [] => 0,
        [(t, v)] => {
            out_ts.extend_from_slice(t);
            out_v.extend_from_slice(v);
            0
        }
        [a, b] => merge_two(*a, *b, out_ts, out_v),
        _ => merge_many(runs, out_ts, out_v),
    }
}

/// Two runs; stretches of which only one has samples are copied whole.
fn merge_two(a: (&[i64], &[f64]), b: (&[i64], &[f64]), out_ts: &mut Vec<i64>, out_v: &mut Vec<f64>) -> u64 {
    let (mut a, mut b, mut conflicts) = (a, b, 0);
    while let (Some(&ta), Some(&tb)) = (a.0.first(), b.0.first()) {
        if ta == tb {
            let (va, vb) = (a.1[0], b.1[0]);
            conflicts += u64::from(va.to_bits() != vb.to_bits());
            out_ts.push(ta);
            out_v.push(winner(va, vb));
            (a, b) = (tail(a, 1), tail(b, 1));
            continue;
        }
        let (low, bound) = if ta < tb { (&mut a, tb) } else { (&mut b, ta) };
        let n = low.0.partition_point(|t| *t < bound);
        out_ts.extend_from_slice(&low.0[..n]);
        out_v.extend_from_slice(&low.1[..n]);
        *low = tail(*low, n);
    }
    for rest in [a, b] {
        out_ts.extend_from_slice(rest.0);
        out_v.extend_from_slice(rest.1);
    }
    conflicts
}

fn merge_many(runs: &[(&[i64], &[f64])], out_ts: &mut Vec<i64>, out_v: &mut Vec<f64>) -> u64 {
    let head = |run: usize, at: usize| runs[run].0.get(at).map(|t| Reverse((*t, run, at)));
    let mut heap: BinaryHeap<_> = (0..runs.len()).filter_map(|run| head(run, 0)).collect();
    let (base, mut conflicts) = (out_ts.len(), 0);
    while let Some(Reverse((t, run, at))) = heap.pop() {
        let v = runs[run].1[at];
        match out_v.last_mut() {
            Some(last) if out_ts.len() > base && out_ts.last() == Some(&t) => {
                conflicts += u64::from(last.to_bits() != v.to_bits());
                *last = winner(*last, v);
            }
            _ => {
                out_ts.push(t);
                out_v.push(v);
            }
        }
        heap.extend(head(run, at + 1));
    }
    conflicts
}

fn tail<'a>(run: (&'a [i64], &'a [f64]), n: usize) -> (&'a [i64], &'a [f64]) {
    (&run.0[n..], &run.1[n..])
}

#[cfg(test)]
mod tests;

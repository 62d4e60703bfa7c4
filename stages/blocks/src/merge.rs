//! The union of runs of one series on their timestamps.
//!
//! Where one timestamp has two values, one that is not NaN beats one that is, and else the greater bits win: everywhere
//! alike, so that merging is commutative, associative and idempotent. A native histogram beats a float. Of two histograms
//! one that is not stale beats one that is, then the greater count, then the greater sum, by bits, and then the greater bits
//! of all else. Since when a float counts goes with its value; where two have the same value, a start that is known beats one that
//! is not, and else the earlier wins.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::Arc;

use weir_pipeline::HistogramPoint;

use crate::starts;

/// A run of floats of one series: timestamps in strict order, as many values, and as many starts, or none where none is known.
pub type Floats<'a> = (&'a [i64], &'a [f64], &'a [i64]);

/// Of two values at one timestamp, the one that stays.
pub fn winner(a: f64, b: f64) -> f64 {
    let rank = |v: f64| (!v.is_nan(), v.to_bits());
    if rank(a) >= rank(b) { a } else { b }
}

/// Whether of two values at one timestamp the first one stays, and the other one is not the same.
pub fn beats_value(a: f64, b: f64) -> bool {
    a.to_bits() != b.to_bits() && winner(a, b).to_bits() == a.to_bits()
}

/// Whether of two floats at one timestamp, each with its start, the first one stays, and the other one is not the same.
pub fn beats_float(a: (f64, i64), b: (f64, i64)) -> bool {
    let rank = |(value, start): (f64, i64)| (!value.is_nan(), value.to_bits(), start != 0, Reverse(start));
    rank(a) > rank(b)
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

/// Takes out the floats, with their starts, that stand at the time of a histogram; all are in order of time. Returns how many
/// those are.
pub fn drop_beaten(floats: (&mut Vec<i64>, &mut Vec<f64>, &mut Vec<i64>), histograms: &[HistogramPoint]) -> u64 {
    let is_beaten = |ts: &i64| histograms.binary_search_by_key(ts, |point| point.timestamp).is_ok();
    if histograms.is_empty() || !floats.0.iter().any(is_beaten) {
        return 0;
    }
    starts::retain(floats, |ts, _, _| !is_beaten(&ts)) as u64
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

/// As [`merge`], of floats of which some have starts.
pub fn merge_since(
    runs: &[Floats<'_>],
    (out_ts, out_v, out_starts): (&mut Vec<i64>, &mut Vec<f64>, &mut Vec<i64>),
) -> u64 {
    let before = out_ts.len();
    let (conflicts, own) = if runs.iter().all(|(.., starts)| starts.is_empty()) {
        let bare: Vec<_> = runs.iter().map(|(ts, values, _)| (*ts, *values)).collect();
        (merge(&bare, out_ts, out_v), Vec::new())
    } else {
        let floats = |(ts, values, starts): &Floats<'_>| -> Vec<_> {
            ts.iter().copied().zip(values.iter().copied().zip(starts::each(starts))).collect()
        };
        let mut all: Vec<_> = runs.iter().flat_map(floats).collect();
        let mut conflicts = 0;
        // A stable sort finds the runs, and merges them.
        all.sort_by_key(|(ts, _)| *ts);
        all.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                conflicts += u64::from(next.1.0.to_bits() != kept.1.0.to_bits());
                kept.1 = if beats_float(next.1, kept.1) { next.1 } else { kept.1 };
            }
            same
        });
        out_ts.extend(all.iter().map(|(ts, _)| *ts));
        out_v.extend(all.iter().map(|(_, (value, _))| *value));
        (conflicts, all.into_iter().map(|(_, (_, start))| start).collect())
    };
    starts::append(out_starts, before, out_ts.len(), &own);
    conflicts
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

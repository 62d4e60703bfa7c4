//! The union of runs of one series on their timestamps.
//!
//! Where one timestamp has two values, one that is not NaN beats one that is, and else the greater bits win: everywhere
//! alike, so that merging is commutative, associative and idempotent.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Of two values at one timestamp, the one that stays.
pub fn winner(a: f64, b: f64) -> f64 {
    let rank = |v: f64| (!v.is_nan(), v.to_bits());
    if rank(a) >= rank(b) { a } else { b }
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

//! `topk` and `bottomk`: heaps of values, in which the next to go is on top. Of equal values the same ones stay as in
//! Prometheus, where the samples come in the same order.
//!
//! Histograms go with a note, as where [`OfHistograms::Ignored`](super::OfHistograms::Ignored).
//!
//! Source: `aggregationK` of Prometheus' `promql/engine.go`, and Go's `container/heap`.

use std::cmp::Ordering;

use crate::functions::labels::by_value;

/// Which values are the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Best {
    /// `topk`
    Greatest,
    /// `bottomk`
    Least,
}

/// The `k` best of the values so far, each with what it belongs to. NaN is the worst of all.
#[derive(Clone, Debug)]
pub struct Top<T> {
    best: Best,
    k: usize,
    heap: Vec<(f64, T)>,
}

// === impl Best ===

impl Best {
    /// The name, as in PromQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Greatest => "topk",
            Self::Least => "bottomk",
        }
    }

    /// Whether `a` goes before `b`; NaN goes before anything, NaN included.
    fn is_worse(self, a: f64, b: f64) -> bool {
        a.is_nan()
            || match self {
                Self::Greatest => a < b,
                Self::Least => a > b,
            }
    }

    /// The order of the result: the best first, NaN last.
    pub fn compare(self, a: f64, b: f64) -> Ordering {
        by_value(a, b, self == Self::Greatest)
    }
}

// === impl Top ===

impl<T> Top<T> {
    /// An empty heap of at most `k` values.
    pub fn new(best: Best, k: usize) -> Self {
        Self { best, k, heap: Vec::new() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// Takes in a value. What is not among the best comes back.
    pub fn push(&mut self, value: f64, item: T) -> Option<T> {
        if self.heap.len() < self.k {
            self.heap.push((value, item));
            self.rise(self.heap.len() - 1);
            return None;
        }
        let best = self.best;
        let Some(worst) = self.heap.first_mut() else { return Some(item) };
        // A NaN on top gives way to numbers only, another value to better ones only.
        let is_better = !value.is_nan() && best.is_worse(worst.0, value);
        if !is_better {
            return Some(item);
        }
        let (_, gone) = std::mem::replace(worst, (value, item));
        self.sink();
        Some(gone)
    }

    /// The values, the best first.
    pub fn into_sorted(mut self) -> Vec<(f64, T)> {
        let best = self.best;
        self.heap.sort_by(|(a, _), (b, _)| best.compare(*a, *b));
        self.heap
    }

    fn is_worse(&self, a: usize, b: usize) -> bool {
        match (self.heap.get(a), self.heap.get(b)) {
            (Some((a, _)), Some((b, _))) => self.best.is_worse(*a, *b),
            _ => false,
        }
    }

    /// Moves an element towards the top.
    fn rise(&mut self, mut at: usize) {
        while at > 0 {
            let parent = (at - 1) / 2;
            if !self.is_worse(at, parent) {
                break;
            }
            self.heap.swap(at, parent);
            at = parent;
        }
    }

    /// Moves the top to where it belongs.
    fn sink(&mut self) {
        let mut at = 0;
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            let child = if self.is_worse(right, left) { right } else { left };
            if !self.is_worse(child, at) {
                break;
            }
            self.heap.swap(at, child);
            at = child;
        }
    }
}

//! A result that is kept.

use std::cmp::Ordering;

use weir_pipeline::{LabelSet, Points};

use super::Matrix;
use super::steps::Steps;

/// What a series takes beside its labels and its points, in bytes.
const SERIES_BYTES: usize = 128;

/// The result of a query at some steps.
#[derive(Debug)]
pub(super) struct Extent {
    /// All changes up to this are in it.
    pub(super) number: u64,
    pub(super) steps: Steps,
    /// In the order of labels.
    pub(super) series: Matrix,
}

// === impl Extent ===

impl Extent {
    /// What it takes in memory, about, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.series.iter().map(|(labels, points)| bytes(labels, points)).sum()
    }
}

fn bytes(labels: &LabelSet, points: &Points) -> usize {
    let labels = labels.as_labels().encoded().len();
    let histograms: usize = points.histograms.iter().map(|(_, histogram)| 16 + histogram.byte_size()).sum();
    SERIES_BYTES + labels + 16 * points.floats.len() + histograms
}

/// The points at some steps, of the series that have any.
pub(super) fn within(series: &Matrix, steps: Steps) -> Matrix {
    let of = |(labels, points): &(LabelSet, Points)| {
        let points = Points { floats: part(&points.floats, steps), histograms: part(&points.histograms, steps) };
        (!points.is_empty()).then(|| (labels.clone(), points))
    };
    series.iter().filter_map(of).collect()
}

fn part<T: Clone>(points: &[(i64, T)], steps: Steps) -> Vec<(i64, T)> {
    let start = points.partition_point(|(time, _)| *time < steps.first);
    let end = points.partition_point(|(time, _)| *time <= steps.last);
    points.get(start..end).unwrap_or_default().to_vec()
}

/// Series of earlier steps and of later ones as one list, each in the order of labels.
pub(super) fn join(earlier: Matrix, later: Matrix) -> Matrix {
    if earlier.is_empty() || later.is_empty() {
        return if earlier.is_empty() { later } else { earlier };
    }
    let mut out = Matrix::with_capacity(earlier.len().max(later.len()));
    let (mut earlier, mut later) = (earlier.into_iter().peekable(), later.into_iter().peekable());
    loop {
        let order = match (earlier.peek(), later.peek()) {
            (Some((a, _)), Some((b, _))) => a.cmp(b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return out,
        };
        let first = if order == Ordering::Greater { None } else { earlier.next() };
        let second = if order == Ordering::Less { None } else { later.next() };
        match (first, second) {
            (Some((labels, mut points)), Some((_, more))) => {
                points.floats.extend(more.floats);
                points.histograms.extend(more.histograms);
                out.push((labels, points));
            }
            (one, other) => out.extend(one.or(other)),
        }
    }
}

#[cfg(test)]
mod tests;

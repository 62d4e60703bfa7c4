//! Samples of other nodes, compressed as they come in.
//!
//! Each node's answer has a [`Gather`] of its own; [`Selection::join`](crate::Selection::join) makes one list of all, which
//! keeps what replicas have in common once.

use std::sync::Arc;

use weir_pipeline::{Batch, Labels, SeriesId};

use crate::chunk::{Chunk, Open, OpenHistograms, SAMPLES, Starts};
use crate::head::{Piece, Snapshot};
use crate::{order, starts};

/// The samples of one node: series in block order, in batches that come one after the other.
#[derive(Debug, Default)]
pub struct Gather {
    series: Vec<Snapshot>,
    open: Open,
    starts: Starts,
    histograms: OpenHistograms,
    bytes: usize,
    is_sorted: bool,
}

/// What a node answered.
#[derive(Clone, Debug, Default)]
pub struct Gathered(pub(crate) Vec<Snapshot>);

// === impl Gather ===

impl Gather {
    /// Nothing yet.
    pub fn new() -> Self {
        Self { is_sorted: true, ..Self::default() }
    }

    /// Adds the next batch. Its first series may go on with the last one of the batch before.
    pub fn add(&mut self, batch: &Batch) {
        for series in batch.iter() {
            self.begin(series.id, series.labels.encoded());
            let floats = series.timestamps.iter().zip(series.values);
            for ((&t, &v), start) in floats.zip(starts::each(series.start_timestamps)) {
                if self.open.count() == SAMPLES || (!self.open.is_empty() && t <= self.open.last().0) {
                    self.seal();
                }
                self.open.push(t, v);
                self.starts.push(self.open.count() - 1, start);
            }
            for point in series.histograms {
                let last = self.histograms.last().map(|last| last.timestamp);
                if self.histograms.count() == SAMPLES || last.is_some_and(|last| point.timestamp <= last) {
                    self.seal_histograms();
                }
                self.histograms.push(point);
            }
        }
    }

    /// What all of it takes in memory, in bytes.
    pub fn byte_size(&self) -> usize {
        self.bytes
    }

    /// Everything that came.
    pub fn finish(mut self) -> Gathered {
        self.seal();
        if !self.is_sorted {
            self.series.sort_by(|a, b| compare(&a.labels, &b.labels));
            self.series.dedup_by(|next, kept| {
                let same = next.labels == kept.labels;
                if same {
                    kept.pieces.append(&mut next.pieces);
                }
                same
            });
        }
        Gathered(self.series)
    }

    /// Goes on with the series of these labels.
    fn begin(&mut self, id: SeriesId, labels: &[u8]) {
        if self.series.last().is_some_and(|last| *last.labels == *labels) {
            return;
        }
        self.seal();
        if let Some(last) = self.series.last() {
            self.is_sorted &= compare(&last.labels, labels).is_lt();
        }
        self.bytes += size_of::<Snapshot>() + labels.len();
        self.series.push(Snapshot { id, labels: Arc::from(labels), pieces: Vec::new() });
    }

    fn seal(&mut self) {
        let starts = std::mem::take(&mut self.starts);
        let chunk = self.open.seal().map(|chunk| chunk.since(&starts));
        self.keep(chunk);
        self.seal_histograms();
    }

    fn seal_histograms(&mut self) {
        let chunk = self.histograms.seal();
        self.keep(chunk);
    }

    fn keep(&mut self, chunk: Option<Chunk>) {
        if let (Some(chunk), Some(series)) = (chunk, self.series.last_mut()) {
            self.bytes += chunk.byte_size() + size_of::<Piece>();
            series.pieces.push(Arc::new(Piece::of(chunk)));
        }
    }
}

/// Compares two canonical label sets in block order.
fn compare(a: &[u8], b: &[u8]) -> std::cmp::Ordering {
    order::compare(Labels::from_canonical(a), Labels::from_canonical(b))
}

#[cfg(test)]
mod tests;

//! One series of the head.

use std::sync::Arc;

use weir_pipeline::{HistogramPoint, SeriesId};

use super::aside::Aside;
use super::shard::Found;
use super::{Piece, Snapshot};
use crate::chunk::{Chunk, Open, SAMPLES, Samples};
use crate::merge::{beats_float, beats_value};

/// What a series takes beside its labels and samples: itself, its slot, its share of the table of ids.
const FIXED_BYTES: usize = size_of::<Series>() + 12 + 8;

/// So many finished chunks are looked at for one that has the time of a sample.
const NEAR: usize = 4;

/// A series: its labels, and its samples of all epochs that are not released.
pub(super) struct Series {
    number: u64,
    handle: u32,
    pub(super) id: SeriesId,
    /// The numbers that the index has for them.
    pub(super) labels: Box<[u32]>,
    /// The last epoch in which somebody wrote to it.
    pub(super) touched: u32,
    /// The epoch of `open` and `aside`.
    epoch: u32,
    open: Open,
    /// `None` where all of it would be empty, as in a new series.
    more: Option<Box<More>>,
}

/// What a series has beside the open chunk.
#[derive(Default)]
struct More {
    /// `None` where it would be empty.
    aside: Option<Box<Aside>>,
    pieces: Vec<Arc<Piece>>,
}

/// What pushing changed.
#[derive(Default)]
pub(super) struct Change {
    /// Samples that are new, as far as can be told before a merge. Below zero, which wraps, where more of earlier batches turn
    /// out to be duplicates.
    pub(super) samples: u64,
    /// Values that lost a conflict.
    pub(super) conflicts: u64,
    /// Bytes more, or fewer.
    pub(super) bytes: i64,
}

// === impl Series ===

impl Series {
    pub(super) fn new(place: Found, id: SeriesId, labels: Box<[u32]>, epoch: u32) -> Self {
        Self {
            number: place.number,
            handle: place.handle,
            id,
            labels,
            touched: epoch,
            epoch,
            open: Open::default(),
            more: None,
        }
    }

    pub(super) fn place(&self) -> Found {
        Found { handle: self.handle, number: self.number }
    }

    /// What the series takes without its samples.
    pub(super) fn byte_size(&self) -> u64 {
        (FIXED_BYTES + size_of_val(&*self.labels)) as u64
    }

    /// Adds a float, with its start. Returns whether it certainly lost, against a value that stays.
    pub(super) fn push(&mut self, ts: i64, (value, start): (f64, i64), epoch: u32, change: &mut Change) -> bool {
        self.enter(epoch, change);
        change.bytes -= self.growing();
        let (last_ts, last_value) = self.open.last();
        let last_start = || self.aside().map_or(0, |aside| aside.starts.last());
        let (mut late, mut lost, newest) = (false, false, !self.open.is_empty() && ts > last_ts);
        if !newest && self.has_better(ts, value) {
            lost = true;
        } else if newest || self.open.is_empty() {
            self.open.push(ts, value);
            if start != 0 || self.aside().is_some() {
                let place = self.open.count() - 1;
                self.aside_mut().starts.push(place, start);
            }
            change.samples = change.samples.wrapping_add(1);
        } else if ts < last_ts || beats_float((value, start), (last_value, last_start())) {
            late = true;
            self.aside_mut().push_late(ts, value, start);
            change.samples = change.samples.wrapping_add(1);
        }
        change.conflicts += u64::from(lost);
        change.bytes += self.growing();
        if self.open.count() >= SAMPLES {
            self.seal_open(change);
        }
        if late {
            self.seal_aside(false, change);
        }
        lost
    }

    /// Adds a native histogram. Returns whether it certainly lost, against one that stays.
    pub(super) fn push_histogram(&mut self, point: &HistogramPoint, epoch: u32, change: &mut Change) -> bool {
        self.enter(epoch, change);
        change.bytes -= self.growing();
        let kept = self.aside_mut().push_histogram(point);
        if kept.is_none() {
            change.samples = change.samples.wrapping_add(1);
        }
        let lost = kept == Some(true);
        change.conflicts += u64::from(lost);
        change.bytes += self.growing();
        self.seal_aside(false, change);
        lost
    }

    /// Whether the series has a value at this time that beats this one, as far as it is at hand: in the chunk that grows, among
    /// late samples, or in one of the last finished chunks. To look into more would take long where much comes late.
    fn has_better(&self, ts: i64, value: f64) -> bool {
        let is_in = |samples: Samples<'_>| {
            samples.take_while(|(t, _)| *t <= ts).last().is_some_and(|(t, kept)| t == ts && beats_value(kept, value))
        };
        let holds = |piece: &&Arc<Piece>| {
            let chunk = &piece.chunk;
            !chunk.has_histograms() && (chunk.min_ts()..=chunk.max_ts()).contains(&ts)
        };
        let (last_ts, last_value) = self.open.last();
        let is_open = || match ts == last_ts {
            true => beats_value(last_value, value),
            false => ts >= self.open.min_ts() && is_in(self.open.iter()),
        };
        self.aside().is_some_and(|aside| aside.has_late(ts, |kept| beats_value(kept, value)))
            || !self.open.is_empty() && is_open()
            || self.sealed().iter().rev().take(NEAR).find(holds).is_some_and(|piece| is_in(piece.chunk.iter()))
    }

    /// Goes on with an epoch.
    fn enter(&mut self, epoch: u32, change: &mut Change) {
        self.touched = epoch;
        if self.epoch != epoch {
            self.seal(change);
            self.epoch = epoch;
        }
    }

    /// Finishes what still grows.
    pub(super) fn seal(&mut self, change: &mut Change) {
        self.seal_open(change);
        self.seal_aside(true, change);
    }

    fn seal_open(&mut self, change: &mut Change) {
        change.bytes -= self.growing();
        let mut chunk = self.open.seal();
        if let Some(more) = &mut self.more
            && let Some(aside) = &mut more.aside
        {
            let starts = std::mem::take(&mut aside.starts);
            chunk = chunk.map(|chunk| chunk.since(&starts));
            if aside.is_empty() {
                more.aside = None;
            }
        }
        change.bytes += self.growing();
        self.keep(chunk, change);
    }

    fn seal_aside(&mut self, all: bool, change: &mut Change) {
        let before = self.growing();
        let Some(place) = self.more.as_mut().map(|more| &mut more.aside) else { return };
        let Some(aside) = place else { return };
        let chunks = aside.seal(all, change);
        if aside.is_empty() {
            *place = None;
        }
        change.bytes += self.growing() - before;
        chunks.into_iter().for_each(|chunk| self.keep(Some(chunk), change));
    }

    fn keep(&mut self, chunk: Option<Chunk>, change: &mut Change) {
        let Some(chunk) = chunk else { return };
        let piece = Arc::new(Piece { epoch: self.epoch, chunk });
        change.bytes += piece.byte_size();
        self.more.get_or_insert_default().pieces.push(piece);
    }

    fn aside(&self) -> Option<&Aside> {
        self.more.as_ref()?.aside.as_deref()
    }

    fn aside_mut(&mut self) -> &mut Aside {
        self.more.get_or_insert_default().aside.get_or_insert_default()
    }

    /// The finished chunks.
    fn sealed(&self) -> &[Arc<Piece>] {
        self.more.as_ref().map_or(&[], |more| &more.pieces)
    }

    /// The pieces that `epochs` has and that reach into `start..=end`; what still grows is copied.
    pub(super) fn pieces(&self, visible: u32, start: i64, end: i64) -> Vec<Arc<Piece>> {
        let reaches = |chunk: &Chunk| chunk.min_ts() <= end && chunk.max_ts() >= start;
        let sealed = self.sealed().iter().filter(|piece| piece.epoch >= visible && reaches(&piece.chunk));
        let mut found: Vec<_> = sealed.cloned().collect();
        if self.epoch >= visible {
            let open = || match self.aside() {
                Some(aside) => self.open.snapshot().map(|chunk| chunk.since(&aside.starts)),
                None => self.open.snapshot(),
            };
            let open = (self.open.min_ts() <= end && self.open.last().0 >= start).then(open).flatten();
            let aside = self.aside().into_iter().flat_map(Aside::snapshot);
            let growing = open.into_iter().chain(aside).filter(reaches);
            found.extend(growing.map(|chunk| Arc::new(Piece { epoch: self.epoch, chunk })));
        }
        found
    }

    /// How many chunks there are of epochs from `visible` on, and the times of their first and their last sample.
    pub(super) fn extent(&self, visible: u32) -> (u64, Option<(i64, i64)>) {
        let sealed = self.sealed().iter().filter(|piece| piece.epoch >= visible);
        let mut times: Vec<(i64, i64)> = sealed.map(|piece| (piece.chunk.min_ts(), piece.chunk.max_ts())).collect();
        if self.epoch >= visible {
            times.extend((!self.open.is_empty()).then(|| (self.open.min_ts(), self.open.last().0)));
            times.extend(self.aside().into_iter().flat_map(Aside::extents));
        }
        let all = times.iter().copied().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        (times.len() as u64, all)
    }

    /// How many samples there are of epochs from `visible` on.
    pub(super) fn samples(&self, visible: u32) -> u64 {
        let sealed = self.sealed().iter().filter(|piece| piece.epoch >= visible).map(|piece| piece.chunk.count());
        let growing =
            if self.epoch >= visible { self.open.count() as usize + self.aside().map_or(0, Aside::count) } else { 0 };
        (sealed.sum::<usize>() + growing) as u64
    }

    /// Finishes and returns the pieces of epochs from `visible` to `last`.
    pub(super) fn frozen(&mut self, visible: u32, last: u32, change: &mut Change) -> Vec<Arc<Piece>> {
        if self.epoch <= last {
            self.seal(change);
        }
        self.sealed().iter().filter(|piece| (visible..=last).contains(&piece.epoch)).cloned().collect()
    }

    /// Frees the pieces of epochs before `visible`, and returns how many samples they had.
    pub(super) fn release(&mut self, visible: u32, change: &mut Change) -> u64 {
        let mut samples = 0;
        let Some(more) = &mut self.more else { return 0 };
        more.pieces.retain(|piece| {
            let keep = piece.epoch >= visible;
            if !keep {
                change.bytes -= piece.byte_size();
                samples += piece.chunk.count() as u64;
            }
            keep
        });
        if more.pieces.is_empty() {
            more.pieces = Vec::new();
            if more.aside.is_none() {
                self.more = None;
            }
        }
        samples
    }

    /// Whether there is no sample.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.aside().is_none() && self.sealed().is_empty()
    }

    pub(super) fn snapshot(&self, labels: Arc<[u8]>, pieces: Vec<Arc<Piece>>) -> Snapshot {
        Snapshot { id: self.id, labels, pieces }
    }

    /// What `open` and `aside` take.
    fn growing(&self) -> i64 {
        (self.open.byte_size() + self.aside().map_or(0, Aside::byte_size)) as i64
    }
}

// === impl Piece ===

impl Piece {
    fn byte_size(&self) -> i64 {
        // The counts of the Arc, the allocator's share of two allocations, and the place in the series' list with a share of it.
        (self.chunk.byte_size() + 8 + 16 + 32 + 16) as i64
    }
}

// === impl Change ===

impl Change {
    /// So many samples turned out to be others' duplicates.
    pub(super) fn absorbed(&mut self, count: usize) {
        self.samples = self.samples.wrapping_sub(count as u64);
    }
}

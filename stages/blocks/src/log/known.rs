//! The labels of the series that a segment defines, while it is read.

use weir_pipeline::Labels;

use super::numbered::Numbered;
use crate::interned::Interned;
use crate::varint::{put_varint, take_varint};

/// Labels are kept in pieces of so many bytes, which never move.
const PIECE: usize = 64 << 10;

/// The series that a segment has defined so far, in about thirty bytes each: a restart is to take no more memory than what
/// follows. What labels have in common is there once.
#[derive(Default)]
pub(super) struct Known {
    labels: Interned,
    /// For each series how many labels it has, and their numbers, as varints.
    pieces: Vec<Vec<u8>>,
    /// Where that begins, one more than its place, by the number of the series.
    begins: Numbered<usize, 16>,
    /// The labels that were asked for last.
    spelled: Vec<u8>,
    /// The series that is being defined.
    coded: Vec<u8>,
}

// === impl Known ===

impl Known {
    /// Gives a number to a series.
    pub(super) fn define(&mut self, number: u64, labels: Labels<'_>) {
        self.coded.clear();
        put_varint(labels.pairs().count() as u64, &mut self.coded);
        for pair in labels.pairs() {
            put_varint(u64::from(self.labels.add(pair.encoded).0), &mut self.coded);
        }
        let has_room = |piece: &Vec<u8>| piece.len() + self.coded.len() <= PIECE;
        if !self.pieces.last().is_some_and(has_room) {
            self.pieces.push(Vec::with_capacity(self.coded.len().max(PIECE)));
        }
        // What is longer than a piece has one for itself, at whose beginning it begins.
        let before = (self.pieces.len() - 1) * PIECE;
        if let Some(piece) = self.pieces.last_mut() {
            self.begins.set(number, before + piece.len() + 1);
            piece.extend_from_slice(&self.coded);
        }
    }

    /// The labels of a series.
    pub(super) fn labels(&mut self, number: u64) -> Option<Labels<'_>> {
        let begin = self.begins.get(number).checked_sub(1)?;
        let coded = self.pieces.get(begin / PIECE)?.get(begin % PIECE..)?;
        let (count, mut coded) = take_varint(coded)?;
        self.spelled.clear();
        for _ in 0..count {
            let (id, rest) = take_varint(coded)?;
            self.spelled.extend_from_slice(self.labels.pair(u32::try_from(id).ok()?));
            coded = rest;
        }
        Some(Labels::from_canonical(&self.spelled))
    }
}

#[cfg(test)]
mod tests;

//! What a selection has beside bare floats.

use super::Selection;

// === impl Selection ===

impl Selection {
    /// Whether the `i`-th series has native histograms, in the time that was asked for or near it.
    pub fn has_histograms(&self, i: usize) -> bool {
        self.0
            .series
            .get(i)
            .is_some_and(|series| series.histograms || series.head.iter().any(|piece| piece.chunk().has_histograms()))
    }

    /// Whether any series may have native histograms.
    pub(in crate::store) fn have_histograms(&self) -> bool {
        let mut heads = self.0.series.iter().flat_map(|series| &series.head);
        heads.any(|piece| piece.chunk().has_histograms()) || self.0.blocks.iter().any(|block| block.has_histograms())
    }

    /// Whether any series may have floats with starts.
    pub(in crate::store) fn have_starts(&self) -> bool {
        let mut heads = self.0.series.iter().flat_map(|series| &series.head);
        heads.any(|piece| piece.chunk().has_starts()) || self.0.blocks.iter().any(|block| block.has_starts())
    }
}

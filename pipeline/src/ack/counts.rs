//! How much there is of each kind.

use crate::batch::{Batch, Series};

/// How much there is of each kind. Samples are floats or native histograms; exemplars are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Samples that are floats.
    pub floats: u64,
    /// Samples that are native histograms.
    pub histograms: u64,
    /// Exemplars.
    pub exemplars: u64,
}

// === impl Counts ===

impl Counts {
    /// All of a batch.
    pub fn of(batch: &Batch) -> Self {
        Self {
            floats: batch.float_count() as u64,
            histograms: batch.histogram_count() as u64,
            exemplars: batch.exemplar_count() as u64,
        }
    }

    /// All of a series.
    pub fn of_series(series: &Series<'_>) -> Self {
        Self {
            floats: series.timestamps.len() as u64,
            histograms: series.histograms.len() as u64,
            exemplars: series.exemplars.len() as u64,
        }
    }

    /// How many samples these are.
    pub fn samples(self) -> u64 {
        self.floats.saturating_add(self.histograms)
    }

    /// These and others.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            floats: self.floats.saturating_add(other.floats),
            histograms: self.histograms.saturating_add(other.histograms),
            exemplars: self.exemplars.saturating_add(other.exemplars),
        }
    }

    /// These without others. Floats beyond those that there are count as histograms: who counted them may not have told the kinds
    /// apart.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        let beyond = other.floats.saturating_sub(self.floats);
        Self {
            floats: self.floats.saturating_sub(other.floats),
            histograms: self.histograms.saturating_sub(other.histograms).saturating_sub(beyond),
            exemplars: self.exemplars.saturating_sub(other.exemplars),
        }
    }
}

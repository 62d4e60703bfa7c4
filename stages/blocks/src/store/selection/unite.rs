//! Runs of one series as one.

use super::Run;
use crate::merge::{drop_beaten, merge_histograms, merge_since};
use crate::store::shelf::Samples;

// === impl Run ===

impl Run {
    /// The union of runs of one series, each time once, and how many values lost a conflict.
    pub fn unite(runs: &[Self]) -> (Self, u64) {
        let mut out = Self { series: runs.first().map_or(0, |run| run.series), ..Self::default() };
        let lists: Vec<_> = runs.iter().map(|run| (&*run.timestamps, &*run.values, &*run.starts)).collect();
        let mut conflicts = merge_since(&lists, out.floats_mut());
        out.histograms = runs.iter().flat_map(|run| run.histograms.iter().cloned()).collect();
        conflicts += merge_histograms(&mut out.histograms);
        let floats = (&mut out.timestamps, &mut out.values, &mut out.starts);
        conflicts += drop_beaten(floats, &out.histograms);
        (out, conflicts)
    }

    /// The floats, to be added to.
    pub(crate) fn floats_mut(&mut self) -> (&mut Vec<i64>, &mut Vec<f64>, &mut Vec<i64>) {
        (&mut self.timestamps, &mut self.values, &mut self.starts)
    }
}

// === impl Samples ===

impl From<Run> for Samples {
    fn from(Run { timestamps, values, starts, histograms, .. }: Run) -> Self {
        Self { timestamps, values, starts, histograms }
    }
}

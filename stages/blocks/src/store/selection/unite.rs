//! Runs of one series as one.

use super::Run;
use crate::merge::{drop_beaten, merge, merge_histograms};
use crate::store::shelf::Samples;

// === impl Run ===

impl Run {
    /// The union of runs of one series, each time once, and how many values lost a conflict. Start timestamps are left out.
    pub fn unite(runs: &[Self]) -> (Self, u64) {
        let mut out = Self { series: runs.first().map_or(0, |run| run.series), ..Self::default() };
        let lists: Vec<_> = runs.iter().map(|run| (run.timestamps.as_slice(), run.values.as_slice())).collect();
        let mut conflicts = merge(&lists, &mut out.timestamps, &mut out.values);
        out.histograms = runs.iter().flat_map(|run| run.histograms.iter().cloned()).collect();
        conflicts += merge_histograms(&mut out.histograms);
        conflicts += drop_beaten(&mut out.timestamps, &mut out.values, &out.histograms);
        (out, conflicts)
    }
}

// === impl Samples ===

impl From<Run> for Samples {
    fn from(Run { timestamps, values, histograms, .. }: Run) -> Self {
        Self { timestamps, values, histograms }
    }
}

//! Series in memory as a source: of scripts, and of tests that cut runs as they like.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use weir_pipeline::{Exemplar, LabelSet, Labels, Result, SeriesExemplars, SeriesId};

use crate::engine::{MetricsSource, Run, Selected, Wanted};
use crate::exec::source::Known;

/// Series in memory. A series is a list of runs, which may overlap.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    series: BTreeMap<LabelSet, Vec<Run>>,
    exemplars: Vec<SeriesExemplars>,
    /// Whether all series have the same id, as if someone had forged them.
    pub(crate) forged: bool,
}

struct Found {
    series: Vec<(LabelSet, Vec<Run>)>,
    forged: bool,
}

// === impl Memory ===

impl Memory {
    /// Adds a run of a series; which number the run says does not matter.
    pub fn add(&mut self, labels: LabelSet, run: Run) {
        self.series.entry(labels).or_default().push(run);
    }

    /// Adds the exemplars of a series that has none yet.
    pub fn add_exemplars(&mut self, series: LabelSet, exemplars: Vec<Exemplar>) {
        self.exemplars.push(SeriesExemplars { series, exemplars });
    }

    /// The same samples with the runs of each series cut anew.
    #[cfg(test)]
    pub(crate) fn recut(&self, mut cut: impl FnMut(Vec<(i64, f64)>) -> Vec<Vec<(i64, f64)>>) -> Self {
        let floats = |run: &Run| run.timestamps.iter().copied().zip(run.values.iter().copied()).collect::<Vec<_>>();
        let mut recut = Self { forged: self.forged, ..Self::default() };
        for (labels, runs) in &self.series {
            for run in cut(runs.iter().flat_map(floats).collect()) {
                recut.add(labels.clone(), of_floats(&run));
            }
        }
        recut
    }
}

/// A run of floats.
#[cfg(test)]
pub(crate) fn of_floats(floats: &[(i64, f64)]) -> Run {
    let (timestamps, values) = floats.iter().copied().unzip();
    Run { timestamps, values, ..Run::default() }
}

#[async_trait]
impl MetricsSource for Memory {
    async fn select(&self, wanted: Wanted<'_>) -> Result<Arc<dyn Selected>> {
        let Wanted { matchers, start, end, .. } = wanted;
        let matches = |labels: Labels<'_>| matchers.iter().all(|m| m.matches(labels.get(&m.name).unwrap_or("")));
        let found = self.series.iter().filter(|(labels, _)| matches(labels.as_labels()));
        let within = |run: &Run| within(run, start, end);
        let series = found.map(|(labels, runs)| (labels.clone(), runs.iter().map(within).collect())).collect();
        Ok(Arc::new(Found { series, forged: self.forged }))
    }

    async fn exemplars(&self, wanted: Wanted<'_>) -> Result<Known<Vec<SeriesExemplars>>> {
        let Wanted { matchers, start, end, .. } = wanted;
        let matches = |labels: Labels<'_>| matchers.iter().all(|m| m.matches(labels.get(&m.name).unwrap_or("")));
        let mut found = self.exemplars.clone();
        found.retain(|own| matches(own.series.as_labels()));
        found.iter_mut().for_each(|own| own.exemplars.retain(|exemplar| (start..=end).contains(&exemplar.timestamp)));
        Ok(found.into())
    }
}

/// The samples of a run from `start` to `end`, both included.
fn within(run: &Run, start: i64, end: i64) -> Run {
    let is_within = |time: i64| (start..=end).contains(&time);
    let at = |i: &usize| run.timestamps.get(*i).is_some_and(|time| is_within(*time));
    let kept: Vec<usize> = (0..run.timestamps.len()).filter(at).collect();
    Run {
        series: 0,
        timestamps: kept.iter().filter_map(|i| run.timestamps.get(*i).copied()).collect(),
        values: kept.iter().filter_map(|i| run.values.get(*i).copied()).collect(),
        starts: kept.iter().filter_map(|i| run.starts.get(*i).copied()).collect(),
        histograms: run.histograms.iter().filter(|point| is_within(point.timestamp)).cloned().collect(),
    }
}

#[async_trait]
impl Selected for Found {
    fn len(&self) -> usize {
        self.series.len()
    }

    fn labels(&self, series: usize) -> Labels<'_> {
        self.series.get(series).map_or(Labels::from_canonical(&[]), |(labels, _)| labels.as_labels())
    }

    fn has_histograms(&self, series: usize) -> bool {
        self.series.get(series).is_some_and(|(_, runs)| runs.iter().any(|run| !run.histograms.is_empty()))
    }

    fn id(&self, series: usize) -> SeriesId {
        if self.forged { SeriesId([7; 16]) } else { self.labels(series).id() }
    }

    fn samples_estimate(&self, series: usize) -> usize {
        let runs = self.series.get(series).map_or(&[][..], |(_, runs)| runs);
        runs.iter().map(|run| run.timestamps.len() + run.histograms.len()).sum()
    }

    async fn read(&self, range: Range<usize>) -> Result<Vec<Run>> {
        let runs = |series: usize| {
            let runs = self.series.get(series).map_or(&[][..], |(_, runs)| runs);
            runs.iter().map(move |run| Run { series, ..run.clone() })
        };
        Ok(range.flat_map(runs).collect())
    }
}

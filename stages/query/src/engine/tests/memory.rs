//! Series in memory, in runs that tests cut as they like.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use weir_pipeline::{LabelSet, Labels, Result, SeriesId};

use crate::engine::{MetricsSource, Run, Selected, Wanted};

/// Series in memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    series: BTreeMap<LabelSet, Vec<Samples>>,
    /// Whether all series have the same id, as if someone had forged them.
    pub(crate) forged: bool,
}

struct Found(Vec<(LabelSet, Vec<Samples>)>, bool);

type Samples = Vec<(i64, f64)>;

impl Memory {
    /// Adds a run of a series.
    pub(crate) fn add(&mut self, labels: LabelSet, run: Vec<(i64, f64)>) {
        self.series.entry(labels).or_default().push(run);
    }

    /// The same samples with the runs of each series cut anew.
    pub(crate) fn recut(&self, mut cut: impl FnMut(Vec<(i64, f64)>) -> Vec<Vec<(i64, f64)>>) -> Self {
        let series = self.series.iter().map(|(labels, runs)| (labels.clone(), cut(runs.concat()))).collect();
        Self { series, ..self.clone() }
    }
}

#[async_trait]
impl MetricsSource for Memory {
    async fn select(&self, wanted: Wanted<'_>) -> Result<Arc<dyn Selected>> {
        let Wanted { matchers, start, end, .. } = wanted;
        let matches = |labels: Labels<'_>| matchers.iter().all(|m| m.matches(labels.get(&m.name).unwrap_or("")));
        let found = self.series.iter().filter(|(labels, _)| matches(labels.as_labels()));
        let within = |run: &Vec<(i64, f64)>| run.iter().copied().filter(|(t, _)| (start..=end).contains(t)).collect();
        let found = found.map(|(labels, runs)| (labels.clone(), runs.iter().map(within).collect())).collect();
        Ok(Arc::new(Found(found, self.forged)))
    }
}

#[async_trait]
impl Selected for Found {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, series: usize) -> Labels<'_> {
        self.0[series].0.as_labels()
    }

    fn id(&self, series: usize) -> SeriesId {
        if self.1 { SeriesId([7; 16]) } else { self.labels(series).id() }
    }

    fn samples_estimate(&self, series: usize) -> usize {
        self.0[series].1.iter().map(Vec::len).sum()
    }

    async fn read(&self, series: Range<usize>) -> Result<Vec<Run>> {
        let run = |series: usize, run: &Vec<(i64, f64)>| Run {
            series,
            timestamps: run.iter().map(|(t, _)| *t).collect(),
            values: run.iter().map(|(_, v)| *v).collect(),
        };
        Ok(series.flat_map(|i| self.0[i].1.iter().map(move |r| run(i, r))).collect())
    }
}

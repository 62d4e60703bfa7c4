//! Samples as they are, without PromQL: what remote read and federation ask for.
//!
//! Shape: series in the order of their labels, each in one batch; the answer streams, and shows what there was when the
//! question came. Replicas are not merged.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use futures_util::stream::try_unfold;
use weir_pipeline::{Answer, Batch, Batches, Data, Error, Matcher, Query, Result, Tenant};

use crate::exec::source::{MetricsSource, Run, Selected, Wanted};

/// About how many samples are read at a time.
const SAMPLES: usize = 256 << 10;

/// At most how many series are read at a time.
const SERIES: usize = 4096;

/// Which series, and when.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) matchers: &'a [Matcher],
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) labels_only: bool,
    /// How many series there may be.
    pub(super) max_series: usize,
}

/// What is still to be sent.
struct Rest {
    tenant: Tenant,
    selected: Arc<dyn Selected>,
    /// The series, in the order of their labels.
    order: Vec<usize>,
    next: usize,
    labels_only: bool,
}

/// Answers a question for samples.
pub(super) async fn answer(source: &dyn MetricsSource, query: &Query, asked: Asked<'_>) -> Result<Answer> {
    let Asked { matchers, start, end, labels_only, max_series } = asked;
    let Query { tenant, partial, .. } = query;
    let wanted = Wanted { tenant, matchers, start, end, labels_only, partial: *partial };
    let selected = source.select(wanted).await?;
    if selected.len() > max_series {
        let found = selected.len();
        return Err(Error::unprocessable(format!("expected at most {max_series} series (`max_series`), got {found}")));
    }
    let mut order: Vec<usize> = (0..selected.len()).collect();
    let warnings = selected.warnings();
    let labels = selected.clone();
    let sort = move || {
        order.sort_by(|a, b| labels.labels(*a).compare(labels.labels(*b)));
        order
    };
    let lost = |e| Error::internal("expected the series to be sorted").with_source(e);
    let order = tokio::task::spawn_blocking(sort).await.map_err(lost)?;
    let rest = Rest { tenant: tenant.clone(), selected, order, next: 0, labels_only };
    let next = |mut rest: Rest| async move { Ok(rest.batch().await?.map(|batch| (batch, rest))) };
    Ok(Answer { warnings, ..Data::Samples(Batches::new(try_unfold(rest, next))).into() })
}

// === impl Rest ===

impl Rest {
    /// The next batch.
    async fn batch(&mut self) -> Result<Option<Batch>> {
        let range = self.take();
        let series = self.order.get(range).unwrap_or_default();
        if series.is_empty() {
            return Ok(None);
        }
        let mut out = Batch::builder(self.tenant.clone());
        if self.labels_only {
            series.iter().for_each(|series| _ = out.series(self.selected.labels(*series)));
            return Ok(Some(out.build()));
        }
        let mut runs: HashMap<usize, Vec<Run>> = HashMap::new();
        for range in ranges(series) {
            for run in self.selected.read(range).await? {
                runs.entry(run.series).or_default().push(run);
            }
        }
        for series in series {
            let (run, _) = Run::unite(&runs.remove(series).unwrap_or_default());
            let Run { timestamps, values, starts, histograms, .. } = run;
            if !(timestamps.is_empty() && histograms.is_empty()) {
                out.series(self.selected.labels(*series));
                let starts = starts.into_iter().chain(std::iter::repeat(0));
                let floats = timestamps.iter().zip(&values).zip(starts);
                floats.for_each(|((time, value), start)| _ = out.sample_since(start, *time, *value));
                histograms.into_iter().for_each(|point| _ = out.histogram(point));
            }
        }
        Ok(Some(out.build()))
    }

    /// Takes series off the rest that together have about as many samples as are read at a time.
    fn take(&mut self) -> Range<usize> {
        let (start, mut samples) = (self.next, 0usize);
        while let Some(series) = self.order.get(self.next) {
            let more = if self.labels_only { 0 } else { self.selected.samples_estimate(*series) };
            let is_full = samples.saturating_add(more) > SAMPLES || self.next - start >= SERIES;
            if self.next > start && is_full {
                break;
            }
            samples = samples.saturating_add(more);
            self.next += 1;
        }
        start..self.next
    }
}

/// The same series as ranges: those that stand together are read together.
fn ranges(series: &[usize]) -> Vec<Range<usize>> {
    let mut sorted = series.to_vec();
    sorted.sort_unstable();
    sorted.chunk_by(|a, b| a + 1 == *b).filter_map(|run| Some(*run.first()?..*run.last()? + 1)).collect()
}

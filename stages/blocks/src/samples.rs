//! `samples`: answers other nodes' questions for samples from a store.
//!
//! ```yaml
//! sink:
//!   samples: { store: central }
//! ```
//!
//! Shape: a sink of the read path. The answer streams: series in block order, each with its samples merged, in batches of
//! about a megabyte. It shows the store as it was when the question came; what is in its bucket only to who does not read the
//! same one. It says since when the store has everything. It also answers which exemplars the store has, what it knows of
//! metrics, and what its recent series are made of; and where `admin` allows it what there is of tenants, and deletes one. Always
//! ready.
//!
//! All settings: `samples: { store: central, admin: false }`.
//!
//! Errors: `Unprocessable` where something else is asked; while it streams, those of reading blocks. Where the
//! bucket can't be read, `Unavailable` after all that there is besides.
//!
//! Order: last, under a `readers` source.

use std::ops::Range;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::{self, try_unfold};
use serde::Deserialize;
use weir_pipeline::batch::BatchBuilder;
use weir_pipeline::units::Ref;
use weir_pipeline::{
    Answer, Ask, Batch, Batches, Context, Data, Error, HistogramPoint, Next, Query, Read, Result, Sink, Tenant,
};

use crate::extras::Known;
use crate::store::{Run, Selection, Store, shelf};

/// About how many samples a batch has.
const SAMPLES: usize = 64 << 10;

/// As many samples a native histogram counts for.
const HISTOGRAM: usize = 64;

/// Stands for the native histograms of a series whose samples nobody wants.
fn witness(timestamp: i64) -> HistogramPoint {
    HistogramPoint { timestamp, start: 0, histogram: Arc::default() }
}

/// At most how many series a batch has.
const SERIES: usize = 4096;

/// The sink's settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Samples {
    /// The store that has the samples.
    pub store: Ref<Store>,
    /// Whether who asks may list tenants, and delete all that there is of one: the query nodes' `api` with `admin: true`, and
    /// whoever else reaches `readers`. Default false.
    #[serde(default)]
    pub admin: bool,
}

/// What is still to be sent.
struct Rest {
    tenant: Tenant,
    selection: Selection,
    series: Range<usize>,
    labels_only: bool,
    /// From when on was asked.
    start: i64,
    /// Whether series without their samples tell of native histograms.
    kinds: bool,
    /// Samples that are read, of the series that come next: from the end, and each list in falling order of time, so that
    /// what is first is taken off the end.
    read: Vec<(usize, shelf::Samples)>,
}

// === impl Samples ===

impl Sink<Read> for Samples {
    const NAME: &'static str = "samples";

    fn open(self, context: &Context) -> Result<Next<Read>> {
        let store = context.resource::<Store>(self.store.name())?;
        let admin = self.admin;
        Ok(Next::new(tower::service_fn(move |query: Query| {
            let store = store.clone();
            async move {
                match query.ask {
                    Ask::Tenants { .. } | Ask::DeleteTenant { .. } if !admin => Err(Error::unprocessable(
                        "expected no question about tenants: `samples.admin` of this node is not set",
                    )),
                    Ask::Tenants { only } => Ok(Data::Tenants(store.usage(only.as_ref()).await?).into()),
                    Ask::DeleteTenant { tenant } => Ok(Data::Tenants(vec![store.delete(&tenant).await?]).into()),
                    _ => answer(&store, query).await,
                }
            }
        })))
    }
}

pub(crate) async fn answer(store: &Store, query: Query) -> Result<Answer> {
    let (matchers, start, end, labels_only, bucket) = match query.ask {
        Ask::Samples { matchers, start, end, labels_only, bucket } => (matchers, start, end, labels_only, bucket),
        Ask::Metadata { metric, bucket } => {
            let (tenant, metric) = (&query.tenant, metric.as_deref());
            let Known { found, missing } = match reads_the_rest(store, bucket).await {
                true => store.recent_metadata(tenant, metric).await,
                false => store.metadata(tenant, metric).await,
            };
            return Ok(Answer { warnings: missing, ..Data::Metadata(found).into() });
        }
        Ask::Exemplars { selectors, start, end, bucket } => {
            let (tenant, recent) = (&query.tenant, reads_the_rest(store, bucket).await);
            let (mut all, mut warnings) = (Vec::new(), Vec::new());
            for matchers in &selectors {
                let Known { found, missing } = match recent {
                    true => store.recent_exemplars(tenant, matchers, start, end).await?,
                    false => store.exemplars(tenant, matchers, start, end).await?,
                };
                all.extend(found);
                warnings.extend(missing);
            }
            return Ok(Answer { warnings, ..Data::Exemplars(all).into() });
        }
        Ask::Cardinality { limit } => {
            return Ok(Data::Cardinality(store.cardinality(&query.tenant, limit).await?).into());
        }
        Ask::Changes { since } => return Ok(Data::Changes(store.changes(&query.tenant, since).await).into()),
        _ => return Err(Error::unprocessable("expected a question for samples: `samples` answers other nodes")),
    };
    let selection = match reads_the_rest(store, bucket).await {
        true => store.select_recent(&query.tenant, &matchers, start, end).await?,
        false => store.select(&query.tenant, &matchers, start, end).await?,
    };
    // Whoever hears several nodes joins their lists.
    let selection = selection.sorted().await?;
    // What is there is sent, and then that it is not all.
    let missing = selection.missing().join("; ");
    let broken = (!missing.is_empty()).then(|| Err(Error::unavailable(missing)));
    let series = 0..selection.len();
    let (tenant, kinds) = (query.tenant, query.kinds);
    let rest = Rest { tenant, selection, series, labels_only, start, kinds, read: Vec::new() };
    let next = |mut rest: Rest| async move { Ok(rest.next().await?.map(|batch| (batch, rest))) };
    let batches = Batches::new(try_unfold(rest, next).chain(stream::iter(broken)));
    Ok(Data::Samples(batches.with_since(store.since())).into())
}

/// Whether who asks reads the store's bucket by itself.
async fn reads_the_rest(store: &Store, bucket: Option<Arc<str>>) -> bool {
    bucket.is_some() && bucket == store.bucket_identity().await
}

// === impl Rest ===

impl Rest {
    /// The next batch.
    async fn next(&mut self) -> Result<Option<Batch>> {
        if self.labels_only {
            return Ok(self.labels());
        }
        while self.read.is_empty() {
            let Some(series) = self.next_series() else { return Ok(None) };
            let runs = self.selection.read(series).await?;
            let merged = move || join(runs);
            self.read = tokio::task::spawn_blocking(merged).await.map_err(crate::store::lost)?;
            // Taken from the end.
            self.read.reverse();
        }
        Ok(Some(self.batch()))
    }

    /// The next series without their samples; those that have native histograms with an empty one, where that is asked for.
    fn labels(&mut self) -> Option<Batch> {
        let end = self.series.end.min(self.series.start + SERIES);
        let series = std::mem::replace(&mut self.series.start, end)..end;
        if series.is_empty() {
            return None;
        }
        let mut out = Batch::builder(self.tenant.clone());
        for i in series {
            out.series(self.selection.labels(i));
            if self.kinds && self.selection.has_histograms(i) {
                out.histogram(witness(self.start));
            }
        }
        Some(out.build())
    }

    /// Takes series off the rest that together have about as many samples as a batch.
    fn next_series(&mut self) -> Option<Range<usize>> {
        let (start, mut samples) = (self.series.start, 0);
        while !self.series.is_empty() && self.series.start - start < SERIES {
            let more = self.selection.samples_estimate(self.series.start);
            if self.series.start > start && samples + more > SAMPLES {
                break;
            }
            samples += more;
            self.series.start += 1;
        }
        (self.series.start > start).then_some(start..self.series.start)
    }

    /// A batch of what is read. A long series goes on in the next one.
    fn batch(&mut self) -> Batch {
        let mut out = Batch::builder(self.tenant.clone());
        let mut room = SAMPLES;
        while room > 0 {
            let Some((series, samples)) = self.read.last_mut() else { break };
            out.series(self.selection.labels(*series));
            let taken = samples.timestamps.len().min(room);
            push(&mut out, samples, samples.timestamps.len() - taken);
            room -= taken;
            for _ in 0..room.div_ceil(HISTOGRAM) {
                let Some(point) = samples.histograms.pop() else { break };
                out.histogram(point);
                room = room.saturating_sub(HISTOGRAM);
            }
            if samples.is_empty() {
                self.read.pop();
            }
        }
        out.build()
    }
}

/// Moves the floats from `keep` counted from the end on, which stand in falling order, into the batch.
fn push(out: &mut BatchBuilder, samples: &mut shelf::Samples, keep: usize) {
    let starts = samples.starts.split_off(keep.min(samples.starts.len()));
    let floats = samples.timestamps.drain(keep..).rev().zip(samples.values.drain(keep..).rev());
    for ((t, v), start) in floats.zip(starts.into_iter().rev().chain(std::iter::repeat(0))) {
        out.sample_since(start, t, v);
    }
}

/// One list of samples for each series, in falling order of time.
fn join(runs: Vec<Run>) -> Vec<(usize, shelf::Samples)> {
    let mut out = Vec::new();
    for runs in runs.chunk_by(|a, b| a.series == b.series) {
        let (run, _) = Run::unite(runs);
        let (series, mut samples) = (run.series, shelf::Samples::from(run));
        samples.timestamps.reverse();
        samples.values.reverse();
        samples.starts.reverse();
        samples.histograms.reverse();
        if !samples.is_empty() {
            out.push((series, samples));
        }
    }
    out
}

#[cfg(test)]
mod tests;

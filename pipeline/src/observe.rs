//! One observer around every stage: place on errors, spans, counters, durations, and the law.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use tokio::time::Instant;
use tower::Service;
use tracing::Instrument;

use crate::error::{Error, Place, Result};
use crate::metrics::Metrics;
use crate::next::{Next, Reply};
use crate::path::{Path, Write};
use crate::tap::{Point, Spot, Taps};

/// The metrics of all observers of a program.
#[derive(Clone)]
pub struct Observers {
    samples: Family<SampleLabels, Counter>,
    received: Family<StageLabels, Counter>,
    requests: Family<RequestLabels, Counter>,
    durations: Family<StageLabels, Histogram>,
    violations: Family<StageLabels, Counter>,
    taps: Taps,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabels {
    pipeline: String,
    stage: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SampleLabels {
    pipeline: String,
    stage: String,
    outcome: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    pipeline: String,
    stage: String,
    result: &'static str,
}

/// The observer of one place, around the service that stands there.
struct Observed<P: Path> {
    inner: Next<P>,
    seen: Arc<Seen>,
}

/// A request under way: counted as cancelled where it is dropped before its answer is there.
struct UnderWay(Option<Arc<Seen>>);

/// What an observer writes to.
struct Seen {
    place: Place,
    at: StageLabels,
    all: Observers,
    received: Counter,
    succeeded: Counter,
    duration: Histogram,
    /// Where batches can be watched that come; the read path has none.
    point: Option<Arc<Point>>,
}

// === impl Observers ===

impl Observers {
    /// Registers the metrics. Once per program.
    pub fn new(metrics: &Metrics) -> Self {
        let durations = || Histogram::new(exponential_buckets(0.000_1, 4.0, 11));
        Self {
            samples: metrics.register(
                "weir_pipeline_samples",
                "What became of samples, counted where it happened",
                Family::default(),
            ),
            received: metrics.register(
                "weir_pipeline_received_samples",
                "Samples that came to a stage",
                Family::default(),
            ),
            requests: metrics.register(
                "weir_pipeline_requests",
                "Requests that a stage is done with, by result: ok, the kind of the error, or cancelled by the caller",
                Family::default(),
            ),
            durations: metrics.register(
                "weir_pipeline_duration_seconds",
                "How long a stage and all below it took",
                Family::new_with_constructor(durations),
            ),
            violations: metrics.register(
                "weir_pipeline_law_violations",
                "Acks that did not account for every sample: a fault of the stage",
                Family::default(),
            ),
            taps: Taps::default(),
        }
    }

    /// The same, with what comes to be watched there.
    #[must_use]
    pub fn with_taps(self, taps: &Taps) -> Self {
        Self { taps: taps.clone(), ..self }
    }

    /// The service with an observer around it. `stage` is the place within the pipeline, as `stages[2].shard`.
    pub fn observe<P: Path>(&self, pipeline: &str, stage: &str, inner: Next<P>) -> Next<P> {
        let (pipeline, branch, stage) = (pipeline.to_owned(), String::new(), stage.to_owned());
        self.observe_at(Spot { pipeline, branch, stage, is_first: false }, inner)
    }

    /// As [`observe`](Self::observe), where more is known of the place.
    pub(crate) fn observe_at<P: Path>(&self, spot: Spot, inner: Next<P>) -> Next<P> {
        let (pipeline, stage) = (spot.pipeline.clone(), format!("{}{}", spot.branch, spot.stage));
        let at = StageLabels { pipeline: pipeline.clone(), stage: stage.clone() };
        let ok = RequestLabels { pipeline, stage, result: "ok" };
        let seen = Seen {
            place: spot.place().into(),
            point: (P::NAME == Write::NAME).then(|| self.taps.point(spot)),
            received: self.received.get_or_create_owned(&at),
            succeeded: self.requests.get_or_create_owned(&ok),
            duration: self.durations.get_or_create_owned(&at),
            all: self.clone(),
            at,
        };
        Next::new(Observed { inner, seen: Arc::new(seen) })
    }
}

impl std::fmt::Debug for Observers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Observers")
    }
}

// === impl Observed ===

impl<P: Path> Clone for Observed<P> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), seen: self.seen.clone() }
    }
}

impl<P: Path> Service<P::Request> for Observed<P> {
    type Response = P::Response;
    type Error = Error;
    type Future = Reply<P>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.inner.poll_ready(cx).map_err(|e| self.seen.failed(e))
    }

    fn call(&mut self, request: P::Request) -> Reply<P> {
        let (seen, start, samples) = (self.seen.clone(), Instant::now(), P::samples(&request));
        seen.received.inc_by(samples);
        if let Some(point) = seen.watched()
            && let Some(batch) = P::batch(&request)
        {
            point.came(batch);
        }
        let span = tracing::debug_span!("stage", place = %seen.place);
        let reply = span.in_scope(|| self.inner.call(request));
        let mut under_way = UnderWay(Some(seen.clone()));
        async move {
            let result = reply.await;
            under_way.answered();
            seen.duration.observe(start.elapsed().as_secs_f64());
            match result {
                Ok(mut response) => {
                    seen.succeeded.inc();
                    if let Some(ack) = P::ack(&mut response) {
                        seen.account(ack, samples);
                    }
                    Ok(response)
                }
                Err(error) => Err(seen.failed(error)),
            }
        }
        .instrument(span)
        .boxed()
    }
}

// === impl UnderWay ===

impl UnderWay {
    fn answered(&mut self) {
        self.0 = None;
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(seen) = self.0.take() {
            seen.count("cancelled");
        }
    }
}

// === impl Seen ===

impl Seen {
    /// Its point, while somebody watches.
    #[inline]
    fn watched(&self) -> Option<&Point> {
        self.point.as_deref().filter(|point| point.is_watched())
    }

    fn failed(&self, error: Error) -> Error {
        if let Some(point) = self.watched().filter(|_| error.place().is_none()) {
            point.failed();
        }
        self.count(error.kind().as_str());
        error.at(&self.place)
    }

    fn count(&self, result: &'static str) {
        let StageLabels { pipeline, stage } = self.at.clone();
        self.all.requests.get_or_create(&RequestLabels { pipeline, stage, result }).inc();
    }

    /// Counts what happened here, which is what has no place yet, and checks the law.
    fn account(&self, ack: &mut crate::Ack, samples: u64) {
        if let Some(point) = self.watched() {
            point.acked(ack);
        }
        for entry in ack.entries_mut().iter_mut().filter(|e| e.place.is_none()) {
            let StageLabels { pipeline, stage } = self.at.clone();
            let labels = SampleLabels { pipeline, stage, outcome: entry.outcome.as_str(), reason: entry.reason };
            self.all.samples.get_or_create(&labels).inc_by(entry.count);
            entry.place = Some(self.place.clone());
        }
        if !ack.balances(samples) {
            self.all.violations.get_or_create(&self.at).inc();
            tracing::error!(
                place = %self.place,
                samples,
                created = ack.created,
                accounted = ack.total(),
                "an ack does not account for every sample"
            );
        }
    }
}

#[cfg(test)]
mod tests;

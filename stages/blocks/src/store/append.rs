//! From a batch to its ack.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use weir_pipeline::ack::{Counts, reason};
use weir_pipeline::batch::{Metadata, Series};
use weir_pipeline::{Ack, Batch, Error, HistogramPoint, Kind, Result};

use super::bounds::Times;
use super::exemplars::Source;
use super::{Store, cut, lock};
use crate::head::{Losses, Places};
use crate::log::{Entry, Hold};

/// How long a sender should wait where memory is full: a cut takes about that.
pub(super) const RETRY: Duration = Duration::from_secs(2);

/// No label set is longer, in bytes. A record of the log holds one in any case.
const MAX_LABELS: usize = 1 << 20;

/// Why a sample is rejected.
#[derive(Clone, Copy)]
enum Flaw {
    TooFarInFuture,
    BeyondRetention,
    TooOld,
    LabelsTooLong,
    InvalidHistogram,
}

// === impl Store ===

impl Store {
    /// Writes a batch: durable, and visible to queries, when this returns.
    ///
    /// Cancel safety: what has begun goes on; the samples may be written all the same.
    ///
    /// # Errors
    /// `Unavailable` where memory or the disk is full, `Closed` where the store is.
    pub async fn append(&self, batch: &Batch) -> Result<Ack> {
        self.check_stays(batch.tenant())?;
        self.has_room(batch)?;
        self.check_head(batch)?;
        let permits = self.permits(batch);
        let permit = self.0.in_flight.clone().acquire_many_owned(permits).await.map_err(|_| Error::closed())?;
        // Who deletes a tenant waits for those that have a permit, and for nobody else.
        self.check_stays(batch.tenant())?;
        let said = self.0.metrics.unknown(batch.tenant(), batch.metadata());
        let (batch, mut ack) = self.admit(batch);
        let places = self.0.head.resolve(&batch);
        let mut written = batch.sample_count() as u64;
        for i in places.collisions() {
            let series = batch.series(i);
            let detail = format!("series `{}` has the id {} of another series", shown(series), series.id);
            // Its exemplars are kept by its labels.
            let counts = Counts { exemplars: 0, ..Counts::of_series(&series) };
            ack.reject_all(reason::ID_COLLISION, detail, counts);
            written -= series.sample_count() as u64;
        }
        let entry = Entry::new(&batch, places.numbers()).saying(&said);
        if !entry.is_empty() {
            let store = self.clone();
            // Not to be cancelled between log and head: what is durable is to be seen.
            let task = tokio::spawn(async move {
                let holds = store.0.log.append(entry).await?;
                let losses = store.insert(&batch, Source::Sender, &said, &places, &holds);
                drop(permit);
                Ok(told(&losses, &batch))
            });
            // The log has them all the same, and they lose there again.
            for (detail, counts) in task.await.map_err(cut::lost)?? {
                written -= counts.samples();
                ack.reject_all(reason::DUPLICATE_TIMESTAMP, detail, counts);
            }
        }
        ack.add(weir_pipeline::Outcome::Written, "", written);
        self.0.measures.appended(written, &ack);
        self.watch();
        Ok(ack)
    }

    /// What batches that wait for the log may take, in KiB.
    pub(crate) fn room(&self) -> Arc<Semaphore> {
        self.0.in_flight.clone()
    }

    /// Adds to the head what is in the log already, in the segments of `holds`, with what is said of metrics.
    pub(super) fn insert(
        &self,
        batch: &Batch,
        from: Source,
        said: &[Metadata],
        places: &Places,
        holds: &[Hold],
    ) -> Losses {
        let first = self.0.head.epoch();
        self.keep(first, holds);
        let losses = self.0.head.insert(batch, places);
        self.0.measures.uncut(self.0.exemplars.note(batch, from));
        self.0.metrics.note(batch.tenant(), said);
        // A cut may have begun meanwhile: then some of the samples belong to the next epoch.
        for epoch in first + 1..=self.0.head.epoch() {
            self.keep(epoch, holds);
        }
        // Last: who asked before may have missed some of it.
        if let Some(earliest) = batch.earliest() {
            self.0.changes.note(batch.tenant(), earliest);
        }
        losses
    }

    fn keep(&self, epoch: u32, holds: &[Hold]) {
        let mut all = lock(&self.0.holds);
        let kept = all.entry(epoch).or_default();
        for hold in holds {
            kept.entry(hold.number()).or_insert_with(|| hold.clone());
        }
    }

    fn has_room(&self, batch: &Batch) -> Result<()> {
        let most = self.0.settings.head.max_tenants;
        if !self.0.head.has_room_for(batch.tenant(), most) {
            self.0.measures.refused(batch.sample_count() as u64);
            let message = format!(
                "the head has `{most}` tenants, which is `max_tenants`, and `{}` is not among them",
                batch.tenant()
            );
            return Err(Error::new(Kind::Unavailable { retry_after: Some(RETRY) }, message).of_tenant());
        }
        let memory = self.0.settings.head.memory.get();
        let total = self.in_flight_kib() as usize;
        let waiting = total.saturating_sub(self.0.in_flight.available_permits()) as u64 * 1024;
        let used = self.0.head.usage().bytes() + waiting + batch.byte_size() as u64;
        if used <= memory {
            return Ok(());
        }
        self.0.measures.refused(batch.sample_count() as u64);
        self.0.pressed.notify_one();
        let message = format!("the head is full: {} of {memory} bytes are in use", used - batch.byte_size() as u64);
        Err(Error::new(Kind::Unavailable { retry_after: Some(RETRY) }, message))
    }

    /// Calls for a cut where memory begins to run short.
    pub(super) fn watch(&self) {
        let usage = self.0.head.usage();
        self.0.measures.observe(&usage);
        if self.is_pressed() {
            self.0.pressed.notify_one();
        }
    }

    /// Whether samples take half of what series leave of the budget: the other half is for those who write meanwhile; or there are
    /// half as many exemplars as may be.
    pub(super) fn is_pressed(&self) -> bool {
        self.is_full() || self.0.exemplars.are_pressed()
    }

    fn is_full(&self) -> bool {
        let usage = self.0.head.usage();
        let memory = self.0.settings.head.memory.get();
        usage.chunk_bytes > memory.saturating_sub(usage.series_bytes) / 2
    }

    pub(super) fn in_flight_kib(&self) -> u32 {
        u32::try_from(self.0.settings.head.in_flight.get() / 1024).unwrap_or(u32::MAX >> 3)
    }

    fn permits(&self, batch: &Batch) -> u32 {
        u32::try_from(batch.byte_size() / 1024 + 1).unwrap_or(u32::MAX).min(self.in_flight_kib())
    }

    /// The samples that may be written, and what became of the others.
    fn admit(&self, batch: &Batch) -> (Batch, Ack) {
        let Times { earliest, kept, latest } = self.times(batch.tenant());
        let times = earliest.max(kept)..=latest;
        let good = |series: Series<'_>| {
            series.labels.encoded().len() <= MAX_LABELS
                && series.timestamps.iter().all(|ts| times.contains(ts))
                && series.histograms.iter().all(|p| times.contains(&p.timestamp) && p.histogram.is_whole())
        };
        let mut ack = Ack::default();
        if batch.iter().all(good) {
            return (batch.clone(), ack);
        }
        let mut out = Batch::builder(batch.tenant().clone());
        for series in batch.iter() {
            let too_long = series.labels.encoded().len() > MAX_LABELS;
            let flaw = |ts: i64| match () {
                () if too_long => Some(Flaw::LabelsTooLong),
                () if ts > latest => Some(Flaw::TooFarInFuture),
                () if ts < kept => Some(Flaw::BeyondRetention),
                () if ts < earliest => Some(Flaw::TooOld),
                () => None,
            };
            let of_histogram = |point: &HistogramPoint| match flaw(point.timestamp) {
                None if !point.histogram.is_whole() => Some(Flaw::InvalidHistogram),
                flaw => flaw,
            };
            let good =
                series.timestamps.iter().any(|ts| flaw(*ts).is_none()) || !series.exemplars.is_empty() && !too_long;
            if good || series.histograms.iter().any(|point| of_histogram(point).is_none()) {
                out.series(series.labels);
                series.exemplars.iter().for_each(|exemplar| _ = out.exemplar(exemplar.clone()));
            }
            if too_long {
                ack.exemplars += series.exemplars.len() as u64;
            }
            for (i, (&ts, &value)) in series.timestamps.iter().zip(series.values).enumerate() {
                match flaw(ts) {
                    Some(flaw) => ack.reject(flaw.reason(), flaw.detail(series, ts), 1),
                    None => {
                        out.sample_since(series.start_timestamps.get(i).copied().unwrap_or(0), ts, value);
                    }
                }
            }
            for point in series.histograms {
                match of_histogram(point) {
                    Some(flaw) => {
                        let one = Counts { histograms: 1, ..Counts::default() };
                        ack.reject_all(flaw.reason(), flaw.detail(series, point.timestamp), one);
                    }
                    None => _ = out.histogram(point.clone()),
                }
            }
        }
        for (why, limit) in [(reason::BEYOND_RETENTION, "retention"), (reason::TOO_OLD, "max_past")] {
            if ack.entries().iter().any(|entry| entry.reason == why) {
                self.0.limits.hit(batch.tenant(), limit);
            }
        }
        (out.build(), ack)
    }
}

// === impl Flaw ===

impl Flaw {
    fn reason(self) -> &'static str {
        match self {
            Self::TooFarInFuture => reason::TOO_FAR_IN_FUTURE,
            Self::BeyondRetention => reason::BEYOND_RETENTION,
            Self::TooOld => reason::TOO_OLD,
            Self::LabelsTooLong => reason::LABELS_TOO_LONG,
            Self::InvalidHistogram => reason::INVALID_HISTOGRAM,
        }
    }

    fn detail(self, series: Series<'_>, ts: i64) -> String {
        let shown = shown(series);
        match self {
            Self::TooFarInFuture => format!("series `{shown}` has a sample too far in the future, at `{ts}`"),
            Self::BeyondRetention => {
                format!("series `{shown}` has a sample older than its tenant keeps any, at `{ts}`")
            }
            Self::TooOld => format!("series `{shown}` has a sample too far in the past, at `{ts}`"),
            Self::InvalidHistogram => {
                format!("series `{shown}` has a histogram at `{ts}` whose spans are not those of its buckets")
            }
            Self::LabelsTooLong => {
                let bytes = series.labels.encoded().len();
                format!("series `{shown}` has labels of {bytes} bytes, expected at most {MAX_LABELS}")
            }
        }
    }
}

/// What a sender hears of the floats that lost, and of the native histograms, and how many these are.
fn told(losses: &Losses, batch: &Batch) -> Vec<(String, Counts)> {
    let floats = Counts { floats: losses.floats.count, ..Counts::default() };
    let histograms = Counts { histograms: losses.histograms.count, ..Counts::default() };
    let each = [(losses.floats.one, floats), (losses.histograms.one, histograms)];
    let detail = |(one, counts): (Option<(usize, i64)>, Counts)| {
        let (series, ts) = one?;
        let shown = shown(batch.series(series));
        Some((format!("series `{shown}` has another value at `{ts}` already, which stays"), counts))
    };
    each.into_iter().filter_map(detail).collect()
}

/// The labels, not all of them where they are long.
fn shown(series: Series<'_>) -> String {
    let text = series.labels.to_string();
    match text.char_indices().nth(200) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

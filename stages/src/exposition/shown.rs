//! The last value of each series.

use std::collections::{BTreeMap, HashMap};

use weir_pipeline::ack::reason;
use weir_pipeline::batch::{Metadata, Series};
use weir_pipeline::{Ack, Batch, LabelSet, Outcome, Selector, SeriesId, Tenant, is_stale};

/// How many metrics of a tenant are described.
const MAX_METADATA: usize = 10_000;

/// The last value of each series.
pub(super) struct Shown {
    most: usize,
    /// How old a value may be, in milliseconds.
    within: i64,
    tenants: HashMap<Tenant, Page>,
    count: usize,
    /// When what is too old was taken out last, in milliseconds since the Unix epoch.
    swept: i64,
}

#[derive(Default)]
struct Page {
    series: HashMap<SeriesId, Last>,
    said: BTreeMap<String, Metadata>,
}

struct Last {
    labels: LabelSet,
    timestamp: i64,
    value: f64,
}

// === impl Shown ===

impl Shown {
    pub(super) fn new(most: usize, within: i64) -> Self {
        Self { most, within, tenants: HashMap::new(), count: 0, swept: i64::MIN }
    }

    /// Takes in a batch at the time `now`.
    pub(super) fn take(&mut self, batch: &Batch, now: i64) -> Ack {
        if now.saturating_sub(self.swept) >= self.within || self.count >= self.most {
            self.sweep(now);
        }
        let (mut ack, mut refused) = (Ack::default(), 0);
        let page = self.tenants.entry(batch.tenant().clone()).or_default();
        for series in batch.iter() {
            let samples = series.timestamps.len() as u64;
            match page.take(series, self.count < self.most) {
                Some(more) => self.count = self.count.saturating_add_signed(more),
                None => refused += samples,
            }
        }
        for metadata in batch.metadata() {
            if page.said.len() < MAX_METADATA || page.said.contains_key(&metadata.metric) {
                page.said.insert(metadata.metric.clone(), metadata.clone());
            }
        }
        let samples = batch.float_count() as u64;
        ack.merge(Ack::written(samples - refused.min(samples)));
        ack.add(Outcome::Dropped, reason::HISTOGRAM_UNSUPPORTED, batch.histogram_count() as u64);
        ack.reject(reason::SERIES_LIMIT, format!("expected at most {} series on the page", self.most), refused);
        ack
    }

    /// The last values of a tenant's series that one of `selectors` selects, or all where there is none.
    pub(super) fn page(&self, tenant: &Tenant, selectors: &[Selector], now: i64) -> Batch {
        let mut out = Batch::builder(tenant.clone());
        let Some(page) = self.tenants.get(tenant) else { return out.build() };
        let selects = |last: &&Last| {
            let labels = last.labels.as_labels();
            self.is_shown(last, now) && (selectors.is_empty() || selectors.iter().any(|s| s.selects(labels)))
        };
        for last in page.series.values().filter(selects) {
            out.series(last.labels.as_labels()).sample(last.timestamp, last.value);
        }
        page.said.values().for_each(|metadata| _ = out.metadata(metadata.clone()));
        out.build()
    }

    fn is_shown(&self, last: &Last, now: i64) -> bool {
        last.timestamp >= now.saturating_sub(self.within)
    }

    /// Takes out what is too old to be shown.
    fn sweep(&mut self, now: i64) {
        let oldest = now.saturating_sub(self.within);
        for page in self.tenants.values_mut() {
            page.series.retain(|_, last| last.timestamp >= oldest);
        }
        self.tenants.retain(|_, page| !page.series.is_empty());
        self.count = self.tenants.values().map(|page| page.series.len()).sum();
        self.swept = now;
    }
}

// === impl Page ===

impl Page {
    /// Takes in a series, and says how many more there are because of that; nothing where there is no room for it.
    fn take(&mut self, series: Series<'_>, has_room: bool) -> Option<isize> {
        let samples = series.timestamps.iter().copied().zip(series.values.iter().copied());
        let Some((timestamp, value)) = samples.max_by_key(|(timestamp, _)| *timestamp) else { return Some(0) };
        match self.series.get_mut(&series.id) {
            Some(known) if known.timestamp > timestamp => Some(0),
            Some(_) if is_stale(value) => {
                self.series.remove(&series.id);
                Some(-1)
            }
            Some(known) => {
                (known.timestamp, known.value) = (timestamp, value);
                Some(0)
            }
            None if is_stale(value) => Some(0),
            None if !has_room => None,
            None => {
                self.series.insert(series.id, Last { labels: series.labels.to_set(), timestamp, value });
                Some(1)
            }
        }
    }
}

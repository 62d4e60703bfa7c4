//! The last value of each series.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use weir_pipeline::batch::{Metadata, Series};
use weir_pipeline::exposition::families;
use weir_pipeline::{Ack, Batch, LabelSet, Outcome, Selector, SeriesId, Tenant, is_stale};

use crate::lines::NO_HISTOGRAMS;

/// How many metrics of a tenant are described.
const MAX_METADATA: usize = 10_000;

/// What may be shown.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// The most series of all tenants.
    pub(super) most: usize,
    /// How old a value may be, in milliseconds.
    pub(super) within: i64,
}

/// The last value of each series.
#[derive(Default)]
pub(super) struct Shown {
    tenants: HashMap<Tenant, Page>,
    count: usize,
    /// When what is too old was taken out last, in milliseconds since the Unix epoch.
    swept: Option<i64>,
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
    /// Takes in a batch at the time `now`.
    pub(super) fn take(&mut self, batch: &Batch, Bounds { most, within }: Bounds, now: i64) -> Ack {
        if self.swept.is_none_or(|swept| now.saturating_sub(swept) >= within) || self.count >= most {
            self.sweep(now.saturating_sub(within));
            self.swept = Some(now);
        }
        let (mut ack, mut refused) = (Ack::default(), 0);
        let page = self.tenants.entry(batch.tenant().clone()).or_default();
        for series in batch.iter() {
            let samples = series.timestamps.len() as u64;
            match page.take(series, self.count < most) {
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
        ack.add(Outcome::Dropped, NO_HISTOGRAMS, batch.histogram_count() as u64);
        ack.reject("series_limit", format!("expected at most {most} series on the page"), refused);
        ack
    }

    /// The last values of a tenant's series that one of `selectors` selects, or all where there is none.
    pub(super) fn page(&self, tenant: &Tenant, selectors: &[Selector], bounds: Bounds, now: i64) -> Batch {
        let mut out = Batch::builder(tenant.clone());
        let Some(page) = self.tenants.get(tenant) else { return out.build() };
        let oldest = now.saturating_sub(bounds.within);
        let selects = |last: &&Last| {
            let labels = last.labels.as_labels();
            last.timestamp >= oldest && (selectors.is_empty() || selectors.iter().any(|s| s.selects(labels)))
        };
        let mut described = BTreeSet::new();
        for last in page.series.values().filter(selects) {
            let labels = last.labels.as_labels();
            out.series(labels).sample(last.timestamp, last.value);
            described.extend(family(&page.said, labels.metric()));
        }
        described.iter().filter_map(|name| page.said.get(*name)).for_each(|said| _ = out.metadata(said.clone()));
        out.build()
    }

    /// Takes out what is older than this time, and what is said of metrics that have no series then.
    fn sweep(&mut self, oldest: i64) {
        for Page { series, said } in self.tenants.values_mut() {
            series.retain(|_, last| last.timestamp >= oldest);
            let names = series.values().filter_map(|last| family(said, last.labels.as_labels().metric()));
            let described: BTreeSet<&str> = names.collect();
            let gone: Vec<String> = said.keys().filter(|name| !described.contains(name.as_str())).cloned().collect();
            gone.iter().for_each(|name| _ = said.remove(name));
        }
        self.tenants.retain(|_, page| !page.series.is_empty());
        self.count = self.tenants.values().map(|page| page.series.len()).sum();
    }
}

/// The name under which something is said of `metric`.
fn family<'a>(said: &'a BTreeMap<String, Metadata>, metric: &str) -> Option<&'a str> {
    families(metric).find_map(|name| said.get_key_value(name)).map(|(name, _)| name.as_str())
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

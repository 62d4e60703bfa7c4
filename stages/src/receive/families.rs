//! Which metrics a series belongs to, of those that a request says something of.

use std::collections::HashMap;

use weir_pipeline::batch::{Metadata, MetricKind};

/// What series of a metric may have at the end of their names beside the metric's own, and of which kinds.
const SUFFIXES: &[(&str, &[MetricKind])] = &[
    ("_total", &[MetricKind::Counter]),
    ("_created", &[MetricKind::Counter, MetricKind::Histogram, MetricKind::Summary]),
    ("_bucket", &[MetricKind::Histogram, MetricKind::GaugeHistogram]),
    ("_sum", &[MetricKind::Histogram, MetricKind::Summary]),
    ("_count", &[MetricKind::Histogram, MetricKind::Summary]),
    ("_gsum", &[MetricKind::GaugeHistogram]),
    ("_gcount", &[MetricKind::GaugeHistogram]),
    ("_info", &[MetricKind::Info]),
];

/// What is said of metrics, by their names.
pub(super) struct Families<'a> {
    told: &'a [Metadata],
    places: HashMap<&'a str, Vec<usize>>,
}

// === impl Families ===

impl<'a> Families<'a> {
    pub(super) fn new(told: &'a [Metadata]) -> Self {
        let mut places = HashMap::<_, Vec<_>>::new();
        for (place, metadata) in told.iter().enumerate() {
            places.entry(metadata.metric.as_str()).or_default().push(place);
        }
        Self { told, places }
    }

    /// The places of all that is said of the metric that series called `name` are of.
    pub(super) fn of(&self, name: &str) -> impl Iterator<Item = usize> {
        let own = self.places.get(name).into_iter().flatten();
        let by_suffix = SUFFIXES.iter().flat_map(move |(suffix, kinds)| {
            let found = name.strip_suffix(suffix).and_then(|metric| self.places.get(metric));
            let is_of = move |place: usize| self.told.get(place).is_some_and(|metadata| kinds.contains(&metadata.kind));
            found.into_iter().flatten().filter(move |place| is_of(**place))
        });
        own.chain(by_suffix).copied()
    }
}

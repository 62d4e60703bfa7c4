//! The series that tell how a scrape went.

use std::time::Duration;

use weir_pipeline::{BatchBuilder, LabelSet, STALE};

use super::page::Counts;
use super::target::Target;

/// The series that tell how the scrapes of a target went. There are no others of their names: labels of a body never
/// reach them.
#[derive(Debug)]
pub(super) struct Report {
    series: [LabelSet; 5],
}

// === impl Report ===

impl Report {
    pub(super) fn new(target: &Target) -> Self {
        let names = [
            "up",
            "scrape_duration_seconds",
            "scrape_samples_scraped",
            "scrape_samples_post_metric_relabeling",
            "scrape_series_added",
        ];
        Self { series: names.map(|name| target.own(name)) }
    }

    /// Appends what there is to tell of a scrape at `at`.
    pub(super) fn append(&self, out: &mut BatchBuilder, at: i64, up: bool, took: Duration, counts: Counts) {
        let (scraped, kept, added) = (counts.scraped as f64, counts.kept as f64, counts.added as f64);
        let values = [f64::from(u8::from(up)), took.as_secs_f64(), scraped, kept, added];
        for (series, value) in self.series.iter().zip(values) {
            out.series(series.as_labels()).sample(at, value);
        }
    }

    /// Appends the end of these series at `at`.
    pub(super) fn end(&self, out: &mut BatchBuilder, at: i64) {
        for series in &self.series {
            out.series(series.as_labels()).sample(at, STALE);
        }
    }
}

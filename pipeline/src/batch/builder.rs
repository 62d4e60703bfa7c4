//! Builds a batch series by series.

use std::sync::Arc;

use super::{Batch, BatchBuilder, Metadata, Rows, Series};
use crate::histogram::HistogramPoint;
use crate::labels::{Labels, SeriesId};
use crate::query::Exemplar;
use crate::tenant::Tenant;

impl BatchBuilder {
    pub(super) fn new(tenant: Tenant) -> Self {
        Self { tenant, rows: Rows { offsets: vec![0], ..Rows::default() } }
    }

    /// Begins a series. Samples pushed from now on are its own.
    pub fn series(&mut self, labels: Labels<'_>) -> &mut Self {
        self.series_with(|out| out.extend_from_slice(labels.encoded()))
    }

    /// Makes room for as many more series and samples, and for the encodings of those series, in bytes.
    pub fn reserve(&mut self, series: usize, samples: usize, label_bytes: usize) -> &mut Self {
        self.rows.labels.reserve(label_bytes);
        self.rows.label_ends.reserve(series);
        self.rows.ids.reserve(series);
        self.rows.offsets.reserve(series);
        self.rows.timestamps.reserve(samples);
        self.rows.values.reserve(samples);
        self
    }

    /// Begins a series whose canonical encoding `write` appends to the buffer. What `write` appends must be canonical.
    /// The buffer ends with the encodings of all series so far, of which `write` may repeat parts.
    pub fn series_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        let start = self.rows.labels.len();
        write(&mut self.rows.labels);
        self.rows.ids.push(SeriesId::of(&self.rows.labels[start..]));
        self.rows.label_ends.push(self.rows.labels.len() as u32);
        self.rows.offsets.push(self.rows.timestamps.len() as u32);
        self.rows.histograms.begin();
        self.rows.exemplars.begin();
        self
    }

    /// Adds a sample to the series begun last.
    pub fn sample(&mut self, timestamp: i64, value: f64) -> &mut Self {
        self.sample_since(0, timestamp, value)
    }

    /// Adds a sample with its start timestamp (0 for unknown) to the series begun last.
    pub fn sample_since(&mut self, start: i64, timestamp: i64, value: f64) -> &mut Self {
        debug_assert!(!self.rows.label_ends.is_empty(), "a sample belongs to a series");
        // The first start timestamp of the batch brings the column; the samples before it have none.
        if start != 0 && self.rows.start_timestamps.is_empty() {
            self.rows.start_timestamps.resize(self.rows.timestamps.len(), 0);
            self.rows.start_timestamps.push(start);
        } else if !self.rows.start_timestamps.is_empty() {
            self.rows.start_timestamps.push(start);
        }
        self.rows.timestamps.push(timestamp);
        self.rows.values.push(value);
        if let Some(end) = self.rows.offsets.last_mut() {
            *end += 1;
        }
        self
    }

    /// Adds a native histogram, which is a sample, to the series begun last.
    pub fn histogram(&mut self, point: HistogramPoint) -> &mut Self {
        debug_assert!(!self.rows.label_ends.is_empty(), "a histogram belongs to a series");
        self.rows.histograms.push(self.rows.label_ends.len(), point);
        self
    }

    /// Adds an exemplar, which is no sample, to the series begun last.
    pub fn exemplar(&mut self, exemplar: Exemplar) -> &mut Self {
        debug_assert!(!self.rows.label_ends.is_empty(), "an exemplar belongs to a series");
        self.rows.exemplars.push(self.rows.label_ends.len(), exemplar);
        self
    }

    /// Adds a whole series under other labels.
    pub fn push_series(&mut self, labels: Labels<'_>, series: Series<'_>) -> &mut Self {
        self.series(labels).samples_of(series)
    }

    /// Adds all samples of `series`, and its exemplars, to the series begun last.
    pub fn samples_of(&mut self, series: Series<'_>) -> &mut Self {
        for (i, (&t, &v)) in series.timestamps.iter().zip(series.values).enumerate() {
            self.sample_since(series.start_timestamps.get(i).copied().unwrap_or(0), t, v);
        }
        series.histograms.iter().for_each(|point| _ = self.histogram(point.clone()));
        series.exemplars.iter().for_each(|exemplar| _ = self.exemplar(exemplar.clone()));
        self
    }

    /// Adds what is known of a metric.
    pub fn metadata(&mut self, metadata: Metadata) -> &mut Self {
        self.rows.metadata.push(metadata);
        self
    }

    /// How many samples there are so far.
    pub fn sample_count(&self) -> usize {
        self.rows.sample_count()
    }

    /// How many exemplars there are so far.
    pub fn exemplar_count(&self) -> usize {
        self.rows.exemplars.all().len()
    }

    /// The batch.
    pub fn build(self) -> Batch {
        Batch { tenant: self.tenant, rows: Arc::new(self.rows), made: Arc::default() }
    }
}

//! Writes the series file.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, FixedSizeBinaryBuilder, Int64Builder, ListBuilder, MapBuilder, RecordBatch, StringBuilder,
    StringDictionaryBuilder, UInt8Builder, UInt32Builder,
};
use arrow::datatypes::{DataType, Field, Int32Type};
use parquet::arrow::ArrowWriter;
use weir_pipeline::labels::METRIC;
use weir_pipeline::{Error, Result};

use super::extras;
use super::schema::{self, FLOATS, HISTOGRAMS, MAX_PROMOTED, SINCE};
use super::write::broken;
use crate::extras::Summary;
use crate::store::shelf::{Rows, Samples};

/// The most rows that are encoded at a time.
const ROWS_AT_A_TIME: usize = 16 << 10;

/// What the samples file has of a series.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    /// The first and the last timestamp.
    pub(super) range: Option<(i64, i64)>,
    /// How many samples there are in each row group, up to the last one that has any.
    pub(super) runs: Vec<u32>,
    /// Whether there are native histograms among them.
    pub(super) histograms: bool,
    /// Whether there are floats with starts.
    pub(super) starts: bool,
}

/// The series file of a block.
pub(super) struct SeriesFile<'a> {
    pub(super) rows: &'a dyn Rows,
    pub(super) entries: &'a [Entry],
    /// How many row groups the samples file has.
    pub(super) groups: usize,
    /// The block's format.
    pub(super) format: u32,
    /// What there is beside series.
    pub(super) summary: Summary,
}

// === impl Entry ===

impl Entry {
    /// Notes samples, which come in the order of time, in a row group.
    pub(super) fn add(&mut self, group: usize, samples: &Samples) {
        let Some((first, last)) = samples.times() else { return };
        self.range = Some((self.range.map_or(first, |(min, _)| min), last));
        self.histograms |= !samples.histograms.is_empty();
        self.starts |= !samples.starts.is_empty();
        self.runs.resize(self.runs.len().max(group + 1), 0);
        if let Some(run) = self.runs.get_mut(group) {
            *run += samples.len() as u32;
        }
    }

    /// How many samples there are.
    pub(super) fn samples(&self) -> u64 {
        self.runs.iter().map(|run| u64::from(*run)).sum()
    }
}

// === impl SeriesFile ===

impl SeriesFile<'_> {
    /// The file, with columns of their own for the labels that are `promoted`.
    pub(super) fn encode(&self, promoted: &[String]) -> Result<Vec<u8>> {
        let names: Vec<&str> = promoted.iter().map(String::as_str).collect();
        let schema = schema::series(&names, self.summary);
        let properties = schema::series_properties();
        let mut writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties)).map_err(broken)?;
        let mut first = 0;
        while first < self.entries.len() {
            let last = (first + ROWS_AT_A_TIME).min(self.entries.len());
            let mut columns = self.columns(first..last, &names)?;
            let batch = extras::columns(self.rows, first..last, self.summary).and_then(|extras| {
                columns.extend(extras);
                RecordBatch::try_new(schema.clone(), columns)
            });
            let batch = batch.map_err(|e| Error::internal("series do not fit their columns").with_source(e))?;
            writer.write(&batch).map_err(broken)?;
            first = last;
        }
        for pair in schema::stamp(self.format) {
            writer.append_key_value_metadata(pair);
        }
        writer.into_inner().map_err(broken)
    }

    /// The label names that most series have, in the order of names.
    pub(super) fn promoted(&self) -> Vec<String> {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for i in 0..self.entries.len() {
            for (name, _) in self.rows.labels(i).iter().filter(|(name, _)| *name != METRIC) {
                *counts.entry(name).or_default() += 1;
            }
        }
        let mut names: Vec<(usize, &str)> = counts.into_iter().map(|(name, count)| (count, name)).collect();
        names.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
        let mut promoted: Vec<String> = names.into_iter().take(MAX_PROMOTED).map(|(_, name)| name.to_owned()).collect();
        promoted.sort_unstable();
        promoted
    }

    fn columns(&self, range: std::ops::Range<usize>, promoted: &[&str]) -> Result<Vec<ArrayRef>> {
        let column: BTreeMap<&str, usize> = promoted.iter().copied().zip(0..).collect();
        let mut refs = UInt32Builder::new();
        let mut ids = FixedSizeBinaryBuilder::new(16);
        let mut metrics = StringDictionaryBuilder::<Int32Type>::new();
        let mut kinds = UInt8Builder::new();
        let (mut mins, mut maxs) = (Int64Builder::new(), Int64Builder::new());
        let item = Field::new("item", DataType::UInt32, false);
        let mut runs = ListBuilder::new(UInt32Builder::new()).with_field(item);
        let mut labels: Vec<_> = promoted.iter().map(|_| StringDictionaryBuilder::<Int32Type>::new()).collect();
        let mut rest = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
        let wrong = |e| Error::internal("a series does not fit its columns").with_source(e);
        for i in range {
            let (set, entry) = (self.rows.labels(i), &self.entries[i]);
            refs.append_value(i as u32);
            ids.append_value(self.rows.id(i).0).map_err(wrong)?;
            metrics.append_value(set.metric());
            kinds.append_value(match entry {
                Entry { histograms: true, .. } => HISTOGRAMS,
                Entry { starts: true, .. } => SINCE,
                _ => FLOATS,
            });
            mins.append_option(entry.range.map(|(min, _)| min));
            maxs.append_option(entry.range.map(|(_, max)| max));
            let padding = std::iter::repeat_n(0, self.groups.saturating_sub(entry.runs.len()));
            runs.append_value(entry.runs.iter().copied().chain(padding).map(Some));
            // Both are in the order of names, so one walk serves all columns.
            let mut next = 0;
            let mut others = false;
            for (name, value) in set.iter().filter(|(name, _)| *name != METRIC) {
                match column.get(name) {
                    Some(&at) => {
                        labels[next..at].iter_mut().for_each(|l| l.append_null());
                        labels[at].append_value(value);
                        next = at + 1;
                    }
                    None => {
                        rest.keys().append_value(name);
                        rest.values().append_value(value);
                        others = true;
                    }
                }
            }
            labels[next..].iter_mut().for_each(|l| l.append_null());
            rest.append(others).map_err(wrong)?;
        }
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(refs.finish()),
            Arc::new(ids.finish()),
            Arc::new(metrics.finish()),
            Arc::new(kinds.finish()),
            Arc::new(mins.finish()),
            Arc::new(maxs.finish()),
            Arc::new(runs.finish()),
        ];
        columns.extend(labels.iter_mut().map(|l| Arc::new(l.finish()) as ArrayRef));
        columns.push(Arc::new(rest.finish()));
        Ok(columns)
    }
}

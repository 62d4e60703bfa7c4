//! A target: where it is, and the labels that it gives to its series.

use std::borrow::Cow;
use std::collections::BTreeMap;

use hyper::Uri;
use weir_pipeline::exposition::SeriesLabels;
use weir_pipeline::labels::{METRIC, encode_label};
use weir_pipeline::{LabelSet, SeriesId};

use super::job::{Address, Job};

/// What a label of the body is renamed to where the target has one of that name.
const EXPORTED: &str = "exported_";

/// A target of a job.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Sorted by name, none empty.
    labels: Vec<(String, String)>,
    pub(super) uri: Uri,
}

// === impl Target ===

impl Target {
    /// The target of `job` at `address`, to be asked for `uri`, with the labels of its group.
    pub(super) fn new(job: &Job, address: &Address, labels: &BTreeMap<String, String>, uri: Uri) -> Self {
        let mut all = labels.clone();
        // As in Prometheus, these two can be set by hand, and an empty value is as good as none.
        for (name, default) in [("job", job.job_name.as_str()), ("instance", address.as_str())] {
            let value = all.entry(name.to_owned()).or_default();
            if value.is_empty() {
                default.clone_into(value);
            }
        }
        all.retain(|_, value| !value.is_empty());
        Self { labels: all.into_iter().collect(), uri }
    }

    /// Tells targets apart, the same at every start: it places a target's scrapes within the interval.
    pub(super) fn hash(&self) -> u64 {
        let mut key = Vec::new();
        for (name, value) in &self.labels {
            encode_label(name, value, &mut key);
        }
        key.extend_from_slice(self.uri.to_string().as_bytes());
        SeriesId::of(&key).as_u128() as u64
    }

    /// Gives the target's labels to a series of its body. Where the body has one of the same name, `honor` keeps it;
    /// otherwise it is renamed to `exported_…`, once more as long as that name is taken too, short names first.
    pub(super) fn attach<'a>(&'a self, labels: &mut SeriesLabels<'a>, honor: bool) {
        if honor {
            for (name, value) in &self.labels {
                // A label that the body has as empty is there: this is how a target says that it wants none.
                if labels.get(name).is_none() {
                    labels.set(name, value);
                }
            }
            return;
        }
        let mut taken: Vec<(&str, Cow<'a, str>)> = Vec::new();
        for (name, value) in &self.labels {
            match labels.set(name, value) {
                Some(old) if !old.is_empty() => taken.push((name, old)),
                _ => {}
            }
        }
        taken.sort_by_key(|(name, _)| name.len());
        for (name, value) in taken {
            let mut free = format!("{EXPORTED}{name}");
            while labels.get(&free).is_some_and(|value| !value.is_empty()) {
                free.insert_str(0, EXPORTED);
            }
            labels.set(free, value);
        }
    }

    /// The series `metric` about the target itself.
    pub(super) fn own(&self, metric: &str) -> LabelSet {
        let name = (METRIC.to_owned(), metric.to_owned());
        self.labels.iter().cloned().chain([name]).collect()
    }
}

#[cfg(test)]
mod tests;

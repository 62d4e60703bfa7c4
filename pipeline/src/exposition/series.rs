//! From the labels of a sample to the canonical encoding.

use std::borrow::Cow;

use super::Sample;
use crate::labels::{METRIC, encode_label};

/// The labels of one series on their way into the canonical encoding. Made once per body and used for every sample, so
/// that its memory is used again.
#[derive(Clone, Debug, Default)]
pub struct SeriesLabels<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

// === impl SeriesLabels ===

impl<'a> SeriesLabels<'a> {
    /// Takes name and labels of `sample` in place of what was there. Empty values are absent labels.
    pub fn read(&mut self, sample: &Sample<'a>) -> &mut Self {
        self.pairs.clear();
        self.pairs.push((Cow::Borrowed(METRIC), sample.name.clone()));
        self.pairs.extend(sample.labels.iter().filter(|(_, value)| !value.is_empty()));
        self
    }

    /// The value of `name`, where the label is there.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(n, _)| n == name).map(|(_, value)| &**value)
    }

    /// Sets a label and returns its value from before. The value must not be empty.
    pub fn set(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Option<Cow<'a, str>> {
        let (name, value) = (name.into(), value.into());
        match self.pairs.iter_mut().find(|(n, _)| *n == name) {
            Some(pair) => Some(std::mem::replace(&mut pair.1, value)),
            None => {
                self.pairs.push((name, value));
                None
            }
        }
    }

    /// The labels, in no particular order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Appends the canonical encoding to `out`.
    pub fn encode_into(&mut self, out: &mut Vec<u8>) {
        self.pairs.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        for (name, value) in &self.pairs {
            encode_label(name, value, out);
        }
    }
}

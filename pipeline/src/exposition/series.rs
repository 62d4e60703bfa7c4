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
    /// Takes name and labels of `sample` in place of what was there.
    pub fn read(&mut self, sample: &Sample<'a>) -> &mut Self {
        self.pairs.clear();
        self.pairs.push((Cow::Borrowed(METRIC), sample.name.clone()));
        self.pairs.extend(sample.labels);
        self
    }

    /// The value of `name`: nothing where the body does not have the label, empty where it says that it is absent.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(n, _)| n == name).map(|(_, value)| &**value)
    }

    /// Sets a label and returns its value from before, as [`SeriesLabels::get`] does. An empty value is an absent label.
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

    /// The labels that are not empty, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (&**name, &**value))
    }

    /// Appends the canonical encoding to `out`.
    pub fn encode_into(&mut self, out: &mut Vec<u8>) {
        self.pairs.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        for (name, value) in self.iter() {
            encode_label(name, value, out);
        }
    }
}

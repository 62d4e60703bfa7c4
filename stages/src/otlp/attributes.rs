//! Attributes as they are read, and as labels.

use std::collections::BTreeMap;

use super::{names, value};
use crate::remote_write::wire::{Cursor, Malformed};

/// Attributes: keys and texts, in their order.
#[derive(Default)]
pub(super) struct Attributes<'a>(Vec<(&'a str, String)>);

/// Labels by their names.
pub(super) type Pairs = BTreeMap<String, String>;

/// The name of a metric is no attribute's.
const METRIC: &str = "__name__";

// === impl Attributes ===

impl<'a> Attributes<'a> {
    /// Adds a `KeyValue`.
    pub(super) fn read(&mut self, cursor: Cursor<'a>, room: usize) -> Result<(), Malformed> {
        let (name, value) = value::pair(cursor)?;
        let text = value.map_or(Ok(String::new()), |value| value::text(value, room))?;
        self.0.push((name, text));
        Ok(())
    }

    /// The same of what was read before.
    pub(super) fn of(read: &'a [(String, String)]) -> Self {
        Self(read.iter().map(|(name, text)| (name.as_str(), text.clone())).collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a str, &str)> {
        self.0.iter().map(|(name, text)| (*name, text.as_str()))
    }

    /// The labels of those that are not among `without`. Where several have one name their texts stand together, by the order of
    /// their keys.
    ///
    /// # Errors
    /// A key of which no name can be made.
    pub(super) fn labels(mut self, without: &[&str]) -> Result<Pairs, String> {
        self.0.sort_by_key(|(name, _)| *name);
        let mut pairs = Pairs::new();
        for (key, text) in self.0 {
            if key == METRIC || without.contains(&key) {
                continue;
            }
            let Some(name) = names::label(key) else {
                let key: String = key.chars().take(100).collect();
                return Err(format!("expected an attribute of which a label can be made, got `{key}`"));
            };
            let known = pairs.entry(name).or_default();
            if known.is_empty() {
                *known = text;
            } else {
                known.push(';');
                known.push_str(&text);
            }
        }
        Ok(pairs)
    }
}

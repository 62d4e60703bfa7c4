//! From a tree to settings: a serde deserializer whose errors know where they stand, and that finds them all.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, Deserializer, Error as _, Unexpected, Visitor};

use super::access::{Entries, Items, Variant};
use super::filler::Filler;
use super::known::{Known, is_below};
use super::mistake::Mistake;
use super::node::{Node, Position, Value};
use super::wrong::Wrong;
use crate::units::{Hides, hides, referred};

/// How often one node is read at most.
const MAX_READINGS: usize = 200;

/// Settings, and the resources that they name.
#[derive(Debug)]
pub struct Settings<T> {
    /// The settings. They are valid.
    pub value: T,
    /// The resources that they name.
    pub references: Vec<Reference>,
}

/// A resource that settings name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The resource's name.
    pub name: String,
    /// The type that it is to be when it is open, as `std::any::type_name` has it.
    pub of: &'static str,
    /// Where the name stands.
    pub at: Position,
    /// Where in the tree.
    pub path: String,
}

/// What was found in a node: settings where there is no mistake, and in any case the resources that it names and where its
/// secrets are.
pub(crate) struct Found<T> {
    pub(crate) value: Option<T>,
    pub(crate) references: Vec<Reference>,
    pub(crate) secrets: Secrets,
    pub(crate) mistakes: Vec<Mistake>,
}

/// The paths of the texts that must not be seen, or not whole.
pub(crate) type Secrets = BTreeMap<String, Hides>;

/// Reads settings from `node`, which stands at `path` in `file`.
///
/// After a mistake the node that has it is struck out, or the field that is missing is filled in, and the reading begins
/// anew, so that every mistake is found, not only the first one. What is wrong only because of that is not reported.
///
/// # Errors
/// All mistakes, in the order of their discovery; none where all of them were told when the file was read.
pub fn settings<T: DeserializeOwned>(file: &str, path: &str, node: &Node) -> Result<Settings<T>, Vec<Mistake>> {
    let Found { value, references, mistakes, .. } = find(file, path, node);
    value.map(|value| Settings { value, references }).ok_or(mistakes)
}

/// As [`settings`], with what can be known in spite of mistakes.
pub(crate) fn find<T: DeserializeOwned>(file: &str, path: &str, node: &Node) -> Found<T> {
    let mut known = Known::default();
    let (references, secrets) = (RefCell::default(), RefCell::default());
    let (mut value, mut mistakes, mut is_clean) = (None, Vec::new(), true);
    for _ in 0..MAX_READINGS {
        let reading = Reading { known: &known, trial: None, references: &references, secrets: &secrets };
        let Wrong { message, place, missing, meant, in_key, told } =
            match T::deserialize(At::new(node, path.to_owned(), reading)) {
                Ok(read) => {
                    value = is_clean.then_some(read);
                    break;
                }
                Err(wrong) => wrong,
            };
        is_clean = false;
        let (at, place) = place.unwrap_or_else(|| (node.at, path.to_owned()));
        let is_new = || !known.explains(&place, missing);
        let stands = || known.may_stand(&place, missing) && stands::<T>(path, node, &known, (&place, &message));
        if !told && (is_new() || stands()) {
            mistakes.push(Mistake { file: file.to_owned(), at, path: place.clone(), message });
        }
        known.learn_key(&place, in_key, meant);
        if !known.learn(place, missing, path) {
            break;
        }
    }
    let references = references.into_inner().into_values().collect();
    Found { value, references, secrets: secrets.into_inner(), mistakes }
}

/// Whether a mistake of the node at `place` as a whole is there whatever stands in for its wrong parts: `a job twice` is,
/// `the timeout above the interval` is not where the interval is wrong.
fn stands<T: DeserializeOwned>(path: &str, node: &Node, known: &Known, (place, message): (&str, &str)) -> bool {
    let (references, secrets) = (RefCell::default(), RefCell::default());
    let mut is_seen = false;
    for filler in Filler::trials() {
        let reading = Reading { known, trial: Some((place, filler)), references: &references, secrets: &secrets };
        let Err(wrong) = T::deserialize(At::new(node, path.to_owned(), reading)) else { return false };
        let at = wrong.place.as_ref().map_or(path, |(_, at)| at);
        if at == place && wrong.message == message {
            is_seen = true;
        } else if !is_below(at, place) || at == place {
            return false;
        }
        // Otherwise what stood in was refused itself.
    }
    is_seen
}

/// What one reading works with.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) known: &'a Known,
    /// What stands in for wrong parts of the node at a path, which are left out otherwise.
    trial: Option<(&'a str, Filler)>,
    references: &'a RefCell<BTreeMap<String, Reference>>,
    secrets: &'a RefCell<Secrets>,
}

/// A node with its path.
#[derive(Clone)]
pub(super) struct At<'a> {
    pub(super) node: &'a Node,
    /// Where it stands; apart from the node, which may be one that the file does not have.
    pub(super) at: Position,
    pub(super) path: String,
    pub(super) reading: Reading<'a>,
}

// === impl Reading ===

impl Reading<'_> {
    /// What stands in for a node that is struck out.
    pub(super) fn in_place_of(&self, path: &str) -> Option<Filler> {
        let (of, filler) = self.trial?;
        (is_below(path, of) && !self.known.is_key(path)).then_some(filler)
    }

    /// What stands in for a field that is missing.
    pub(super) fn missing(&self, path: &str) -> Filler {
        self.in_place_of(path).unwrap_or_default()
    }
}

// === impl At ===

impl<'a> At<'a> {
    pub(super) fn new(node: &'a Node, path: String, reading: Reading<'a>) -> Self {
        Self { node, at: node.at, path, reading }
    }

    pub(super) fn wrong(&self, error: Wrong) -> Wrong {
        error.at(self.at, &self.path)
    }

    /// The text of a scalar that is not null.
    pub(super) fn text(&self) -> Option<&'a str> {
        match &self.node.value {
            Value::Scalar { text, .. } if !self.node.is_null() => Some(text),
            _ => None,
        }
    }

    /// What stands below, at `path`.
    pub(super) fn child(&self, node: &'a Node, path: String) -> Self {
        Self::new(node, path, self.reading)
    }

    pub(super) fn visit<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.node.value {
            _ if self.node.is_null() => visitor.visit_unit(),
            Value::Scalar { text, plain: false } => visitor.visit_str(text),
            Value::Scalar { text, .. } => visit_plain(text, visitor),
            Value::List(items) => visitor.visit_seq(Items::new(self.clone(), items)),
            Value::Map(entries) => visitor.visit_map(Entries::new(self.clone(), entries)),
            Value::Wrong => Err(Wrong::told()),
        }
        .map_err(|e| self.wrong(e))
    }
}

/// A plain scalar by the core schema of YAML 1.2.
fn visit_plain<'de, V: Visitor<'de>>(text: &str, visitor: V) -> Result<V::Value, Wrong> {
    if let Some(truth) = truth(text) {
        return visitor.visit_bool(truth);
    }
    if let Ok(n) = text.parse::<u64>() {
        return visitor.visit_u64(n);
    }
    if let Ok(n) = text.parse::<i64>() {
        return visitor.visit_i64(n);
    }
    match number(text) {
        Some(n) => visitor.visit_f64(n),
        None => visitor.visit_str(text),
    }
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

fn number(text: &str) -> Option<f64> {
    match text {
        ".inf" | "+.inf" => Some(f64::INFINITY),
        "-.inf" => Some(f64::NEG_INFINITY),
        ".nan" => Some(f64::NAN),
        // Rust also reads `inf`, `nan` and `infinity`, which are words in YAML.
        _ if text.bytes().any(|b| b.is_ascii_alphabetic() && !b.eq_ignore_ascii_case(&b'e')) => None,
        _ => text.parse().ok(),
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $read:expr;)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
            let Some(text) = self.text() else { return self.visit(visitor) };
            match $read(text) {
                Some(n) => visitor.$visit(n),
                None => Err(Wrong::invalid_type(Unexpected::Str(text), &visitor)),
            }
            .map_err(|e| self.wrong(e))
        }
    )* };
}

fn parsed<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

impl<'de> Deserializer<'de> for At<'_> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.visit(visitor)
    }

    numbers! {
        deserialize_u8 visit_u8 parsed;
        deserialize_u16 visit_u16 parsed;
        deserialize_u32 visit_u32 parsed;
        deserialize_u64 visit_u64 parsed;
        deserialize_i8 visit_i8 parsed;
        deserialize_i16 visit_i16 parsed;
        deserialize_i32 visit_i32 parsed;
        deserialize_i64 visit_i64 parsed;
        deserialize_bool visit_bool truth;
        deserialize_f32 visit_f64 number;
        deserialize_f64 visit_f64 number;
    }

    // A text is a text, also where it looks like a number.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.text() {
            Some(text) => visitor.visit_str(text).map_err(|e| self.wrong(e)),
            None => self.visit(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        if self.node.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        if let (Some(of), Some(text)) = (referred(name), self.text()) {
            let reference = Reference { name: text.to_owned(), of, at: self.at, path: self.path.clone() };
            self.reading.references.borrow_mut().insert(self.path.clone(), reference);
        }
        if let Some(hides) = hides(name) {
            self.reading.secrets.borrow_mut().insert(self.path.clone(), hides);
        }
        let (at, path) = (self.at, self.path.clone());
        visitor.visit_newtype_struct(self).map_err(|e| e.at(at, &path))
    }

    // No settings at all are empty settings: `load_shed:` is `load_shed: {}`.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        if self.node.is_null() {
            return visitor.visit_map(Entries::new(self.clone(), &[])).map_err(|e| self.wrong(e));
        }
        if let Value::List(_) = self.node.value {
            // serde would take the items for the fields.
            return Err(self.wrong(Wrong::invalid_type(Unexpected::Seq, &visitor)));
        }
        self.visit(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let (at, path) = (self.at, self.path.clone());
        match &self.node.value {
            Value::Scalar { .. } if !self.node.is_null() => visitor.visit_enum(Variant { of: self, entry: None }),
            Value::Map(entries) if entries.len() == 1 => {
                visitor.visit_enum(Variant { entry: entries.first(), of: self })
            }
            Value::Wrong => Err(Wrong::told()),
            _ => Err(Wrong::custom(format!(
                "expected a word, or one key with its settings, got {}",
                self.node.describe()
            ))),
        }
        .map_err(|e| e.at(at, &path))
    }

    serde::forward_to_deserialize_any! {
        i128 u128 bytes byte_buf unit unit_struct seq tuple tuple_struct map ignored_any
    }
}

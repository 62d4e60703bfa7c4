//! From a tree to settings: a serde deserializer whose errors know where they stand, and that finds them all.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};

use super::mistake::Mistake;
use super::node::{Key, Node, Position, Value};
use super::wrong::Wrong;
use crate::units::REF;

/// The most mistakes that are looked for in one node.
const MAX_MISTAKES: usize = 100;

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
    /// Where the name stands.
    pub at: Position,
    /// Where in the tree.
    pub path: String,
}

/// Reads settings from `node`, which stands at `path` in `file`.
///
/// After a mistake the node that has it is struck out and the reading begins anew, so that every mistake is found, not
/// only the first one. What is missing only because it was struck out is not reported.
///
/// # Errors
/// All mistakes, in the order of their discovery.
pub fn settings<T: DeserializeOwned>(file: &str, path: &str, node: &Node) -> Result<Settings<T>, Vec<Mistake>> {
    let mut struck = BTreeSet::new();
    let mut misspelt = BTreeSet::new();
    let mut mistakes = Vec::new();
    for _ in 0..MAX_MISTAKES {
        let references = RefCell::default();
        let reading = Reading { struck: &struck, references: &references };
        let error = match T::deserialize(At { node, at: node.at, path: path.to_owned(), reading }) {
            Ok(value) if mistakes.is_empty() => return Ok(Settings { value, references: references.into_inner() }),
            Ok(_) => return Err(mistakes),
            Err(error) => error,
        };
        let (at, place) = error.place.unwrap_or_else(|| (node.at, path.to_owned()));
        let knock_on = match error.missing.map(|field| join(&place, field)) {
            Some(missing) => struck.contains(&missing) || misspelt.contains(&missing),
            // What was struck out made the whole wrong: `expected at least one rule`.
            None => struck.iter().any(|struck| is_below(struck, &place)),
        };
        if !knock_on && !struck.contains(&place) {
            mistakes.push(Mistake { file: file.to_owned(), at, path: place.clone(), message: error.message });
        }
        misspelt.extend(error.meant.map(|meant| join(above(&place), meant)));
        if !strike(&mut struck, &place, path) {
            break;
        }
    }
    Err(mistakes)
}

/// Strikes out the node at `place`, or where that did not help, the nearest one around it. Not the one at `top`.
fn strike(struck: &mut BTreeSet<String>, mut place: &str, top: &str) -> bool {
    while place != top && place.len() > top.len() {
        if struck.insert(place.to_owned()) {
            return true;
        }
        place = above(place);
    }
    false
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The path of the node around the one at `path`.
fn above(path: &str) -> &str {
    path.rfind(['.', '[']).map_or("", |end| &path[..end])
}

/// Whether `path` is somewhere below `above`.
fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| above.is_empty() || rest.starts_with(['.', '[']))
}

/// The settings of a kind that stands alone.
static NOTHING: Node =
    Node { at: Position { line: 0, column: 0 }, value: Value::Scalar { text: String::new(), plain: true } };

/// What one reading shares.
#[derive(Clone, Copy)]
struct Reading<'a> {
    struck: &'a BTreeSet<String>,
    references: &'a RefCell<Vec<Reference>>,
}

/// A node with its path.
#[derive(Clone)]
struct At<'a> {
    node: &'a Node,
    at: Position,
    path: String,
    reading: Reading<'a>,
}

// === impl At ===

impl<'a> At<'a> {
    fn wrong(&self, error: Wrong) -> Wrong {
        error.at(self.at, &self.path)
    }

    /// The text of a scalar that is not null.
    fn text(&self) -> Option<&'a str> {
        match &self.node.value {
            Value::Scalar { text, .. } if !self.node.is_null() => Some(text),
            _ => None,
        }
    }

    fn child(&self, node: &'a Node, path: String) -> Self {
        Self { node, at: node.at, path, reading: self.reading }
    }

    fn visit<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.node.value {
            _ if self.node.is_null() => visitor.visit_unit(),
            Value::Scalar { text, plain: false } => visitor.visit_str(text),
            Value::Scalar { text, .. } => visit_plain(text, visitor),
            Value::List(items) => visitor.visit_seq(Items { of: self.clone(), items, next: 0 }),
            Value::Map(entries) => visitor.visit_map(Entries { of: self.clone(), entries, next: 0, value: None }),
        }
        .map_err(|e| self.wrong(e))
    }
}

/// A plain scalar by the core schema of YAML 1.2.
fn visit_plain<'de, V: Visitor<'de>>(text: &str, visitor: V) -> Result<V::Value, Wrong> {
    match text {
        "true" | "True" | "TRUE" => return visitor.visit_bool(true),
        "false" | "False" | "FALSE" => return visitor.visit_bool(false),
        _ => {}
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
    ($($method:ident $visit:ident $type:ty;)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
            match self.text().and_then(|text| text.parse::<$type>().ok()) {
                Some(n) => visitor.$visit(n),
                None => return self.visit(visitor),
            }
            .map_err(|e| self.wrong(e))
        }
    )* };
}

impl<'de> Deserializer<'de> for At<'_> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.visit(visitor)
    }

    numbers! {
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_bool visit_bool bool;
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.text().and_then(number) {
            Some(n) => visitor.visit_f64(n).map_err(|e| self.wrong(e)),
            None => self.visit(visitor),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_f64(visitor)
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
        if let (REF, Some(text)) = (name, self.text()) {
            let reference = Reference { name: text.to_owned(), at: self.at, path: self.path.clone() };
            self.reading.references.borrow_mut().push(reference);
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
            let empty = Entries { of: self.clone(), entries: &[], next: 0, value: None };
            return visitor.visit_map(empty).map_err(|e| self.wrong(e));
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
            _ => Err(serde::de::Error::custom(format!(
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

/// The items of a list that are not struck out.
struct Items<'a> {
    of: At<'a>,
    items: &'a [Node],
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Wrong> {
        while let Some(node) = self.items.get(self.next) {
            let path = format!("{}[{}]", self.of.path, self.next);
            self.next += 1;
            if !self.of.reading.struck.contains(&path) {
                let value = seed.deserialize(self.of.child(node, path.clone()));
                return value.map(Some).map_err(|e| e.at(node.at, &path));
            }
        }
        Ok(None)
    }
}

/// The entries of a map that are not struck out.
struct Entries<'a> {
    of: At<'a>,
    entries: &'a [(Key, Node)],
    next: usize,
    value: Option<At<'a>>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        while let Some((key, node)) = self.entries.get(self.next) {
            self.next += 1;
            let path = join(&self.of.path, &key.text);
            if !self.of.reading.struck.contains(&path) {
                let text: StrDeserializer<'_, Wrong> = key.text.as_str().into_deserializer();
                let name = seed.deserialize(text).map_err(|e| e.at(key.at, &path))?;
                self.value = Some(self.of.child(node, path));
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        match self.value.take() {
            Some(value) => {
                let (at, path) = (value.at, value.path.clone());
                seed.deserialize(value).map_err(|e| e.at(at, &path))
            }
            None => Err(serde::de::Error::custom("a value without a key")),
        }
    }
}

/// `kind`, or `kind: settings`.
struct Variant<'a> {
    of: At<'a>,
    entry: Option<&'a (Key, Node)>,
}

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = Wrong;
    type Variant = At<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, At<'a>), Wrong> {
        let (text, at, path) = match self.entry {
            Some((key, _)) => (key.text.as_str(), key.at, join(&self.of.path, &key.text)),
            None => (self.of.text().unwrap_or_default(), self.of.at, self.of.path.clone()),
        };
        let name: StrDeserializer<'_, Wrong> = text.into_deserializer();
        let variant = seed.deserialize(name).map_err(|e| e.at(at, &self.of.path))?;
        let settings = match self.entry {
            Some((_, node)) => self.of.child(node, path),
            None => At { node: &NOTHING, at, path, reading: self.of.reading },
        };
        Ok((variant, settings))
    }
}

impl<'de> VariantAccess<'de> for At<'_> {
    type Error = Wrong;

    fn unit_variant(self) -> Result<(), Wrong> {
        if self.node.is_null() {
            return Ok(());
        }
        Err(self.wrong(serde::de::Error::custom(format!("expected nothing below it, got {}", self.node.describe()))))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Wrong> {
        let (at, path) = (self.at, self.path.clone());
        seed.deserialize(self).map_err(|e| e.at(at, &path))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Wrong> {
        self.visit(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_struct("", &[], visitor)
    }
}

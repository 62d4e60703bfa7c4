//! From a tree to settings: a serde deserializer whose errors know where they stand, and that finds them all.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::{self, Display};

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};

use super::mistake::{Mistake, unknown};
use super::node::{Key, Node, Position, Value};
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
    let mut mistakes = Vec::new();
    for _ in 0..MAX_MISTAKES {
        let references = RefCell::default();
        let reading = Reading { struck: &struck, references: &references };
        let error = match T::deserialize(At { node, path: path.to_owned(), reading }) {
            Ok(value) if mistakes.is_empty() => return Ok(Settings { value, references: references.into_inner() }),
            Ok(_) => return Err(mistakes),
            Err(error) => error,
        };
        let (at, place) = error.place.unwrap_or_else(|| (node.at, path.to_owned()));
        let knock_on = error.missing.is_some_and(|field| struck.contains(&join(&place, field)));
        if !knock_on {
            mistakes.push(Mistake { file: file.to_owned(), at, path: place.clone(), message: error.message });
        }
        if place == path || !struck.insert(place) {
            break;
        }
    }
    Err(mistakes)
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// A mistake on its way up to the node that it concerns.
#[derive(Debug)]
struct Wrong {
    message: String,
    place: Option<(Position, String)>,
    missing: Option<&'static str>,
}

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
    path: String,
    reading: Reading<'a>,
}

// === impl Wrong ===

impl Wrong {
    fn at(mut self, at: Position, path: &str) -> Self {
        self.place.get_or_insert_with(|| (at, path.to_owned()));
        self
    }
}

impl Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Wrong {}

impl serde::de::Error for Wrong {
    fn custom<T: Display>(message: T) -> Self {
        Self { message: message.to_string(), place: None, missing: None }
    }

    fn invalid_type(got: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let wanted = match expected.to_string().as_str() {
            "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number of at least 0".to_owned(),
            "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
            "f32" | "f64" => "a number".to_owned(),
            "a boolean" => "`true` or `false`".to_owned(),
            "a string" => "a text".to_owned(),
            "a sequence" => "a list".to_owned(),
            other if other.starts_with("struct ") => "a map".to_owned(),
            other => other.to_owned(),
        };
        let got = match got {
            Unexpected::Str(text) => format!("`{text}`"),
            Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
            Unexpected::Seq => "a list".to_owned(),
            Unexpected::Map => "a map".to_owned(),
            Unexpected::Bool(b) => format!("`{b}`"),
            Unexpected::Unsigned(n) => format!("`{n}`"),
            Unexpected::Signed(n) => format!("`{n}`"),
            Unexpected::Float(n) => format!("`{n}`"),
            other => other.to_string(),
        };
        Self::custom(format!("expected {wanted}, got {got}"))
    }

    fn invalid_value(got: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(got, expected)
    }

    fn unknown_field(field: &str, valid: &'static [&'static str]) -> Self {
        Self::custom(unknown("field", field, valid.iter().copied()))
    }

    fn unknown_variant(variant: &str, valid: &'static [&'static str]) -> Self {
        Self::custom(unknown("value", variant, valid.iter().copied()))
    }

    fn missing_field(field: &'static str) -> Self {
        Self { missing: Some(field), ..Self::custom(format!("`{field}` is missing")) }
    }
}

// === impl At ===

impl<'a> At<'a> {
    fn wrong(&self, error: Wrong) -> Wrong {
        error.at(self.node.at, &self.path)
    }

    /// The text of a scalar that is not null.
    fn text(&self) -> Option<&'a str> {
        match &self.node.value {
            Value::Scalar { text, .. } if !self.node.is_null() => Some(text),
            _ => None,
        }
    }

    fn child(&self, node: &'a Node, path: String) -> Self {
        Self { node, path, reading: self.reading }
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
            let reference = Reference { name: text.to_owned(), at: self.node.at, path: self.path.clone() };
            self.reading.references.borrow_mut().push(reference);
        }
        let (at, path) = (self.node.at, self.path.clone());
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
        let (at, path) = (self.node.at, self.path.clone());
        match &self.node.value {
            Value::Scalar { .. } if !self.node.is_null() => visitor.visit_enum(Variant { of: self, entry: None }),
            Value::Map(entries) if entries.len() == 1 => {
                visitor.visit_enum(Variant { entry: entries.first(), of: self })
            }
            _ => Err(serde::de::Error::custom(format!("expected one key, got {}", self.node.describe()))),
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
                return seed.deserialize(self.of.child(node, path)).map(Some);
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
                let (at, path) = (value.node.at, value.path.clone());
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
            None => (self.of.text().unwrap_or_default(), self.of.node.at, self.of.path.clone()),
        };
        let name: StrDeserializer<'_, Wrong> = text.into_deserializer();
        let variant = seed.deserialize(name).map_err(|e| e.at(at, &self.of.path))?;
        let settings = match self.entry {
            Some((_, node)) => self.of.child(node, path),
            None => self.of,
        };
        Ok((variant, settings))
    }
}

impl<'de> VariantAccess<'de> for At<'_> {
    type Error = Wrong;

    fn unit_variant(self) -> Result<(), Wrong> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Wrong> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Wrong> {
        self.visit(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_struct("", &[], visitor)
    }
}

//! How serde walks over lists, maps and variants.

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::de::At;
use super::filler::Filler;
use super::known::join;
use super::node::{Key, Node, Position, Value};
use super::wrong::Wrong;

/// The items of a list that are not struck out.
pub(super) struct Items<'a> {
    of: At<'a>,
    items: &'a [Node],
    next: usize,
}

/// The entries of a map that are not struck out, then the fields that are filled in.
pub(super) struct Entries<'a> {
    of: At<'a>,
    entries: &'a [(Key, Node)],
    filled: Vec<&'static str>,
    value: Option<Entry<'a>>,
}

enum Entry<'a> {
    Given(At<'a>),
    Filled(Filler, Position, String),
}

/// `kind`, or `kind: settings`.
pub(super) struct Variant<'a> {
    pub(super) of: At<'a>,
    pub(super) entry: Option<&'a (Key, Node)>,
}

/// The settings of a variant that has none.
static NOTHING: Node =
    Node { at: Position { line: 0, column: 0 }, value: Value::Scalar { text: String::new(), plain: true } };

// === impl Items ===

impl<'a> Items<'a> {
    pub(super) fn new(of: At<'a>, items: &'a [Node]) -> Self {
        Self { of, items, next: 0 }
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Wrong> {
        while let Some(node) = self.items.get(self.next) {
            let path = format!("{}[{}]", self.of.path, self.next);
            self.next += 1;
            if !self.of.reading.known.is_struck(&path) {
                let item = self.of.child(node, path.clone());
                return seed.deserialize(item).map(Some).map_err(|e| e.at(node.at, &path));
            }
            if let Some(filler) = self.of.reading.in_place_of(&path) {
                return seed.deserialize(filler).map(Some).map_err(|e| e.at(node.at, &path));
            }
        }
        Ok(None)
    }
}

// === impl Entries ===

impl<'a> Entries<'a> {
    pub(super) fn new(of: At<'a>, entries: &'a [(Key, Node)]) -> Self {
        Self { filled: of.reading.known.filled(&of.path).collect(), of, entries, value: None }
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        while let Some(((key, node), rest)) = self.entries.split_first() {
            self.entries = rest;
            let path = join(&self.of.path, &key.text);
            if !self.of.reading.known.is_struck(&path) {
                let in_key = |e: Wrong| Wrong { in_key: true, ..e.at(key.at, &path) };
                let name = seed.deserialize(text(&key.text)).map_err(in_key)?;
                self.value = Some(Entry::Given(self.of.child(node, path)));
                return Ok(Some(name));
            }
            if let Some(filler) = self.of.reading.in_place_of(&path) {
                self.value = Some(Entry::Filled(filler, node.at, path));
                return seed.deserialize(text(&key.text)).map(Some);
            }
        }
        let Some(field) = self.filled.pop() else { return Ok(None) };
        let path = join(&self.of.path, field);
        self.value = Some(Entry::Filled(self.of.reading.missing(&path), self.of.at, path));
        seed.deserialize(text(field)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        match self.value.take() {
            Some(Entry::Given(value)) => {
                let (at, path) = (value.at, value.path.clone());
                seed.deserialize(value).map_err(|e| e.at(at, &path))
            }
            Some(Entry::Filled(filler, at, path)) => {
                let refused = |e| Wrong { missing: None, ..e }.at(at, &path);
                seed.deserialize(filler).map_err(refused)
            }
            None => Err(serde::de::Error::custom("a value without a key")),
        }
    }
}

fn text(text: &str) -> StrDeserializer<'_, Wrong> {
    text.into_deserializer()
}

// === impl Variant ===

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = Wrong;
    type Variant = At<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, At<'a>), Wrong> {
        match self.entry {
            Some((key, node)) => {
                let variant = seed.deserialize(text(&key.text)).map_err(|e| e.at(key.at, &self.of.path))?;
                let path = join(&self.of.path, &key.text);
                Ok((variant, self.of.child(node, path)))
            }
            None => {
                let variant = seed.deserialize(text(self.of.text().unwrap_or_default()));
                Ok((variant.map_err(|e| self.of.wrong(e))?, At { node: &NOTHING, ..self.of }))
            }
        }
    }
}

// === impl At ===

impl<'de> VariantAccess<'de> for At<'_> {
    type Error = Wrong;

    fn unit_variant(self) -> Result<(), Wrong> {
        if self.node.is_null() {
            return Ok(());
        }
        if self.node.value == Value::Wrong {
            return Err(self.wrong(Wrong::told()));
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
        serde::Deserializer::deserialize_struct(self, "", &[], visitor)
    }
}

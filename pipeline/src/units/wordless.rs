//! What must not be seen where it stands in the wrong place.

use std::fmt;

use serde::de::{Deserialize, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

/// Reads a map that has secrets: a text in its place, which may be one, is not shown. For `#[serde(deserialize_with = "…")]`.
///
/// # Errors
/// It is none, or what is in it is wrong.
pub fn wordless<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::deserialize(Wordless(deserializer))
}

/// A deserializer that does not say what it has where a map is expected. For structs with secrets, that are read by
/// `#[serde(remote = "Self")]`.
#[derive(Clone, Copy, Debug)]
pub struct Wordless<D>(pub D);

/// What takes a map and shows nothing else.
struct Map<V>(V);

// === impl Wordless ===

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Wordless<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(Map(visitor))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Map(visitor))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_struct(name, fields, Map(visitor))
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct enum identifier ignored_any
    }
}

// === impl Map ===

impl<V> Map<V> {
    fn refuse<T, E: Error>(self) -> Result<T, E> {
        Err(E::custom("expected a map, got a text"))
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Map<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(items)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        self.0.visit_enum(variant)
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<V::Value, E> {
        self.refuse()
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<V::Value, E> {
        self.refuse()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<V::Value, E> {
        self.refuse()
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<V::Value, E> {
        self.refuse()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<V::Value, E> {
        self.refuse()
    }
}

//! What stands in for a field that is missing, so that the reading goes on and finds the mistakes after it.

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, VariantAccess, Visitor};

use super::wrong::Wrong;

/// Some value of whatever type is asked for. What is read with it is never used.
#[derive(Clone, Copy, Default)]
pub(super) struct Filler {
    /// Which value: one turn differs from the other.
    turn: usize,
    /// Whether an optional value is there.
    is_given: bool,
}

/// The texts of the turns. `0` is also a duration and a size.
const TEXTS: [&str; 4] = ["0", "1s", "1B", "127.0.0.1:1"];

/// A variant of an enum, filled.
struct Chosen(&'static str, Filler);

// === impl Filler ===

impl Filler {
    /// Values that differ from one another, as far as their type takes them.
    pub(super) fn trials() -> impl Iterator<Item = Self> {
        (0..TEXTS.len()).map(|turn| Self { turn, is_given: true })
    }

    /// The same for what is below.
    fn below(self) -> Self {
        Self { is_given: false, ..self }
    }

    fn is_odd(self) -> bool {
        self.turn % 2 == 1
    }
}

/// Methods that do as another one does.
macro_rules! also {
    ($as:ident: $($method:ident)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
            self.$as(visitor)
        }
    )* };
}

impl<'de> Deserializer<'de> for Filler {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_unit()
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_bool(self.is_odd())
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_u64(1 + self.turn as u64)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_f64(1.0 + self.turn as f64)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_str(TEXTS.get(self.turn).copied().unwrap_or_default())
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        if self.is_given { visitor.visit_some(self.below()) } else { visitor.visit_none() }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_tuple(0, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_seq(SeqDeserializer::new(std::iter::repeat_n(self.below(), len)))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_struct("", &[], visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_map(MapDeserializer::new(fields.iter().map(|field| (*field, self.below()))))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let name = if self.is_odd() { variants.last() } else { variants.first() };
        visitor.visit_enum(Chosen(name.copied().unwrap_or_default(), self.below()))
    }

    also! { deserialize_u64: deserialize_u8 deserialize_u16 deserialize_u32 }
    also! { deserialize_u64: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 }
    also! { deserialize_f64: deserialize_f32 }
    also! { deserialize_str: deserialize_string deserialize_char deserialize_identifier }

    serde::forward_to_deserialize_any! { unit unit_struct ignored_any bytes byte_buf i128 u128 }
}

impl IntoDeserializer<'_, Wrong> for Filler {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> VariantAccess<'de> for Filler {
    type Error = Wrong;

    fn unit_variant(self) -> Result<(), Wrong> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Wrong> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_struct("", fields, visitor)
    }
}

// === impl Chosen ===

impl<'de> EnumAccess<'de> for Chosen {
    type Error = Wrong;
    type Variant = Filler;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Filler), Wrong> {
        let name: serde::de::value::StrDeserializer<'_, Wrong> = self.0.into_deserializer();
        Ok((seed.deserialize(name)?, self.1))
    }
}

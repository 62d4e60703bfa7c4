//! One walk through a type, along one path: serde's side of [`shape`](super).

use std::cell::RefCell;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Expected, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use crate::config::wrong::Wrong;
use crate::units::{Hides, hides, referred};

/// A step down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Field(&'static str),
    Item,
    Value,
    /// The `i`-th variant.
    Variant(usize),
}

/// What a type asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Asked {
    Truth,
    Whole {
        min: i128,
        max: i128,
    },
    Number,
    Text,
    List,
    Map,
    Choice(&'static [&'static str]),
    Fields(&'static str, &'static [&'static str]),
    Nothing,
    /// In its own words.
    Any(String),
}

/// What it is given.
#[derive(Clone, Copy, Debug)]
pub(super) enum Probe {
    Text(&'static str),
    Whole(u64),
    Number(f64),
}

/// What came of a walk.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) asked: Option<Asked>,
    pub(super) optional: bool,
    pub(super) secret: bool,
    pub(super) resource: Option<&'static str>,
    /// Why what it was given is none.
    pub(super) refusal: Option<String>,
}

/// Walks down `path`; at its end the type is given what it asks for only where that is a `probe`.
pub(super) fn trace<T: DeserializeOwned>(path: &[Step], probe: Option<Probe>) -> Outcome {
    let seen = RefCell::default();
    let ended = T::deserialize(Tracer { path, probe, seen: &seen });
    let mut outcome = seen.into_inner();
    // An end that is not of the walk's own making is a refusal.
    outcome.refusal = ended.err().filter(|wrong| probe.is_some() && !wrong.told).map(|wrong| wrong.message);
    outcome
}

/// A place on the way.
#[derive(Clone, Copy)]
struct Tracer<'a> {
    path: &'a [Step],
    probe: Option<Probe>,
    seen: &'a RefCell<Outcome>,
}

/// The one field or item that the path goes through; nothing comes after it.
struct Only<'a> {
    key: Option<&'static str>,
    below: Option<Tracer<'a>>,
}

/// The variant that the path goes through.
struct Chosen<'a>(&'static str, Tracer<'a>);

// === impl Tracer ===

impl<'a> Tracer<'a> {
    /// The end of the walk, where this is asked for.
    fn end<T>(self, asked: Asked) -> Result<T, Wrong> {
        if self.path.is_empty() {
            self.seen.borrow_mut().asked = Some(asked);
        }
        Err(Wrong::told())
    }

    /// The next step, and what is below it.
    fn step(self) -> Option<(Step, Self)> {
        let (step, path) = self.path.split_first()?;
        Some((*step, Self { path, ..self }))
    }

    fn scalar<'de, V: Visitor<'de>>(self, asked: Asked, visitor: V) -> Result<V::Value, Wrong> {
        if !self.path.is_empty() || self.probe.is_none() {
            return self.end(asked);
        }
        let is_signed = matches!(asked, Asked::Whole { min, .. } if min < 0);
        self.seen.borrow_mut().asked = Some(asked);
        match self.probe {
            Some(Probe::Text(text)) => visitor.visit_str(text),
            Some(Probe::Whole(n)) if is_signed => visitor.visit_i64(i64::try_from(n).unwrap_or(i64::MAX)),
            Some(Probe::Whole(n)) => visitor.visit_u64(n),
            Some(Probe::Number(n)) => visitor.visit_f64(n),
            None => Err(Wrong::told()),
        }
    }

    fn fields<'de, V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match self.step() {
            Some((Step::Field(key), below)) => visitor.visit_map(Only { key: Some(key), below: Some(below) }),
            _ => self.end(Asked::Fields(name, fields)),
        }
    }

    fn list<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.step() {
            Some((Step::Item, below)) => visitor.visit_seq(Only { key: None, below: Some(below) }),
            _ => self.end(Asked::List),
        }
    }
}

/// What can't be told from outside, in its own words.
fn words<'de, V: Visitor<'de>>(visitor: &V) -> Asked {
    let expected: &dyn Expected = visitor;
    Asked::Any(expected.to_string())
}

macro_rules! scalars {
    ($($method:ident $asked:expr;)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
            self.scalar($asked, visitor)
        }
    )* };
}

macro_rules! others {
    ($($method:ident)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
            self.end(words(&visitor))
        }
    )* };
}

impl<'de> Deserializer<'de> for Tracer<'_> {
    type Error = Wrong;

    scalars! {
        deserialize_bool Asked::Truth;
        deserialize_u8 Asked::Whole { min: 0, max: u8::MAX.into() };
        deserialize_u16 Asked::Whole { min: 0, max: u16::MAX.into() };
        deserialize_u32 Asked::Whole { min: 0, max: u32::MAX.into() };
        deserialize_u64 Asked::Whole { min: 0, max: u64::MAX.into() };
        deserialize_i8 Asked::Whole { min: i8::MIN.into(), max: i8::MAX.into() };
        deserialize_i16 Asked::Whole { min: i16::MIN.into(), max: i16::MAX.into() };
        deserialize_i32 Asked::Whole { min: i32::MIN.into(), max: i32::MAX.into() };
        deserialize_i64 Asked::Whole { min: i64::MIN.into(), max: i64::MAX.into() };
        deserialize_f32 Asked::Number;
        deserialize_f64 Asked::Number;
        deserialize_char Asked::Text;
        deserialize_str Asked::Text;
        deserialize_string Asked::Text;
        deserialize_identifier Asked::Text;
    }

    others! { deserialize_any deserialize_ignored_any deserialize_bytes deserialize_byte_buf deserialize_i128 deserialize_u128 }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        if self.path.is_empty() {
            self.seen.borrow_mut().optional = true;
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        if self.path.is_empty() {
            let mut seen = self.seen.borrow_mut();
            seen.secret |= hides(name) == Some(Hides::All);
            seen.resource = seen.resource.or(referred(name));
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Wrong> {
        self.end(Asked::Nothing)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, _: V) -> Result<V::Value, Wrong> {
        self.end(Asked::Nothing)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.list(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Wrong> {
        self.list(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.list(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.step() {
            Some((Step::Value, below)) => visitor.visit_map(Only { key: Some("name"), below: Some(below) }),
            _ => self.end(Asked::Map),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.fields(name, fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match self.step() {
            Some((Step::Variant(i), below)) => match variants.get(i) {
                Some(name) => visitor.visit_enum(Chosen(name, below)),
                None => Err(Wrong::told()),
            },
            _ => self.end(Asked::Choice(variants)),
        }
    }
}

impl<'de> VariantAccess<'de> for Tracer<'_> {
    type Error = Wrong;

    fn unit_variant(self) -> Result<(), Wrong> {
        self.end(Asked::Nothing)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Wrong> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Wrong> {
        self.list(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Wrong> {
        self.fields("", fields, visitor)
    }
}

// === impl Only ===

impl<'de> MapAccess<'de> for Only<'_> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        let Some(key) = self.key.take() else { return Err(Wrong::told()) };
        let key: StrDeserializer<'_, Wrong> = key.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let Some(below) = self.below.take() else { return Err(Wrong::told()) };
        seed.deserialize(below)
    }
}

impl<'de> SeqAccess<'de> for Only<'_> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Wrong> {
        let Some(below) = self.below.take() else { return Err(Wrong::told()) };
        seed.deserialize(below).map(Some)
    }
}

// === impl Chosen ===

impl<'de, 'a> EnumAccess<'de> for Chosen<'a> {
    type Error = Wrong;
    type Variant = Tracer<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Tracer<'a>), Wrong> {
        let name: StrDeserializer<'_, Wrong> = self.0.into_deserializer();
        Ok((seed.deserialize(name)?, self.1))
    }
}

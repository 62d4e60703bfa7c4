//! Requests in JSON, which become the same messages in protobuf.
//!
//! Shape: fields have their names in lowerCamelCase; those that are not known are passed over. Integers of 64 bits are texts or
//! numbers, enumerations are numbers or names, ids are hexadecimal, other bytes base64.
//!
//! Source: "JSON Protobuf Encoding" of the protocol's specification, and proto3's mapping to JSON.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};
use weir_pipeline::varint::zigzag;

use super::schema::{Field, REQUEST, Type};
use crate::remote_write::wire::{put_bytes, put_double, put_integer};

/// The message in protobuf, of about `most` bytes at most.
///
/// # Errors
/// A sentence: it is no JSON, a field has another type, or the message would be longer.
pub fn to_protobuf(body: &[u8], most: u64) -> Result<Vec<u8>, String> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut out = Vec::with_capacity(body.len() / 2);
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = json.deserialize_map(Message { fields: REQUEST, most, out: &mut out }).and_then(|()| json.end());
    read.map(|()| out).map_err(|error| format!("expected an `ExportMetricsServiceRequest` in JSON: {error}"))
}

/// Writes the fields of an object.
struct Message<'a> {
    fields: &'static [Field],
    /// How long it may become.
    most: usize,
    out: &'a mut Vec<u8>,
}

/// Writes a field as often as there are values of it.
struct Values<'a> {
    field: &'static Field,
    most: usize,
    out: &'a mut Vec<u8>,
}

// === impl Message ===

impl<'de> Visitor<'de> for Message<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(name) = map.next_key::<String>()? {
            match self.fields.iter().find(|field| field.name == name) {
                Some(field) => map.next_value_seed(Values { field, most: self.most, out: self.out })?,
                None => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(())
    }
}

// === impl Values ===

impl Values<'_> {
    /// Writes a whole number.
    fn whole<E: Error>(self, number: i128) -> Result<(), E> {
        let wrong = || E::invalid_value(Unexpected::Other("a number out of range"), &self);
        let field = self.field.number;
        match self.field.of {
            Type::Double => put_double(field, number as f64, self.out),
            Type::Fixed64 => {
                let bits = u64::try_from(number).map_err(|_| wrong())?;
                put_double(field, f64::from_bits(bits), self.out);
            }
            Type::SignedFixed64 => {
                let number = i64::try_from(number).map_err(|_| wrong())?;
                put_double(field, f64::from_bits(number as u64), self.out);
            }
            Type::Unsigned => put_integer(field, u64::try_from(number).map_err(|_| wrong())?, self.out),
            Type::Signed => put_integer(field, i64::try_from(number).map_err(|_| wrong())? as u64, self.out),
            Type::Zigzag => {
                put_integer(field, zigzag(i32::try_from(number).map_err(|_| wrong())?.into()), self.out);
            }
            Type::Enumeration(_) => put_integer(field, u64::try_from(number).map_err(|_| wrong())?, self.out),
            _ => return Err(E::invalid_type(Unexpected::Other("a number"), &self)),
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Values<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Values<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` as {}", self.field.name, self.field.of.name())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<(), S::Error> {
        let Self { field, most, out } = self;
        while seq.next_element_seed(Values { field, most, out: &mut *out })?.is_some() {
            // A digit becomes nine bytes.
            if out.len() > most {
                return Err(S::Error::custom(format_args!("expected a message of at most {most} bytes")));
            }
        }
        Ok(())
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<(), M::Error> {
        let Type::Message(fields) = self.field.of else { return Err(M::Error::invalid_type(Unexpected::Map, &self)) };
        let mut message = Vec::new();
        Message { fields: fields(), most: self.most, out: &mut message }.visit_map(map)?;
        put_bytes(self.field.number, &message, self.out);
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        let Type::Bool = self.field.of else { return Err(E::invalid_type(Unexpected::Bool(value), &self)) };
        put_integer(self.field.number, value.into(), self.out);
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.whole(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.whole(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        match self.field.of {
            Type::Double => put_double(self.field.number, value, self.out),
            _ if value.trunc() == value && value.abs() < 2f64.powi(63) => return self.whole(value as i128),
            _ => return Err(E::invalid_type(Unexpected::Float(value), &self)),
        }
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let wrong = || E::invalid_value(Unexpected::Str(text), &self);
        match self.field.of {
            Type::Text => put_bytes(self.field.number, text.as_bytes(), self.out),
            Type::Hexadecimal => {
                let bytes = hexadecimal(text).ok_or_else(wrong)?;
                put_bytes(self.field.number, &bytes, self.out);
            }
            Type::Base64 => {
                let bytes = STANDARD.decode(text).map_err(|_| wrong())?;
                put_bytes(self.field.number, &bytes, self.out);
            }
            Type::Double => {
                let number = match text {
                    "NaN" => f64::NAN,
                    "Infinity" => f64::INFINITY,
                    "-Infinity" => f64::NEG_INFINITY,
                    text => text.parse().map_err(|_| wrong())?,
                };
                put_double(self.field.number, number, self.out);
            }
            Type::Enumeration(names) => {
                let number = names.iter().position(|name| *name == text).ok_or_else(wrong)?;
                put_integer(self.field.number, number as u64, self.out);
            }
            Type::Message(_) | Type::Bool => return Err(E::invalid_type(Unexpected::Str(text), &self)),
            _ => {
                let number: i128 = text.parse().map_err(|_| wrong())?;
                return self.whole(number);
            }
        }
        Ok(())
    }
}

/// The bytes of an even number of digits.
fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits = text.chars().map(|digit| digit.to_digit(16)).collect::<Option<Vec<u32>>>()?;
    let pair = |pair: &[u32]| match pair {
        [high, low] => Some((high << 4 | low) as u8),
        _ => None,
    };
    digits.chunks(2).map(pair).collect()
}

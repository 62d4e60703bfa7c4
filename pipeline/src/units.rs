//! Durations and sizes as YAML writes them, always with a unit, addresses, and references to declared resources.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error as _, Visitor};

mod address;
mod checked;
mod secret;
mod wordless;

pub use address::Address;
pub use checked::{Measure, above_zero, some_path};
pub use secret::{HIDDEN, Location, Secret};
pub(crate) use secret::{Hides, hides};
pub use wordless::{Wordless, wordless};

/// A duration as in Prometheus: `30s`, `1m30s`, `500ms`; units ms, s, m, h, d, w, y, each at most once, from large to
/// small. `0` needs no unit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(Duration);

/// A number of bytes: `64MiB`, `1GB`, `512KiB`, `100B`. `0` needs no unit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(u64);

/// The name of a declared resource, which [`Context::resource`](crate::Context::resource) resolves. `weir check`
/// reports names that no resource has.
pub struct Ref<T> {
    name: String,
    kind: PhantomData<fn() -> T>,
}

/// How the name begins by which the deserializer of pipeline files knows a [`Ref`]: that of the type itself, since it also
/// says of what.
const REF: &str = concat!(module_path!(), "::Ref<");

const TIMES: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

const SIZES: [(&str, u64); 9] = [
    ("B", 1),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

// === impl Span ===

impl Span {
    /// A span of whole seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// A span of milliseconds.
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(Duration::from_millis(milliseconds))
    }

    /// The duration.
    pub const fn get(self) -> Duration {
        self.0
    }

    /// The duration in milliseconds.
    pub const fn as_millis(self) -> i64 {
        self.0.as_millis() as i64
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a duration such as `30s` or `1m30s`, got `{text}`");
        if text == "0" {
            return Ok(Self(Duration::ZERO));
        }
        let (mut rest, mut total, mut units) = (text, 0u64, TIMES.iter());
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
            let letters = rest[digits..].bytes().take_while(u8::is_ascii_lowercase).count();
            let unit = &rest[digits..digits + letters];
            // Continuing in the same iterator keeps the units in order, each at most once.
            let (_, size) = units.find(|(name, _)| *name == unit).ok_or_else(wrong)?;
            total = number.checked_mul(*size).and_then(|n| n.checked_add(total)).ok_or_else(wrong)?;
            rest = &rest[digits + letters..];
        }
        if text.is_empty() || total > i64::MAX as u64 {
            return Err(wrong());
        }
        Ok(Self(Duration::from_millis(total)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_millis() as u64;
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, size) in TIMES {
            if rest >= size && (rest.is_multiple_of(size) || !matches!(unit, "y" | "w")) {
                write!(f, "{}{unit}", rest / size)?;
                rest %= size;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

// === impl Bytes ===

impl Bytes {
    /// So many bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// So many KiB.
    pub const fn kib(n: u64) -> Self {
        Self(n << 10)
    }

    /// So many MiB.
    pub const fn mib(n: u64) -> Self {
        Self(n << 20)
    }

    /// The number of bytes.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a size such as `64MiB` or `1GB`, got `{text}`");
        if text == "0" {
            return Ok(Self(0));
        }
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
        let unit = text[digits..].trim_start();
        let (_, size) = SIZES.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        number.checked_mul(*size).map(Self).ok_or_else(wrong)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = SIZES.iter().filter(|(_, size)| self.0 >= *size && self.0.is_multiple_of(*size));
        let (unit, size) = fits.max_by_key(|(_, size)| *size).copied().unwrap_or(("B", 1));
        write!(f, "{}{unit}", self.0 / size)
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

// === impl Ref ===

impl<T> Ref<T> {
    /// A reference to the resource `name`.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: PhantomData }
    }

    /// The resource's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// What a newtype refers to, where it is a [`Ref`]: the name of the type of the opened resource.
pub(crate) fn referred(newtype: &'static str) -> Option<&'static str> {
    newtype.strip_prefix(REF)?.strip_suffix('>')
}

impl<T> Clone for Ref<T> {
    fn clone(&self) -> Self {
        Self::new(self.name.clone())
    }
}

impl<T> fmt::Debug for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl<'de, T> Deserialize<'de> for Ref<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;

        impl<'de> Visitor<'de> for Name {
            type Value = String;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a resource")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
                String::deserialize(deserializer)
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<String, E> {
                Ok(name.to_owned())
            }
        }

        deserializer.deserialize_newtype_struct(type_name::<Self>(), Name).map(Self::new)
    }
}

#[cfg(test)]
mod tests;

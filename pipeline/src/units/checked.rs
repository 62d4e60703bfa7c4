//! What settings can't work with, refused when they are read: for `#[serde(deserialize_with = "…")]`.

use std::fmt;
use std::path::PathBuf;

use serde::de::{Deserialize, Deserializer, Error as _};

use super::{Bytes, Span};

/// What can be zero: a [`Span`] and a number of [`Bytes`].
pub trait Measure: Copy + fmt::Display {
    /// Whether it is zero.
    fn is_zero(self) -> bool;
}

/// Reads a duration or a size above zero.
///
/// # Errors
/// It is none, or zero.
pub fn above_zero<'de, T: Measure + Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let value = T::deserialize(deserializer)?;
    if value.is_zero() { Err(D::Error::custom(format!("expected more than 0, got `{value}`"))) } else { Ok(value) }
}

/// Reads a path that is not empty.
///
/// # Errors
/// It is none, or empty.
pub fn some_path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    let path = PathBuf::deserialize(deserializer)?;
    if path.as_os_str().is_empty() { Err(D::Error::custom("expected a path, got an empty one")) } else { Ok(path) }
}

// === impl Span ===

impl Measure for Span {
    fn is_zero(self) -> bool {
        self.get().is_zero()
    }
}

// === impl Bytes ===

impl Measure for Bytes {
    fn is_zero(self) -> bool {
        self.get() == 0
    }
}

//! Texts that must not be seen.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error as _, Visitor};

/// What stands in the place of a secret wherever it would be seen.
pub const HIDDEN: &str = "<secret>";

/// The name by which the deserializer of pipeline files knows a [`Secret`].
const SECRET: &str = concat!(module_path!(), "::Secret");

/// A text that must not be seen: a password, a token, a hash of one. Not empty where it comes from settings. What shows it
/// shows [`HIDDEN`]; also the pipeline files that `weir explain` and the API show.
///
/// ```
/// let secret = weir_pipeline::units::Secret::new("hunter2");
/// assert_eq!((format!("{secret} {secret:?}").as_str(), secret.reveal()), ("<secret> <secret>", "hunter2"));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(Arc<str>);

/// Whether a newtype is a [`Secret`].
pub(crate) fn is_secret(newtype: &'static str) -> bool {
    newtype == SECRET
}

// === impl Secret ===

impl Secret {
    /// A secret.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text itself: for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = String;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
                String::deserialize(deserializer)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<String, E> {
                Ok(text.to_owned())
            }
        }

        let text = deserializer.deserialize_newtype_struct(SECRET, Text)?;
        if text.is_empty() { Err(D::Error::custom("expected a text, got an empty one")) } else { Ok(Self(text.into())) }
    }
}

//! Texts that must not be seen, or not whole.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error as _, Visitor};

/// What stands in the place of a secret wherever it would be seen.
pub const HIDDEN: &str = "<secret>";

/// The name by which the deserializer of pipeline files knows a [`Secret`].
const SECRET: &str = concat!(module_path!(), "::Secret");

/// The one by which it knows a [`Location`].
const LOCATION: &str = concat!(module_path!(), "::Location");

/// A text that must not be seen: a password, a token, a hash of one. Not empty where it comes from settings. What shows it
/// shows [`HIDDEN`]; also the pipeline files that `weir explain` and the API show.
///
/// ```
/// let secret = weir_pipeline::units::Secret::new("hunter2");
/// assert_eq!((format!("{secret} {secret:?}").as_str(), secret.reveal()), ("<secret> <secret>", "hunter2"));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(Arc<str>);

/// The address of a server of others as settings write it. What follows its `?` must not be seen: keys and tokens stand
/// there. Pipeline files show [`HIDDEN`] for it.
///
/// ```
/// let location = weir_pipeline::units::Location::new("http://a.example/list?token=hunter2");
/// assert_eq!(format!("{location} {location:?}"), "http://a.example/list?<secret> http://a.example/list?<secret>");
/// assert_eq!(location.reveal(), "http://a.example/list?token=hunter2");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Location(Arc<str>);

/// What of a text must not be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hides {
    All,
    /// What follows the first `?`.
    Query,
}

/// What must not be seen of a text that is read as this newtype.
pub(crate) fn hides(newtype: &'static str) -> Option<Hides> {
    match newtype {
        SECRET => Some(Hides::All),
        LOCATION => Some(Hides::Query),
        _ => None,
    }
}

/// Reads a text by the name of its newtype, which tells whoever reads it what of it to hide.
fn named<'de, D: Deserializer<'de>>(deserializer: D, newtype: &'static str) -> Result<String, D::Error> {
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

    deserializer.deserialize_newtype_struct(newtype, Text)
}

// === impl Hides ===

impl Hides {
    /// The text with [`HIDDEN`] in the place of what must not be seen.
    pub(crate) fn of(self, text: &str) -> String {
        match (self, text.split_once('?')) {
            (Self::All, _) => HIDDEN.to_owned(),
            (Self::Query, Some((shown, _))) => format!("{shown}?{HIDDEN}"),
            (Self::Query, None) => text.to_owned(),
        }
    }
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
        let text = named(deserializer, SECRET)?;
        if text.is_empty() { Err(D::Error::custom("expected a text, got an empty one")) } else { Ok(Self(text.into())) }
    }
}

// === impl Location ===

impl Location {
    /// An address.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The address itself: for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Hides::Query.of(&self.0))
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for Location {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        named(deserializer, LOCATION).map(Self::new)
    }
}

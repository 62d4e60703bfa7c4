//! What serde finds wrong, in the words of pipeline files.

use std::fmt::{self, Display};

use serde::de::{Expected, Unexpected};

use super::mistake::{nearest, unknown};
use super::node::Position;

/// What a number takes that may not be 0.
pub(super) const ABOVE_ZERO: &str = "a whole number of at least 1";

/// A mistake on its way up to the node that it concerns.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) message: String,
    /// The innermost node that is known.
    pub(super) place: Option<(Position, String)>,
    /// The field that is not there.
    pub(super) missing: Option<&'static str>,
    /// The field that is spelt wrong.
    pub(super) meant: Option<&'static str>,
    /// Whether it is in a key, not in the value below it.
    pub(super) in_key: bool,
    /// Whether it was told when the file was read.
    pub(super) told: bool,
}

// === impl Wrong ===

impl Wrong {
    /// What stands where the file has a mistake that is told already.
    pub(super) fn told() -> Self {
        Self { told: true, ..serde::de::Error::custom("a mistake") }
    }

    /// The same at a place, where it has none yet.
    pub(super) fn at(mut self, at: Position, path: &str) -> Self {
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
        Self { message: message.to_string(), place: None, missing: None, meant: None, in_key: false, told: false }
    }

    fn invalid_type(got: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let wanted = match expected.to_string().as_str() {
            "u8" => format!("a whole number from 0 to {}", u8::MAX),
            "u16" => format!("a whole number from 0 to {}", u16::MAX),
            "u32" => format!("a whole number from 0 to {}", u32::MAX),
            "u64" | "usize" => "a whole number of at least 0".to_owned(),
            "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
            "f32" | "f64" => "a number".to_owned(),
            "a boolean" => "`true` or `false`".to_owned(),
            "a string" => "a text".to_owned(),
            "a sequence" => "a list".to_owned(),
            other if other.starts_with("struct ") => "a map".to_owned(),
            other if other.starts_with("a nonzero ") => ABOVE_ZERO.to_owned(),
            other => other.to_owned(),
        };
        let got = match got {
            Unexpected::Str(text) => format!("`{}`", text.chars().take(80).collect::<String>()),
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
        let meant = nearest(field, valid.iter().copied());
        Self { meant, ..Self::custom(unknown("field", field, valid.iter().copied())) }
    }

    fn unknown_variant(variant: &str, valid: &'static [&'static str]) -> Self {
        Self::custom(unknown("value", variant, valid.iter().copied()))
    }

    fn missing_field(field: &'static str) -> Self {
        Self { missing: Some(field), ..Self::custom(format!("`{field}` is missing")) }
    }
}

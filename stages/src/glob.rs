//! Texts with `*` for any characters.

use serde::Deserialize;

/// A text with `*` for any characters.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Glob {
    /// What stands between the stars.
    parts: Vec<String>,
}

// === impl Glob ===

impl Glob {
    /// Whether `text` is like it, as a whole.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        let (Some((first, parts)), whole) = (self.parts.split_first(), self.parts.len() == 1) else { return false };
        if whole {
            return text == first;
        }
        let (Some((last, between)), Some(mut rest)) = (parts.split_last(), text.strip_prefix(first.as_str())) else {
            return false;
        };
        for part in between {
            // The first place is as good as any later one.
            let Some((_, after)) = rest.split_once(part.as_str()) else { return false };
            rest = after;
        }
        rest.ends_with(last.as_str())
    }
}

impl TryFrom<String> for Glob {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() {
            return Err("expected a name such as `team-*`, got an empty one".into());
        }
        Ok(Self { parts: text.split('*').map(str::to_owned).collect() })
    }
}

#[cfg(test)]
mod tests;

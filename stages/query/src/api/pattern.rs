//! The setting of origins.

use serde::Deserialize;
use weir_pipeline::pattern::Pattern;

/// Which origins may ask from a browser.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct OriginPattern {
    text: String,
    pattern: Pattern,
}

// === impl OriginPattern ===

impl OriginPattern {
    /// Whether pages of this origin may ask.
    pub(super) fn allows(&self, origin: &str) -> bool {
        self.pattern.is_match(origin)
    }

    /// As written.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }
}

impl TryFrom<String> for OriginPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let pattern = Pattern::new(&text).map_err(|e| e.to_string())?;
        Ok(Self { text, pattern })
    }
}

//! The setting of origins.

use serde::Deserialize;
use weir_pipeline::pattern::Pattern;

/// Which origins may ask from a browser.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct OriginPattern(Pattern);

// === impl OriginPattern ===

impl OriginPattern {
    /// Whether pages of this origin may ask.
    pub(super) fn allows(&self, origin: &str) -> bool {
        self.0.is_match(origin)
    }
}

impl TryFrom<String> for OriginPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Pattern::new(&text).map(Self).map_err(|e| e.to_string())
    }
}

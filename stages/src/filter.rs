//! `filter`: lets only some series pass, chosen by PromQL selectors.
//!
//! ```yaml
//! filter:
//!   drop: ['{__name__=~"go_.*"}']
//! ```
//!
//! Shape: series that pass go on untouched; a batch that passes as a whole is not copied.
//!
//! Errors: none. Samples of other series are counted as dropped, reason `filter`.
//!
//! Order: as early as the labels that it looks at are final, so that nothing is done for what will not stay. It keeps no
//! memory of its decisions: a selector of names and prefixes costs less than a lookup.
//!
//! Source: selectors as in PromQL, without offset and `@`; regular expressions are Go's, anchored at both ends.

use serde::Deserialize;
use weir_pipeline::ack::reason;
use weir_pipeline::{Ack, Batch, Labels, Outcome, Result, Selector, Transform};

/// Lets only some series pass, chosen by PromQL selectors.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only series that one of these selects pass. Default `[]`: all do.
    #[serde(default)]
    keep: Vec<Selector>,
    /// Series that one of these selects do not pass, also where `keep` selects them. Default `[]`.
    #[serde(default)]
    drop: Vec<Selector>,
}

// === impl Filter ===

impl Filter {
    /// Whether series with these labels pass.
    pub fn passes(&self, labels: Labels<'_>) -> bool {
        (self.keep.is_empty() || self.keep.iter().any(|s| s.selects(labels)))
            && !self.drop.iter().any(|s| s.selects(labels))
    }
}

impl Transform for Filter {
    const NAME: &'static str = "filter";

    fn apply(&self, batch: Batch) -> Result<(Batch, Ack)> {
        let out = batch.filter(|series| self.passes(series.labels));
        let dropped = batch.sample_count() - out.sample_count();
        Ok((out, Ack::default().with(Outcome::Dropped, reason::FILTER, dropped as u64)))
    }
}

#[cfg(test)]
mod tests;

//! `scale`: multiplies the values of some series.
//!
//! ```yaml
//! scale: { selector: 'temperature_millicelsius', factor: 0.001 }
//! ```
//!
//! Shape: series and samples stay, staleness markers too. Errors: none. Order: anywhere.

use serde::Deserialize;
use weir_pipeline::{Ack, Batch, Result, Selector, Transform, is_stale};

/// Multiplies the values of some series.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// Which series.
    selector: Selector,
    /// By what.
    factor: f64,
}

impl Transform for Scale {
    const NAME: &'static str = "scale";

    fn apply(&self, batch: Batch) -> Result<(Batch, Ack)> {
        let mut out = Batch::builder(batch.tenant().clone());
        for series in batch.iter() {
            let factor = if self.selector.selects(series.labels) { self.factor } else { 1.0 };
            let scale = |&value: &f64| if is_stale(value) { value } else { value * factor };
            let values: Vec<f64> = series.values.iter().map(scale).collect();
            out.push_series(series.labels, weir_pipeline::batch::Series { values: &values, ..series });
        }
        for metadata in batch.metadata() {
            out.metadata(metadata.clone());
        }
        Ok((out.build(), Ack::default()))
    }
}

#[cfg(test)]
mod tests;

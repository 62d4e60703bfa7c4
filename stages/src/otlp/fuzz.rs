//! The fuzz target `otlp`: a message, decompressed.

use weir_pipeline::{Labels, Tenant};

use super::{Otlp, decode};
use crate::remote_write::Limits;

/// Reads `data` and checks the laws: a batch has canonical labels with a metric name each and keeps to its limits, and what it
/// says of metrics is not longer than what was read.
///
/// # Panics
/// Where a law does not hold.
pub fn fuzz(data: &[u8]) {
    let limits = Limits { labels: 16, name_bytes: 64, value_bytes: 256, symbols: 64, batch_bytes: 1 << 16 };
    let promote_resource_attributes = vec!["host.name".to_owned(), "".to_owned()];
    let settings = Otlp { promote_resource_attributes, keep_identifying_resource_attributes: true, target_info: true };
    let Ok(decoded) = decode(data, Tenant::default(), &limits, &settings) else { return };
    for series in decoded.batch.iter() {
        assert!(Labels::check(series.labels.encoded()).is_ok(), "labels are canonical: {:?}", series.labels);
        assert!(!series.labels.metric().is_empty(), "a series has a metric name: {:?}", series.labels);
        assert!(series.sample_count() > 0, "a series has samples: {:?}", series.labels);
    }
    assert!(decoded.batch.byte_size() <= 1 << 16, "the batch keeps to its limit");
}

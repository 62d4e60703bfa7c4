//! Batches as text, for tests.

use crate::batch::Batch;
use crate::samples::parse;
use crate::tenant::Tenant;

pub use crate::samples::text;

/// The batch that `text` shows, for the default tenant. A line is a sample: labels, value, and milliseconds since the
/// Unix epoch, 0 where there are none. `stale` is the value of staleness markers. Lines with the same labels, one after
/// the other, are one series. Empty lines and those that begin with `#` mean nothing.
///
/// ```
/// let batch = weir_pipeline::testing::batch(
///     r#"
///     up{job="node"} 1 1000
///     up{job="node"} stale 2000
///     {"disk.free", unit="B"} 1e9
///     "#,
/// );
/// assert_eq!((batch.series_count(), batch.sample_count()), (2, 3));
/// ```
///
/// # Panics
/// A line is wrong.
#[track_caller]
pub fn batch(text: &str) -> Batch {
    parse(text, Tenant::default()).unwrap_or_else(|why| panic!("{why}"))
}

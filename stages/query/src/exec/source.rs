//! Where samples come from, as the scan sees it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
pub use weir_blocks::Run;
use weir_pipeline::{Labels, Matcher, Result, SeriesId, Tenant};

mod stored;

pub(crate) use stored::Stored;

/// Something that has series: a store, or series in memory.
#[async_trait]
pub trait MetricsSource: fmt::Debug + Send + Sync + 'static {
    /// The series of `tenant` that match all `matchers` and may have samples from `start` to `end` (milliseconds since
    /// the Unix epoch, both included), as one snapshot.
    ///
    /// # Errors
    /// The source can't be read.
    async fn select(&self, tenant: &Tenant, matchers: &[Matcher], start: i64, end: i64) -> Result<Arc<dyn Selected>>;
}

/// The series that a [`MetricsSource`] selected, numbered from 0. A series comes once.
#[async_trait]
pub trait Selected: Send + Sync {
    /// How many series there are.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The labels of a series.
    fn labels(&self, series: usize) -> Labels<'_>;

    /// The id of a series.
    fn id(&self, series: usize) -> SeriesId;

    /// About how many samples a series has.
    fn samples_estimate(&self, series: usize) -> usize;

    /// The samples of some series: for each series any number of runs. Runs may overlap.
    ///
    /// # Errors
    /// The source can't be read.
    async fn read(&self, series: Range<usize>) -> Result<Vec<Run>>;
}

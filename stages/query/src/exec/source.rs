//! Where samples come from, as the scan sees it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
pub(crate) use weir_blocks::extras::Known;
pub use weir_blocks::{Lasts, Run};
use weir_pipeline::batch::Metadata;
use weir_pipeline::query::TenantUsage;
use weir_pipeline::{Cardinality, Changes, Labels, Matcher, Result, SeriesExemplars, SeriesId, Tenant};

mod stored;

pub(crate) use stored::{Found, Stored, warnings};

/// Which series are wanted: those of a tenant that match all matchers and may have samples from `start` to `end`.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Whose.
    pub tenant: &'a Tenant,
    /// The conditions on their labels.
    pub matchers: &'a [Matcher],
    /// From, in milliseconds since the Unix epoch, included.
    pub start: i64,
    /// To, in milliseconds since the Unix epoch, included.
    pub end: i64,
    /// Nobody will read their samples.
    pub labels_only: bool,
    /// Whether what can be had is better than nothing, where not all can; see [`Selected::warnings`].
    pub partial: bool,
}

/// Something that has series: a store, or series in memory.
#[async_trait]
pub trait MetricsSource: fmt::Debug + Send + Sync + 'static {
    /// The series that are wanted, as one snapshot.
    ///
    /// # Errors
    /// The source can't be read.
    async fn select(&self, wanted: Wanted<'_>) -> Result<Arc<dyn Selected>>;

    /// The exemplars of the series that are wanted, each series once. A source that keeps none has none.
    ///
    /// # Errors
    /// The source can't be read.
    async fn exemplars(&self, _wanted: Wanted<'_>) -> Result<Known<Vec<SeriesExemplars>>> {
        Ok(Known::default())
    }

    /// What is known of the metrics of a tenant, or of one of them, sorted by name. A source that keeps nothing knows nothing.
    ///
    /// # Errors
    /// The source can't be read.
    async fn metadata(&self, _tenant: &Tenant, _metric: Option<&str>) -> Result<Known<Vec<Metadata>>> {
        Ok(Known::default())
    }

    /// What the recent series of a tenant are made of, the `limit` largest of each kind; `None` where the source can't tell.
    ///
    /// # Errors
    /// The source can't be read.
    async fn cardinality(&self, _tenant: &Tenant, _limit: usize) -> Result<Option<Known<Cardinality>>> {
        Ok(None)
    }

    /// What there is of each tenant, or of one; `None` where the source can't tell.
    ///
    /// # Errors
    /// The source can't be read.
    async fn tenants(&self, _only: Option<&Tenant>) -> Result<Option<Known<Vec<TenantUsage>>>> {
        Ok(None)
    }

    /// Deletes all that there is of a tenant, and says what there was; `None` where the source can't.
    ///
    /// # Errors
    /// Not all of it could be deleted.
    async fn delete_tenant(&self, _tenant: &Tenant) -> Result<Option<TenantUsage>> {
        Ok(None)
    }

    /// What has changed of the samples of a tenant since the answer of this number; `None` where the source can't tell.
    ///
    /// # Errors
    /// The source can't be read.
    async fn changes(&self, _tenant: &Tenant, _since: Option<u64>) -> Result<Option<Changes>> {
        Ok(None)
    }
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

    /// What of the source can't be had, as far as is known by now.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// The labels of a series.
    fn labels(&self, series: usize) -> Labels<'_>;

    /// Whether a series may have native histograms, be it only its labels that were wanted. A source that can't tell has
    /// none.
    fn has_histograms(&self, _series: usize) -> bool {
        false
    }

    /// The id of a series.
    fn id(&self, series: usize) -> SeriesId;

    /// About how many samples a series has.
    fn samples_estimate(&self, series: usize) -> usize;

    /// The samples of some series: for each series any number of runs. Runs may overlap.
    ///
    /// # Errors
    /// The source can't be read.
    async fn read(&self, series: Range<usize>) -> Result<Vec<Run>>;

    /// As [`Selected::read`], where only the last floats before steps are wanted: others may be left out.
    ///
    /// # Errors
    /// The source can't be read.
    async fn read_lasts(&self, series: Range<usize>, _: Lasts) -> Result<Vec<Run>> {
        self.read(series).await
    }
}

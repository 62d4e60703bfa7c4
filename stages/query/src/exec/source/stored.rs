//! A store as a source of series.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use weir_blocks::{Selection, Store};
use weir_pipeline::{Labels, Result, SeriesId};

use super::{MetricsSource, Run, Selected, Wanted};

/// The series of a store.
#[derive(Clone)]
pub(crate) struct Stored(Store);

// === impl Stored ===

impl Stored {
    /// The series of `store`.
    pub(crate) fn new(store: Store) -> Self {
        Self(store)
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stored")
    }
}

#[async_trait]
impl MetricsSource for Stored {
    async fn select(&self, wanted: Wanted<'_>) -> Result<Arc<dyn Selected>> {
        let Wanted { tenant, matchers, start, end, .. } = wanted;
        Ok(Arc::new(self.0.select(tenant, matchers, start, end).await?))
    }
}

#[async_trait]
impl Selected for Selection {
    fn len(&self) -> usize {
        Selection::len(self)
    }

    fn labels(&self, series: usize) -> Labels<'_> {
        Selection::labels(self, series)
    }

    fn id(&self, series: usize) -> SeriesId {
        Selection::id(self, series)
    }

    fn samples_estimate(&self, series: usize) -> usize {
        Selection::samples_estimate(self, series)
    }

    async fn read(&self, series: Range<usize>) -> Result<Vec<Run>> {
        Selection::read(self, series).await
    }
}

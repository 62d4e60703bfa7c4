//! An engine without data.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use weir_pipeline::{Labels, Result, SeriesId};

use super::{Engine, Limits, MetricsSource, Run, Selected, Wanted};

/// A source without series.
#[derive(Debug)]
struct Nothing;

impl Engine {
    /// An engine whose every answer is that of an empty store.
    pub fn without_series() -> Self {
        Self::new(Arc::new(Nothing), Limits::default())
    }
}

#[async_trait]
impl MetricsSource for Nothing {
    async fn select(&self, _: Wanted<'_>) -> Result<Arc<dyn Selected>> {
        Ok(Arc::new(Self))
    }
}

#[async_trait]
impl Selected for Nothing {
    fn len(&self) -> usize {
        0
    }

    fn labels(&self, _: usize) -> Labels<'_> {
        Labels::from_canonical(&[])
    }

    fn id(&self, _: usize) -> SeriesId {
        Labels::from_canonical(&[]).id()
    }

    fn samples_estimate(&self, _: usize) -> usize {
        0
    }

    async fn read(&self, _: Range<usize>) -> Result<Vec<Run>> {
        Ok(Vec::new())
    }
}

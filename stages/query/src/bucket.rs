//! The blocks of a bucket as a source of series, without a store: what `weir sql --bucket` asks.
//!
//! Shape: what is in the bucket by now; what stores have not uploaded yet is not there. Nothing is written.

use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use weir_blocks::bucket::Bucket;
use weir_blocks::{Depot, Selection};
use weir_pipeline::{Clock, Context, Metrics, Result};

use crate::engine::{MetricsSource, Selected, Wanted};
use crate::exec::source::Found;

/// The series of a bucket.
#[derive(Debug)]
pub struct Bucketed(Arc<Depot>);

// === impl Bucketed ===

impl Bucketed {
    /// The series of a bucket that is there already.
    ///
    /// # Errors
    /// There is no such directory, or there are no credentials.
    pub fn open(bucket: &Bucket, clock: Clock) -> Result<Self> {
        let context = Context::new(clock, Metrics::default(), CancellationToken::new());
        Ok(Self(bucket.open_to_read(&context)?))
    }
}

#[async_trait]
impl MetricsSource for Bucketed {
    async fn select(&self, wanted: Wanted<'_>) -> Result<Arc<dyn Selected>> {
        let Wanted { tenant, matchers, start, end, partial, .. } = wanted;
        // The error of a bucket that does not answer says more than an answer without it.
        let found = self.0.blocks(tenant, start, end).await?;
        let selection = Selection::join(Vec::new(), &found.blocks, matchers, start, end).await?;
        Ok(Arc::new(Found::new(selection, found.missing, partial)?))
    }
}

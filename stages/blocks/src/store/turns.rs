//! Whose turn it is to upload a tenant's blocks, of the stores that have the same samples.
//!
//! It saves work, and nothing depends on it: where it can't be said whose turn it is, nobody waits, and what two upload at once
//! counts once.

use tokio::time::Instant;
use weir_pipeline::{Result, Tenant};

use super::{Store, lock};
use crate::depot::Depot;

/// Whether a store uploads now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It does, and has said so to the others.
    Own,
    /// It does, and nobody knows.
    Untold,
    /// Another one is at it.
    Others,
}

// === impl Store ===

impl Store {
    /// Says to the others that it is this store's turn, where it is. One that takes too long is not waited for any more.
    ///
    /// # Errors
    /// The bucket fails.
    pub(super) async fn take_turn(&self, depot: &Depot, tenant: &Tenant) -> Result<Turn> {
        if !self.0.settings.upload.one_copy {
            return Ok(Turn::Untold);
        }
        let writer = &self.0.identity.writer;
        let claimed = depot.claim(tenant, writer).await;
        if !matches!(claimed, Ok(false)) {
            lock(&self.0.waiting).remove(tenant);
            return Ok(claimed.map_or_else(untold, |_| Turn::Own));
        }
        let since = *lock(&self.0.waiting).entry(tenant.clone()).or_insert_with(Instant::now);
        if since.elapsed() < self.0.settings.upload.take_over.get() {
            self.0.measures.upload_waits();
            return Ok(Turn::Others);
        }
        tracing::warn!(%tenant, "another store's upload takes too long; this one goes on without it");
        depot.take_over(tenant, writer).await?;
        lock(&self.0.waiting).remove(tenant);
        self.0.measures.took_over();
        Ok(Turn::Own)
    }

    /// Lets others have their turn.
    pub(super) async fn end_turn(&self, depot: &Depot, tenant: &Tenant, turn: Turn) {
        if turn == Turn::Own
            && let Err(error) = depot.release(tenant).await
        {
            tracing::debug!(%tenant, error = error.report(), "other stores wait until they take over");
        }
    }
}

fn untold(error: weir_pipeline::Error) -> Turn {
    // If the bucket is away, the upload will say so.
    tracing::debug!(error = error.report(), "other stores do not know that this one uploads");
    Turn::Untold
}

//! The resource `bucket`: where blocks are kept.
//!
//! ```yaml
//! main: { bucket: { local: { path: ./data/bucket } } }
//! ```
//!
//! A local directory is an ordinary bucket behind a wrapper that syncs file and directories before a put counts:
//! otherwise log segments dropped after it would lose acknowledged samples on a power cut.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use weir_pipeline::units::Bytes;
use weir_pipeline::{Context, Resource, Result};

use crate::block::BlockShelf;
use crate::store::shelf::Shelf;

pub mod objects;

use objects::Objects;

/// The settings of a bucket.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// A directory of this machine.
    local: Local,
    /// The memory for the label indexes of blocks that are read, in bytes. Default `128MiB`.
    #[serde(default = "default_index_cache")]
    index_cache: Bytes,
}

/// A directory of this machine.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Local {
    /// The directory; made where it is absent.
    path: PathBuf,
}

fn default_index_cache() -> Bytes {
    Bytes::mib(128)
}

// === impl Bucket ===

impl Resource for Bucket {
    const NAME: &'static str = "bucket";
    type Opened = Arc<dyn Shelf>;

    async fn open(self, context: &Context) -> Result<Arc<Arc<dyn Shelf>>> {
        let objects = Objects::local(&self.local.path)?;
        let shelf = BlockShelf::new(Arc::new(objects), context.clock.clone(), self.index_cache.get())
            .measured(&context.metrics);
        Ok(Arc::new(Arc::new(shelf) as Arc<dyn Shelf>))
    }
}

#[cfg(test)]
mod tests;

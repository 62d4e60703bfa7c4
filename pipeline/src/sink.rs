//! Where a pipeline ends.

use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::error::Result;
use crate::next::Next;
use crate::path::Path;

/// Ends a pipeline: writes samples, or answers queries. The settings are the sink.
pub trait Sink<P: Path>: DeserializeOwned + Clone + Send + Sync + 'static {
    /// The name in YAML, in metrics, and of the module.
    const NAME: &'static str;

    /// The service that ends the pipeline.
    ///
    /// # Errors
    /// Something that the settings name can't be had.
    fn open(self, context: &Context) -> Result<Next<P>>;
}

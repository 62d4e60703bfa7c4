//! What stands between source and sink.

use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::error::Result;
use crate::next::Next;
use crate::path::Path;

/// A tower layer built from its YAML settings: the settings are the stage.
///
/// The service that it returns keeps the law of [`Ack`](crate::Ack), is ready only when the rest is (or says in its
/// docs that it is ready by design), and passes errors on with their kind.
pub trait Stage<P: Path>: DeserializeOwned + Clone + Send + Sync + 'static {
    /// The name in YAML, in metrics, and of the module.
    const NAME: &'static str;

    /// Wraps the rest of the pipeline.
    ///
    /// # Errors
    /// Something that the settings name can't be had.
    fn wrap(self, context: &Context, next: Next<P>) -> Result<Next<P>>;
}

//! A stage below which the rest exists once per branch.

use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::error::Result;
use crate::next::Next;
use crate::path::Path;

/// Builds "the rest of the pipeline" once for each of its branches: shard, replicate, route, tee.
pub trait Fanout<P: Path>: DeserializeOwned + Clone + Send + Sync + 'static {
    /// The name in YAML, in metrics, and of the module.
    const NAME: &'static str;

    /// Asks `rest` for the rest of the pipeline under each branch's name, and joins the branches into one service.
    ///
    /// # Errors
    /// Something that the settings name can't be had, or the rest can't be built.
    fn split(self, context: &Context, rest: &mut dyn FnMut(&str) -> Result<Next<P>>) -> Result<Next<P>>;
}

//! A stage below which the rest exists once per branch.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::error::Result;
use crate::next::Next;
use crate::path::Path;

/// Builds "the rest of the pipeline" once for each of its branches: shard, replicate, route, tee.
pub trait Fanout<P: Path>: DeserializeOwned + Clone + Send + Sync + 'static {
    /// The name in YAML, in metrics, and of the module.
    const NAME: &'static str;

    /// Builds a branch for each name it wants one for, and joins the branches into one service.
    ///
    /// # Errors
    /// Something that the settings name can't be had, or the rest can't be built.
    fn split(self, context: &Context, rest: Rest<P>) -> Result<Next<P>>;
}

/// The rest of a pipeline below a fan-out, to be built once per branch. It may be kept, to build branches later; a clone
/// shares everything.
pub struct Rest<P: Path>(Arc<Build<P>>);

type Build<P> = dyn Fn(&Context, &str) -> Result<Next<P>> + Send + Sync;

// === impl Rest ===

impl<P: Path> Rest<P> {
    /// A rest that `build` makes, from a context and the branch's name.
    pub fn new(build: impl Fn(&Context, &str) -> Result<Next<P>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(build))
    }

    /// The rest under a branch's name. What `context` carries ([`Context::with`]) everything below sees.
    ///
    /// # Errors
    /// A stage of the rest can't be built.
    pub fn branch(&self, context: &Context, name: &str) -> Result<Next<P>> {
        (self.0)(context, name)
    }
}

impl<P: Path> Clone for Rest<P> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<P: Path> fmt::Debug for Rest<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rest<{}>", P::NAME)
    }
}

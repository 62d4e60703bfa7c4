//! Where a pipeline begins.

use std::future::Future;

use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::error::Result;
use crate::next::Next;
use crate::path::Path;

/// Drives a pipeline: it takes from outside (a scrape, a request) and sends down. The settings are the source.
pub trait Source<P: Path>: DeserializeOwned + Clone + Send + Sync + 'static {
    /// The name in YAML, in metrics, and of the module.
    const NAME: &'static str;
    /// Whether it accepts connections, and says so by [`Context::listening`] once it does.
    const LISTENS: bool = false;

    /// Runs until `context.shutdown` is cancelled; then takes nothing new, waits for what was sent down, and returns.
    ///
    /// # Errors
    /// Only what ends the source for good, as an address that is in use. The program then ends.
    fn run(self, context: Context, next: Next<P>) -> impl Future<Output = Result<()>> + Send;
}

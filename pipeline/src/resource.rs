//! What pipelines share and outlives them.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::error::Result;

/// Something declared once under `resources`, which pipelines name: a store, a bucket. The settings are the resource.
///
/// What it must do at the end (close a log) it registers with [`Context::on_close`].
pub trait Resource: DeserializeOwned + Clone + Send + Sync + 'static {
    /// The name in YAML, and of the module.
    const NAME: &'static str;
    /// What [`Context::resource`] returns to those who name it.
    type Opened: Send + Sync + 'static;

    /// The directories that it keeps its files in: no other resource of its kind may name them. Default none.
    fn directories(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Opens it. Resources that it names itself are open already.
    ///
    /// # Errors
    /// It can't be opened; the program does not start.
    fn open(self, context: &Context) -> impl Future<Output = Result<Arc<Self::Opened>>> + Send;
}

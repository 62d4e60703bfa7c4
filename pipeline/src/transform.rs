//! The easy stage: a pure change of a batch.

use serde::de::DeserializeOwned;

use crate::ack::Ack;
use crate::batch::Batch;
use crate::error::Result;

/// A pure change of a batch: what a plugin author writes in 30 lines. The settings are the stage.
pub trait Transform: DeserializeOwned + Clone + Send + Sync + 'static {
    /// The name in YAML, in metrics, and of the module.
    const NAME: &'static str;

    /// What goes on, and what became of the samples that do not.
    ///
    /// The law: samples in + created = samples out + those in the ack. A batch that comes out empty is not sent on.
    ///
    /// # Errors
    /// The whole batch is refused.
    fn apply(&self, batch: Batch) -> Result<(Batch, Ack)>;
}

//! The two paths that share one set of traits.

use crate::ack::Ack;
use crate::batch::Batch;
use crate::query::{Answer, Query};
use crate::registry::{Components, Registry};

/// A path: what flows down and what comes back. A stage that does not care serves both.
pub trait Path: Send + Sync + 'static {
    /// What flows down. A clone shares its buffers.
    type Request: Clone + Send + Sync + 'static;
    /// What comes back.
    type Response: Send + 'static;
    /// The name, as in metrics.
    const NAME: &'static str;

    /// The samples that go down with a request: what the law counts.
    fn samples(request: &Self::Request) -> u64;
    /// The batch that a request is, where the path has batches.
    fn batch(request: &Self::Request) -> Option<&Batch>;
    /// The ack in a response, where the path has acks.
    fn ack(response: &mut Self::Response) -> Option<&mut Ack>;

    /// The components of this path.
    #[doc(hidden)]
    fn components(registry: &Registry) -> &Components<Self>
    where
        Self: Sized;

    /// The components of this path.
    #[doc(hidden)]
    fn components_mut(registry: &mut Registry) -> &mut Components<Self>
    where
        Self: Sized;
}

/// Samples go down, an [`Ack`] comes back.
#[derive(Debug)]
pub enum Write {}

/// A [`Query`] goes down, an [`Answer`] comes back.
#[derive(Debug)]
pub enum Read {}

// === impl Write ===

impl Path for Write {
    type Request = Batch;
    type Response = Ack;
    const NAME: &'static str = "write";

    fn samples(request: &Batch) -> u64 {
        request.sample_count() as u64
    }

    fn batch(request: &Batch) -> Option<&Batch> {
        Some(request)
    }

    fn ack(response: &mut Ack) -> Option<&mut Ack> {
        Some(response)
    }

    fn components(registry: &Registry) -> &Components<Self> {
        registry.write()
    }

    fn components_mut(registry: &mut Registry) -> &mut Components<Self> {
        registry.write_mut()
    }
}

// === impl Read ===

impl Path for Read {
    type Request = Query;
    type Response = Answer;
    const NAME: &'static str = "read";

    fn samples(_: &Query) -> u64 {
        0
    }

    fn batch(_: &Query) -> Option<&Batch> {
        None
    }

    fn ack(_: &mut Answer) -> Option<&mut Ack> {
        None
    }

    fn components(registry: &Registry) -> &Components<Self> {
        registry.read()
    }

    fn components_mut(registry: &mut Registry) -> &mut Components<Self> {
        registry.read_mut()
    }
}

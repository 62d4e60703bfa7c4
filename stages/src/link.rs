//! `link`: leads from pipelines into another one.
//!
//! ```yaml
//! resources: { copy: { link: {} } }
//! sink: { link: copy }
//! ```
//!
//! The link is a resource. The pipeline that begins with `source: { link: copy }` gets what
//! others end in with this sink, or send there by [`route`](crate::route) and [`tee`](crate::tee).
//!
//! Shape: batches and acks pass untouched; who sends waits for the answer of the other pipeline.
//!
//! Errors: those of the other pipeline. A link that no pipeline begins with, or two, is a mistake, as are pipelines that lead
//! into each other in a circle.
//!
//! Order: ends a pipeline, or begins one. As a sink it is ready by design, and waits for the other pipeline with each batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::timeout;
use tower::Service;
use weir_pipeline::units::Ref;
use weir_pipeline::{Ack, Batch, Context, Error, Next, Reply, Resource, Result, Sink, Source, Write};

/// How long pipelines that start wait for each other.
const START: Duration = Duration::from_secs(10);

/// How many links a batch may pass.
const MAX_LINKS: usize = 16;

tokio::task_local! {
    /// How many links the batch has passed.
    static PASSED: usize;
}

/// Leads from pipelines into another one: as a sink to it, as a source from it.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct Link(Ref<OpenLink>);

/// The settings of the resource: there are none.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {}

/// A link that pipelines name.
#[derive(Debug)]
pub struct OpenLink {
    name: String,
    /// Where it leads, or led last.
    next: watch::Sender<Option<Next<Write>>>,
    /// Whether a pipeline begins with it now.
    begins: AtomicBool,
}

/// A pipeline begins with the link while this lives.
struct Begun<'a>(&'a AtomicBool);

/// The way into the other pipeline. A clone is the same.
#[derive(Clone)]
struct Way(Arc<OpenLink>);

// === impl Settings ===

impl Resource for Settings {
    const NAME: &'static str = "link";
    type Opened = OpenLink;

    async fn open(self, context: &Context) -> Result<Arc<OpenLink>> {
        let name = context.place.split('.').nth(1).unwrap_or_default().to_owned();
        Ok(Arc::new(OpenLink { name, next: watch::Sender::new(None), begins: AtomicBool::new(false) }))
    }
}

// === impl Link ===

impl Source<Write> for Link {
    const NAME: &'static str = "link";

    async fn run(self, context: Context, next: Next<Write>) -> Result<()> {
        let link = context.resource::<OpenLink>(self.0.name())?;
        if link.begins.swap(true, Ordering::Relaxed) {
            return Err(Error::invalid(format!("the link `{}` begins two pipelines", link.name)));
        }
        let _begun = Begun(&link.begins);
        link.next.send_replace(Some(next));
        // Those who send drain after this: the way stays open until all of them have.
        context.shutdown.cancelled().await;
        Ok(())
    }
}

impl Sink<Write> for Link {
    const NAME: &'static str = "link";

    fn open(self, context: &Context) -> Result<Next<Write>> {
        Ok(context.resource::<OpenLink>(self.0.name())?.next())
    }
}

// === impl OpenLink ===

impl OpenLink {
    /// A link of that name into no pipeline yet.
    #[cfg(test)]
    pub(crate) fn named(name: &str) -> Arc<Self> {
        Arc::new(Self { name: name.to_owned(), next: watch::Sender::new(None), begins: AtomicBool::new(false) })
    }

    /// Leads into a pipeline.
    #[cfg(test)]
    pub(crate) fn lead(&self, next: Next<Write>) {
        self.next.send_replace(Some(next));
    }

    /// The way into the other pipeline, as a service.
    pub(crate) fn next(self: Arc<Self>) -> Next<Write> {
        Next::new(Way(self))
    }

    async fn send(&self, batch: Batch) -> Result<Ack> {
        let name = &self.name;
        let passed = PASSED.try_with(|passed| *passed).unwrap_or(0) + 1;
        if passed > MAX_LINKS {
            return Err(Error::internal(format!("the link `{name}` leads in a circle")));
        }
        let mut begun = self.next.subscribe();
        let none = || Error::unavailable(format!("no pipeline begins with the link `{name}`"));
        let next = match timeout(START, begun.wait_for(Option::is_some)).await {
            Ok(Ok(next)) => next.clone().ok_or_else(none)?,
            _ => return Err(none()),
        };
        PASSED.scope(passed, next.send(batch)).await
    }
}

// === impl Begun ===

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

// === impl Way ===

impl Service<Batch> for Way {
    type Response = Ack;
    type Error = Error;
    type Future = Reply<Write>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, batch: Batch) -> Reply<Write> {
        let link = self.0.clone();
        async move { link.send(batch).await }.boxed()
    }
}

#[cfg(test)]
mod tests;

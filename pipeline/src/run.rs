//! The program around pipelines: ordered start, ordered shutdown.

use std::any::Any;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::assemble::{Assemble, assemble, open};
use crate::clock::Clock;
use crate::context::Context;
use crate::error::{Error, Place, Result};
use crate::metrics::Metrics;
use crate::observe::Observers;
use crate::plan::{Parts, Pipeline, Plan};

/// How long sources may take to send what they hold before the program goes on without them.
pub const GRACE: Duration = Duration::from_secs(30);

/// How long aborted sources may take to let go of what they hold.
const ABORT: Duration = Duration::from_secs(1);

/// Pipelines that run.
pub struct Running {
    context: Context,
    sources: JoinSet<(Place, Result<()>)>,
    ended: Vec<Error>,
    /// The places of sources that have not returned.
    live: Vec<Place>,
    /// The places of those among them that accept connections.
    listening: Vec<Place>,
}

/// Starts the source of a composed pipeline.
type Start = Box<dyn FnOnce(&mut Running) + Send>;

// === impl Plan ===

impl Plan {
    /// Opens the resources, composes the pipelines, and starts their sources.
    ///
    /// # Errors
    /// A resource can't be opened or a stage can't be built. What was opened by then is closed again.
    pub async fn start(&self, clock: Clock, metrics: Metrics) -> Result<Running> {
        let context = Context::new(clock, metrics, CancellationToken::new());
        let mut running =
            Running { sources: JoinSet::new(), ended: Vec::new(), live: Vec::new(), listening: Vec::new(), context };
        match self.begin(&mut running).await {
            Ok(()) => Ok(running),
            Err(error) => {
                for also in running.shutdown(GRACE).await {
                    tracing::error!(error = also.report(), "while closing after a failed start");
                }
                Err(error)
            }
        }
    }

    async fn begin(&self, running: &mut Running) -> Result<()> {
        running.context.loaded(self.yaml());
        open(&self.resources, &running.context).await?;
        let observers = Observers::new(&running.context.metrics);
        // All are composed before any starts: a pipeline that can't be built must not leave others half way.
        let mut starts: Vec<Start> = Vec::new();
        for pipeline in &self.pipelines {
            starts.push(match pipeline {
                Pipeline::Write(parts) => prepare(parts, &running.context, &observers)?,
                Pipeline::Read(parts) => prepare(parts, &running.context, &observers)?,
            });
        }
        for start in starts {
            start(running);
        }
        Ok(())
    }
}

/// Composes a pipeline and says how to start it.
fn prepare<P: Assemble>(parts: &Arc<Parts<P>>, context: &Context, observers: &Observers) -> Result<Start> {
    let next = assemble(parts, context, observers)?;
    let place: Place = format!("{}.source.{}", parts.name, parts.source.kind).into();
    let context = context.at(&parts.name, place.clone());
    let source = parts.source.value.clone();
    Ok(Box::new(move |running| {
        running.live.push(place.clone());
        if source.listens() {
            running.listening.push(place.clone());
        }
        running.sources.spawn(async move {
            // A source that panics ends like one that fails: named, and in order.
            let ended = AssertUnwindSafe(async { source.run(context, next).await }).catch_unwind().await;
            let result = ended.unwrap_or_else(|panic| Err(Error::internal(format!("panicked: {}", said(&*panic)))));
            (place.clone(), result.map_err(|e| e.at(&place)))
        });
    }))
}

// === impl Running ===

impl Running {
    /// Waits until every source that accepts connections does so, and says where each does. Does not wait for a source
    /// that has ended, and not at all once one has failed: [`Running::stopped`] then says why. Cancel safe.
    pub async fn listeners(&mut self) -> Vec<(Place, SocketAddr)> {
        while self.ended.is_empty() {
            tokio::select! {
                () = self.context.wait_for_listeners(&self.listening) => break,
                Some(ended) = self.sources.join_next() => self.note(ended),
            }
        }
        self.context.listeners()
    }

    /// Whether the source at a place accepts connections with TLS.
    pub fn speaks_tls(&self, place: &Place) -> bool {
        self.context.speaks_tls(place)
    }

    /// Waits until a source fails, or all have ended by themselves.
    ///
    /// # Errors
    /// The source's error.
    pub async fn stopped(&mut self) -> Result<()> {
        loop {
            if let Some(error) = self.ended.first() {
                return Err(error.clone());
            }
            match self.sources.join_next().await {
                Some(ended) => self.note(ended),
                None => return Ok(()),
            }
        }
    }

    /// Ends in order: sources stop and send what they hold, for at most `grace`; then resources close, the last opened
    /// first. Returns every error on the way, also those of sources that had ended before.
    pub async fn shutdown(mut self, grace: Duration) -> Vec<Error> {
        self.context.shutdown.cancel();
        if tokio::time::timeout(grace, self.drain()).await.is_err() {
            for place in std::mem::take(&mut self.live) {
                self.ended.push(Error::unavailable(format!("did not drain within {grace:?}")).at(&place));
            }
            // What a source held is dropped before resources close, but for one that never yields.
            self.sources.abort_all();
            let _ = tokio::time::timeout(ABORT, self.drain()).await;
        }
        let mut errors = self.ended;
        errors.extend(self.context.close().await);
        errors
    }

    /// Waits until every source has returned.
    async fn drain(&mut self) {
        while let Some(ended) = self.sources.join_next().await {
            self.note(ended);
        }
    }

    fn note(&mut self, ended: Result<(Place, Result<()>), tokio::task::JoinError>) {
        // A task fails only where it is aborted, which `shutdown` says itself.
        let Ok((place, result)) = ended else { return };
        self.live.retain(|live| *live != place);
        self.listening.retain(|listening| *listening != place);
        self.ended.extend(result.err());
    }
}

/// What a panic says.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Running({:?})", self.live)
    }
}

#[cfg(test)]
mod tests;

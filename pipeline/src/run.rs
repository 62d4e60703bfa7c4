//! The program around pipelines: ordered start, exchange of what changed, ordered shutdown.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::context::{Asked, Context, Resources};
use crate::error::{Error, Place, Result};
use crate::metrics::Metrics;
use crate::observe::Observers;
use crate::plan::{Declared, Plan};

mod changed;
mod in_place;
mod pipe;
mod reload;
mod source;
mod telemetry;

pub use changed::Changed;
use pipe::Pipe;
use source::Sources;
use telemetry::Telemetry;

/// How long sources may take to send what they hold before the program goes on without them.
pub const GRACE: Duration = Duration::from_secs(30);

/// How long aborted sources may take to let go of what they hold.
const ABORT: Duration = Duration::from_secs(1);

/// Pipelines that run.
pub struct Running {
    context: Context,
    observers: Observers,
    telemetry: Telemetry,
    /// The open resources, in the order in which they were opened.
    open: Vec<Open>,
    /// The same by name.
    resources: Resources,
    pipelines: Vec<Box<dyn Pipe>>,
    sources: Sources,
    ended: Vec<Error>,
    /// What was replaced, until it has drained and closed.
    old: JoinSet<Vec<Error>>,
}

/// A resource that is open.
struct Open {
    declared: Arc<Declared>,
    /// The part of the program that it is.
    context: Context,
}

// === impl Plan ===

impl Plan {
    /// Opens the resources, composes the pipelines, and starts their sources.
    ///
    /// # Errors
    /// A resource can't be opened or a stage can't be built. What was opened by then is closed again.
    pub async fn start(&self, clock: Clock, metrics: Metrics) -> Result<Running> {
        let (observers, telemetry) = (Observers::new(&metrics), Telemetry::new(&metrics));
        let context = Context::new(clock, metrics, CancellationToken::new());
        let mut running = Running {
            observers: observers.with_taps(context.taps()),
            telemetry,
            context,
            open: Vec::new(),
            resources: Resources::default(),
            pipelines: Vec::new(),
            sources: Sources::default(),
            ended: Vec::new(),
            old: JoinSet::new(),
        };
        running.context.loaded(self.yaml());
        running.begin(self).await?;
        running.telemetry.reloaded(true, running.context.clock.now());
        Ok(running)
    }
}

// === impl Running ===

impl Running {
    /// Waits until every source that accepts connections does so, and says where each does. Does not wait for a source
    /// that has ended, and not at all once one has failed: [`Running::stopped`] then says why. Cancel safe.
    pub async fn listeners(&mut self) -> Vec<(Place, SocketAddr)> {
        while self.ended.is_empty() {
            let listening = self.sources.listening(None);
            tokio::select! {
                () = self.context.wait_for_listeners(&listening) => break,
                Some(ended) = self.sources.ended() => self.ended.extend(ended.error),
            }
        }
        self.context.listeners()
    }

    /// Whether the source at a place accepts connections with TLS.
    pub fn speaks_tls(&self, place: &Place) -> bool {
        self.context.speaks_tls(place)
    }

    /// What components ask of the program, as with [`Context::reload`]. To be called once: until then, and where what is
    /// asked is not answered, they get an error.
    pub fn asked(&self) -> mpsc::UnboundedReceiver<Asked> {
        self.context.requests()
    }

    /// Waits until a source fails, or all have ended by themselves. Cancel safe.
    ///
    /// # Errors
    /// The source's error.
    pub async fn stopped(&mut self) -> Result<()> {
        loop {
            if let Some(error) = self.ended.first() {
                return Err(error.clone());
            }
            match self.sources.ended().await {
                Some(ended) => self.ended.extend(ended.error),
                None => return Ok(()),
            }
        }
    }

    /// Ends in order: sources stop and send what they hold, for at most `grace`; then resources close, the last opened
    /// first. Returns every error on the way, also those of sources that had ended before.
    pub async fn shutdown(mut self, grace: Duration) -> Vec<Error> {
        self.context.shutdown.cancel();
        if tokio::time::timeout(grace, self.drain()).await.is_err() {
            for place in self.sources.live() {
                self.ended.push(Error::unavailable(format!("did not drain within {grace:?}")).at(&place));
            }
            // What a source held is dropped before resources close, but for one that never yields.
            self.sources.abort().await;
        }
        if !self.old.is_empty() {
            self.ended.push(Error::unavailable("what was replaced did not drain and close"));
            self.old.shutdown().await;
        }
        let mut errors = self.ended;
        for part in self.pipelines.iter().rev().map(|pipe| pipe.context()) {
            errors.extend(part.end().await);
        }
        for open in self.open.iter().rev() {
            errors.extend(open.context.end().await);
        }
        errors.extend(self.context.close().await);
        errors
    }

    /// Waits until every source has returned, and what was replaced has closed.
    async fn drain(&mut self) {
        while let Some(ended) = self.sources.ended().await {
            self.ended.extend(ended.error);
        }
        self.settled().await;
    }

    /// Waits until what was replaced has drained and closed. Cancel safe.
    async fn settled(&mut self) {
        while let Some(closed) = self.old.join_next().await {
            for error in closed.unwrap_or_default() {
                tracing::error!(error = error.report(), "while closing what was replaced");
            }
        }
    }

    /// The names of the open resources.
    fn names(&self) -> BTreeSet<String> {
        self.open.iter().map(|open| open.declared.name.clone()).collect()
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Running({:?})", self.sources.live())
    }
}

#[cfg(test)]
mod tests;

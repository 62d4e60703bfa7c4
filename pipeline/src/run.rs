//! The program around pipelines: ordered start, ordered shutdown.

use std::net::SocketAddr;
use std::time::Duration;

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

/// Pipelines that run.
pub struct Running {
    context: Context,
    sources: JoinSet<(Place, Result<()>)>,
    listening: usize,
    ended: Vec<Error>,
    /// The places of sources that have not returned.
    live: Vec<Place>,
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
        let mut running = Running {
            sources: JoinSet::new(),
            listening: self.listening_sources(),
            ended: Vec::new(),
            live: Vec::new(),
            context,
        };
        match self.begin(&mut running).await {
            Ok(()) => Ok(running),
            Err(error) => {
                running.shutdown(GRACE).await;
                Err(error)
            }
        }
    }

    async fn begin(&self, running: &mut Running) -> Result<()> {
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
fn prepare<P: Assemble>(parts: &Parts<P>, context: &Context, observers: &Observers) -> Result<Start> {
    let next = assemble(parts, context, observers)?;
    let place: Place = format!("{}.source.{}", parts.name, parts.source.kind).into();
    let context = context.at(&parts.name, place.clone());
    let source = parts.source.value.clone();
    Ok(Box::new(move |running| {
        running.live.push(place.clone());
        running.sources.spawn(async move {
            let result = source.run(context, next).await.map_err(|e| e.at(&place));
            (place, result)
        });
    }))
}

// === impl Running ===

impl Running {
    /// Waits until every source that accepts connections does so, and says where each does. Returns earlier where a
    /// source ends: [`Running::stopped`] then says why.
    pub async fn listeners(&mut self) -> Vec<(Place, SocketAddr)> {
        tokio::select! {
            () = self.context.wait_for_listeners(self.listening) => {}
            Some(ended) = self.sources.join_next(), if !self.sources.is_empty() => self.note(ended),
        }
        self.context.listeners()
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
        let deadline = tokio::time::Instant::now() + grace;
        while !self.sources.is_empty() {
            match tokio::time::timeout_at(deadline, self.sources.join_next()).await {
                Ok(Some(ended)) => self.note(ended),
                Ok(None) => break,
                Err(_) => {
                    for place in std::mem::take(&mut self.live) {
                        self.ended.push(Error::unavailable(format!("did not drain within {grace:?}")).at(&place));
                    }
                    self.sources.abort_all();
                    break;
                }
            }
        }
        let mut errors = self.ended;
        errors.extend(self.context.close().await);
        errors
    }

    fn note(&mut self, ended: Result<(Place, Result<()>), tokio::task::JoinError>) {
        match ended {
            Ok((place, result)) => {
                self.live.retain(|live| *live != place);
                self.ended.extend(result.err());
            }
            Err(failed) if failed.is_cancelled() => {}
            Err(failed) => self.ended.push(Error::internal("a source panicked").with_source(failed)),
        }
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Running({:?})", self.live)
    }
}

#[cfg(test)]
mod tests;

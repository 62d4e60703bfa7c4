//! What a component of a pipeline gets from the program around it.

use std::any::{Any, type_name};
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::error::{Error, Place, Result};
use crate::metrics::Metrics;
use crate::targets::Targets;

/// What a component gets from the program around it. A clone shares everything.
#[derive(Clone)]
pub struct Context {
    /// The time.
    pub clock: Clock,
    /// Where metrics are registered.
    pub metrics: Metrics,
    /// Where the component stands, as in `agent.stages[2].shard`.
    pub place: Place,
    /// The pipeline's name; empty for resources.
    pub pipeline: Arc<str>,
    /// Cancelled when sources should stop. A source then takes nothing new, waits for what it sent, and returns.
    pub shutdown: CancellationToken,
    /// What fan-outs above said of the branch, the innermost last.
    values: Vec<Value>,
    shared: Arc<Shared>,
}

/// Something of a type that those who ask for it know.
type Value = Arc<dyn Any + Send + Sync>;

#[derive(Default)]
struct Shared {
    resources: Mutex<HashMap<String, Value>>,
    closers: Mutex<Vec<(Place, BoxFuture<'static, Result<()>>)>>,
    listening: watch::Sender<Vec<(Place, SocketAddr)>>,
    /// Those of them that speak TLS.
    tls: Mutex<HashSet<Place>>,
    targets: Targets,
    /// When the context was made, in milliseconds since the Unix epoch.
    started: i64,
    loaded: Mutex<Loaded>,
}

/// What the program runs by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The pipeline files as YAML, without secrets; empty where nobody said.
    pub yaml: Arc<str>,
    /// When it was loaded, in milliseconds since the Unix epoch.
    pub at: i64,
    /// Whether what was loaded since was refused.
    pub is_stale: bool,
}

// === impl Context ===

impl Context {
    /// A context with nothing in it yet.
    pub fn new(clock: Clock, metrics: Metrics, shutdown: CancellationToken) -> Self {
        let (place, pipeline) = ("".into(), "".into());
        let shared = Arc::new(Shared { started: clock.now(), ..Shared::default() });
        Self { clock, metrics, place, pipeline, shutdown, values: Vec::new(), shared }
    }

    /// The same context for the component at `place` of `pipeline`.
    #[must_use]
    pub fn at(&self, pipeline: &str, place: impl Into<Place>) -> Self {
        Self { pipeline: pipeline.into(), place: place.into(), ..self.clone() }
    }

    /// The same context with a value that everything below a fan-out's branch sees: which member of a ring it is for.
    #[must_use]
    pub fn with<T: Send + Sync + 'static>(&self, value: Arc<T>) -> Self {
        let mut context = self.clone();
        context.values.push(value);
        context
    }

    /// What a fan-out above said with [`Context::with`]; of several of one type, the innermost's.
    pub fn value<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.values.iter().rev().find_map(|value| value.clone().downcast().ok())
    }

    /// The resource `name`, which must have been opened as a `T`.
    ///
    /// # Errors
    /// There is no such resource, or it is of another type.
    pub fn resource<T: Send + Sync + 'static>(&self, name: &str) -> Result<Arc<T>> {
        let resources = lock(&self.shared.resources);
        let found = resources.get(name).ok_or_else(|| Error::invalid(format!("no resource `{name}` is declared")))?;
        let kind = || Error::invalid(format!("resource `{name}` is not a {}", type_name::<T>()));
        found.clone().downcast::<T>().map_err(|_| kind())
    }

    /// Keeps an opened resource under its name.
    pub fn keep_resource<T: Send + Sync + 'static>(&self, name: &str, resource: Arc<T>) {
        lock(&self.shared.resources).insert(name.to_owned(), resource);
    }

    /// Has `close` run when the program ends, after all pipelines have drained; the last one registered runs first.
    pub fn on_close(&self, close: impl Future<Output = Result<()>> + Send + 'static) {
        lock(&self.shared.closers).push((self.place.clone(), Box::pin(close)));
    }

    /// Runs what [`Context::on_close`] registered, last first, and returns every failure.
    pub async fn close(&self) -> Vec<Error> {
        let mut errors = Vec::new();
        loop {
            let Some((place, close)) = lock(&self.shared.closers).pop() else { return errors };
            // One that panics must not keep the others from closing.
            let closed = AssertUnwindSafe(close).catch_unwind().await;
            if let Err(error) = closed.unwrap_or_else(|_| Err(Error::internal("panicked while it closed"))) {
                errors.push(error.at(&place));
            }
        }
    }

    /// Says that the component accepts connections at `address`. A source that listens calls this once it does.
    pub fn listening(&self, address: SocketAddr) {
        self.shared.listening.send_modify(|listeners| listeners.push((self.place.clone(), address)));
    }

    /// As [`listening`](Self::listening), with TLS.
    pub fn listening_with_tls(&self, address: SocketAddr) {
        lock(&self.shared.tls).insert(self.place.clone());
        self.listening(address);
    }

    /// Whether the component at a place accepts connections with TLS.
    pub fn speaks_tls(&self, place: &Place) -> bool {
        lock(&self.shared.tls).contains(place)
    }

    /// Which components accept connections, and where.
    pub fn listeners(&self) -> Vec<(Place, SocketAddr)> {
        self.shared.listening.borrow().clone()
    }

    /// What is scraped, and how that goes.
    pub fn targets(&self) -> &Targets {
        &self.shared.targets
    }

    /// When the program started, in milliseconds since the Unix epoch.
    pub fn started(&self) -> i64 {
        self.shared.started
    }

    /// Keeps what the program runs by from now on: the pipeline files as YAML, without secrets.
    pub fn loaded(&self, yaml: impl Into<Arc<str>>) {
        *lock(&self.shared.loaded) = Loaded { yaml: yaml.into(), at: self.clock.now(), is_stale: false };
    }

    /// Says that pipeline files were to be loaded and can't be: it goes on by those of before.
    pub fn refused(&self) {
        lock(&self.shared.loaded).is_stale = true;
    }

    /// What the program runs by.
    pub fn config(&self) -> Loaded {
        lock(&self.shared.loaded).clone()
    }

    /// Waits until the components at all of these places accept connections.
    pub(crate) async fn wait_for_listeners(&self, places: &[Place]) {
        let mut listeners = self.shared.listening.subscribe();
        let listens = |known: &[(Place, SocketAddr)], place| known.iter().any(|(at, _)| at == place);
        // The sender lives in `self`: it can't be gone.
        let _ = listeners.wait_for(|known| places.iter().all(|place| listens(known, place))).await;
    }
}

/// The data of a mutex, also where a holder panicked: none of these hold half-made states.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

//! What a component of a pipeline gets from the program around it.

use std::any::{Any, type_name};
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::error::{Error, Place, Result};
use crate::metrics::Metrics;
use crate::tap::Taps;
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
    resources: Resources,
    closers: Closers,
    departure: Arc<OnceLock<Departure>>,
    program: Arc<Program>,
}

/// Why a source is told to go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Departure {
    /// The program stops.
    #[default]
    Stop,
    /// A source of the same kind takes its place in the pipeline, which may go on with what this one leaves:
    /// [`Context::leave`].
    Replaced,
    /// Its pipeline is no more, or has another source.
    Removed,
}

/// Something of a type that those who ask for it know.
type Value = Arc<dyn Any + Send + Sync>;

/// The open resources that components can name. A clone shares them.
#[derive(Clone, Default)]
pub(crate) struct Resources(Arc<Mutex<HashMap<String, Value>>>);

/// What runs when a part of the program ends, and the place that asked for it.
type Closers = Arc<Mutex<Vec<(Place, BoxFuture<'static, Result<()>>)>>>;

/// What there is once in a program.
#[derive(Default)]
struct Program {
    listening: watch::Sender<Vec<(Place, SocketAddr)>>,
    /// Those of them that speak TLS.
    tls: Mutex<HashSet<Place>>,
    targets: Targets,
    taps: Taps,
    /// When the context was made, in milliseconds since the Unix epoch.
    started: i64,
    loaded: Mutex<Loaded>,
    /// What components left, by their places.
    left: Mutex<HashMap<Place, Box<dyn Any + Send>>>,
    /// Where requests to the program go, if it takes any.
    requests: OnceLock<mpsc::UnboundedSender<Asked>>,
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

/// What a component asks of the program around it.
#[derive(Debug)]
pub enum Asked {
    /// To read the pipeline files anew; what came of it is to be sent here.
    Reload(oneshot::Sender<Result<()>>),
    /// To stop, in order.
    Quit,
}

// === impl Context ===

impl Context {
    /// A context with nothing in it yet.
    pub fn new(clock: Clock, metrics: Metrics, shutdown: CancellationToken) -> Self {
        let (place, pipeline) = ("".into(), "".into());
        let (values, resources, closers) = (Vec::new(), Resources::default(), Closers::default());
        let program = Arc::new(Program { started: clock.now(), ..Program::default() });
        let departure = Arc::default();
        Self { clock, metrics, place, pipeline, shutdown, values, resources, closers, departure, program }
    }

    /// The same context for the component at `place` of `pipeline`.
    #[must_use]
    pub fn at(&self, pipeline: &str, place: impl Into<Place>) -> Self {
        Self { pipeline: pipeline.into(), place: place.into(), ..self.clone() }
    }

    /// The same context for a part of the program that may end before the others do: what it registers with
    /// [`Context::on_close`] runs at [`Context::end`], and the resources that it can name are these.
    pub(crate) fn part(&self, resources: Resources) -> Self {
        let (shutdown, closers, departure) = (self.shutdown.child_token(), Closers::default(), Arc::default());
        Self { shutdown, resources, closers, departure, ..self.clone() }
    }

    /// Tells what runs with this context to go, and why.
    pub fn dismiss(&self, why: Departure) {
        // The first one who says so knows.
        let _ = self.departure.set(why);
        self.shutdown.cancel();
    }

    /// Why what runs with this context is to go, once its [`shutdown`](Self::shutdown) is cancelled.
    pub fn departure(&self) -> Departure {
        self.departure.get().copied().unwrap_or_default()
    }

    /// Leaves something for the component that takes the place of this one: a source before it returns, others, which are built
    /// anew before these go, as soon as they are open.
    pub fn leave<T: Send + 'static>(&self, left: T) {
        lock(&self.program.left).insert(self.place.clone(), Box::new(left));
    }

    /// Takes what the component that was at this place left.
    pub fn take_left<T: Send + 'static>(&self) -> Option<T> {
        let left = lock(&self.program.left).remove(&self.place)?;
        left.downcast().ok().map(|left| *left)
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
        let found = self.resources.get(name);
        let found = found.ok_or_else(|| Error::invalid(format!("no resource `{name}` is declared")))?;
        let kind = || Error::invalid(format!("resource `{name}` is not a {}", type_name::<T>()));
        found.downcast::<T>().map_err(|_| kind())
    }

    /// Keeps an opened resource under its name.
    pub fn keep_resource<T: Send + Sync + 'static>(&self, name: &str, resource: Arc<T>) {
        lock(&self.resources.0).insert(name.to_owned(), resource);
    }

    /// The resources that can be named here.
    pub(crate) fn resources(&self) -> &Resources {
        &self.resources
    }

    /// Has `close` run once what the component belongs to ends: a resource, a pipeline, the program. All that uses it has
    /// drained by then; the last one registered runs first.
    pub fn on_close(&self, close: impl Future<Output = Result<()>> + Send + 'static) {
        lock(&self.closers).push((self.place.clone(), Box::pin(close)));
    }

    /// Ends a part of the program: what works in its background stops, then it closes. Returns every failure.
    pub(crate) async fn end(&self) -> Vec<Error> {
        self.shutdown.cancel();
        self.close().await
    }

    /// Runs what [`Context::on_close`] registered, last first, and returns every failure.
    pub async fn close(&self) -> Vec<Error> {
        let mut errors = Vec::new();
        loop {
            let Some((place, close)) = lock(&self.closers).pop() else { return errors };
            // One that panics must not keep the others from closing.
            let closed = AssertUnwindSafe(close).catch_unwind().await;
            if let Err(error) = closed.unwrap_or_else(|_| Err(Error::internal("panicked while it closed"))) {
                errors.push(error.at(&place));
            }
        }
    }

    /// Says that the component accepts connections at `address`. A source that listens calls this once it does.
    pub fn listening(&self, address: SocketAddr) {
        let listener = (self.place.clone(), address);
        // One that takes over the socket of another listens where that did.
        self.program.listening.send_modify(|listeners| {
            if !listeners.contains(&listener) {
                listeners.push(listener);
            }
        });
    }

    /// As [`listening`](Self::listening), with TLS.
    pub fn listening_with_tls(&self, address: SocketAddr) {
        lock(&self.program.tls).insert(self.place.clone());
        self.listening(address);
    }

    /// Forgets that the component at a place accepts connections.
    pub(crate) fn forget_listener(&self, place: &Place) {
        lock(&self.program.tls).remove(place);
        self.program.listening.send_modify(|listeners| listeners.retain(|(at, _)| at != place));
    }

    /// Whether the component at a place accepts connections with TLS.
    pub fn speaks_tls(&self, place: &Place) -> bool {
        lock(&self.program.tls).contains(place)
    }

    /// Which components accept connections, and where.
    pub fn listeners(&self) -> Vec<(Place, SocketAddr)> {
        self.program.listening.borrow().clone()
    }

    /// What is scraped, and how that goes.
    pub fn targets(&self) -> &Targets {
        &self.program.targets
    }

    /// Where what flows can be watched.
    pub fn taps(&self) -> &Taps {
        &self.program.taps
    }

    /// When the program started, in milliseconds since the Unix epoch.
    pub fn started(&self) -> i64 {
        self.program.started
    }

    /// Keeps what the program runs by from now on: the pipeline files as YAML, without secrets.
    pub fn loaded(&self, yaml: impl Into<Arc<str>>) {
        *lock(&self.program.loaded) = Loaded { yaml: yaml.into(), at: self.clock.now(), is_stale: false };
    }

    /// Says that pipeline files were to be loaded and can't be: it goes on by those of before.
    pub fn refused(&self) {
        lock(&self.program.loaded).is_stale = true;
    }

    /// What the program runs by.
    pub fn config(&self) -> Loaded {
        lock(&self.program.loaded).clone()
    }

    /// Waits until the components at all of these places accept connections.
    pub(crate) async fn wait_for_listeners(&self, places: &[Place]) {
        let mut listeners = self.program.listening.subscribe();
        let listens = |known: &[(Place, SocketAddr)], place| known.iter().any(|(at, _)| at == place);
        // The sender lives in `self`: it can't be gone.
        let _ = listeners.wait_for(|known| places.iter().all(|place| listens(known, place))).await;
    }

    /// Asks the program to read its pipeline files anew, and waits for what comes of it. Cancel safe: the program goes on.
    ///
    /// # Errors
    /// Why nothing changed: mistakes in the files, what can't be opened; or the program does not reload.
    pub async fn reload(&self) -> Result<()> {
        let (reply, outcome) = oneshot::channel();
        self.ask(Asked::Reload(reply))?;
        outcome.await.unwrap_or_else(|_| Err(Error::closed()))
    }

    /// Asks the program to stop in order, and does not wait for that.
    ///
    /// # Errors
    /// The program takes no such request.
    pub fn quit(&self) -> Result<()> {
        self.ask(Asked::Quit)
    }

    fn ask(&self, asked: Asked) -> Result<()> {
        let deaf = || Error::unavailable("this program is not told what to do by its pipelines");
        let requests = self.program.requests.get().ok_or_else(deaf)?;
        requests.send(asked).map_err(|_| Error::closed())
    }

    /// What components ask of the program from now on; the first caller gets it.
    pub(crate) fn requests(&self) -> mpsc::UnboundedReceiver<Asked> {
        let (sender, requests) = mpsc::unbounded_channel();
        let _ = self.program.requests.set(sender);
        requests
    }
}

// === impl Resources ===

impl Resources {
    fn get(&self, name: &str) -> Option<Value> {
        lock(&self.0).get(name).cloned()
    }

    /// Has the resource `name` of these among those of `others`, too.
    pub(crate) fn share(&self, name: &str, others: &Self) {
        if let Some(value) = self.get(name) {
            lock(&others.0).insert(name.to_owned(), value);
        }
    }

    /// Becomes what `others` are, for all that share these.
    pub(crate) fn become_as(&self, others: &Self) {
        if !Arc::ptr_eq(&self.0, &others.0) {
            let all = lock(&others.0).clone();
            *lock(&self.0) = all;
        }
    }
}

/// The data of a mutex, also where a holder panicked: none of these hold half-made states.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

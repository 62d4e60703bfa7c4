//! Whether a store refuses to overwrite what is there, which the catalog stands on.
//!
//! A store that ignores `If-None-Match: *` loses commits without a word, so it is asked before it is relied on: one fresh
//! object is put twice, and the second put must be refused. What comes of it:
//!
//! * It is refused: the store keeps what is there.
//! * Both succeed, or the store does not know the header: it overwrites. The program does not start; where that comes out
//!   later, nothing is put any more.
//! * There is no answer, or another one (no rights, no such bucket): not known yet. An outage of the bucket must cost disk
//!   only, so the program starts all the same; the failure is logged and counted, the question is asked again in the
//!   background until there is an answer, and until then whoever relies on it is sent away to come again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::watch;
use ulid::Ulid;
use weir_pipeline::{Context, Result};

use super::failure::{Ours, failed, is_not_implemented};
use super::measured::resource;

/// The pauses between questions: the first one, and the longest.
pub(super) const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// How long the start waits for an answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The directory of the probe's objects.
const DIRECTORY: &str = "_weir";

/// What is known of a store. A clone shares it.
#[derive(Clone, Debug)]
pub(super) struct Probe {
    state: Arc<watch::Sender<State>>,
    failures: Counter,
    overwrites: Gauge,
    /// The failure that was logged last: the same one is only counted.
    told: Arc<Mutex<String>>,
}

/// What is known of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing yet.
    Unknown,
    /// It refuses to overwrite where it is asked to.
    Keeps,
    /// It overwrites all the same.
    Overwrites,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    bucket: String,
}

// === impl Probe ===

impl Probe {
    /// Nothing is known yet.
    pub(super) fn new(context: &Context) -> Self {
        let help = "Probes of a bucket for conditional puts that got no answer";
        let failures =
            context.metrics.register("weir_bucket_probe_failures", help, Family::<Labels, Counter>::default());
        let labels = Labels { bucket: resource(&context.place).to_owned() };
        let failures = failures.get_or_create(&labels).clone();
        let help = "Whether a bucket ignores conditions and overwrites: nothing is put into it then";
        let overwrites = context.metrics.register("weir_bucket_overwrites", help, Family::<Labels, Gauge>::default());
        let overwrites = overwrites.get_or_create(&labels).clone();
        Self { state: Arc::new(watch::Sender::new(State::Unknown)), failures, overwrites, told: Arc::default() }
    }

    /// What is known now.
    pub(super) fn state(&self) -> State {
        *self.state.borrow()
    }

    /// Waits until there is an answer.
    #[cfg(test)]
    pub(super) async fn known(&self) {
        let _ = self.state.subscribe().wait_for(|state| *state != State::Unknown).await;
    }

    /// Whether a put may rely on the store.
    ///
    /// # Errors
    /// The store overwrites, or nobody knows yet.
    pub(super) fn check(&self) -> object_store::Result<()> {
        match self.state() {
            State::Keeps => Ok(()),
            State::Unknown => Err(Ours::Unproven.into_error()),
            State::Overwrites => Err(Ours::Overwrites.into_error()),
        }
    }

    /// Whether anything may be put: what is put into a store that overwrites no commit could ever name.
    ///
    /// # Errors
    /// The store overwrites.
    pub(super) fn check_put(&self) -> object_store::Result<()> {
        match self.state() {
            State::Keeps | State::Unknown => Ok(()),
            State::Overwrites => Err(Ours::Overwrites.into_error()),
        }
    }

    /// Asks the store once, and remembers a definite answer. No answer is logged and counted, and no error.
    ///
    /// # Errors
    /// The store overwrites.
    pub(super) async fn ask(&self, store: &dyn ObjectStore) -> Result<()> {
        let path = Path::from_iter([DIRECTORY, &format!("probe-{}", Ulid::generate())]);
        match question(store, &path).await {
            Ok(state) => {
                self.state.send_replace(state);
                self.overwrites.set(i64::from(state == State::Overwrites));
                self.check().map_err(|e| failed("probe", &Path::from(DIRECTORY), &e))
            }
            Err(error) => {
                self.give_up(failed("probe", &Path::from(DIRECTORY), &error).report());
                Ok(())
            }
        }
    }

    /// There was no answer within `patience`.
    pub(super) fn late(&self, patience: Duration) {
        self.give_up(format!("no answer within {patience:?}"));
    }

    fn give_up(&self, error: String) {
        self.failures.inc();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if *told != error {
            tracing::error!(error, "the bucket can't be asked whether it keeps what is there; it will be asked again");
            *told = error;
        }
    }

    /// Asks until there is an answer, with growing pauses.
    pub(super) async fn ask_until_known(&self, store: &dyn ObjectStore, pauses: (Duration, Duration)) {
        let mut pause = pauses.0;
        while self.state() == State::Unknown {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(pauses.1);
            match self.ask(store).await {
                Ok(()) if self.state() == State::Keeps => {
                    tracing::info!("the bucket has answered: it keeps what is there")
                }
                Ok(()) => {}
                Err(error) => tracing::error!(error = error.report(), "nothing can be committed to this bucket"),
            }
        }
    }
}

/// Puts a fresh object twice and removes it.
async fn question(store: &dyn ObjectStore, path: &Path) -> object_store::Result<State> {
    let put = |text: &'static str| {
        store.put_opts(path, PutPayload::from_static(text.as_bytes()), PutOptions::from(PutMode::Create))
    };
    let state = match put("first").await {
        // Nobody else knows this name: the answer to our own put got lost, and its repetition was refused.
        Err(Error::AlreadyExists { .. }) => State::Keeps,
        Err(error) if is_not_implemented(&error) => return Ok(State::Overwrites),
        Err(error) => return Err(error),
        Ok(_) => match put("second").await {
            Err(Error::AlreadyExists { .. }) => State::Keeps,
            Err(error) if is_not_implemented(&error) => State::Overwrites,
            Err(error) => return Err(error),
            Ok(_) => State::Overwrites,
        },
    };
    if let Err(error) = store.delete(path).await {
        let error = failed("remove", path, &error);
        tracing::warn!(error = error.report(), "an object of a few bytes stays in the bucket");
    }
    Ok(state)
}

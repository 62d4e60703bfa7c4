//! `bucket`: where blocks are kept.
//!
//! ```yaml
//! main: { bucket: { local: { path: ./data/bucket } } }
//! ```
//!
//! A local directory is an ordinary bucket behind a wrapper that syncs file and directories before a put counts:
//! otherwise log segments dropped after it would lose acknowledged samples on a power cut.
//!
//! ```yaml
//! main:
//!   bucket:
//!     s3:
//!       bucket: metrics
//!       prefix: weir/
//!       endpoint: http://127.0.0.1:9000
//!       region: eu-central-1
//!       path_style: true
//!       credentials: { file: /etc/weir/s3.yaml }
//!       max_requests: 64
//!       ca_file: /etc/weir/roots.pem
//!     timeout: 30s
//!     connect_timeout: 5s
//!     retry: { attempts: 6, within: 1m, backoff: { initial: 100ms, max: 5s } }
//!     index_cache: 128MiB
//!     page_cache: 128MiB
//!     sweep: { after: 24h, every: 1h }
//! ```
//!
//! Any S3 will do that honours `If-None-Match: *` on a put: commits to the catalog stand on it. That is probed at the start
//! with an object `_weir/probe-<ulid>` below the prefix, and a store that overwrites is refused. A bucket that can't be
//! reached does not keep the program from starting: it is logged (`weir_bucket_probe_failures_total`), and asked again in the
//! background. If it turns out to overwrite then, nothing is put into it any more (`weir_bucket_overwrites`).
//!
//! Repeated are requests that got an answer with status 5xx, 429 or 408, no connection, a broken one, or no answer in time
//! (only the removal of objects is not repeated after that); all attempts of a request end within `retry.within`, one
//! `retry.backoff.max` and one `timeout` together. What an object's content lacks when it breaks off is fetched from there
//! on. Keys stand in no pipeline file: they come from the environment (`AWS_ACCESS_KEY_ID`,
//! `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`), from what the machine, container or pod is given (the variables are those of
//! AWS' SDKs, as `AWS_CONTAINER_CREDENTIALS_FULL_URI` and `AWS_EC2_METADATA_SERVICE_ENDPOINT`), or from a file, which is read
//! again when it changes.
//!
//! Each store that uploads removes from the bucket, now and then, the files that no commit to the catalog names and that are
//! older than `sweep.after` by the bucket's clock, and what is not needed of the catalog's logs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;
use serde::Deserialize;
use weir_pipeline::units::{Bytes, Span};
use weir_pipeline::{Context, Resource, Result};

use crate::block::Memory;
use crate::depot::{Depot, Sweep};

mod credentials;
mod exact;
mod failure;
mod local;
mod measured;
pub mod objects;
mod patience;
mod probe;
mod requests;
mod s3;

use exact::Exact;
use local::{Local, Synced};
use measured::{Measured, Measures};
use objects::Objects;
use patience::{Patience, Retry};
use probe::{Probe, State};
use requests::Requests;
use s3::S3;

/// The settings of a bucket.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Bucket {
    place: Place,
    index_cache: Bytes,
    page_cache: Bytes,
    sweep: Sweep,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    /// A directory of this machine.
    local: Option<Local>,
    /// A bucket that speaks S3.
    s3: Option<S3>,
    /// How long one attempt of a request to S3 may take, its answer included; up to `1h`. Default `30s`.
    timeout: Option<Span>,
    /// How long making a connection to S3 may take; up to `timeout`. Default `5s`.
    connect_timeout: Option<Span>,
    /// How requests to S3 that fail are repeated.
    retry: Option<Retry>,
    /// The memory for the label indexes of blocks that are read, in bytes. Default `128MiB`.
    #[serde(default = "default_index_cache")]
    index_cache: Bytes,
    /// The memory for samples of blocks that were read last, in bytes: pages as they are in files, and in an eighth of it series
    /// that were asked for alone or among few, decoded. Default `128MiB`.
    #[serde(default = "default_page_cache")]
    page_cache: Bytes,
    /// What stores remove from the bucket because nobody needs it, and when.
    #[serde(default)]
    sweep: Sweep,
}

/// Where the objects are.
#[derive(Clone, Debug)]
enum Place {
    Local(Local),
    S3(Box<S3>, Patience),
}

fn default_index_cache() -> Bytes {
    Bytes::mib(128)
}

fn default_page_cache() -> Bytes {
    Bytes::mib(128)
}

// === impl Bucket ===

impl TryFrom<Fields> for Bucket {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let Fields { local, s3, timeout, connect_timeout, retry, index_cache, page_cache, sweep } = fields;
        let sweep = sweep.checked()?;
        let place = match (local, s3) {
            (Some(_), Some(_)) => return Err("expected one of `local` and `s3`, got both".to_owned()),
            (None, None) => return Err("expected one of `local` and `s3`".to_owned()),
            (Some(local), None) => {
                let only = [("timeout", timeout.is_some()), ("connect_timeout", connect_timeout.is_some())];
                let only = only.into_iter().chain([("retry", retry.is_some())]).find(|(_, set)| *set);
                if let Some((name, _)) = only {
                    return Err(format!("expected `{name}` only with `s3`: a directory has no requests"));
                }
                Place::Local(local)
            }
            (None, Some(s3)) => {
                let default = Patience::default();
                let timeout = timeout.unwrap_or(default.timeout);
                let patience = Patience {
                    timeout,
                    connect_timeout: connect_timeout.unwrap_or(default.connect_timeout.min(timeout)),
                    retry: retry.unwrap_or(default.retry),
                };
                Place::S3(Box::new(s3), patience.checked()?)
            }
        };
        Ok(Self { place, index_cache, page_cache, sweep })
    }
}

impl Resource for Bucket {
    const NAME: &'static str = "bucket";
    type Opened = Depot;

    fn directories(&self) -> Vec<PathBuf> {
        match &self.place {
            Place::Local(local) => vec![local.path.clone()],
            Place::S3(..) => Vec::new(),
        }
    }

    async fn open(self, context: &Context) -> Result<Arc<Depot>> {
        let depot = self.depot(self.objects(context).await?, context);
        Ok(Arc::new(depot.swept(self.sweep)))
    }
}

impl Bucket {
    /// What is in a bucket that is there already, to be read alone: nothing is made, put or probed.
    ///
    /// # Errors
    /// There is no such directory, or there are no credentials.
    pub fn open_to_read(&self, context: &Context) -> Result<Arc<Depot>> {
        let store: Arc<dyn ObjectStore> = match &self.place {
            Place::Local(local) => Arc::new(Synced::existing(&local.path)?),
            Place::S3(s3, patience) => {
                s3.connect(patience, Requests::new(context), &|name| std::env::var(name).ok())?
            }
        };
        let objects = Objects::remote(Arc::new(Measured::new(store, Measures::new(context))));
        Ok(Arc::new(self.depot(objects, context)))
    }

    fn depot(&self, objects: Objects, context: &Context) -> Depot {
        let memory = Memory { indexes: self.index_cache.get(), pages: self.page_cache.get() };
        Depot::new(Arc::new(objects), context.clock.clone(), memory, &context.metrics)
    }

    /// The objects, counted. S3 is probed.
    ///
    /// # Errors
    /// The directory can't be opened, there are no credentials, or the store overwrites what it should keep.
    pub async fn objects(&self, context: &Context) -> Result<Objects> {
        let measures = Measures::new(context);
        match &self.place {
            Place::Local(local) => {
                let store: Arc<dyn ObjectStore> = Arc::new(Synced::open(&local.path)?);
                Ok(Objects::remote(Arc::new(Measured::new(store, measures))))
            }
            Place::S3(s3, patience) => {
                let store = s3.connect(patience, Requests::new(context), &|name| std::env::var(name).ok())?;
                let probe = Probe::new(context);
                prove(&probe, &store, context, (probe::PATIENCE, probe::PAUSES)).await?;
                tracing::info!(bucket = s3.shown(), state = ?probe.state(), "opened the bucket");
                let store: Arc<dyn ObjectStore> = Arc::new(Exact::new(store, probe, patience.clone()));
                Ok(Objects::remote(Arc::new(Measured::new(store, measures))))
            }
        }
    }
}

/// Asks the store whether it keeps what is there: now, and in the background where there is no answer.
async fn prove(
    probe: &Probe,
    store: &Arc<dyn ObjectStore>,
    context: &Context,
    (patience, pauses): (Duration, (Duration, Duration)),
) -> Result<()> {
    match tokio::time::timeout(patience, probe.ask(&**store)).await {
        Ok(answer) => answer?,
        Err(_) => probe.late(patience),
    }
    if probe.state() == State::Unknown {
        let (probe, store) = (probe.clone(), store.clone());
        let asking = tokio::spawn(async move { probe.ask_until_known(&*store, pauses).await });
        context.on_close(async move {
            asking.abort();
            Ok(())
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;

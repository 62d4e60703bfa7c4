//! A put-if-absent that knows its own object again, and an end to all waiting.
//!
//! A request whose answer gets lost may have been carried out. `object_store` sends a conditional put again where the
//! connection broke, and then hears of its own object that it is there already: a conflict with itself. So each
//! put carries a mark of its own in the object's metadata (`x-amz-meta-weir-put`), and where there is an object already, its
//! mark tells whose it is. That also makes it safe to send a put again after a time-out, which `object_store` does not.
//!
//! The time of all attempts together is bounded here once more: `object_store` bounds those of a request, and before it
//! those of fetching credentials, for which everybody waits in line.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    Attribute, CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use ulid::Ulid;

use super::failure::{Ours, is_unclear};
use super::measured::only_whole;
use super::patience::Patience;
use super::probe::Probe;

/// The name of the mark in the metadata of an object.
const MARK: &str = "weir-put";

/// A store whose put-if-absent is exact.
#[derive(Debug)]
pub(super) struct Exact {
    store: Arc<dyn ObjectStore>,
    probe: Probe,
    patience: Patience,
}

// === impl Exact ===

impl Exact {
    pub(super) fn new(store: Arc<dyn ObjectStore>, probe: Probe, patience: Patience) -> Self {
        Self { store, probe, patience }
    }

    async fn bounded<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let late = |_| Err(Ours::Late.into_error());
        tokio::time::timeout(self.patience.longest(), work).await.unwrap_or_else(late)
    }

    /// Bounds the time until each item: a request of its own at most.
    fn bounded_each<T: Send + 'static>(&self, stream: BoxStream<'static, Result<T>>) -> BoxStream<'static, Result<T>> {
        let longest = self.patience.longest();
        let next = move |stream: Option<BoxStream<'static, Result<T>>>| async move {
            let mut stream = stream?;
            match tokio::time::timeout(longest, stream.next()).await {
                Ok(item) => Some((item?, Some(stream))),
                Err(_) => Some((Err(Ours::Late.into_error()), None)),
            }
        };
        futures_util::stream::unfold(Some(stream), next).boxed()
    }

    async fn create(&self, location: &Path, payload: PutPayload, mut opts: PutOptions) -> Result<PutResult> {
        let mark = Ulid::generate().to_string();
        opts.attributes.insert(Attribute::Metadata(MARK.into()), mark.clone().into());
        let mut pauses = self.patience.pauses();
        loop {
            let error = match self.store.put_opts(location, payload.clone(), opts.clone()).await {
                Err(error @ Error::AlreadyExists { .. }) => match self.owner(location).await? {
                    Some((owner, e_tag)) if owner == mark => return Ok(PutResult { e_tag, version: None }),
                    Some(_) => return Err(error),
                    // It is gone again, or a store refused one of two puts at one time without taking the other.
                    None => error,
                },
                Err(error) if is_unclear(&error) => error,
                result => return result,
            };
            match pauses.next() {
                Some(pause) => tokio::time::sleep(pause).await,
                // That it is there already would be wrong: nothing is there.
                None if matches!(error, Error::AlreadyExists { .. }) => return Err(Ours::Meets.into_error()),
                None => return Err(error),
            }
        }
    }

    /// The mark of the object at `location`, where there is one.
    async fn owner(&self, location: &Path) -> Result<Option<(String, Option<String>)>> {
        match self.store.get_opts(location, GetOptions { head: true, ..GetOptions::default() }).await {
            Ok(found) => {
                let mark = found.attributes.get(&Attribute::Metadata(MARK.into()));
                Ok(Some((mark.map(|mark| mark.to_string()).unwrap_or_default(), found.meta.e_tag)))
            }
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl ObjectStore for Exact {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.probe.check_put()?;
        if opts.mode != PutMode::Create {
            return self.bounded(self.store.put_opts(location, payload, opts)).await;
        }
        self.probe.check()?;
        self.bounded(self.create(location, payload, opts)).await
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(only_whole())
    }

    // Several ranges are several of these: the default implementation sees to that.
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.bounded(self.store.get_opts(location, options)).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.bounded_each(self.store.delete_stream(locations))
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.bounded_each(self.store.list(prefix))
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.bounded_each(self.store.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.bounded(self.store.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.bounded(self.store.copy_opts(from, to, options)).await
    }
}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

/// Pauses between attempts, in the end none.
#[derive(Debug)]
pub(super) struct Pauses {
    left: u32,
    next: Duration,
    max: Duration,
}

// === impl Pauses ===

impl Pauses {
    pub(super) fn new(attempts: u32, initial: Duration, max: Duration) -> Self {
        Self { left: attempts.saturating_sub(1), next: initial, max }
    }
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.left = self.left.checked_sub(1)?;
        let pause = self.next;
        self.next = (pause * 2).min(self.max);
        // Half of it and a random part of the other half: those who failed together do not come back together.
        let part = (Ulid::generate().random() % 1000) as u32;
        Some(pause / 2 + pause / 2 * part / 1000)
    }
}

#[cfg(test)]
mod tests;

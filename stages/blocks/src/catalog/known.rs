//! A table's log as far as it is known: one checkpoint, and what tells of it.
//!
//! The kernel lists a log to find the checkpoint that it is told of. A reader knows the file's name and its size, which is
//! all that a listing would say: so it is told that, and nothing is listed.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{BoxStream, once};
use futures_util::{FutureExt, StreamExt};
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::log::{LAST_CHECKPOINT, LOG};

/// A table's directory in which the log has a checkpoint and nothing else. It can't be written to.
#[derive(Clone, Debug)]
pub(super) struct Known {
    store: Arc<dyn ObjectStore>,
    told: Bytes,
    checkpoint: ObjectMeta,
}

// === impl Known ===

impl Known {
    /// The table at the root of `store`, of whose log `told` is the content of `_last_checkpoint`, and `checkpoint` the
    /// file, wherever it was found.
    pub(super) fn new(store: Arc<dyn ObjectStore>, told: Bytes, checkpoint: ObjectMeta) -> Self {
        let name = checkpoint.location.filename().unwrap_or_default();
        let location = Path::from_iter([LOG, name]);
        Self { store, told, checkpoint: ObjectMeta { location, ..checkpoint } }
    }

    fn listed(&self, prefix: Option<&Path>, offset: Option<&Path>) -> Option<Vec<ObjectMeta>> {
        let log = Path::from(LOG);
        prefix.filter(|prefix| **prefix == log)?;
        let is_after = offset.is_none_or(|offset| self.checkpoint.location > *offset);
        Some(is_after.then(|| self.checkpoint.clone()).into_iter().collect())
    }
}

fn read_only() -> Error {
    Error::NotSupported { source: "the log is only read here".into() }
}

fn stream(found: Vec<ObjectMeta>) -> BoxStream<'static, Result<ObjectMeta>> {
    futures_util::stream::iter(found.into_iter().map(Ok)).boxed()
}

#[async_trait]
impl ObjectStore for Known {
    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(read_only())
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(read_only())
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let is_told = *location == Path::from_iter([LOG, LAST_CHECKPOINT]);
        if !is_told || options.head || options.range.is_some() {
            return self.store.get_opts(location, options).await;
        }
        let (told, size) = (self.told.clone(), self.told.len() as u64);
        let meta = ObjectMeta { location: location.clone(), size, e_tag: None, ..self.checkpoint.clone() };
        let payload = GetResultPayload::Stream(once(async { Ok(told) }.boxed()).boxed());
        Ok(GetResult { payload, meta, range: 0..size, attributes: Attributes::default() })
    }

    fn delete_stream(&self, _: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        once(async { Err(read_only()) }.boxed()).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listed(prefix, None).map_or_else(|| self.store.list(prefix), stream)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        let found = self.listed(prefix, Some(offset));
        found.map_or_else(|| self.store.list_with_offset(prefix, offset), stream)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        match self.listed(prefix, None) {
            Some(objects) => Ok(ListResult { objects, common_prefixes: Vec::new() }),
            None => self.store.list_with_delimiter(prefix).await,
        }
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(read_only())
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

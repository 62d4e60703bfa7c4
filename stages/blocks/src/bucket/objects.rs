//! Objects by path, durable once they are put.

use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use weir_pipeline::Result;

use super::failure::failed;
use super::local::Synced;

/// Objects by path. A put is durable when it returns.
#[derive(Debug)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
}

// === impl Objects ===

impl Objects {
    /// A directory, made where it is absent.
    ///
    /// # Errors
    /// The directory can't be made or opened.
    pub fn local(root: &FilePath) -> Result<Self> {
        Ok(Self { store: Arc::new(Synced::open(root)?) })
    }

    /// Any store whose puts are durable by themselves.
    pub fn remote(store: Arc<dyn ObjectStore>) -> Self {
        Self { store }
    }

    /// The store below, for libraries that take one: its puts are as durable, its paths lie below the same prefix, and
    /// what goes through it is counted alike.
    pub fn store(&self) -> Arc<dyn ObjectStore> {
        self.store.clone()
    }

    /// Puts an object.
    ///
    /// # Errors
    /// The bucket fails; whether the object is there is not known.
    pub async fn put(&self, path: &Path, bytes: Bytes) -> Result<()> {
        let put = self.store.put(path, PutPayload::from(bytes)).await;
        put.map(|_| ()).map_err(|e| failed("put", path, &e))
    }

    /// Puts an object where there is none yet, and says whether it did: of all who put at one path one hears `true`.
    ///
    /// An answer that gets lost does not change that: the put is sent again, and where the store then says that there is an
    /// object already, the object's mark tells whose it is. Only a store that drops the metadata of objects would say `false`
    /// then.
    ///
    /// # Errors
    /// The bucket fails; whether the object is there is not known. Who puts again after such an error and hears `false`
    /// may have been the one who put the object the first time, and must look into it. `Unavailable` also where the bucket
    /// has not shown yet that it refuses to overwrite.
    pub async fn put_if_absent(&self, path: &Path, bytes: Bytes) -> Result<bool> {
        let options = PutOptions::from(PutMode::Create);
        match self.store.put_opts(path, PutPayload::from(bytes), options).await {
            Ok(_) => Ok(true),
            Err(StoreError::AlreadyExists { .. }) => Ok(false),
            Err(e) => Err(failed("put", path, &e)),
        }
    }

    /// Some ranges of an object, fetched together.
    ///
    /// # Errors
    /// The bucket fails, or there is no such object or range.
    pub async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.store.get_ranges(path, ranges).await.map_err(|e| failed("read", path, &e))
    }

    /// A whole object.
    ///
    /// # Errors
    /// The bucket fails, or there is no such object.
    pub async fn get(&self, path: &Path) -> Result<Bytes> {
        let got = self.store.get(path).await.map_err(|e| failed("read", path, &e))?;
        got.bytes().await.map_err(|e| failed("read", path, &e))
    }

    /// A whole object, where there is one.
    ///
    /// # Errors
    /// The bucket fails.
    pub async fn find(&self, path: &Path) -> Result<Option<Bytes>> {
        let got = match self.store.get(path).await {
            Ok(got) => got.bytes().await,
            Err(error) => Err(error),
        };
        match got {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            // Again, for an error that says what to do about it.
            Err(_) => self.get(path).await.map(Some),
        }
    }

    /// Whether there is an object at a path.
    ///
    /// # Errors
    /// The bucket fails.
    pub async fn exists(&self, path: &Path) -> Result<bool> {
        Ok(self.head(path).await?.is_some())
    }

    /// What is known of the object at a path, where there is one.
    ///
    /// # Errors
    /// The bucket fails.
    pub async fn head(&self, path: &Path) -> Result<Option<ObjectMeta>> {
        match self.store.head(path).await {
            Ok(found) => Ok(Some(found)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(e) => Err(failed("look for", path, &e)),
        }
    }

    /// The names of the directories right below a prefix.
    ///
    /// # Errors
    /// The bucket fails.
    pub async fn directories(&self, prefix: Option<&Path>) -> Result<Vec<String>> {
        let shown = prefix.cloned().unwrap_or_default();
        let found = self.store.list_with_delimiter(prefix).await.map_err(|e| failed("list", &shown, &e))?;
        Ok(found.common_prefixes.iter().filter_map(|path| path.filename().map(str::to_owned)).collect())
    }

    /// All objects below a prefix.
    ///
    /// # Errors
    /// The bucket fails.
    pub async fn list(&self, prefix: Option<&Path>) -> Result<Vec<ObjectMeta>> {
        let shown = prefix.cloned().unwrap_or_default();
        self.store.list(prefix).try_collect().await.map_err(|e| failed("list", &shown, &e))
    }

    /// Removes an object; one that is not there is as good as removed.
    ///
    /// # Errors
    /// The bucket fails.
    pub async fn delete(&self, path: &Path) -> Result<()> {
        match self.store.delete(path).await {
            Ok(()) | Err(StoreError::NotFound { .. }) => Ok(()),
            Err(e) => Err(failed("remove", path, &e)),
        }
    }
}

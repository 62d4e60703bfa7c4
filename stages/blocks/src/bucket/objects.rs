//! Objects by path, durable once they are put.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload};
use weir_pipeline::{Error, Result};

/// Objects by path. A put is durable when it returns.
#[derive(Debug)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    /// The directory of a local bucket, whose files are synced.
    root: Option<PathBuf>,
}

// === impl Objects ===

impl Objects {
    /// A directory, made where it is absent.
    ///
    /// # Errors
    /// The directory can't be made or opened.
    pub fn local(root: &FilePath) -> Result<Self> {
        let failed = |e: io::Error| unavailable(&format!("bucket `{}` can't be opened", root.display()), e);
        std::fs::create_dir_all(root).map_err(failed)?;
        sync_directory(root.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(FilePath::new(".")))
            .map_err(failed)?;
        let store = LocalFileSystem::new_with_prefix(root)
            .map_err(|e| Error::unavailable(format!("bucket `{}` can't be opened", root.display())).with_source(e))?;
        Ok(Self { store: Arc::new(store), root: Some(root.to_owned()) })
    }

    /// Any store whose puts are durable by themselves.
    pub fn remote(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, root: None }
    }

    /// Puts an object.
    ///
    /// # Errors
    /// The bucket fails; whether the object is there is not known.
    pub async fn put(&self, path: &Path, bytes: Bytes) -> Result<()> {
        self.store.put(path, PutPayload::from(bytes)).await.map_err(|e| failed("put", path, e))?;
        let Some(root) = self.root.clone() else { return Ok(()) };
        let (file, shown) = (root.join(path.as_ref()), path.to_string());
        let synced = tokio::task::spawn_blocking(move || sync(&root, &file)).await;
        synced
            .map_err(|e| Error::internal("a sync panicked").with_source(e))?
            .map_err(|e| unavailable(&format!("`{shown}` can't be synced"), e))
    }

    /// Some ranges of an object, fetched together.
    ///
    /// # Errors
    /// The bucket fails, or there is no such object or range.
    pub async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.store.get_ranges(path, ranges).await.map_err(|e| failed("read", path, e))
    }

    /// A whole object.
    ///
    /// # Errors
    /// The bucket fails, or there is no such object.
    pub async fn get(&self, path: &Path) -> Result<Bytes> {
        let got = self.store.get(path).await.map_err(|e| failed("read", path, e))?;
        got.bytes().await.map_err(|e| failed("read", path, e))
    }

    /// All objects below a prefix.
    ///
    /// # Errors
    /// The bucket fails.
    pub async fn list(&self, prefix: Option<&Path>) -> Result<Vec<ObjectMeta>> {
        let shown = prefix.cloned().unwrap_or_default();
        self.store.list(prefix).try_collect().await.map_err(|e| failed("list", &shown, e))
    }

    /// Removes an object; one that is not there is as good as removed.
    ///
    /// # Errors
    /// The bucket fails.
    pub async fn delete(&self, path: &Path) -> Result<()> {
        match self.store.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(failed("remove", path, e)),
        }
    }
}

fn failed(what: &str, path: &Path, error: object_store::Error) -> Error {
    Error::unavailable(format!("the bucket can't {what} `{path}`")).with_source(error)
}

fn unavailable(message: &str, error: io::Error) -> Error {
    Error::unavailable(message).with_source(error)
}

/// Syncs a file and every directory from it up to the root.
fn sync(root: &FilePath, file: &FilePath) -> io::Result<()> {
    File::open(file)?.sync_all()?;
    let mut directory = file.parent();
    while let Some(at) = directory.filter(|d| d.starts_with(root)) {
        sync_directory(at)?;
        directory = at.parent();
    }
    Ok(())
}

fn sync_directory(directory: &FilePath) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

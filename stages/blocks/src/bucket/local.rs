//! A directory of this machine as a bucket, whose puts are synced.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error as StoreError, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions,
};
use serde::Deserialize;
use weir_pipeline::units::some_path;
use weir_pipeline::{Error, Result};

use super::measured::only_whole;

/// So many bytes are written before they are synced.
const PART: usize = 1 << 20;

/// A directory of this machine.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Local {
    /// The directory; made where it is absent.
    #[serde(deserialize_with = "some_path")]
    pub(super) path: PathBuf,
}

/// A directory in which a file counts once it and all directories above it are synced: `object_store` does not sync.
#[derive(Debug)]
pub(super) struct Synced {
    store: LocalFileSystem,
    root: PathBuf,
}

fn unopened(root: &FilePath) -> Error {
    Error::unavailable(format!("bucket `{}` can't be opened", root.display()))
}

// === impl Synced ===

impl Synced {
    /// Opens a directory, made where it is absent.
    pub(super) fn open(root: &FilePath) -> Result<Self> {
        std::fs::create_dir_all(root).map_err(|e| unopened(root).with_source(e))?;
        sync_directory(root.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(FilePath::new(".")))
            .map_err(|e| unopened(root).with_source(e))?;
        Self::existing(root)
    }

    /// Opens a directory that is there.
    pub(super) fn existing(root: &FilePath) -> Result<Self> {
        let store = LocalFileSystem::new_with_prefix(root).map_err(|e| unopened(root).with_source(e))?;
        Ok(Self { store, root: root.to_owned() })
    }

    /// Puts what is large, and syncs it part by part: who syncs another file meanwhile, such as the log, waits for a part at most.
    async fn put_in_parts(&self, location: &Path, payload: PutPayload) -> object_store::Result<PutResult> {
        let (root, path, shown) = (self.root.clone(), self.store.path_to_filesystem(location)?, location.to_string());
        let failed = move |e: io::Error| format!("`{shown}` can't be written: {e}").into();
        tokio::task::spawn_blocking(move || {
            let (mut file, staged) = stage(&path)?;
            let written = write_in_parts(&mut file, payload).and_then(|()| std::fs::rename(&staged, &path));
            if written.is_err() {
                // It would only cost space.
                let _ = std::fs::remove_file(&staged);
            }
            written.and_then(|()| sync_directories(&root, &path))
        })
        .await?
        .map_err(|e| StoreError::Generic { store: "LocalFileSystem", source: failed(e) })?;
        let ObjectMeta { e_tag, version, .. } = self.store.head(location).await?;
        Ok(PutResult { e_tag, version })
    }

    async fn sync(&self, path: &Path) -> object_store::Result<()> {
        let (root, file, shown) = (self.root.clone(), self.root.join(path.as_ref()), path.to_string());
        let failed = move |e: io::Error| format!("`{shown}` can't be synced: {e}").into();
        tokio::task::spawn_blocking(move || sync(&root, &file))
            .await?
            .map_err(|e| StoreError::Generic { store: "LocalFileSystem", source: failed(e) })
    }
}

#[async_trait]
impl ObjectStore for Synced {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> object_store::Result<PutResult> {
        if opts.mode == PutMode::Overwrite && opts.attributes.is_empty() && payload.content_length() > PART {
            return self.put_in_parts(location, payload).await;
        }
        let put = self.store.put_opts(location, payload, opts).await;
        // Also what another one put: who hears that it is there relies on it.
        if matches!(put, Ok(_) | Err(StoreError::AlreadyExists { .. })) {
            self.sync(location).await?;
        }
        put
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        Err(only_whole())
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        // Each query asks whether there is a next commit, and mostly there is none: a look takes less than another thread.
        match std::fs::symlink_metadata(self.root.join(location.as_ref())) {
            Err(source) if source.kind() == io::ErrorKind::NotFound => {
                return Err(StoreError::NotFound { path: location.to_string(), source: source.into() });
            }
            _ => {}
        }
        self.store.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> object_store::Result<Vec<Bytes>> {
        self.store.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.store.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.store.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.store.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        self.store.copy_opts(from, to, options).await?;
        self.sync(to).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> object_store::Result<()> {
        self.store.rename_opts(from, to, options).await?;
        self.sync(to).await
    }
}

impl fmt::Display for Synced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

/// A new file beside `path`, of a name that is listed nowhere.
fn stage(path: &FilePath) -> io::Result<(File, PathBuf)> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    for number in 1_u64.. {
        let mut staged = path.as_os_str().to_owned();
        staged.push(format!("#{number}"));
        match File::create_new(&staged) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => return Ok((created?, staged.into())),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn write_in_parts(file: &mut File, payload: PutPayload) -> io::Result<()> {
    for part in payload.iter().flat_map(|bytes| bytes.chunks(PART)) {
        file.write_all(part)?;
        file.sync_data()?;
    }
    file.sync_all()
}

/// Syncs a file and every directory from it up to the root.
fn sync(root: &FilePath, file: &FilePath) -> io::Result<()> {
    File::open(file)?.sync_all()?;
    sync_directories(root, file)
}

/// Syncs every directory from a file up to the root.
fn sync_directories(root: &FilePath, file: &FilePath) -> io::Result<()> {
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

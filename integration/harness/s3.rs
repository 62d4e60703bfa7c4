//! An S3 beside the test, which fails as it is told to.

use std::path::Path;

use tokio::runtime::Runtime;

use super::shared::Place;

#[path = "../../stages/blocks/src/testing/s3.rs"]
mod server;

pub(crate) use server::Faults;
use server::{BUCKET, KEY, S3Server};

/// An S3 on threads of its own.
pub struct S3 {
    runtime: Runtime,
    server: S3Server,
    endpoint: String,
    keys: String,
}

// === impl S3 ===

impl S3 {
    /// Serves a bucket below `root`.
    pub fn start(root: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let server = runtime.block_on(S3Server::start(&root.join("s3")));
        let keys = root.join("keys.yaml");
        std::fs::write(&keys, format!("access_key_id: {}\nsecret_access_key: {}\n", KEY.0, KEY.1)).unwrap();
        Self { endpoint: server.endpoint(), keys: keys.display().to_string(), runtime, server }
    }

    /// What goes wrong.
    pub(crate) fn faults(&self) -> &Faults {
        self.server.faults()
    }

    /// Ends all connections and takes no new ones.
    pub fn pause(&mut self) {
        self.runtime.block_on(self.server.pause());
    }

    /// Serves again.
    pub fn resume(&mut self) {
        self.runtime.block_on(self.server.resume());
    }

    /// The directory that has the bucket's objects as files.
    pub fn bucket(&self) -> std::path::PathBuf {
        self.server.file("")
    }

    /// Where the bucket is.
    pub fn place(&self) -> Place {
        Place {
            name: BUCKET.to_owned(),
            endpoint: self.endpoint.clone(),
            key: (KEY.0.to_owned(), KEY.1.to_owned()),
            keys: self.keys.clone(),
            directory: Some(self.bucket()),
        }
    }
}

//! The side that listens.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use weir_pipeline::{Error, Result};

use super::{TlsServer, files};

/// Takes connections with the certificates that its files have.
#[derive(Debug)]
pub(crate) struct Acceptor {
    settings: TlsServer,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    /// What the files were like when they were looked at last.
    stamps: Vec<Stamp>,
    config: Arc<ServerConfig>,
}

/// When a file was changed, and its size.
type Stamp = Option<(SystemTime, u64)>;

// === impl Acceptor ===

impl Acceptor {
    /// Reads the files.
    ///
    /// # Errors
    /// A file can't be read, or its content does not fit.
    pub(crate) fn new(settings: TlsServer) -> Result<Self> {
        let current = Current { stamps: stamps(&settings), config: load(&settings)? };
        Ok(Self { settings, current: Mutex::new(current) })
    }

    /// What the next connection is taken with.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamps(&self.settings);
        if now != current.stamps {
            current.stamps = now;
            match load(&self.settings) {
                Ok(config) => {
                    tracing::info!(cert_file = %self.settings.cert_file.display(), "goes on with changed certificates");
                    current.config = config;
                }
                Err(error) => tracing::error!(error = error.report(), "stays with the certificates of before"),
            }
        }
        current.config.clone()
    }
}

fn stamps(settings: &TlsServer) -> Vec<Stamp> {
    let files = [Some(&settings.cert_file), Some(&settings.key_file), settings.client_ca_file.as_ref()];
    files.into_iter().flatten().map(|file| stamp(file)).collect()
}

fn stamp(file: &Path) -> Stamp {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn load(settings: &TlsServer) -> Result<Arc<ServerConfig>> {
    let wrong = |e: rustls::Error| {
        let (cert, key) = (settings.cert_file.display(), settings.key_file.display());
        Error::invalid(format!("expected the certificate `{cert}` and its key `{key}`")).with_source(e)
    };
    let (certificates, key) = (files::certificates(&settings.cert_file)?, files::key(&settings.key_file)?);
    let provider = files::provider();
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let builder = builder.map_err(wrong)?;
    let builder = match &settings.client_ca_file {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let roots = Arc::new(files::roots(file)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
            let unusable =
                |e| Error::invalid(format!("expected roots in the file `{}`", file.display())).with_source(e);
            builder.with_client_cert_verifier(verifier.map_err(unusable)?)
        }
    };
    let mut config = builder.with_single_cert(certificates, key).map_err(wrong)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

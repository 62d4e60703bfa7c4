//! The side that listens.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use weir_pipeline::{Error, Result};

use super::renew::Renewed;
use super::{TlsServer, files};

/// Takes connections with the certificates that its files have.
#[derive(Debug)]
pub(crate) struct Acceptor {
    settings: TlsServer,
    current: Renewed<ServerConfig>,
}

// === impl Acceptor ===

impl Acceptor {
    /// Reads the files.
    ///
    /// # Errors
    /// A file can't be read, or its content does not fit.
    pub(crate) fn new(settings: TlsServer) -> Result<Self> {
        let files = [Some(&settings.cert_file), Some(&settings.key_file), settings.client_ca_file.as_ref()];
        let files = files.into_iter().flatten().cloned().collect();
        let current = Renewed::new("certificates", files, || load(&settings))?;
        Ok(Self { settings, current })
    }

    /// What the next connection is taken with.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        self.current.config(|| load(&self.settings))
    }
}

fn load(settings: &TlsServer) -> Result<ServerConfig> {
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
    Ok(config)
}

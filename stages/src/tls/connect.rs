//! The side that connects.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hyper::Uri;
use hyper::http::uri::Scheme;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower::{BoxError, Service};
use weir_pipeline::{Error, Result};

use super::anyone::Anyone;
use super::renew::Renewed;
use super::{TlsClient, files};

/// Connects to nodes and to servers of others, with TLS where it is told to and the address asks for `https`. A clone is the
/// same.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    http: HttpConnector,
    tls: Option<Tls>,
    /// How long a connection may take to be made, its TLS included.
    timeout: Duration,
}

#[derive(Clone, Debug)]
struct Tls {
    settings: TlsClient,
    protocols: &'static [&'static [u8]],
    current: Arc<Renewed<ClientConfig>>,
    /// The name that is expected in the place of the address's host.
    name: Option<ServerName<'static>>,
}

/// What nodes speak.
const HTTP2: &[&[u8]] = &[b"h2"];

/// What servers of others may choose from.
const ANY_HTTP: &[&[u8]] = &[b"h2", b"http/1.1"];

/// A connection, with TLS or without.
pub(crate) struct Link {
    stream: TokioIo<Box<dyn Io>>,
    /// Whether the TLS agreed on HTTP/2.
    http2: bool,
}

/// What a connection is made of.
trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// The name of a host; `None` where it is none.
pub(super) fn server_name(host: &str) -> Option<ServerName<'static>> {
    // An IPv6 address stands in brackets in a URI.
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    ServerName::try_from(host.to_owned()).ok()
}

// === impl Connector ===

impl Connector {
    /// Connects to nodes, without TLS or with.
    ///
    /// # Errors
    /// A file can't be read, or its content does not fit.
    pub(crate) fn new(timeout: Duration, tls: Option<&TlsClient>) -> Result<Self> {
        Self::speaking(HTTP2, timeout, tls)
    }

    /// Connects to servers of others, which choose between HTTP/1.1 and HTTP/2.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub(crate) fn to_others(timeout: Duration, tls: Option<&TlsClient>) -> Result<Self> {
        Self::speaking(ANY_HTTP, timeout, tls)
    }

    fn speaking(protocols: &'static [&'static [u8]], timeout: Duration, tls: Option<&TlsClient>) -> Result<Self> {
        let mut http = HttpConnector::new();
        http.set_nodelay(true);
        http.enforce_http(false);
        http.set_connect_timeout(Some(timeout));
        Ok(Self { http, tls: tls.map(|tls| Tls::new(tls, protocols)).transpose()?, timeout })
    }

    /// `https` or `http`.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}

impl Service<Uri> for Connector {
    type Response = Link;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Link, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Service::<Uri>::poll_ready(&mut self.http, cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let tls = self.tls.clone().filter(|_| uri.scheme() == Some(&Scheme::HTTPS));
        let host = uri.host().unwrap_or_default().to_owned();
        let connecting = self.http.call(uri);
        let connect = async move {
            let stream = connecting.await?.into_inner();
            let Some(tls) = tls else { return Ok(Link::new(stream, false)) };
            let config = tls.current.config(|| load(&tls.settings, tls.protocols));
            let name = tls.name.or_else(|| server_name(&host)).ok_or_else(|| format!("`{host}` is no host"))?;
            let stream = TlsConnector::from(config).connect(name, stream).await.map_err(told)?;
            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            Ok(Link::new(stream, http2))
        };
        let limit = self.timeout;
        let late = move |_| Err(format!("not connected within {limit:?}").into());
        async move { timeout(limit, connect).await.unwrap_or_else(late) }.boxed()
    }
}

/// What went wrong with the TLS, in words that say what to do where others take such a certificate: `openssl req -x509` makes
/// them.
fn told(error: io::Error) -> io::Error {
    if !error.to_string().contains("CaUsedAsEndEntity") {
        return error;
    }
    let text = "the server's certificate is that of a CA (CA:TRUE), which can't be a server's: sign one with it";
    io::Error::new(error.kind(), text)
}

// === impl Tls ===

impl Tls {
    fn new(settings: &TlsClient, protocols: &'static [&'static [u8]]) -> Result<Self> {
        let own = settings.own.iter().flat_map(|(cert, key)| [cert, key]);
        let files = settings.ca_file.iter().chain(own).cloned().collect();
        let current = Arc::new(Renewed::new("certificates", files, || load(settings, protocols))?);
        let name = settings.server_name.as_deref().and_then(server_name);
        Ok(Self { settings: settings.clone(), protocols, current, name })
    }
}

fn load(settings: &TlsClient, protocols: &[&[u8]]) -> Result<ClientConfig> {
    let wrong = |e| Error::invalid("expected a certificate and its key").with_source(e);
    let builder = ClientConfig::builder_with_provider(files::provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(wrong)?;
    let builder = if settings.insecure {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone::new()))
    } else {
        let roots = match &settings.ca_file {
            Some(file) => files::roots(file)?,
            None => files::system_roots()?,
        };
        builder.with_root_certificates(roots)
    };
    let mut config = match &settings.own {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => {
            builder.with_client_auth_cert(files::certificates(cert)?, files::key(key)?).map_err(wrong)?
        }
    };
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(config)
}

// === impl Link ===

impl Link {
    fn new(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, http2: bool) -> Self {
        Self { stream: TokioIo::new(Box::new(stream)), http2 }
    }
}

impl Connection for Link {
    fn connected(&self) -> Connected {
        if self.http2 { Connected::new().negotiated_h2() } else { Connected::new() }
    }
}

impl Read for Link {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl Write for Link {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

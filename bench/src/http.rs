//! As much of an HTTP client as a benchmark needs: one connection, one request at a time.

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Result;

/// A connection to one server, opened anew where it broke.
pub(crate) struct Connection {
    uri: Uri,
    sender: Option<SendRequest<Full<Bytes>>>,
}

/// A reply.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) text: String,
}

// === impl Connection ===

impl Connection {
    /// A connection for requests to `uri`, `http` with host, port and path.
    pub(crate) fn new(uri: &str) -> Result<Self> {
        let uri: Uri = uri.parse().map_err(|e| format!("expected a URL, got `{uri}`: {e}"))?;
        match (uri.scheme_str(), uri.host()) {
            (Some("http"), Some(_)) => Ok(Self { uri, sender: None }),
            _ => Err(format!("expected a URL such as http://127.0.0.1:19291/api/v1/write, got `{uri}`").into()),
        }
    }

    /// The same connection, for requests to another path of its host.
    pub(crate) fn to(&mut self, uri: &str) -> Result<()> {
        let uri: Uri = uri.parse()?;
        if uri.authority() != self.uri.authority() {
            return Err(format!("expected a path of {}, got `{uri}`", self.uri).into());
        }
        self.uri = uri;
        Ok(())
    }

    /// Sends one request and reads the reply whole.
    pub(crate) async fn send(&mut self, method: Method, headers: &[(&str, &str)], body: Bytes) -> Result<Reply> {
        let done = self.try_send(method, headers, body).await;
        if done.is_err() {
            self.sender = None;
        }
        done
    }

    async fn try_send(&mut self, method: Method, headers: &[(&str, &str)], body: Bytes) -> Result<Reply> {
        let authority = self.uri.authority().map(|a| a.to_string()).unwrap_or_default();
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let request = Request::builder().method(method).uri(path).header("host", &authority);
        let request = headers.iter().fold(request, |r, (name, value)| r.header(*name, *value));
        let request = request.body(Full::new(body))?;
        let sender = match &mut self.sender {
            Some(sender) if !sender.is_closed() => sender,
            sender => {
                let host = self.uri.host().unwrap_or_default();
                let stream = TcpStream::connect((host, self.uri.port_u16().unwrap_or(80))).await?;
                stream.set_nodelay(true)?;
                let (opened, connection) = handshake(TokioIo::new(stream)).await?;
                tokio::spawn(connection);
                sender.insert(opened)
            }
        };
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        Ok(Reply { status, text: String::from_utf8_lossy(&body).into_owned() })
    }
}

/// Gets `uri`.
pub(crate) async fn get(uri: &str) -> Result<Reply> {
    Connection::new(uri)?.send(Method::GET, &[], Bytes::new()).await
}

/// Posts nothing to `uri`.
pub(crate) async fn post(uri: &str) -> Result<Reply> {
    Connection::new(uri)?.send(Method::POST, &[], Bytes::new()).await
}

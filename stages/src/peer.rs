//! `peer`: sends each batch to the member of a ring that the branch is for.
//!
//! ```yaml
//! sink: { peer: {} }
//! ```
//!
//! All settings: `peer: { timeout: 10s, connect_timeout: 2s, concurrency: 64, compression: zstd, tls_config: { … },
//! bearer_token_file: token }`, TLS as in [`tls`](crate::tls); in the place of a token `basic_auth: { username: node,
//! password_file: password }`.
//!
//! Shape: one request per batch, over HTTP/2, in the columnar encoding of [`wire`], which is made once for all members that
//! are sent it at a time, and compressed for those that have said with an answer that they take that; the answer is the
//! ack of the node's own pipeline, which a [`peers`](crate::peers) source begins. All requests to a member share a
//! connection, which is pinged: a member that is cut off is noticed within seconds. What the member is to keep for another
//! (`hand_off` of `replicate`) says so in a header.
//!
//! Errors: those of the node's pipeline, with their kind; a node that is too old for a batch, is shutting down, can't be
//! reached, or answers something else is unavailable, one that takes longer than `timeout` timed out.
//!
//! Order: ends a pipeline, below `replicate`. Ready while fewer than `concurrency` requests are under way.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::header::HeaderValue;
use hyper::{StatusCode, Uri};
use serde::Deserialize;
use tokio::time::timeout;
use weir_pipeline::units::{Span, above_zero};
use weir_pipeline::{Ack, Batch, Context, Error, Kind, Next, Result, Sink, Write};

use crate::node::client::NodeClient;
use crate::node::{self, Compression, wire};
use crate::outbound::BasicAuth;
use crate::replicate::HintFor;
use crate::ring::Member;
use crate::tls::TlsClient;
use crate::way::{Asked, Way};

/// Sends each batch to the member of a ring that the branch is for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Peer {
    /// How long a request may take. Default `10s`.
    #[serde(deserialize_with = "above_zero")]
    pub timeout: Span,
    /// How long it may take to connect. Default `2s`.
    #[serde(deserialize_with = "above_zero")]
    pub connect_timeout: Span,
    /// How many requests to one member may be under way. Default 64.
    pub concurrency: NonZeroUsize,
    /// How batches are compressed: `none`, or `zstd`, for nodes that take it. Default `zstd`.
    pub compression: Compression,
    /// TLS of the connection. Default: none, the network is the cluster's own.
    pub tls_config: Option<TlsClient>,
    /// The file whose first line is the token that it shows, where the node's `auth` asks for one; read again when it
    /// changes. Default none.
    pub bearer_token_file: Option<PathBuf>,
    /// A name and its password, instead; `password_file` is read again when it changes. Default none.
    pub basic_auth: Option<BasicAuth>,
}

/// Messages that are longer are compressed on a thread of their own.
const LONG: usize = 1 << 20;

/// A batch as a message.
struct Encoded {
    message: Bytes,
    /// The same compressed, once somebody needs it; `None` where nothing is won.
    packed: OnceLock<Option<Bytes>>,
}

/// The member.
struct Remote {
    member: Arc<Member>,
    uri: Uri,
    client: NodeClient,
    timeout: Span,
    /// For whom it is to keep what it is sent, as a header says it.
    hint: Option<HeaderValue>,
    compression: Compression,
    /// Whether it takes what is compressed, as its last answer said.
    unpacks: AtomicBool,
}

/// What the member answers.
struct Answered {
    status: StatusCode,
    /// The latest version of batches that it takes.
    takes: u8,
    /// Whether it takes what is compressed.
    unpacks: bool,
    /// Whether it has kept for another what it was to keep.
    is_kept: bool,
    body: Bytes,
}

// === impl Peer ===

impl Default for Peer {
    fn default() -> Self {
        Self {
            timeout: Span::from_secs(10),
            connect_timeout: Span::from_secs(2),
            concurrency: const { NonZeroUsize::new(64).unwrap() },
            compression: Compression::default(),
            tls_config: None,
            bearer_token_file: None,
            basic_auth: None,
        }
    }
}

impl Sink<Write> for Peer {
    const NAME: &'static str = "peer";

    fn open(self, context: &Context) -> Result<Next<Write>> {
        let member = context.value::<Member>();
        let member =
            member.ok_or_else(|| Error::invalid("expected `replicate` above, which says which member it is"))?;
        let client = NodeClient::new(self.connect_timeout.get(), self.tls_config.as_ref())?;
        let client = client.with_auth(self.basic_auth.as_ref(), self.bearer_token_file.as_deref())?;
        let uri = client.uri(&member.address, node::WRITE)?;
        let hint = context.value::<HintFor>().map(|owner| node::hint_value(&owner.0)).transpose()?;
        let (timeout, compression, unpacks) = (self.timeout, self.compression, AtomicBool::new(false));
        let remote = Remote { member, uri, client, timeout, hint, compression, unpacks };
        Ok(Way::open(remote, self.concurrency.get()))
    }
}

// === impl Encoded ===

impl Encoded {
    fn new(batch: &Batch) -> Self {
        let mut message = Vec::new();
        wire::encode_batch(batch, &mut message);
        Self { message: message.into(), packed: OnceLock::new() }
    }

    /// The message compressed, made once; `None` where nothing is won.
    async fn packed(self: &Arc<Self>) -> Result<Option<Bytes>> {
        if self.message.len() <= LONG || self.packed.get().is_some() {
            return Ok(self.pack());
        }
        let this = self.clone();
        let failed = |e| Error::internal("expected the compression to finish").with_source(e);
        tokio::task::spawn_blocking(move || this.pack()).await.map_err(failed)
    }

    fn pack(&self) -> Option<Bytes> {
        self.packed.get_or_init(|| wire::pack(&self.message).map(Bytes::from)).clone()
    }
}

// === impl Remote ===

impl Asked for Remote {
    async fn write(&self, batch: Batch) -> Result<Ack> {
        let (samples, version) = (batch.sample_count() as u64, node::version_of(&batch));
        // Held until the answer: members that are asked meanwhile are sent the same bytes.
        let encoded = batch.shared(Encoded::new);
        drop(batch);
        let late = |_| Error::new(Kind::TimedOut, format!("{self} did not answer within {}", self.timeout));
        let ack = timeout(self.timeout.get(), self.send(encoded, version)).await.map_err(late)??;
        // A node of another version, or a fault: what it says can't be passed on.
        let unbalanced = || Error::internal(format!("{self} does not account for every sample"));
        if ack.balances(samples) { Ok(ack) } else { Err(unbalanced()) }
    }
}

impl Remote {
    /// Sends a batch of a version.
    async fn send(&self, encoded: Arc<Encoded>, version: u8) -> Result<Ack> {
        let packs = self.compression == Compression::Zstd && self.unpacks.load(Relaxed);
        let packed = if packs { encoded.packed().await? } else { None };
        if let Some(packed) = packed {
            let answered = self.ask(packed).await?;
            if answered.status == StatusCode::OK || answered.unpacks {
                return self.understood(&answered, version);
            }
            // It went back to an older version, which could not read it.
        }
        let answered = self.ask(encoded.message.clone()).await?;
        self.understood(&answered, version)
    }

    /// Sends a message.
    async fn ask(&self, body: Bytes) -> Result<Answered> {
        let mut request = self.client.post(self.uri.clone(), node::BATCH, body);
        if let Some(hint) = &self.hint {
            request.headers_mut().insert(node::HINT_FOR, hint.clone());
        }
        let unreachable = |e| Error::unavailable(format!("{self} can't be reached")).with_source(e);
        let response = self.client.client.request(request).await.map_err(unreachable)?;
        let (takes, unpacks) = (node::read_takes(response.headers()), node::unpacks(response.headers()));
        self.unpacks.store(unpacks, Relaxed);
        let is_kept = self.hint.as_ref().is_none_or(|hint| response.headers().get(node::HINT_FOR) == Some(hint));
        let (status, body) = (response.status(), Limited::new(response.into_body(), node::MAX_ANSWER));
        let broken = |e| Error::unavailable(format!("{self} did not answer to the end: {e}"));
        let body = body.collect().await.map_err(broken)?.to_bytes();
        Ok(Answered { status, takes, unpacks, is_kept, body })
    }

    /// What the member says of a batch of a version.
    fn understood(&self, answered: &Answered, version: u8) -> Result<Ack> {
        let &Answered { status, takes, is_kept, ref body, .. } = answered;
        let limits = wire::Limits::default();
        if status == StatusCode::OK {
            if !is_kept {
                return Err(Error::unavailable(format!("{self} is too old to keep something for another")));
            }
            return wire::decode_ack(body, &limits).map_err(|e| self.misunderstood(&e));
        }
        match wire::decode_error(body, &limits) {
            // The node goes, the pipeline here does not.
            Ok(error) if error.kind() == Kind::Closed => Err(Error::unavailable(format!("{self} is shutting down"))),
            // It will take it once it is upgraded, or held no more; until then it is as if it were away.
            Ok(error) if version > takes && matches!(error.kind(), Kind::Invalid | Kind::Unavailable { .. }) => {
                let text = format!("{self} takes batches of version {takes}, and this one has version {version}");
                Err(node::too_old(text, error.report()))
            }
            Ok(error) => Err(self.told(&error)),
            Err(_) => Err(Error::unavailable(format!("{self} answered with the status `{status}`"))),
        }
    }

    /// An error that the node told.
    fn told(&self, error: &Error) -> Error {
        let told = Error::new(error.kind(), format!("{self}: {}", error.report()));
        if error.is_of_tenant() { told.of_tenant() } else { told }
    }

    fn misunderstood(&self, error: &Error) -> Error {
        Error::unavailable(format!("{self} answered with something else than an ack: {}", error.message()))
    }
}

impl std::fmt::Display for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "member `{}` at {}", self.member.name, self.member.address)
    }
}

#[cfg(test)]
mod tests;

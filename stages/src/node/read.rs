//! Asks nodes for samples, and for what they know beside: the other side of [`readers`](crate::readers).

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::try_unfold;
use http_body_util::{BodyExt, Limited};
use hyper::StatusCode;
use weir_pipeline::query::TenantUsage;
use weir_pipeline::{Batch, Cardinality, Changes, Error, Kind, Query, Result, Since};

use super::client::NodeClient;
use super::frames::Frames;
use super::{MAX_ANSWER, QUESTION, READ, SINCE, UNPACKS, ZSTD, read_since, wire};
use crate::outbound::BasicAuth;
use crate::ring::Member;
use crate::tls::TlsClient;

/// Asks nodes for samples. A clone shares the connections.
#[derive(Clone, Debug)]
pub struct NodeReader {
    client: NodeClient,
}

/// A member's answer.
pub struct Told<S> {
    /// Since when the member has everything; `None` where it does not say: an older one.
    pub since: Option<Since>,
    /// Its batches. What comes is whole where it ends without an error.
    pub batches: S,
}

/// An answer that is read.
struct State {
    frames: Frames,
    /// Who answers, for errors.
    name: String,
    limits: wire::Limits,
}

// === impl NodeReader ===

impl NodeReader {
    /// Gives up connecting to a node after a while.
    ///
    /// # Errors
    /// A file that `tls` names can't be read, or its content does not fit.
    pub fn new(connect_timeout: Duration, tls: Option<&TlsClient>) -> Result<Self> {
        Ok(Self { client: NodeClient::new(connect_timeout, tls)? })
    }

    /// The same, which shows a name and a password, or the token of a file, where there is one of them.
    ///
    /// # Errors
    /// There are both, the file can't be read, or it has neither.
    pub fn with_auth(self, basic: Option<&BasicAuth>, token_file: Option<&Path>) -> Result<Self> {
        Ok(Self { client: self.client.with_auth(basic, token_file)? })
    }

    /// Asks a member for samples, for exemplars, or for metadata, all of which batches have.
    ///
    /// # Errors
    /// Those of the member's pipeline; `Unavailable` where the member can't be reached, shuts down, or breaks off.
    pub async fn read(
        &self,
        member: &Member,
        query: &Query,
    ) -> Result<Told<impl Stream<Item = Result<Batch>> + Send + use<>>> {
        let (since, state) = self.ask(member, query).await?;
        Ok(Told { since, batches: try_unfold(Some(state), next_batch) })
    }

    /// Asks a member what its recent series are made of.
    ///
    /// # Errors
    /// As [`NodeReader::read`].
    pub async fn cardinality(&self, member: &Member, query: &Query) -> Result<Cardinality> {
        self.one(member, query, wire::decode_cardinality).await
    }

    /// Asks a member what has changed; `None` where it can't tell.
    ///
    /// # Errors
    /// As [`NodeReader::read`].
    pub async fn changes(&self, member: &Member, query: &Query) -> Result<Option<Changes>> {
        self.one(member, query, wire::decode_changes).await
    }

    /// Asks a member what there is of tenants, or has it delete one; the answer is what there was.
    ///
    /// # Errors
    /// As [`NodeReader::read`].
    pub async fn tenants(&self, member: &Member, query: &Query) -> Result<Vec<TenantUsage>> {
        self.one(member, query, wire::decode_tenants).await
    }

    /// An answer that is one message.
    async fn one<T>(
        &self,
        member: &Member,
        query: &Query,
        decode: impl Fn(&[u8], &wire::Limits) -> Result<T>,
    ) -> Result<T> {
        let (_, mut state) = self.ask(member, query).await?;
        let found = state.next(&decode).await?;
        let found = found.ok_or_else(|| Error::unavailable(format!("{}: expected an answer", state.name)))?;
        // An answer without its end was cut off.
        match state.next(&decode).await? {
            None => Ok(found),
            Some(_) => Err(Error::unavailable(format!("{}: expected one answer", state.name))),
        }
    }

    /// Sends a question, and begins to read the answer.
    async fn ask(&self, member: &Member, query: &Query) -> Result<(Option<Since>, State)> {
        let name = format!("member `{}` at {}", member.name, member.read_address);
        let mut body = Vec::new();
        wire::encode_query(query, &mut body)?;
        let mut request = self.client.post(self.client.uri(&member.read_address, READ)?, QUESTION, Bytes::from(body));
        request.headers_mut().insert(UNPACKS, ZSTD);
        let unreachable = |e| Error::unavailable(format!("{name} can't be reached")).with_source(e);
        let response = self.client.client.request(request).await.map_err(unreachable)?;
        let since = response.headers().get(SINCE).and_then(read_since);
        let (status, body) = (response.status(), response.into_body());
        let limits = wire::Limits::default();
        if status != StatusCode::OK {
            let broken = |e| Error::unavailable(format!("{name} did not answer to the end: {e}"));
            let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(broken)?.to_bytes();
            return Err(match wire::decode_error(&body, &limits) {
                Ok(error) => told(&name, &error),
                Err(_) => Error::unavailable(format!("{name} answered with the status `{status}`")),
            });
        }
        let most = usize::try_from(limits.message_bytes).unwrap_or(usize::MAX);
        Ok((since, State { frames: Frames::new(body, most), name, limits }))
    }
}

// === impl State ===

impl State {
    /// The next message; `None` at the end. After an error nothing more is to be read.
    async fn next<T>(&mut self, decode: impl Fn(&[u8], &wire::Limits) -> Result<T>) -> Result<Option<T>> {
        let name = &self.name;
        let at_node = |e: Error| Error::unavailable(format!("{name}: {}", e.report()));
        let Some(frame) = self.frames.next().await.map_err(at_node)? else { return Ok(None) };
        let message = wire::unpack(&frame, self.limits.message_bytes).map_err(at_node)?;
        decode(&message, &self.limits).map(Some).map_err(|wrong| match wire::decode_error(&message, &self.limits) {
            Ok(error) => told(name, &error),
            Err(_) => at_node(wrong),
        })
    }
}

/// The next batch; nothing more after an error or the end.
async fn next_batch(state: Option<State>) -> Result<Option<(Batch, Option<State>)>> {
    let Some(mut state) = state else { return Ok(None) };
    Ok(state.next(wire::decode_batch).await?.map(|batch| (batch, Some(state))))
}

/// An error that a node told.
fn told(name: &str, error: &Error) -> Error {
    match error.kind() {
        // The node goes, what is here does not.
        Kind::Closed => Error::unavailable(format!("{name} is shutting down")),
        kind => Error::new(kind, format!("{name}: {}", error.report())),
    }
}

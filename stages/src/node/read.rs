//! Asks nodes for samples: the other side of [`readers`](crate::readers).

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::try_unfold;
use http_body_util::{BodyExt, Limited};
use hyper::StatusCode;
use weir_pipeline::{Batch, Error, Kind, Query, Result, Since};

use super::client::NodeClient;
use super::frames::Frames;
use super::{MAX_ANSWER, QUESTION, READ, SINCE, read_since, wire};
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

// === impl NodeReader ===

impl NodeReader {
    /// Gives up connecting to a node after a while.
    ///
    /// # Errors
    /// A file that `tls` names can't be read, or its content does not fit.
    pub fn new(connect_timeout: Duration, tls: Option<&TlsClient>) -> Result<Self> {
        Ok(Self { client: NodeClient::new(connect_timeout, tls)? })
    }

    /// The same, which shows the token of a file where there is one.
    ///
    /// # Errors
    /// The file can't be read, or has no token.
    pub fn with_token(self, file: Option<&Path>) -> Result<Self> {
        Ok(Self { client: self.client.with_token(file)? })
    }

    /// Asks a member for samples.
    ///
    /// # Errors
    /// Those of the member's pipeline; `Unavailable` where the member can't be reached, shuts down, or breaks off.
    pub async fn read(
        &self,
        member: &Member,
        query: &Query,
    ) -> Result<Told<impl Stream<Item = Result<Batch>> + Send + use<>>> {
        let name = format!("member `{}` at {}", member.name, member.read_address);
        let mut body = Vec::new();
        wire::encode_query(query, &mut body)?;
        let request = self.client.post(self.client.uri(&member.read_address, READ)?, QUESTION, Bytes::from(body));
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
        Ok(Told { since, batches: try_unfold(Some((Frames::new(body, most), name, limits)), next) })
    }
}

type State = (Frames, String, wire::Limits);

/// The next batch; nothing more after an error or the end.
async fn next(state: Option<State>) -> Result<Option<(Batch, Option<State>)>> {
    let Some((mut frames, name, limits)) = state else { return Ok(None) };
    let at_node = |e: Error| Error::unavailable(format!("{name}: {}", e.report()));
    let Some(message) = frames.next().await.map_err(at_node)? else { return Ok(None) };
    match wire::decode_batch(&message, &limits) {
        Ok(batch) => Ok(Some((batch, Some((frames, name, limits))))),
        Err(wrong) => Err(match wire::decode_error(&message, &limits) {
            Ok(error) => told(&name, &error),
            Err(_) => at_node(wrong),
        }),
    }
}

/// An error that a node told.
fn told(name: &str, error: &Error) -> Error {
    match error.kind() {
        // The node goes, what is here does not.
        Kind::Closed => Error::unavailable(format!("{name} is shutting down")),
        kind => Error::new(kind, format!("{name}: {}", error.report())),
    }
}

//! From an answer of the pipeline to a reply.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use weir_pipeline::Answer;

use super::accept::{Encoding, compress, encoded};
use super::json::{self, Drain};
use super::pieces::{Gone, PIECE, Pieces};
use super::reply::{Content, JSON, Refusal, Reply};
use super::telemetry::UnderWay;

/// What holds a question's place among those that are worked on.
pub(super) type Turn = (OwnedSemaphorePermit, UnderWay);

/// Larger answers are written on a thread of their own, so that none holds up the connections of a worker; and in pieces, so
/// that their text is never whole in memory.
const LONG: usize = 4096;

/// Writes an answer, compressed as the client likes it. Where it is long, its turn lasts until the client has it, which may
/// take as long as `patience` for each piece.
pub(super) fn write(answer: Answer, encoding: Encoding, turn: Turn, patience: Duration) -> Result<Reply, Refusal> {
    if json::size(&answer.data) <= LONG {
        return Ok(compress(Reply::ok(JSON, json::answer(&answer)), encoding));
    }
    stream(JSON, encoding, patience, move |drain, out| {
        let _turn = turn;
        json::write(&answer, out, drain)
    })
}

/// A reply whose body `write` makes on a thread of its own.
pub(super) fn stream(
    media: &'static str,
    encoding: Encoding,
    patience: Duration,
    write: impl FnOnce(&mut Drain<'_>, &mut Vec<u8>) -> Result<(), Gone> + Send + 'static,
) -> Result<Reply, Refusal> {
    let failed = |_| Refusal::internal("expected memory to compress with");
    let (mut pieces, body) = Pieces::new(encoding, patience).map_err(failed)?;
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || {
        let mut out = Vec::with_capacity(2 * PIECE);
        let written = write(&mut |out| runtime.block_on(pieces.write(out)), &mut out);
        runtime.block_on(async {
            match written {
                Ok(()) => pieces.finish(&mut out).await,
                Err(Gone) => pieces.fail("expected the client to take the answer".into()).await,
            }
        });
    });
    let mut reply = Reply { status: StatusCode::OK, headers: Vec::new(), body: Content::Pieces(body) };
    reply.header(CONTENT_TYPE, HeaderValue::from_static(media));
    encoded(&mut reply, encoding);
    Ok(reply)
}

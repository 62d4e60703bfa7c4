//! What nodes of one cluster have in common: the encoding in which they send each other batches, the
//! client, and the names of the way.

use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, StatusCode};
use serde::Deserialize;
use weir_pipeline::{Batch, Error, Kind, Result, Since};

use crate::ring::Member;

pub(crate) mod client;
pub(crate) mod frames;
mod read;
mod token;
pub mod wire;

pub use read::{NodeReader, Told};

/// Where batches are sent to.
pub(crate) const WRITE: &str = "/weir/v1/write";

/// Where questions for samples are sent to.
pub(crate) const READ: &str = "/weir/v1/read";

/// The content type of a question.
pub(crate) const QUESTION: HeaderValue = HeaderValue::from_static("application/vnd.weir.question");

/// The content type of an answer: messages one after the other.
pub(crate) const SAMPLES: HeaderValue = HeaderValue::from_static("application/vnd.weir.samples");

/// The content type of a batch.
pub(crate) const BATCH: HeaderValue = HeaderValue::from_static("application/vnd.weir.batch");

/// The content type of an ack.
pub(crate) const ACK: HeaderValue = HeaderValue::from_static("application/vnd.weir.ack");

/// The content type of an error.
pub(crate) const ERROR: HeaderValue = HeaderValue::from_static("application/vnd.weir.error");

/// Beside an answer with samples: since when the node has everything, as two numbers of milliseconds since the Unix epoch.
pub(crate) const SINCE: HeaderName = HeaderName::from_static("weir-since");

/// Beside a batch: the name and the address of the member that it is for, where the node is to keep it until that is back.
/// Beside the answer it says the same, where the node has kept it: one that does not know of this takes the batch as its own.
pub(crate) const HINT_FOR: HeaderName = HeaderName::from_static("weir-hint-for");

/// Beside every answer to a batch: the latest version of batches that the node takes. One that does not say it takes
/// [`OLDEST`] alone.
pub(crate) const TAKES: HeaderName = HeaderName::from_static("weir-takes");

/// Beside every answer to a batch, and every question: how what is sent to whom it comes from may be compressed. To one that does
/// not say it everything goes as it is.
pub(crate) const UNPACKS: HeaderName = HeaderName::from_static("weir-unpacks");

/// What [`UNPACKS`] says: messages may be frames of zstd.
pub(crate) const ZSTD: HeaderValue = HeaderValue::from_static("zstd");

/// The version of batches that all nodes take: what is beside floats and their start timestamps is passed over by who does not
/// know it.
pub(crate) const OLDEST: u8 = 1;

/// The latest version of batches. Since version 2 they may have native histograms, which are samples and not to be passed over.
pub(crate) const LATEST: u8 = 2;

/// The longest ack or error that is read, in bytes.
pub(crate) const MAX_ANSWER: usize = 1 << 20;

/// How messages to other nodes are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Not at all.
    None,
    /// With zstd, those of 4 KiB or more that it makes shorter, to nodes that say that they take it.
    #[default]
    Zstd,
}

/// The status of a reply with an error of this kind, for those who look at logs: the message says the kind itself.
pub(crate) fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::TimedOut | Kind::Unavailable { .. } | Kind::Closed => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Overloaded { .. } => StatusCode::TOO_MANY_REQUESTS,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The value of [`HINT_FOR`].
///
/// # Errors
/// The member's name or address can't be in a header.
pub(crate) fn hint_value(owner: &Member) -> Result<HeaderValue> {
    let value = HeaderValue::from_str(&format!("{} {}", owner.name, owner.address));
    value.map_err(|e| Error::internal("expected a member's name and address to fit a header").with_source(e))
}

/// The member that a value of [`HINT_FOR`] names.
///
/// # Errors
/// It names none.
pub(crate) fn read_hint(value: &HeaderValue) -> Result<Member> {
    let text = value.to_str().unwrap_or_default();
    let (name, address) = text.split_once(' ').unwrap_or_default();
    let member = Member::new(name.to_owned(), address.to_owned(), None, String::new());
    member.map_err(|why| Error::invalid(format!("expected the header `{HINT_FOR}` to name a member: {why}")))
}

/// The first version of batches that has all that a batch has.
pub(crate) fn version_of(batch: &Batch) -> u8 {
    if batch.histogram_count() > 0 { LATEST } else { OLDEST }
}

/// Why a node takes a batch only once it is upgraded: it is well, and takes others.
#[derive(Debug)]
struct TooOld(String);

/// What to say of a node that is too old for a batch: as if it were away.
pub(crate) fn too_old(message: String, why: String) -> Error {
    Error::unavailable(message).with_source(TooOld(why))
}

/// Whether an error is of [`too_old`].
pub(crate) fn is_too_old(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<TooOld>())
}

impl std::fmt::Display for TooOld {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TooOld {}

/// The latest version of batches that a node takes, as its answer says.
pub(crate) fn read_takes(headers: &HeaderMap) -> u8 {
    let value = headers.get(TAKES).and_then(|value| value.to_str().ok()?.parse().ok());
    value.unwrap_or(OLDEST)
}

/// Whether who sends these headers takes messages that are compressed with zstd.
pub(crate) fn unpacks(headers: &HeaderMap) -> bool {
    let said = headers.get(UNPACKS).and_then(|value| value.to_str().ok());
    said.is_some_and(|said| said.split(',').any(|one| one.trim() == "zstd"))
}

/// The value of [`SINCE`].
pub(crate) fn since_value(since: Since) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("{} {}", since.began, since.from)).ok()
}

/// What a value of [`SINCE`] says; `None` where it is none.
pub(crate) fn read_since(value: &HeaderValue) -> Option<Since> {
    let (began, from) = value.to_str().ok()?.split_once(' ')?;
    Some(Since { began: began.parse().ok()?, from: from.parse().ok()? })
}

//! What the errors of a bucket mean to those who use it.
//!
//! What waiting may mend is `unavailable` or `timed_out`: the network, a server that is down or overloaded, a full disk.
//! What it will not mend is `internal`: no such object, no rights, a request that the store refuses.
//!
//! The text of an answer is not passed on as it is: some stores repeat the whole request in it, with its session token.

use std::error::Error as StdError;
use std::fmt;

use object_store::client::{HttpError, HttpErrorKind};
use object_store::path::Path;
use url::Url;
use weir_pipeline::{Error, Kind};

/// So many characters of an answer's message are told.
const MESSAGE: usize = 300;

/// What is found out on this side of the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ours {
    /// Nobody knows yet whether the store refuses to overwrite.
    Unproven,
    /// The store overwrites where it must not.
    Overwrites,
    /// The store said each time that an object is there already, and none was.
    Meets,
    /// The time for a put and all its repetitions is over.
    Late,
}

/// Why the bucket failed, without what nobody should read.
#[derive(Debug)]
struct Cause(String);

// === impl Ours ===

impl Ours {
    pub(super) fn into_error(self) -> object_store::Error {
        object_store::Error::Generic { store: "S3", source: Box::new(self) }
    }
}

impl fmt::Display for Ours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unproven => "the bucket has not shown yet that it keeps what is there (If-None-Match)",
            Self::Overwrites => "the bucket ignores `If-None-Match: *` and overwrites what is there",
            Self::Meets => "it says that there is an object, and there is none",
            Self::Late => "no answer within the time for all attempts",
        })
    }
}

impl StdError for Ours {}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Cause {}

/// The error of having failed to `what` the object at `path`.
pub(super) fn failed(what: &str, path: &Path, error: &object_store::Error) -> Error {
    use object_store::Error as E;
    let path = if path.as_ref().is_empty() { "/" } else { path.as_ref() };
    let text = error.to_string();
    let cause = Cause(cause(error, &text));
    let (kind, message) = match (error, status(&text)) {
        _ if code(&text) == Some("NoSuchBucket") => (Kind::Internal, "the bucket does not exist".to_owned()),
        (E::NotFound { .. }, _) => (Kind::Internal, format!("the bucket has no `{path}`")),
        // A listing that is denied comes as a generic error, a removal among others in an answer of its own.
        _ if text.contains("(code: AccessDenied)") => (Kind::Internal, format!("the bucket denies to {what} `{path}`")),
        (E::PermissionDenied { .. } | E::Unauthenticated { .. }, _) | (_, Some(401 | 403)) => {
            (Kind::Internal, format!("the bucket denies to {what} `{path}`"))
        }
        (E::Generic { .. } | E::JoinError { .. }, _) => match trouble(error, &text) {
            Trouble::Time => (Kind::TimedOut, format!("the bucket took too long to {what} `{path}`")),
            Trouble::Passing => (Kind::Unavailable { retry_after: None }, format!("the bucket can't {what} `{path}`")),
            Trouble::Lasting => (Kind::Internal, format!("the bucket refuses to {what} `{path}`")),
        },
        _ => (Kind::Internal, format!("the bucket refuses to {what} `{path}`")),
    };
    Error::new(kind, message).with_source(cause)
}

/// Whether the request may have been carried out all the same, and nobody has tried to find out by sending it again.
pub(super) fn is_unclear(error: &object_store::Error) -> bool {
    http(error).is_some_and(|e| matches!(e.kind(), HttpErrorKind::Timeout | HttpErrorKind::Interrupted))
}

/// Whether the store says that it can't do that at all.
pub(super) fn is_not_implemented(error: &object_store::Error) -> bool {
    let text = error.to_string();
    matches!(error, object_store::Error::Generic { .. })
        && (status(&text) == Some(501) || code(&text) == Some("NotImplemented"))
}

enum Trouble {
    Time,
    Passing,
    Lasting,
}

fn trouble(error: &object_store::Error, text: &str) -> Trouble {
    if let Some(ours) = find::<Ours>(error) {
        return match ours {
            Ours::Unproven | Ours::Meets => Trouble::Passing,
            Ours::Overwrites => Trouble::Lasting,
            Ours::Late => Trouble::Time,
        };
    }
    if http(error).is_some_and(|e| e.kind() == HttpErrorKind::Timeout) {
        return Trouble::Time;
    }
    match status(text) {
        Some(408 | 429) => Trouble::Passing,
        Some(300..=499 | 501) => Trouble::Lasting,
        // A redirect without an address comes from another region.
        None if text.contains("redirect without LOCATION") => Trouble::Lasting,
        _ => Trouble::Passing,
    }
}

/// What may be told: for an answer its status, code and message; for a request without one where it went and how it ended.
fn cause(error: &object_store::Error, text: &str) -> String {
    if let Some(ours) = find::<Ours>(error) {
        return ours.to_string();
    }
    if let Some(status) = status(text) {
        let code = code(text).map(|code| format!(", `{code}`")).unwrap_or_default();
        let message = element(text, "Message").map(|message| format!(": {message}")).unwrap_or_default();
        return format!("status {status}{code}{message}");
    }
    let Some((_, request)) = text.split_once("Error performing ") else { return text.to_owned() };
    let mut words = request.split(' ');
    let method = words.next().unwrap_or_default();
    let origin = words.next().and_then(|url| Url::parse(url).ok()).map(|url| url.origin().ascii_serialization());
    let end = http(error).map_or_else(|| last(request), root);
    format!("{method} {}: {end}", origin.unwrap_or_default())
}

fn last(text: &str) -> String {
    let end = text.rsplit(" - ").next().unwrap_or_default();
    // From the first angle bracket on it would be an answer.
    end.split('<').next().unwrap_or_default().trim().chars().take(MESSAGE).collect()
}

/// What an error comes from in the end.
fn root(error: &HttpError) -> String {
    let mut at: &dyn StdError = error;
    while let Some(source) = at.source() {
        at = source;
    }
    at.to_string()
}

/// The status of the answer, from the text of the error: its type is not public.
fn status(text: &str) -> Option<u16> {
    let (_, from) = text.split_once("status code: ")?;
    from.get(..3)?.parse().ok()
}

fn code(text: &str) -> Option<&str> {
    element(text, "Code").filter(|code| code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.'))
}

/// The text of an XML element that has no elements in it.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, from) = text.split_once(&format!("<{name}>"))?;
    let (inner, _) = from.split_once('<')?;
    let end = inner.char_indices().nth(MESSAGE).map_or(inner.len(), |(at, _)| at);
    (!inner.contains(char::is_control)).then_some(&inner[..end])
}

fn http(error: &object_store::Error) -> Option<&HttpError> {
    find(error)
}

/// The first error of type `E` among what an error comes from.
fn find<E: StdError + 'static>(error: &object_store::Error) -> Option<&E> {
    let mut at: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(error) = at {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        at = error.source();
    }
    None
}

#[cfg(test)]
mod tests;

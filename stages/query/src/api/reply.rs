//! What the client gets back.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use weir_pipeline::{Error, Kind};

use super::json;
use super::pieces::Body;

/// The media type of the API.
pub(super) const JSON: &str = "application/json";

/// The media type of plain text.
pub(super) const TEXT: &str = "text/plain; charset=utf-8";

/// When to come again, where the error does not say.
const SOON: Duration = Duration::from_secs(1);

/// What the client gets back.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Content,
}

/// The body of a reply.
pub(super) enum Content {
    Whole(Vec<u8>),
    /// Written while it is sent.
    Pieces(Body),
}

/// Why a question has no answer, in the words of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    kind: &'static str,
    message: String,
    retry_after: Option<Duration>,
}

// === impl Reply ===

impl Reply {
    pub(super) fn new(status: StatusCode, media: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![(CONTENT_TYPE, HeaderValue::from_static(media))],
            body: Content::Whole(body.into()),
        }
    }

    pub(super) fn ok(media: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self::new(StatusCode::OK, media, body)
    }

    pub(super) fn text(status: StatusCode, text: &str) -> Self {
        Self::new(status, TEXT, format!("{text}\n"))
    }

    pub(super) fn no_content() -> Self {
        Self { status: StatusCode::NO_CONTENT, headers: Vec::new(), body: Content::Whole(Vec::new()) }
    }

    pub(super) fn header(&mut self, name: HeaderName, value: HeaderValue) {
        self.headers.push((name, value));
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(match self.body {
            Content::Whole(body) => Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync(),
            Content::Pieces(body) => body,
        });
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.headers);
        response
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        let mut reply = Self::new(refusal.status, JSON, json::error(refusal.kind, &refusal.message));
        reply.headers.extend(refusal.retry_header());
        reply
    }
}

// === impl Refusal ===

impl Refusal {
    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into(), retry_after: None }
    }

    /// The same as plain text: what is not of the API has no envelope.
    pub(super) fn into_text(self) -> Reply {
        let mut reply = Reply::text(self.status, &self.message);
        reply.headers.extend(self.retry_header());
        reply
    }

    /// When to come again, where that is said.
    fn retry_header(&self) -> Option<(HeaderName, HeaderValue)> {
        // Whole seconds, and not zero: zero would be "at once".
        let seconds = |after: Duration| after.as_millis().div_ceil(1000).clamp(1, 3600) as u64;
        self.retry_after.map(|after| (RETRY_AFTER, HeaderValue::from(seconds(after))))
    }

    /// The kind of the error, as the API names it.
    pub(super) fn kind(&self) -> &'static str {
        self.kind
    }

    /// What is wrong.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// The status that the asker gets.
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// The request is wrong.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_data", message)
    }

    pub(super) fn too_large(limit: u64) -> Self {
        let message = format!("expected a body of at most {limit} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "bad_data", message)
    }

    /// The settings do not allow it.
    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "unavailable", message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub(super) fn timed_out(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", message)
    }

    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    /// The answer to an error of the pipeline. Where the text of the query is wrong, `parameter` is what is to blame.
    pub(super) fn of(error: &Error, parameter: Option<&str>) -> Self {
        let message = message(error);
        let unavailable = |message, retry_after: Option<Duration>| Self {
            retry_after: retry_after.or(Some(SOON)),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
        };
        match error.kind() {
            Kind::Invalid => match parameter {
                Some(name) => Self::bad(format!("invalid parameter \"{name}\": {message}")),
                None => Self::bad(message),
            },
            Kind::Unprocessable => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "execution", message),
            Kind::TimedOut => Self::timed_out(message),
            Kind::Unavailable { retry_after } => unavailable(message, retry_after),
            Kind::Closed => unavailable(message, None),
            Kind::Overloaded { retry_after } => Self {
                retry_after: retry_after.or(Some(SOON)),
                ..Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message)
            },
            Kind::Internal => Self::internal(message),
        }
    }
}

/// The message of an error and of its sources. Its place is for logs: clients compare messages with Prometheus'.
fn message(error: &Error) -> String {
    let mut text = error.message().to_owned();
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}

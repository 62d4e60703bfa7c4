//! What the sender gets back.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use weir_pipeline::ack::Counts;
use weir_pipeline::{Error, Kind};

use crate::remote_write::wire::{put_bytes, put_integer};
use crate::remote_write::{EXEMPLARS_WRITTEN, HISTOGRAMS_WRITTEN, SAMPLES_WRITTEN, Version};

/// When to come again, where the error does not say.
const SOON: Duration = Duration::from_secs(1);

/// What the sender gets back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    /// The body, empty on success.
    pub(super) text: String,
    /// When to come again.
    pub(super) retry_after: Option<Duration>,
    /// How much was written.
    pub(super) written: Counts,
    /// How many samples were not, where only a part was wrong.
    pub(super) rejected: Option<u64>,
}

// === impl Reply ===

impl Reply {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), retry_after: None, written: Counts::default(), rejected: None }
    }

    /// All is written.
    pub(super) fn done(written: Counts) -> Self {
        Self { written, ..Self::new(StatusCode::NO_CONTENT, "") }
    }

    /// Something is wrong with the request; what is `written` of it was good, and `rejected` samples were not.
    pub(super) fn partial(text: String, written: Counts, rejected: u64) -> Self {
        Self { written, rejected: Some(rejected), ..Self::bad(text) }
    }

    pub(super) fn bad(text: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    pub(super) fn unsupported(text: String) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text)
    }

    pub(super) fn too_large(limit: u64) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, format!("expected a body of at most {limit} bytes"))
    }

    /// Of two replies to parts of a request the one for all of it: what may be repeated comes before what must not.
    pub(super) fn or_worse(self, other: Self) -> Self {
        let rank = |reply: &Self| match reply.status {
            StatusCode::SERVICE_UNAVAILABLE => 3,
            StatusCode::INTERNAL_SERVER_ERROR => 2,
            StatusCode::TOO_MANY_REQUESTS => 1,
            _ => 0,
        };
        if rank(&other) > rank(&self) { other } else { self }
    }

    /// Come again.
    pub(super) fn busy(text: impl Into<String>) -> Self {
        Self { retry_after: Some(SOON), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, text) }
    }

    /// The response to a request in OTLP: a message that says what was rejected, or what is wrong, in JSON or in protobuf.
    pub(super) fn into_otlp(self, json: bool) -> Response<Full<Bytes>> {
        let is_done = self.status.is_success() || self.rejected.is_some();
        let body = if json { self.otlp_json(is_done).into_bytes() } else { self.otlp_message(is_done) };
        let status = if is_done { StatusCode::OK } else { self.status };
        let mut response = Self { status, text: String::new(), ..self }.into_response(None);
        let media = if json { "application/json" } else { "application/x-protobuf" };
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
        *response.body_mut() = Full::new(Bytes::from(body));
        response
    }

    fn otlp_json(&self, is_done: bool) -> String {
        let body = match self.rejected {
            // Integers of 64 bits are texts.
            Some(rejected) => serde_json::json!({
                "partialSuccess": { "rejectedDataPoints": rejected.to_string(), "errorMessage": self.text }
            }),
            None if is_done => serde_json::json!({}),
            None => serde_json::json!({ "code": rpc_code(self.status), "message": self.text }),
        };
        body.to_string()
    }

    fn otlp_message(&self, is_done: bool) -> Vec<u8> {
        let mut body = Vec::new();
        if let Some(rejected) = self.rejected {
            let mut partial = Vec::new();
            put_integer(1, rejected, &mut partial);
            put_bytes(2, self.text.as_bytes(), &mut partial);
            put_bytes(1, &partial, &mut body);
        } else if !is_done {
            put_integer(1, rpc_code(self.status), &mut body);
            put_bytes(2, self.text.as_bytes(), &mut body);
        }
        body
    }

    /// The response; that to a 2.0 request says how much was written.
    pub(super) fn into_response(self, version: Option<Version>) -> Response<Full<Bytes>> {
        let mut text = self.text;
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        let bodiless = text.is_empty();
        let mut response = Response::new(Full::new(Bytes::from(text)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if !bodiless {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        }
        if let Some(after) = self.retry_after {
            // Whole seconds, and not zero: zero would be "at once".
            let seconds = after.as_millis().div_ceil(1000).clamp(1, 3600) as u64;
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("POST"));
        }
        if version == Some(Version::V2) {
            let Counts { floats, histograms, exemplars } = self.written;
            for (name, count) in
                [(SAMPLES_WRITTEN, floats), (HISTOGRAMS_WRITTEN, histograms), (EXEMPLARS_WRITTEN, exemplars)]
            {
                headers.insert(name, HeaderValue::from(count));
            }
        }
        response
    }
}

/// The code of gRPC that says what a status says.
fn rpc_code(status: StatusCode) -> u64 {
    match status {
        StatusCode::SERVICE_UNAVAILABLE => 14,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::PAYLOAD_TOO_LARGE => 8,
        StatusCode::INTERNAL_SERVER_ERROR => 13,
        StatusCode::METHOD_NOT_ALLOWED => 12,
        _ => 3,
    }
}

/// By the error's kind: what the sender should do. Nothing is known to be written.
impl From<Error> for Reply {
    fn from(error: Error) -> Self {
        let text = error.report();
        match error.kind() {
            Kind::Invalid | Kind::Unprocessable => Self::bad(text),
            Kind::TimedOut | Kind::Closed => Self::busy(text),
            Kind::Unavailable { retry_after } => Self { retry_after: retry_after.or(Some(SOON)), ..Self::busy(text) },
            Kind::Overloaded { retry_after } => {
                Self { retry_after: retry_after.or(Some(SOON)), ..Self::new(StatusCode::TOO_MANY_REQUESTS, text) }
            }
            Kind::Internal => Self::new(StatusCode::INTERNAL_SERVER_ERROR, text),
        }
    }
}

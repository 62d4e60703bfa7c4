//! Statuses of gRPC: what errors are as such, and what they are in HTTP.

use std::fmt::{self, Write as _};

use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};
use weir_pipeline::Error;

use super::super::pieces::Body;
use super::super::reply::Refusal;

/// The header, or trailer, with the code.
pub(super) const STATUS: &str = "grpc-status";

/// The header, or trailer, with the message.
const MESSAGE: &str = "grpc-message";

/// What went wrong, as gRPC numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum Code {
    Ok = 0,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::api) struct Status {
    code: Code,
    message: String,
}

// === impl Status ===

impl Status {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// It went well.
    pub(super) fn ok() -> Self {
        Self::new(Code::Ok, "")
    }

    /// The call is wrong.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message)
    }

    /// As headers, or trailers.
    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(STATUS, HeaderValue::from(self.code as u16));
        if let Some(message) = HeaderValue::from_str(&escaped(&self.message)).ok().filter(|text| !text.is_empty()) {
            headers.insert(MESSAGE, message);
        }
        headers
    }
}

impl From<&Refusal> for Status {
    fn from(refusal: &Refusal) -> Self {
        let code = match refusal.kind() {
            "bad_data" => Code::InvalidArgument,
            "execution" => Code::FailedPrecondition,
            "timeout" => Code::DeadlineExceeded,
            "unavailable" => Code::Unavailable,
            "too_many_requests" => Code::ResourceExhausted,
            "not_found" => Code::NotFound,
            _ => Code::Internal,
        };
        Self::new(code, refusal.message())
    }
}

impl From<&Error> for Status {
    fn from(error: &Error) -> Self {
        Self::from(&Refusal::of(error, None))
    }
}

/// A message can't be read.
pub(super) fn malformed(expected: &str, error: &dyn fmt::Display) -> Status {
    Status::invalid(format!("expected {expected}: {error}"))
}

/// What is asked for is not there.
pub(super) fn unsupported(what: &str) -> Status {
    Status::new(Code::Unimplemented, format!("there is no support for {what}"))
}

/// Something went wrong that is nobody's mistake.
pub(super) fn internal(error: &dyn fmt::Display) -> Status {
    Status::new(Code::Internal, error.to_string())
}

/// A message as headers have it: percent-encoded where it is not plain.
fn escaped(message: &str) -> String {
    message.bytes().fold(String::new(), |mut out, byte| {
        if (b' '..=b'~').contains(&byte) && byte != b'%' {
            out.push(char::from(byte));
        } else {
            // A text does not fail to be written to.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// What the reply would have as status in HTTP, for metrics: gRPC has 200 for all.
pub(in super::super) fn code(response: &Response<Body>) -> u16 {
    let is = |code: Code| response.headers().get(STATUS).is_some_and(|own| own == &(code as u16).to_string());
    let all = [
        (Code::InvalidArgument, StatusCode::BAD_REQUEST),
        (Code::NotFound, StatusCode::NOT_FOUND),
        (Code::FailedPrecondition, StatusCode::UNPROCESSABLE_ENTITY),
        (Code::ResourceExhausted, StatusCode::TOO_MANY_REQUESTS),
        (Code::Unimplemented, StatusCode::NOT_IMPLEMENTED),
        (Code::DeadlineExceeded, StatusCode::SERVICE_UNAVAILABLE),
        (Code::Unavailable, StatusCode::SERVICE_UNAVAILABLE),
        (Code::Internal, StatusCode::INTERNAL_SERVER_ERROR),
    ];
    all.into_iter().find(|(code, _)| is(*code)).map_or(response.status(), |(_, status)| status).as_u16()
}

//! Envelopes, error types and status codes.

use std::io::Write as _;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, ORIGIN, RETRY_AFTER, VARY,
};
use axum::http::{Response, StatusCode};
use flate2::Compression;
use flate2::write::GzEncoder;
use weir_pipeline::{Error, Kind};

use super::Service;
use super::json::text;

/// The most warnings and the most infos in an answer.
const MAX_ANNOTATIONS: usize = 10;
/// Below this many bytes compression is not worth it.
const MIN_COMPRESSED: usize = 1024;

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Failure {
    pub(super) status: StatusCode,
    pub(super) kind: &'static str,
    pub(super) message: String,
    pub(super) retry_after: Option<u64>,
}

/// The data of an answer as JSON, with what the asker should know.
#[derive(Clone, Debug, Default)]
pub(super) struct Envelope {
    pub(super) data: String,
    pub(super) warnings: Vec<String>,
    pub(super) infos: Vec<String>,
}

// === impl Failure ===

impl Failure {
    /// The request is wrong.
    pub(super) fn bad_data(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, kind: "bad_data", message: message.into(), retry_after: None }
    }

    /// A parameter is wrong.
    pub(super) fn parameter(name: &str, message: impl std::fmt::Display) -> Self {
        Self::bad_data(format!("invalid parameter \"{name}\": {message}"))
    }

    /// There is no such thing.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, kind: "not_found", message: message.into(), retry_after: None }
    }

    /// What the rest of the pipeline says.
    pub(super) fn from_rest(error: &Error) -> Self {
        let (status, kind) = match error.kind() {
            Kind::Invalid => (StatusCode::BAD_REQUEST, "bad_data"),
            Kind::Unprocessable => (StatusCode::UNPROCESSABLE_ENTITY, "execution"),
            Kind::TimedOut => (StatusCode::SERVICE_UNAVAILABLE, "timeout"),
            Kind::Unavailable { .. } | Kind::Closed => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Kind::Overloaded { .. } => (StatusCode::TOO_MANY_REQUESTS, "too_many_requests"),
            Kind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        };
        let retry_after = match error.kind() {
            Kind::Unavailable { retry_after } | Kind::Overloaded { retry_after } => {
                Some(retry_after.map_or(1, |d| d.as_secs().max(1)))
            }
            _ => None,
        };
        if error.kind() == Kind::Internal {
            tracing::error!(error = error.report(), "a query failed");
        }
        Self { status, kind, message: error.message().to_owned(), retry_after }
    }

    fn body(&self) -> String {
        format!(r#"{{"status":"error","errorType":"{}","error":{}}}"#, self.kind, text(&self.message))
    }
}

// === impl Envelope ===

impl Envelope {
    /// An answer with nothing to say about it.
    pub(super) fn data(data: impl Into<String>) -> Self {
        Self { data: data.into(), ..Self::default() }
    }

    fn body(&self) -> String {
        let mut body = format!(r#"{{"status":"success","data":{}"#, self.data);
        annotations(&mut body, "warnings", "warning", &self.warnings);
        annotations(&mut body, "infos", "info", &self.infos);
        body.push('}');
        body
    }
}

fn annotations(body: &mut String, field: &str, singular: &str, all: &[String]) {
    if all.is_empty() {
        return;
    }
    let mut shown: Vec<String> = all.iter().take(MAX_ANNOTATIONS).map(|a| text(a)).collect();
    if all.len() > MAX_ANNOTATIONS {
        shown.push(text(&format!("{} more {singular} annotations omitted", all.len() - MAX_ANNOTATIONS)));
    }
    body.push_str(&format!(r#","{field}":[{}]"#, shown.join(",")));
}

/// The response to a request under `/api/v1`.
pub(super) fn respond(service: &Service, request: &HeaderMap, result: Result<Envelope, Failure>) -> Response<Body> {
    let (status, body, retry_after) = match &result {
        Ok(envelope) => (StatusCode::OK, envelope.body(), None),
        Err(failure) => (failure.status, failure.body(), failure.retry_after),
    };
    let mut response = plain(status, "application/json", compress(request, body));
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    allow_origin(service, request, response.headers_mut());
    response
}

/// A response with this body.
pub(super) fn plain(status: StatusCode, media_type: &'static str, (body, gzip): (Vec<u8>, bool)) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    if gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    response
}

/// The body, in gzip where the asker takes it, and whether it is.
pub(super) fn compress(request: &HeaderMap, body: String) -> (Vec<u8>, bool) {
    let offered = request.get_all(ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok());
    let refused = |item: &str| item.split_once(';').is_some_and(|(_, q)| q.trim() == "q=0");
    let accepts = offered.flat_map(|v| v.split(',')).any(|item| {
        item.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("gzip")) && !refused(item)
    });
    if !accepts || body.len() < MIN_COMPRESSED {
        return (body.into_bytes(), false);
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(body.as_bytes());
    match written.and_then(|()| encoder.finish()) {
        Ok(bytes) => (bytes, true),
        Err(_) => (body.into_bytes(), false),
    }
}

/// Lets pages of allowed origins read the answer.
pub(super) fn allow_origin(service: &Service, request: &HeaderMap, response: &mut HeaderMap) {
    let Some(pattern) = &service.settings.cors_origin else { return };
    let origin = request.get(ORIGIN).filter(|o| o.to_str().is_ok_and(|o| pattern.allows(o)));
    let Some(origin) = origin else { return };
    response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    response.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
    let headers = HeaderValue::from_static("Accept, Accept-Encoding, Authorization, Content-Type, Origin");
    response.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers);
    response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Date"));
    response.append(VARY, HeaderValue::from_static("Origin"));
}

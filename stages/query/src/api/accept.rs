//! What a client accepts, and from which web page it asks.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue, ORIGIN, VARY};
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS,
};

use super::pattern::OriginPattern;
use super::reply::Reply;

/// Shorter bodies fit a packet as they are.
const WORTH_IT: usize = 1400;

/// Whether gzip is accepted.
pub(super) fn gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|encoding| {
        let mut parts = encoding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip") || name == "*");
        is_gzip && !parts.filter_map(|part| part.strip_prefix("q=")).any(|q| q.parse() == Ok(0.0))
    })
}

/// Whether OpenMetrics is asked for. Who does not say what it reads gets text, as from Prometheus.
pub(super) fn openmetrics(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_openmetrics = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("application/openmetrics-text"));
        is_openmetrics && !parts.filter_map(|part| part.strip_prefix("q=")).any(|q| q.parse() == Ok(0.0))
    })
}

/// The reply in gzip, where that is worth it.
pub(super) fn compress(mut reply: Reply) -> Reply {
    if reply.body.len() < WORTH_IT {
        return reply;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(reply.body.len() / 8), Compression::fast());
    if let Ok(body) = encoder.write_all(&reply.body).and_then(|()| encoder.finish()) {
        reply.body = body;
        reply.header(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    reply.header(VARY, HeaderValue::from(ACCEPT_ENCODING));
    reply
}

/// The headers that let the web page at the request's origin read the reply, if `allowed` has it.
///
/// Source: `util/httputil/cors.go` of Prometheus.
pub(super) fn cors(headers: &HeaderMap, allowed: Option<&OriginPattern>) -> Vec<(HeaderName, HeaderValue)> {
    let (Some(origin), Some(allowed)) = (headers.get(ORIGIN), allowed) else { return Vec::new() };
    let fixed = [
        (ACCESS_CONTROL_ALLOW_HEADERS, "Accept, Authorization, Content-Type, Origin"),
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
        (ACCESS_CONTROL_EXPOSE_HEADERS, "Date"),
        (VARY, "Origin"),
    ];
    let mut headers: Vec<_> = fixed.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect();
    if origin.to_str().is_ok_and(|origin| allowed.allows(origin)) {
        headers.push((ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()));
    }
    headers
}

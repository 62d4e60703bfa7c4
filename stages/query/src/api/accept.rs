//! What a client accepts, and from which web page it asks.

use hyper::header::{ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, VARY};
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS,
};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use super::pattern::OriginPattern;
use super::pieces::Encoder;
use super::reply::{Content, Reply};

/// Shorter bodies fit a packet as they are.
const WORTH_IT: usize = 1400;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

/// How bodies of the answer may be compressed: what the client likes best; of what it likes as much, zstd.
pub(super) fn encoding(headers: &HeaderMap) -> Encoding {
    let (mut best, mut most) = (Encoding::Identity, 0.0);
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    for item in values.flat_map(|value| value.split(',')) {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let found = match name.as_str() {
            "zstd" => Encoding::Zstd,
            "gzip" | "*" => Encoding::Gzip,
            _ => continue,
        };
        let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
        if quality > most || quality > 0.0 && quality == most && found == Encoding::Zstd {
            (best, most) = (found, quality);
        }
    }
    best
}

/// Whether nothing is to be answered from what is kept.
pub(super) fn is_no_store(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|directive| directive.trim().eq_ignore_ascii_case("no-store"))
}

/// In which format metrics are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exposition {
    Text,
    OpenMetrics,
    /// Messages, each behind its length.
    Protobuf,
}

/// What the client likes best of text and what else is `offered`; of what it likes as much, what it names first. Who does
/// not say what it reads gets text, as from Prometheus.
pub(super) fn exposition(headers: &HeaderMap, offered: &[Exposition]) -> Exposition {
    let (mut best, mut most) = (Exposition::Text, 0.0);
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    for range in values.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(|part| part.trim().to_ascii_lowercase());
        let name = parts.next().unwrap_or_default();
        let parts: Vec<String> = parts.collect();
        let has = |wanted: &str| parts.iter().any(|part| part == wanted);
        let found = match name.as_str() {
            "application/openmetrics-text" => Exposition::OpenMetrics,
            "application/vnd.google.protobuf"
                if has("proto=io.prometheus.client.metricfamily") && has("encoding=delimited") =>
            {
                Exposition::Protobuf
            }
            "text/plain" | "text/*" | "*/*" => Exposition::Text,
            _ => continue,
        };
        let quality = parts.iter().find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
        if quality > most && (found == Exposition::Text || offered.contains(&found)) {
            (best, most) = (found, quality);
        }
    }
    best
}

/// The reply compressed, where that is worth it.
pub(super) fn compress(mut reply: Reply, encoding: Encoding) -> Reply {
    let Content::Whole(body) = &reply.body else { return reply };
    if body.len() < WORTH_IT || encoding == Encoding::Identity {
        return reply;
    }
    let compressed = Encoder::new(encoding).and_then(|mut encoder| {
        encoder.write(body)?;
        encoder.finish()
    });
    if let Ok(body) = compressed {
        reply.body = Content::Whole(body);
        encoded(&mut reply, encoding);
    }
    reply
}

/// Says that the body of a reply is compressed.
pub(super) fn encoded(reply: &mut Reply, encoding: Encoding) {
    let name = match encoding {
        Encoding::Identity => return,
        Encoding::Gzip => "gzip",
        Encoding::Zstd => "zstd",
    };
    reply.header(CONTENT_ENCODING, HeaderValue::from_static(name));
}

/// The headers that let the web page at the request's origin read the reply, if `allowed` has it.
///
/// Source: `util/httputil/cors.go` of Prometheus.
pub(super) fn cors(origin: Option<&HeaderValue>, allowed: Option<&OriginPattern>) -> Vec<(HeaderName, HeaderValue)> {
    let varies = (VARY, HeaderValue::from_static("Origin"));
    let (Some(origin), Some(allowed)) = (origin, allowed) else { return vec![varies] };
    let fixed = [
        (ACCESS_CONTROL_ALLOW_HEADERS, "Accept, Authorization, Content-Type, Origin"),
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
        (ACCESS_CONTROL_EXPOSE_HEADERS, "Date"),
    ];
    let fixed = fixed.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value)));
    let mut headers: Vec<_> = std::iter::once(varies).chain(fixed).collect();
    if origin.to_str().is_ok_and(|origin| allowed.allows(origin)) {
        headers.push((ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()));
    }
    headers
}

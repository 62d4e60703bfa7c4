//! What a request's headers say: encoding, message.

use hyper::HeaderMap;
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};

use super::reply::Reply;
use crate::http::tenant::shown;
use crate::remote_write::Version;

/// The body must be a snappy block, or say nothing of its encoding.
pub(super) fn check_encoding(headers: &HeaderMap) -> Result<(), Reply> {
    match headers.get_all(CONTENT_ENCODING).iter().find(|v| !v.is_empty() && *v != "snappy") {
        None => Ok(()),
        Some(encoding) => {
            Err(Reply::unsupported(format!("expected the content encoding `snappy`, got `{}`", shown(encoding))))
        }
    }
}

/// The length that the body will have, where the sender says so.
pub(super) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Which message the body is.
pub(super) fn version(headers: &HeaderMap) -> Result<Version, Reply> {
    let Some(value) = headers.get(CONTENT_TYPE).filter(|v| !v.is_empty()) else { return Ok(Version::V1) };
    let unsupported = |what: &str| Reply::unsupported(format!("expected {what}, got `{}`", shown(value)));
    let text = value.to_str().map_err(|_| unsupported("a content type"))?;
    let mut parts = text.split(';').map(str::trim);
    if !parts.next().is_some_and(|media| media.eq_ignore_ascii_case("application/x-protobuf")) {
        return Err(unsupported("the content type `application/x-protobuf`"));
    }
    let mut version = Version::V1;
    for part in parts.filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').ok_or_else(|| unsupported("parameters `name=value`"))?;
        if !name.trim().eq_ignore_ascii_case("proto") {
            continue;
        }
        let message = value.trim().trim_matches('"');
        version = Version::ALL
            .into_iter()
            .find(|version| version.message() == message)
            .ok_or_else(|| unsupported("the message `prometheus.WriteRequest` or `io.prometheus.write.v2.Request`"))?;
    }
    Ok(version)
}

/// Whether a body of OTLP is in gzip. It must be protobuf.
pub(super) fn check_otlp(headers: &HeaderMap) -> Result<bool, Reply> {
    let media = headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let media = media.unwrap_or_default();
    let essence = media.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/x-protobuf") {
        let got: String = media.chars().take(100).collect();
        return Err(Reply::unsupported(format!("expected the content type `application/x-protobuf`, got `{got}`")));
    }
    match headers.get_all(CONTENT_ENCODING).iter().find(|value| !value.is_empty() && *value != "identity") {
        None => Ok(false),
        Some(encoding) if encoding == "gzip" => Ok(true),
        Some(encoding) => {
            Err(Reply::unsupported(format!("expected the content encoding `gzip` or none, got `{}`", shown(encoding))))
        }
    }
}

//! What a request's headers say: encoding, message.

use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use hyper::{HeaderMap, Method, StatusCode};

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

/// What is sent is posted.
pub(super) fn check_method(method: &Method) -> Result<(), Reply> {
    if method == Method::POST {
        return Ok(());
    }
    Err(Reply::new(StatusCode::METHOD_NOT_ALLOWED, format!("expected the method `POST`, got `{method}`")))
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

/// How a body of OTLP is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct OtlpForm {
    pub(super) gzip: bool,
    /// Or else in protobuf.
    pub(super) json: bool,
}

/// Whether a body of OTLP is in JSON: what the reply is written in as well.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    essence(headers).eq_ignore_ascii_case(b"application/json")
}

/// The type of a body without its parameters.
fn essence(headers: &HeaderMap) -> &[u8] {
    let media = headers.get(CONTENT_TYPE).map_or(&[][..], |value| value.as_bytes());
    media.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()
}

/// How a body of OTLP is written. It must be protobuf or JSON.
pub(super) fn check_otlp(headers: &HeaderMap) -> Result<OtlpForm, Reply> {
    let json = is_json(headers);
    if !json && !essence(headers).eq_ignore_ascii_case(b"application/x-protobuf") {
        let media = headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let got: String = media.unwrap_or_default().chars().take(100).collect();
        let expected = "expected the content type `application/x-protobuf` or `application/json`";
        return Err(Reply::unsupported(format!("{expected}, got `{got}`")));
    }
    match headers.get_all(CONTENT_ENCODING).iter().find(|value| !value.is_empty() && *value != "identity") {
        None => Ok(OtlpForm { gzip: false, json }),
        Some(encoding) if encoding == "gzip" => Ok(OtlpForm { gzip: true, json }),
        Some(encoding) => {
            Err(Reply::unsupported(format!("expected the content encoding `gzip` or none, got `{}`", shown(encoding))))
        }
    }
}

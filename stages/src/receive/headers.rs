//! What a request's headers say: encoding, message, tenant.

use hyper::HeaderMap;
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use serde::Deserialize;
use weir_pipeline::Tenant;

use super::reply::Reply;
use crate::remote_write::Version;

/// The headers that name the tenant: that of Cortex and Mimir, and that of Thanos.
const TENANT_HEADERS: [&str; 2] = ["x-scope-orgid", "thanos-tenant"];

/// The name of a header.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct TenantHeader(HeaderName);

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

/// Whose samples these are: named by `only`, or by one of the usual headers, or `default`.
pub(super) fn tenant(headers: &HeaderMap, only: Option<&TenantHeader>, default: &Tenant) -> Result<Tenant, Reply> {
    let names = only.map_or(TENANT_HEADERS, |header| [header.0.as_str(); 2]);
    let mut values = names.iter().flat_map(|name| headers.get_all(*name)).filter(|value| !value.is_empty());
    let Some(first) = values.next() else { return Ok(default.clone()) };
    if let Some(other) = values.find(|value| *value != first) {
        let text = format!("expected one tenant, got `{}` and `{}`", shown(first), shown(other));
        return Err(Reply::bad(text));
    }
    Tenant::new(&String::from_utf8_lossy(first.as_bytes())).map_err(|e| Reply::bad(e.to_string()))
}

/// A header's value for an error.
fn shown(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).chars().take(100).collect()
}

// === impl TenantHeader ===

impl TryFrom<String> for TenantHeader {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        HeaderName::try_from(&name).map(Self).map_err(|_| format!("expected the name of a header, got `{name}`"))
    }
}

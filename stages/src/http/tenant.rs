//! Whose a request is: what headers say, or what the client's certificate says.

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::Extensions;
use serde::Deserialize;
use weir_pipeline::Tenant;

use crate::tls::{CertificateField, PeerCertificate, TlsServer};

/// The headers that name the tenant: that of Cortex and Mimir, and that of Thanos.
const HEADERS: [&str; 2] = ["x-scope-orgid", "thanos-tenant"];

/// The name of a header.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct TenantHeader(HeaderName);

/// Whom `headers` name: by `only`, or by one of the usual headers, or else `default`.
///
/// # Errors
/// A sentence: they name several, or one that can't be a tenant.
pub fn in_headers(headers: &HeaderMap, only: Option<&TenantHeader>, default: &Tenant) -> Result<Tenant, String> {
    let names = only.map_or(HEADERS, |header| [header.0.as_str(); 2]);
    let mut values = names.iter().flat_map(|name| headers.get_all(*name)).filter(|value| !value.is_empty());
    let Some(first) = values.next() else { return Ok(default.clone()) };
    if let Some(other) = values.find(|value| *value != first) {
        return Err(format!("expected one tenant, got `{}` and `{}`", shown(first), shown(other)));
    }
    Tenant::new(&String::from_utf8_lossy(first.as_bytes())).map_err(|e| e.to_string())
}

/// Whom the client's certificate names, which is among the extensions of a request.
///
/// # Errors
/// A sentence: there is none, or it names nobody who can be a tenant.
pub fn in_certificate(extensions: &Extensions, field: CertificateField) -> Result<Tenant, String> {
    let named = extensions.get::<PeerCertificate>().and_then(|certificate| certificate.get(field));
    let name =
        named.ok_or_else(|| format!("expected a client certificate that names its tenant as `{}`", field.as_str()))?;
    Tenant::new(name).map_err(|e| e.to_string())
}

/// Has the headers of a request say what the certificate of its client says, whatever they said before.
///
/// # Errors
/// As [`in_certificate`].
pub fn settle(headers: &mut HeaderMap, extensions: &Extensions, field: CertificateField) -> Result<(), String> {
    let tenant = in_certificate(extensions, field)?;
    let value = HeaderValue::from_str(tenant.as_str()).map_err(|e| e.to_string())?;
    for name in HEADERS {
        headers.remove(name);
    }
    headers.insert(HEADERS[0], value);
    Ok(())
}

/// Whether settings that take tenants from certificates also ask for them.
///
/// # Errors
/// A sentence for who wrote them.
pub fn check(field: Option<CertificateField>, tls: Option<&TlsServer>) -> Result<(), String> {
    let asks = tls.is_some_and(|tls| tls.client_ca_file.is_some());
    if field.is_some() && !asks {
        return Err("expected `client_ca_file` in `tls_server_config` beside `tenant_certificate_field`".into());
    }
    Ok(())
}

/// A header's value for an error.
pub(crate) fn shown(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).chars().take(100).collect()
}

// === impl TenantHeader ===

impl TryFrom<String> for TenantHeader {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        HeaderName::try_from(&name).map(Self).map_err(|_| format!("expected the name of a header, got `{name}`"))
    }
}

#[cfg(test)]
mod tests;

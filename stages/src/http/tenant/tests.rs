//! Tests of whose requests are.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use rcgen::{CertificateParams, DnType, KeyPair};

use super::*;

/// What requests carry of a client whose certificate has this common name.
fn shows(name: &str) -> Extensions {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    let mut extensions = Extensions::new();
    extensions.insert(PeerCertificate::new(certificate.der()));
    extensions
}

#[test]
fn a_certificate_overrules_what_headers_say() {
    let mut headers = HeaderMap::new();
    headers.append("x-scope-orgid", HeaderValue::from_static("a"));
    headers.append("x-scope-orgid", HeaderValue::from_static("b"));
    headers.append("thanos-tenant", HeaderValue::from_static("c"));
    settle(&mut headers, &shows("team-a"), CertificateField::CommonName).unwrap();
    assert_eq!(in_headers(&headers, None, &Tenant::default()).unwrap().as_str(), "team-a");
}

#[test]
fn a_certificate_that_names_no_tenant_is_an_error() {
    let check = |extensions: &Extensions, field, expect: &str| {
        assert_eq!(in_certificate(extensions, field).unwrap_err(), expect);
    };
    let cn = CertificateField::CommonName;
    check(&Extensions::new(), cn, "expected a client certificate that names its tenant as `common_name`");
    let ou = CertificateField::OrganizationalUnit;
    check(&shows("a"), ou, "expected a client certificate that names its tenant as `organizational_unit`");
    let wrong = "expected a tenant of 1 to 150 characters from a-z A-Z 0-9 !-_.*'(), got `../a`";
    check(&shows("../a"), cn, wrong);
}

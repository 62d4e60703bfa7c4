//! Tests of what certificates say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};

use super::*;

fn certificate(names: &[(DnType, &str)], alternative: Vec<SanType>) -> PeerCertificate {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    for (kind, name) in names {
        params.distinguished_name.push(kind.clone(), *name);
    }
    params.subject_alt_names = alternative;
    PeerCertificate::new(params.self_signed(&KeyPair::generate().unwrap()).unwrap().der())
}

#[test]
fn each_field_is_found_where_it_is() {
    let names = [
        (DnType::CountryName, "CH"),
        (DnType::OrganizationName, "Example AG"),
        (DnType::OrganizationalUnitName, "team-a"),
        (DnType::CommonName, "prometheus-1"),
    ];
    let dns = |name: &str| SanType::DnsName(name.try_into().unwrap());
    let uri = SanType::URI("spiffe://eu-1/ns/team-b".try_into().unwrap());
    let all =
        certificate(&names, vec![SanType::IpAddress([127, 0, 0, 1].into()), uri, dns("a.example"), dns("b.example")]);
    for (field, expect) in [
        (CertificateField::CommonName, "prometheus-1"),
        (CertificateField::Organization, "Example AG"),
        (CertificateField::OrganizationalUnit, "team-a"),
        (CertificateField::Dns, "a.example"),
        (CertificateField::Uri, "team-b"),
    ] {
        assert_eq!(all.get(field), Some(expect), "{field:?}");
    }
    let long = "x".repeat(200);
    let few = certificate(&[(DnType::CommonName, &long)], Vec::new());
    assert_eq!(few.get(CertificateField::CommonName), Some(long.as_str()));
    for field in [CertificateField::Organization, CertificateField::OrganizationalUnit, CertificateField::Dns] {
        assert_eq!(few.get(field), None, "{field:?}");
    }
}

#[test]
fn bytes_that_are_no_certificate_say_nothing() {
    let whole = certificate(&[(DnType::CommonName, "a")], vec![SanType::DnsName("b".try_into().unwrap())]);
    for cut in 0..whole.0.len() {
        let part = PeerCertificate::new(&CertificateDer::from(&whole.0[..cut]));
        assert_eq!((part.get(CertificateField::CommonName), part.get(CertificateField::Dns)), (None, None), "{cut}");
    }
    for at in 0..whole.0.len() {
        for byte in [0, 1, 0x30, 0x7f, 0x80, 0x81, 0x84, 0xff] {
            let mut bytes = whole.0.to_vec();
            bytes[at] = byte;
            let other = PeerCertificate::new(&CertificateDer::from(bytes));
            for field in [CertificateField::CommonName, CertificateField::Dns, CertificateField::Uri] {
                let _ = other.get(field);
            }
        }
    }
}

//! What a certificate says of whom it was made out to. Only certificates whose signature was checked come here.
//!
//! Source: RFC 5280, sections 4.1 and 4.2.1.6; X.690 for DER.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use serde::Deserialize;

/// The certificate that a client showed, among the extensions of its requests.
#[derive(Clone, Debug)]
pub struct PeerCertificate(Arc<CertificateDer<'static>>);

/// A part of a certificate that names somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateField {
    /// The subject's common name, `CN`.
    CommonName,
    /// The subject's organization, `O`.
    Organization,
    /// The subject's organizational unit, `OU`.
    OrganizationalUnit,
    /// The first DNS name of the alternative names.
    Dns,
    /// What follows the last `/` of the first URI of the alternative names, as in `spiffe://cluster/team-a`.
    Uri,
}

/// DER: one value after the other, each with a tag.
struct Der<'a>(&'a [u8]);

/// The tags that are looked for.
mod tag {
    pub(super) const OID: u8 = 0x06;
    pub(super) const OCTETS: u8 = 0x04;
    pub(super) const SEQUENCE: u8 = 0x30;
    pub(super) const SET: u8 = 0x31;
    pub(super) const VERSION: u8 = 0xa0;
    pub(super) const EXTENSIONS: u8 = 0xa3;
    pub(super) const DNS: u8 = 0x82;
    pub(super) const URI: u8 = 0x86;
    /// `UTF8String`, `PrintableString` and `IA5String`.
    pub(super) const TEXTS: [u8; 3] = [0x0c, 0x13, 0x16];
}

/// The extension with alternative names of the subject.
const ALTERNATIVE_NAMES: [u8; 3] = [0x55, 0x1d, 0x11];

// === impl CertificateField ===

impl CertificateField {
    /// The name, as in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CommonName => "common_name",
            Self::Organization => "organization",
            Self::OrganizationalUnit => "organizational_unit",
            Self::Dns => "dns",
            Self::Uri => "uri",
        }
    }
}

// === impl PeerCertificate ===

impl PeerCertificate {
    /// That of a client whose connection was taken.
    pub fn new(certificate: &CertificateDer<'_>) -> Self {
        Self(Arc::new(certificate.clone().into_owned()))
    }

    /// The first value of a field; `None` where there is none, or it is no text.
    pub fn get(&self, field: CertificateField) -> Option<&str> {
        let mut tbs = Der(&self.0).one(tag::SEQUENCE)?.one(tag::SEQUENCE)?;
        if tbs.0.first() == Some(&tag::VERSION) {
            tbs.next()?;
        }
        // Serial number, algorithm, issuer, validity.
        for _ in 0..4 {
            tbs.next()?;
        }
        let subject = tbs.one(tag::SEQUENCE)?;
        let attribute = |last| in_subject(subject, [0x55, 0x04, last]);
        match field {
            CertificateField::CommonName => attribute(3),
            CertificateField::Organization => attribute(10),
            CertificateField::OrganizationalUnit => attribute(11),
            CertificateField::Dns => alternative(tbs, tag::DNS),
            CertificateField::Uri => alternative(tbs, tag::URI)?.rsplit('/').next(),
        }
        .filter(|text| !text.is_empty())
    }
}

/// The first attribute of this kind.
fn in_subject<'a>(mut subject: Der<'a>, kind: [u8; 3]) -> Option<&'a str> {
    while let Some((set, attributes)) = subject.next() {
        let mut attributes = Der(attributes);
        while let (tag::SET, Some((tag::SEQUENCE, attribute))) = (set, attributes.next()) {
            let mut attribute = Der(attribute);
            if attribute.next() == Some((tag::OID, &kind)) {
                let (_, text) = attribute.next().filter(|(tag, _)| tag::TEXTS.contains(tag))?;
                return std::str::from_utf8(text).ok();
            }
        }
    }
    None
}

/// The first alternative name of this kind. `rest` is what follows the subject.
fn alternative<'a>(mut rest: Der<'a>, kind: u8) -> Option<&'a str> {
    let (_, extensions) = std::iter::from_fn(|| rest.next()).find(|(tag, _)| *tag == tag::EXTENSIONS)?;
    let mut extensions = Der(extensions).one(tag::SEQUENCE)?;
    while let Some((_, extension)) = extensions.next() {
        let mut extension = Der(extension);
        if extension.next() != Some((tag::OID, &ALTERNATIVE_NAMES)) {
            continue;
        }
        let (_, value) = std::iter::from_fn(|| extension.next()).find(|(tag, _)| *tag == tag::OCTETS)?;
        let mut names = Der(value).one(tag::SEQUENCE)?;
        let (_, name) = std::iter::from_fn(|| names.next()).find(|(tag, _)| *tag == kind)?;
        return std::str::from_utf8(name).ok();
    }
    None
}

// === impl Der ===

impl<'a> Der<'a> {
    /// The next value and its tag; `None` at the end, and where the bytes are no DER.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (len, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (bytes.iter().fold(0, |len, byte| len << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some((tag, value))
    }

    /// What is in the next value, which has this tag.
    fn one(&mut self, tag: u8) -> Option<Self> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, value)| Self(value))
    }
}

#[cfg(test)]
mod tests;

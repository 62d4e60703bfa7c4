//! What a request's body is: a message of remote write in a snappy block, or one of OTLP, in protobuf or JSON, which may be in
//! gzip.

use hyper::{HeaderMap, Method};

use super::headers;
use super::reply::Reply;
use crate::remote_write::Version;

/// What a request's body is.
#[derive(Clone, Debug)]
pub(super) enum Message {
    /// Remote write, of a version, or of a type that is not known.
    Remote(Result<Version, Reply>),
    /// OTLP's metrics.
    Otlp(headers::OtlpForm),
}

// === impl Message ===

impl Message {
    /// Remote write, as headers say. Which version is looked at after the body is decompressed.
    pub(super) fn remote(headers: &HeaderMap) -> Result<Self, Reply> {
        headers::check_encoding(headers)?;
        Ok(Self::Remote(headers::version(headers)))
    }

    /// OTLP, as headers say. A method that there is not has no type of its body.
    pub(super) fn otlp(method: &Method, headers: &HeaderMap) -> Result<Self, Reply> {
        headers::check_method(method)?;
        headers::check_otlp(headers).map(Self::Otlp)
    }

    /// The name in metrics.
    pub(super) fn protocol(&self) -> &'static str {
        match self {
            Self::Remote(version) => version.as_ref().map_or("", |version| version.as_str()),
            Self::Otlp(_) => "otlp",
        }
    }

    /// The version of remote write, where it is that.
    pub(super) fn version(&self) -> Option<Version> {
        match self {
            Self::Remote(version) => version.as_ref().ok().copied(),
            Self::Otlp(_) => None,
        }
    }

    /// As what it is decoded: the errors that are to be told do not depend on a version where there is none.
    pub(super) fn rules(&self) -> Version {
        self.version().unwrap_or(Version::V2)
    }

    /// How many bytes the body says that it decompresses to: in gzip those of its last member, of which there may be several.
    pub(super) fn declared(&self, body: &[u8]) -> u64 {
        match self {
            Self::Remote(_) => snap::raw::decompress_len(body).map_or(0, |n| n as u64),
            Self::Otlp(form) if !form.gzip => body.len() as u64,
            // The last four bytes of gzip.
            Self::Otlp(_) => body.last_chunk().map_or(0, |len| u64::from(u32::from_le_bytes(*len))),
        }
    }
}

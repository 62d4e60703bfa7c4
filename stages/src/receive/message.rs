//! What a request's body is: a message of remote write in a snappy block, or one of OTLP, in protobuf or JSON, which may be in
//! gzip.

use std::io::Read;

use flate2::read::GzDecoder;
use hyper::HeaderMap;
use weir_pipeline::Tenant;

use super::reply::Reply;
use super::{body, headers};
use crate::otlp::{self, Otlp};
use crate::remote_write::{Decoded, Limits, Version};

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

    /// OTLP, as headers say.
    pub(super) fn otlp(headers: &HeaderMap) -> Result<Self, Reply> {
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

    /// How many bytes the body says that it decompresses to.
    pub(super) fn declared(&self, body: &[u8]) -> u64 {
        match self {
            Self::Remote(_) => snap::raw::decompress_len(body).map_or(0, |n| n as u64),
            Self::Otlp(form) if !form.gzip => body.len() as u64,
            // The last four bytes of gzip.
            Self::Otlp(_) => body.last_chunk().map_or(0, |len| u64::from(u32::from_le_bytes(*len))),
        }
    }

    /// Decompresses and decodes a body.
    pub(super) fn open(
        self,
        body: &[u8],
        tenant: Tenant,
        max_decoded: u64,
        limits: &Limits,
        settings: &Otlp,
    ) -> Result<Decoded, Reply> {
        match self {
            Self::Remote(version) => body::open(body, version, tenant, max_decoded, limits),
            Self::Otlp(form) => {
                let declared = self.declared(body);
                if declared > max_decoded {
                    return Err(too_long(max_decoded, declared));
                }
                let unzipped = if form.gzip { Some(unzip(body, declared)?) } else { None };
                let body = unzipped.as_deref().unwrap_or(body);
                let read =
                    if form.json { Some(otlp::to_protobuf(body, max_decoded).map_err(Reply::bad)?) } else { None };
                Ok(otlp::decode(read.as_deref().unwrap_or(body), tenant, limits, settings)?)
            }
        }
    }
}

fn too_long(limit: u64, got: u64) -> Reply {
    Reply::bad(format!("expected at most {limit} bytes after decompression, got `{got}`"))
}

/// What gzip holds, which is as long as its end says.
fn unzip(body: &[u8], declared: u64) -> Result<Vec<u8>, Reply> {
    let mut out = Vec::new();
    let read = GzDecoder::new(body).take(declared + 1).read_to_end(&mut out);
    read.map_err(|e| Reply::bad(format!("expected a body in gzip: {e}")))?;
    if out.len() as u64 == declared {
        return Ok(out);
    }
    Err(Reply::bad(format!("expected a body in gzip of `{declared}` bytes, as its end says")))
}

//! The request to a target.

use std::future::Future;
use std::io::{self, Write};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use weir_pipeline::exposition::Format;

use super::failure::{Failure, Reason};
use super::job::{Job, Scheme};
use super::target::Target;
use crate::outbound::{self, AGENT, Outbound, chain};

/// What we read, best first.
const FORMATS: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
    application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
    text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

/// What is decompressed of an answer before the size of the rest is known.
const SOME: usize = 64 << 10;

/// Asks a target.
pub(super) trait Fetch: Send + Sync + 'static {
    /// The body of `target`, decompressed, with its format. May be dropped at any time.
    fn fetch(&self, target: &Target, job: &Job) -> impl Future<Output = Result<Fetched, Failure>> + Send;
}

/// What a target answered.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    pub(super) body: Vec<u8>,
    pub(super) format: Format,
}

/// Asks the targets of a job and keeps connections. A clone shares them.
#[derive(Clone, Debug)]
pub(super) struct Http {
    plain: Outbound,
    /// Made once a target asks for it: most machines that scrape none need no certificates.
    tls: Arc<OnceLock<Result<Outbound, String>>>,
}

/// A buffer that refuses to grow beyond its limit.
struct Limited {
    buffer: Vec<u8>,
    limit: u64,
    exceeded: bool,
}

// === impl Http ===

impl Http {
    /// A client for the targets of `job`.
    ///
    /// # Errors
    /// The files of its TLS can't be used, where the job says that it needs them.
    pub(super) fn new(job: &Job) -> weir_pipeline::Result<Self> {
        let tls = Arc::new(OnceLock::new());
        if job.scheme == Scheme::Https || job.tls_config.is_some() {
            let _ = tls.set(Ok(Self::with_tls(job)?));
        }
        Ok(Self { plain: outbound::client(job.timeout(), None, 1)?, tls })
    }

    fn with_tls(job: &Job) -> weir_pipeline::Result<Outbound> {
        outbound::client(job.timeout(), Some(&job.tls_config.clone().unwrap_or_default()), 1)
    }

    fn client(&self, target: &Target, job: &Job) -> Result<&Outbound, Failure> {
        match target.scheme {
            Scheme::Http => Ok(&self.plain),
            Scheme::Https => {
                let client = self.tls.get_or_init(|| Self::with_tls(job).map_err(|error| error.report()));
                client.as_ref().map_err(|why| Failure::new(Reason::Connect, why.clone()))
            }
        }
    }
}

impl Fetch for Http {
    async fn fetch(&self, target: &Target, job: &Job) -> Result<Fetched, Failure> {
        let (client, request) = (self.client(target, job)?, request(target, job).await?);
        let response = client.request(request).await.map_err(|error| {
            let reason = if error.is_connect() { Reason::Connect } else { Reason::Http };
            Failure::new(reason, format!("expected an answer: {}", chain(&error)))
        })?;
        if response.status() != StatusCode::OK {
            return Err(Failure::new(Reason::Status, format!("expected status 200, got `{}`", response.status())));
        }
        let content_type = response.headers().get(CONTENT_TYPE).cloned();
        let limit = Some(job.body_size_limit.get()).filter(|limit| *limit > 0).unwrap_or(u64::MAX);
        let body = body(response, limit).await?;
        // An empty body has no format. It means that there are no series.
        let format = if body.is_empty() { Format::Text } else { format(content_type.as_ref(), job)? };
        Ok(Fetched { body, format })
    }
}

async fn request(target: &Target, job: &Job) -> Result<Request<Full<Bytes>>, Failure> {
    let secret = job.auth.header().await.map_err(|error| Failure::new(Reason::Credentials, error.report()))?;
    let encoding = if job.enable_compression { "gzip" } else { "identity" };
    let mut request = Request::get(target.uri.clone())
        .header(ACCEPT, FORMATS)
        .header(ACCEPT_ENCODING, encoding)
        .header(USER_AGENT, AGENT)
        .header("x-prometheus-scrape-timeout-seconds", target.timeout.as_secs_f64().to_string())
        .body(Full::default())
        .map_err(|error| Failure::new(Reason::Http, format!("expected a request: {error}")))?;
    job.http_headers.add_to(request.headers_mut());
    if let Some(secret) = secret {
        request.headers_mut().insert(AUTHORIZATION, secret);
    }
    Ok(request)
}

fn format(content_type: Option<&HeaderValue>, job: &Job) -> Result<Format, Failure> {
    let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let fallback = || job.fallback_scrape_protocol.map(|protocol| protocol.format());
    Format::from_content_type(content_type).or_else(fallback).ok_or_else(|| {
        let got = if content_type.is_empty() { "none".to_owned() } else { format!("`{content_type}`") };
        let what = "a content type of text or OpenMetrics, or `fallback_scrape_protocol` in the job";
        Failure::new(Reason::ContentType, format!("expected {what}, got {got}"))
    })
}

/// The body of an answer, decompressed, up to `limit`.
async fn body(response: Response<Incoming>, limit: u64) -> Result<Vec<u8>, Failure> {
    let gzip = match response.headers().get(CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"" | b"identity") => false,
        Some(encoding) if encoding.eq_ignore_ascii_case(b"gzip") => true,
        Some(other) => {
            let other = String::from_utf8_lossy(other);
            return Err(Failure::new(Reason::Http, format!("expected a body in gzip or plain, got `{other}`")));
        }
    };
    let mut incoming = response.into_body();
    let announced = incoming.size_hint().exact();
    if !gzip && announced.is_some_and(|size| size > limit) {
        return Err(too_large(limit));
    }
    let room = announced.map_or(SOME, |size| usize::try_from(size.min(limit)).unwrap_or(SOME));
    let out = Limited { buffer: Vec::with_capacity(room), limit, exceeded: false };
    let mut out = if gzip { Unpack::Gzip(Box::new(MultiGzDecoder::new(out))) } else { Unpack::Plain(out) };
    while let Some(frame) = incoming.frame().await {
        let frame =
            frame.map_err(|e| Failure::new(Reason::Http, format!("expected more of the body: {}", chain(&e))))?;
        if let Some(data) = frame.data_ref() {
            out.write(data)?;
        }
    }
    out.finish()
}

fn too_large(limit: u64) -> Failure {
    let limit = weir_pipeline::units::Bytes::new(limit);
    Failure::new(Reason::BodySizeLimit, format!("expected a body of at most {limit}, got a larger one"))
}

// === Unpack ===

/// A body on its way into its buffer.
enum Unpack {
    Plain(Limited),
    Gzip(Box<MultiGzDecoder<Limited>>),
}

impl Unpack {
    fn write(&mut self, data: &[u8]) -> Result<(), Failure> {
        let written = match self {
            Self::Plain(out) => out.write_all(data),
            Self::Gzip(decoder) => decoder.write_all(data),
        };
        written.map_err(|error| self.failure(&error))
    }

    fn finish(mut self) -> Result<Vec<u8>, Failure> {
        if let Self::Gzip(decoder) = &mut self {
            let finished = decoder.try_finish();
            finished.map_err(|error| self.failure(&error))?;
        }
        match self {
            Self::Plain(out) => Ok(out.buffer),
            Self::Gzip(mut decoder) => Ok(std::mem::take(&mut decoder.get_mut().buffer)),
        }
    }

    fn failure(&self, error: &io::Error) -> Failure {
        let out = match self {
            Self::Plain(out) => out,
            Self::Gzip(decoder) => decoder.get_ref(),
        };
        if out.exceeded {
            return too_large(out.limit);
        }
        Failure::new(Reason::Http, format!("expected a body in gzip: {error}"))
    }
}

impl Write for Limited {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if (self.buffer.len() + data.len()) as u64 > self.limit {
            self.exceeded = true;
            return Err(io::Error::other("the limit is reached"));
        }
        self.buffer.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;

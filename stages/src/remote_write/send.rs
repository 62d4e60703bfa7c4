//! A batch on its way to a server: encoded, sent, and accounted for.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Body;
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper::{HeaderMap, Method, Request};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_util::sync::PollSemaphore;
use tower::Service;
use weir_pipeline::batch::Series;
use weir_pipeline::{Ack, Batch, Clock, Context, Error, Kind, Next, Reply, Result, Write};

use super::reply::{Came, Verdict};
use super::telemetry::Telemetry;
use super::{RemoteWrite, VERSION, Version, compress, encode};
use crate::outbound::{self, AGENT, Outbound};

/// How long a server that did not know 2.0 is sent 1.0 before it is asked again.
const FALLBACK: Duration = Duration::from_secs(600);

/// How much of a reply's body is read, for its first line.
const REPLY: usize = 16 << 10;

/// The way to the server. A clone shares the connections.
struct Way {
    shared: Arc<Shared>,
    room: PollSemaphore,
    permit: Option<OwnedSemaphorePermit>,
}

struct Shared {
    settings: RemoteWrite,
    client: Outbound,
    clock: Clock,
    telemetry: Telemetry,
    /// Until when 1.0 is spoken.
    fallback: Mutex<Option<Instant>>,
}

/// The service that ends the pipeline.
pub(super) fn open(settings: RemoteWrite, context: &Context) -> Result<Next<Write>> {
    let tls = settings.url.is_https().then(|| settings.tls.clone().unwrap_or_default());
    let (limit, concurrency) = (settings.timeout.get(), settings.concurrency.get().min(Semaphore::MAX_PERMITS));
    let client = outbound::client(limit, tls.as_ref(), concurrency)?;
    let (clock, telemetry) = (context.clock.clone(), Telemetry::new(context, &settings.url));
    let shared = Shared { settings, client, clock, telemetry, fallback: Mutex::new(None) };
    let room = PollSemaphore::new(Arc::new(Semaphore::new(concurrency)));
    Ok(Next::new(Way { shared: Arc::new(shared), room, permit: None }))
}

// === impl Way ===

impl Clone for Way {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), room: self.room.clone(), permit: None }
    }
}

impl Service<Batch> for Way {
    type Response = Ack;
    type Error = Error;
    type Future = Reply<Write>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<()>> {
        if self.permit.is_none() {
            // It is never closed.
            self.permit = ready!(self.room.poll_acquire(cx));
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, batch: Batch) -> Reply<Write> {
        let (shared, permit) = (self.shared.clone(), self.permit.take());
        async move {
            let _permit = permit;
            shared.write(batch).await
        }
        .boxed()
    }
}

// === impl Shared ===

impl Shared {
    async fn write(&self, batch: Batch) -> Result<Ack> {
        let version = self.version();
        if self.says_nothing(&batch, version) {
            return Ok(Ack::default());
        }
        match self.send(&batch, version).await? {
            // A server that does not know 2.0 has taken nothing.
            Verdict::Unknown(_) if self.settings.version.is_none() && version == Version::V2 => {
                self.fall_back();
                if self.says_nothing(&batch, Version::V1) {
                    return Ok(Ack::default());
                }
                self.account(self.send(&batch, Version::V1).await?, &batch)
            }
            verdict => self.account(verdict, &batch),
        }
    }

    /// Whether a request would be empty.
    fn says_nothing(&self, batch: &Batch, version: Version) -> bool {
        // 2.0 has no place for what is said of metrics without series.
        let is_empty = batch.is_empty() && batch.exemplar_count() == 0;
        is_empty && (version == Version::V2 || batch.metadata().is_empty())
    }

    /// The version to speak now.
    fn version(&self) -> Version {
        if let Some(version) = self.settings.version {
            return version;
        }
        let mut fallback = self.fallback.lock().unwrap_or_else(PoisonError::into_inner);
        match *fallback {
            Some(until) if Instant::now() < until => Version::V1,
            _ => {
                *fallback = None;
                Version::V2
            }
        }
    }

    fn fall_back(&self) {
        let before = self.fallback.lock().unwrap_or_else(PoisonError::into_inner).replace(Instant::now() + FALLBACK);
        if before.is_none() {
            self.telemetry.fell_back();
            tracing::info!(url = %self.settings.url, "the server does not know remote write 2.0: it is sent 1.0");
        }
    }

    /// Sends `batch` once.
    async fn send(&self, batch: &Batch, version: Version) -> Result<Verdict> {
        let (url, start) = (&self.settings.url, Instant::now());
        let request = self.request(batch, version).await?;
        let size = request.body().size_hint().exact().unwrap_or(0);
        let limit = self.settings.timeout;
        let late = |_| Err(Error::new(Kind::TimedOut, format!("{url} did not answer within {limit}")));
        let came = timeout(limit.get(), self.exchange(request)).await.unwrap_or_else(late);
        let code = came.as_ref().map_or(0, |came| came.status.as_u16());
        self.telemetry.sent(version, code, start.elapsed(), size);
        came?
            .judge(batch.sample_count() as u64, version, self.clock.now())
            .map_err(|(kind, told)| Error::new(kind, format!("{url} answered {told}")))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Came> {
        let url = &self.settings.url;
        let unreachable = |e| {
            let why = outbound::chain(&e);
            Error::unavailable(format!("{url} can't be reached: {why}"))
        };
        let response = self.client.request(request).await.map_err(unreachable)?;
        let (parts, body) = response.into_parts();
        // What the server says more than this is of no use, and nothing of a reply that worked is.
        let body = Limited::new(body, REPLY).collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        Ok(Came { status: parts.status, headers: parts.headers, body })
    }

    async fn request(&self, batch: &Batch, version: Version) -> Result<Request<Full<Bytes>>> {
        let body = packed(batch, version)?;
        let auth = self.settings.auth.header().await?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.settings.url.uri().clone();
        let headers = request.headers_mut();
        self.settings.headers.add_to(headers);
        self.name_tenant(batch, headers)?;
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("snappy"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(version.content_type()));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(VERSION, HeaderValue::from_static(version.header()));
        if let Some(auth) = auth {
            headers.insert(AUTHORIZATION, auth);
        }
        Ok(request)
    }

    fn name_tenant(&self, batch: &Batch, headers: &mut HeaderMap) -> Result<()> {
        if let Some(name) = &self.settings.tenant_header {
            let tenant = batch.tenant();
            let value = HeaderValue::from_str(tenant.as_str());
            headers.insert(
                name,
                value.map_err(|_| Error::invalid(format!("the tenant `{tenant}` can't stand in a header")))?,
            );
        }
        Ok(())
    }

    /// The ack of a batch of which that became.
    fn account(&self, verdict: Verdict, batch: &Batch) -> Result<Ack> {
        let samples = batch.sample_count() as u64;
        let (written, reason, told) = match verdict {
            Verdict::Written(written) => (written, "not_written", "that not all samples are written".to_owned()),
            Verdict::Refused { written, reason, told } => (written, reason, told),
            Verdict::Unknown(told) => (0, "version_unknown", told),
        };
        let mut ack = Ack::written(written);
        if written < samples {
            let url = &self.settings.url;
            let detail = format!("{url} answered {told}");
            tracing::warn!(%url, reason, samples = samples - written, told, "samples are rejected");
            ack.reject(reason, detail, samples - written);
        }
        self.telemetry.written(written, newest(batch).filter(|_| written > 0));
        Ok(ack)
    }
}

/// The request's body.
fn packed(batch: &Batch, version: Version) -> Result<Bytes> {
    let (mut message, mut body) = (Vec::new(), Vec::new());
    encode(batch, version, &mut message);
    compress(&message, &mut body)?;
    Ok(body.into())
}

/// The time of the newest sample, in milliseconds since the Unix epoch.
fn newest(batch: &Batch) -> Option<i64> {
    let newest = |series: Series<'_>| {
        let histograms = series.histograms.iter().map(|point| point.timestamp);
        series.timestamps.iter().copied().chain(histograms).max()
    };
    batch.iter().filter_map(newest).max()
}

#[cfg(test)]
mod tests;

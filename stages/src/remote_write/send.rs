//! A batch on its way to a server: encoded, sent, and accounted for.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Body;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Method, Request};
use tokio::time::{Instant, timeout};
use weir_pipeline::ack::{Counts, reason};
use weir_pipeline::batch::Series;
use weir_pipeline::{Ack, Batch, Clock, Context, Error, Kind, Next, Result, Write};

use super::reply::{Came, Verdict};
use super::telemetry::Telemetry;
use super::{RemoteWrite, VERSION, Version, compress, encode};
use crate::outbound::{self, Outbound};
use crate::way::{Asked, Way};

/// How long a server that did not know 2.0 is sent 1.0 before it is asked again.
const FALLBACK: Duration = Duration::from_secs(600);

/// How much of a reply's body is read, for its first line.
const REPLY: usize = 16 << 10;

/// The server.
struct Remote {
    settings: RemoteWrite,
    client: Outbound,
    clock: Clock,
    telemetry: Telemetry,
    /// Until when 1.0 is spoken.
    fallback: Mutex<Option<Instant>>,
}

/// The service that ends the pipeline.
pub(super) fn open(settings: RemoteWrite, context: &Context) -> Result<Next<Write>> {
    let (limit, concurrency) = (settings.timeout.get(), settings.concurrency.get());
    let client = settings.server.client(limit, concurrency)?;
    let (clock, telemetry) = (context.clock.clone(), Telemetry::new(context, &settings.server.url));
    let remote = Remote { settings, client, clock, telemetry, fallback: Mutex::new(None) };
    Ok(Way::open(remote, concurrency))
}

// === impl Remote ===

impl Asked for Remote {
    async fn write(&self, batch: Batch) -> Result<Ack> {
        let (mut ack, mut parts) = (Ack::default(), vec![batch]);
        // The first is on top.
        while let Some(part) = parts.pop() {
            match self.offer(&part).await? {
                Some(Verdict::TooLarge(_)) if part.series_count() > 1 => {
                    self.telemetry.split();
                    tracing::debug!(url = %self.settings.server.url, series = part.series_count(), "a batch is too large");
                    parts.extend(halves(&part).into_iter().rev());
                }
                Some(verdict) => ack.merge(self.account(verdict, &part)),
                None => {}
            }
        }
        Ok(ack)
    }
}

impl Remote {
    /// Sends `batch`, once more where the server turns out not to know 2.0; nothing where the request would be empty.
    async fn offer(&self, batch: &Batch) -> Result<Option<Verdict>> {
        let version = self.version();
        if self.says_nothing(batch, version) {
            return Ok(None);
        }
        match self.send(batch, version).await? {
            // A server that does not know 2.0 has taken nothing.
            Verdict::Unknown(_) if self.settings.version.is_none() && version == Version::V2 => {
                self.fall_back();
                if self.says_nothing(batch, Version::V1) {
                    return Ok(None);
                }
                self.send(batch, Version::V1).await.map(Some)
            }
            verdict => Ok(Some(verdict)),
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
            tracing::info!(url = %self.settings.server.url, "the server does not know remote write 2.0: it is sent 1.0");
        }
    }

    /// Sends `batch` once.
    async fn send(&self, batch: &Batch, version: Version) -> Result<Verdict> {
        let (url, start) = (&self.settings.server.url, Instant::now());
        let request = self.request(batch, version).await?;
        let size = request.body().size_hint().exact().unwrap_or(0);
        let limit = self.settings.timeout;
        let late = |_| Err(Error::new(Kind::TimedOut, format!("{url} did not answer within {limit}")));
        let came = timeout(limit.get(), self.exchange(request)).await.unwrap_or_else(late);
        let code = came.as_ref().map_or(0, |came| came.status.as_u16());
        self.telemetry.sent(version, code, start.elapsed(), size);
        came?
            .judge(Counts::of(batch), version, self.clock.now())
            .map_err(|(kind, told)| Error::new(kind, format!("{url} answered {told}")))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Came> {
        let url = &self.settings.server.url;
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
        let mut request = self.settings.server.request(Method::POST, body).await?;
        let headers = request.headers_mut();
        self.name_tenant(batch, headers)?;
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("snappy"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(version.content_type()));
        headers.insert(VERSION, HeaderValue::from_static(version.header()));
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
    fn account(&self, verdict: Verdict, batch: &Batch) -> Ack {
        let sent = Counts::of(batch);
        let (written, reason, told) = match verdict {
            Verdict::Written(written) => (written, reason::NOT_WRITTEN, "that not all samples are written".to_owned()),
            Verdict::Refused { written, reason, told } => (written, reason, told),
            Verdict::TooLarge(told) => (Counts::default(), reason::TOO_LARGE, told),
            Verdict::Unknown(told) => (Counts::default(), reason::VERSION_UNKNOWN, told),
        };
        let mut ack = Ack::written(written.samples());
        let lost = sent.without(written);
        let url = &self.settings.server.url;
        if lost.samples() > 0 {
            tracing::warn!(%url, reason, samples = lost.samples(), told, "samples are rejected");
        }
        if lost != Counts::default() {
            ack.reject_all(reason, format!("{url} answered {told}"), lost);
        }
        self.telemetry.written(written.samples(), newest(batch).filter(|_| written.samples() > 0));
        ack
    }
}

/// The first half of the series of a batch, and the others.
fn halves(batch: &Batch) -> Vec<Batch> {
    let series = batch.series_count();
    let route: Vec<usize> = (0..series).map(|i| usize::from(i >= series / 2)).collect();
    batch.split(&route, 2)
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

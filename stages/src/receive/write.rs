//! One request, from its headers to its reply.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use weir_pipeline::{Ack, Batch, Context, Metrics, Next, Outcome, Tenant, Write};

use super::reply::{Reply, Written};
use super::telemetry::Telemetry;
use super::{Receive, body, headers};
use crate::http::budget::{Budget, Share};
use crate::http::server::Answer;
use crate::http::{discard, metrics_page};
use crate::remote_write::{Decoded, Limits, Version};

/// What all requests share.
pub(super) struct Receiver {
    pub(super) settings: Receive,
    limits: Limits,
    next: Next<Write>,
    working: Semaphore,
    pub(super) budget: Budget,
    telemetry: Telemetry,
    shutdown: CancellationToken,
    metrics: Metrics,
}

// === impl Receiver ===

impl Receiver {
    pub(super) fn new(settings: Receive, context: &Context, next: Next<Write>) -> Self {
        let limits = Limits {
            labels: settings.max_labels.get(),
            name_bytes: settings.max_label_name.get() as usize,
            value_bytes: settings.max_label_value.get() as usize,
            batch_bytes: settings.max_batch.get(),
            ..Limits::default()
        };
        Self {
            limits,
            next,
            working: Semaphore::new(settings.concurrency.get().min(Semaphore::MAX_PERMITS)),
            budget: Budget::new(settings.in_flight.get()),
            telemetry: Telemetry::new(context),
            shutdown: context.shutdown.clone(),
            metrics: context.metrics.clone(),
            settings,
        }
    }

    /// Takes a remote write request, within the time that it has.
    async fn take(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let start = Instant::now();
        let version = headers::version(request.headers());
        let limit = self.settings.timeout.get();
        let reply = match timeout(limit, self.write(request, version.clone())).await {
            Ok(Ok(reply) | Err(reply)) => reply,
            Err(_) => Reply::busy(format!("expected the request to be done within {}", self.settings.timeout)),
        };
        self.telemetry.replied(reply.status.as_u16(), start.elapsed());
        if reply.status.is_server_error() || reply.status.is_client_error() {
            tracing::debug!(status = reply.status.as_u16(), text = reply.text, "refused a request");
        }
        reply.into_response(version.ok())
    }

    async fn write(&self, request: Request<Incoming>, version: Result<Version, Reply>) -> Result<Reply, Reply> {
        let (parts, mut incoming) = request.into_parts();
        let (tenant, length) = match self.admit(&parts) {
            Ok(admitted) => admitted,
            Err(reply) => {
                discard(&mut incoming).await;
                return Err(reply);
            }
        };
        // Requests wait before their bodies are read: those beyond `concurrency` cost a socket buffer each.
        let _working = self.working.acquire().await.map_err(|_| Reply::busy("Weir is stopping."))?;
        let mut share = self.budget.share();
        let read = body::read(&mut incoming, length, self.settings.max_body.get(), &mut share).await;
        let body = match read {
            Ok(body) => body,
            Err(reply) => {
                if !incoming.is_end_stream() {
                    discard(&mut incoming).await;
                }
                return Err(reply);
            }
        };
        self.telemetry.read(body.len() as u64);
        let decoded = self.open(body, version.clone(), tenant, &mut share).await?;
        let version = version?;
        self.telemetry.decoded(&decoded, version);
        self.send(decoded, version).await
    }

    /// What can be said before the body is read: whose request it is, and how long.
    fn admit(&self, parts: &hyper::http::request::Parts) -> Result<(Tenant, Option<u64>), Reply> {
        headers::check_encoding(&parts.headers)?;
        let length = headers::content_length(&parts.headers);
        if length.is_some_and(|length| length > self.settings.max_body.get()) {
            return Err(Reply::too_large(self.settings.max_body.get()));
        }
        if parts.method != Method::POST {
            return Err(method_not_allowed(&parts.method));
        }
        let only = self.settings.tenant_header.as_ref();
        Ok((headers::tenant(&parts.headers, only, &self.settings.default_tenant)?, length))
    }

    /// Decodes `body`, and leaves in `share` what the batch takes.
    async fn open(
        &self,
        body: Vec<u8>,
        version: Result<Version, Reply>,
        tenant: Tenant,
        share: &mut Share,
    ) -> Result<Decoded, Reply> {
        let max_decoded = self.settings.max_decoded.get();
        let full = |_| Reply::busy("expected to find memory for the request, and all of it is in use");
        // Twice what the body says it decompresses to: a batch is rarely larger than its message. What is too long, or
        // no snappy, fails below.
        let declared = snap::raw::decompress_len(&body).map_or(0, |n| n as u64).min(max_decoded);
        share.resize(body.len() as u64 + 2 * declared).map_err(full)?;
        let decoded = if declared > body::LONG {
            // The work goes on where the request is given up, and its memory stays charged until then.
            let (limits, held) = (self.limits.clone(), std::mem::replace(share, self.budget.share()));
            let work = move || (body::open(&body, version, tenant, max_decoded, &limits), held);
            let failed = |_| Reply::new(StatusCode::INTERNAL_SERVER_ERROR, "expected the decoder to finish");
            let (decoded, held) = tokio::task::spawn_blocking(work).await.map_err(failed)?;
            *share = held;
            decoded
        } else {
            body::open(&body, version, tenant, max_decoded, &self.limits)
        }?;
        share.resize(decoded.batch.byte_size() as u64).map_err(full)?;
        Ok(decoded)
    }

    /// Sends the good series down, and says what became of all.
    async fn send(&self, decoded: Decoded, version: Version) -> Result<Reply, Reply> {
        let Decoded { batch, refused, .. } = decoded;
        let all = Written::of(&batch);
        let ack = self.pass(batch).await?;
        let mut texts = Vec::new();
        if refused.fails(version) {
            texts.push(refused.to_string());
        }
        for entry in ack.entries().iter().filter(|entry| entry.outcome == Outcome::Rejected) {
            let detail = entry.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
            texts.push(format!("{}: {} rejected{detail}", entry.reason, entry.count));
        }
        // What a stage dropped or absorbed is as its operator wants it: for the sender it is done.
        let written = all.without(ack.count(Outcome::Rejected));
        if texts.is_empty() { Ok(Reply::done(written)) } else { Err(Reply::partial(texts.join("\n"), written)) }
    }

    async fn pass(&self, batch: Batch) -> Result<Ack, Reply> {
        if batch.says_nothing() {
            return Ok(Ack::default());
        }
        self.next.send(batch).await.map_err(|error| {
            if error.kind() == weir_pipeline::Kind::Internal {
                tracing::error!(error = error.report(), "a request failed");
            }
            Reply::from(error)
        })
    }
}

impl Answer for Receiver {
    type Body = Full<Bytes>;

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        match request.uri().path() {
            "/api/v1/receive" | "/api/v1/write" => self.take(request).await,
            "/metrics" => metrics_page(&self.metrics),
            "/-/healthy" => Reply::new(StatusCode::OK, "Weir is healthy.").into_response(None),
            "/-/ready" if self.shutdown.is_cancelled() => Reply::busy("Weir is stopping.").into_response(None),
            "/-/ready" => Reply::new(StatusCode::OK, "Weir is ready.").into_response(None),
            _ => Reply::new(StatusCode::NOT_FOUND, "expected the path `/api/v1/receive`").into_response(None),
        }
    }
}

fn method_not_allowed(method: &Method) -> Reply {
    Reply::new(StatusCode::METHOD_NOT_ALLOWED, format!("expected the method `POST`, got `{method}`"))
}

//! One request, from its headers to its reply.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use weir_pipeline::{Ack, Batch, Context, Metrics, Next, Outcome, Tenant, Write};

use super::message::Message;
use super::reply::{Reply, Written};
use super::telemetry::Telemetry;
use super::{Receive, body, headers};
use crate::http::budget::{Budget, Share};
use crate::http::server::Answer;
use crate::http::{discard, metrics_page, tenant};
use crate::limits::{Bounds, OpenLimits};
use crate::otlp::Otlp;
use crate::remote_write::{Decoded, Limits, Version};

/// Of the batches of one request, each of another tenant, so many are under way at a time.
const AT_ONCE: usize = 16;

/// What all requests share.
pub(super) struct Receiver {
    pub(super) settings: Receive,
    limits: Limits,
    otlp: Arc<Otlp>,
    next: Next<Write>,
    working: Semaphore,
    pub(super) budget: Budget,
    telemetry: Telemetry,
    pipeline: Arc<str>,
    tenants: Option<Arc<OpenLimits>>,
    shutdown: CancellationToken,
    metrics: Metrics,
}

/// Whose a request is, and what that tenant may send.
struct Sender {
    tenant: Tenant,
    bounds: Arc<Bounds>,
}

// === impl Receiver ===

impl Receiver {
    pub(super) fn new(settings: Receive, context: &Context, next: Next<Write>) -> weir_pipeline::Result<Self> {
        let limits = Limits {
            labels: settings.max_labels.get(),
            name_bytes: settings.max_label_name.get() as usize,
            value_bytes: settings.max_label_value.get() as usize,
            batch_bytes: settings.max_batch.get(),
            ..Limits::default()
        };
        let tenants = settings.limits.as_ref().map(|named| context.resource(named.name())).transpose()?;
        Ok(Self {
            limits,
            otlp: Arc::new(settings.otlp.clone()),
            next,
            working: Semaphore::new(settings.concurrency.get().min(Semaphore::MAX_PERMITS)),
            budget: Budget::new(settings.in_flight.get()),
            telemetry: Telemetry::new(context),
            shutdown: context.shutdown.clone(),
            metrics: context.metrics.clone(),
            pipeline: context.pipeline.clone(),
            tenants,
            settings,
        })
    }

    /// Takes a remote write request.
    async fn take(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let version = headers::version(request.headers()).ok();
        let message = Message::remote(request.headers());
        self.take_in_time(request, message).await.into_response(version)
    }

    /// Takes metrics in OTLP.
    async fn take_otlp(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (message, json) = (Message::otlp(request.headers()), headers::is_json(request.headers()));
        self.take_in_time(request, message).await.into_otlp(json)
    }

    /// Takes a request, within the time that it has.
    async fn take_in_time(&self, request: Request<Incoming>, message: Result<Message, Reply>) -> Reply {
        let start = Instant::now();
        let limit = self.settings.timeout.get();
        let reply = match timeout(limit, self.write(request, message)).await {
            Ok(Ok(reply) | Err(reply)) => reply,
            Err(_) => Reply::busy(format!("expected the request to be done within {}", self.settings.timeout)),
        };
        self.telemetry.replied(reply.status.as_u16(), start.elapsed());
        if reply.status.is_server_error() || reply.status.is_client_error() {
            tracing::debug!(status = reply.status.as_u16(), text = reply.text, "refused a request");
        }
        reply
    }

    async fn write(&self, request: Request<Incoming>, message: Result<Message, Reply>) -> Result<Reply, Reply> {
        let (parts, mut incoming) = request.into_parts();
        let (message, sender, length) = match message.and_then(|message| Ok((message, self.admit(&parts)?))) {
            Ok((message, (sender, length))) => (message, sender, length),
            Err(reply) => {
                discard(&mut incoming).await;
                return Err(reply);
            }
        };
        // Requests wait before their bodies are read: those beyond `concurrency` cost a socket buffer each.
        let _working = self.working.acquire().await.map_err(|_| Reply::busy("Weir is stopping."))?;
        let mut share = self.budget.share();
        let most = self.settings.max_body.get().min(sender.bounds.request_bytes());
        let read = body::read(&mut incoming, length, most, &mut share).await;
        let body = match read {
            Ok(body) => body,
            Err(reply) => {
                if reply.status == StatusCode::PAYLOAD_TOO_LARGE && most < self.settings.max_body.get() {
                    self.hit(&sender, "request_bytes");
                }
                if !incoming.is_end_stream() {
                    discard(&mut incoming).await;
                }
                return Err(reply);
            }
        };
        self.telemetry.read(body.len() as u64);
        let (protocol, rules) = (message.protocol(), message.rules());
        let decoded = self.open(body, message, &sender, &mut share).await?;
        self.telemetry.decoded(&decoded, protocol);
        self.check(&sender, &decoded.batch)?;
        self.send(decoded, rules).await
    }

    /// What can be said before the body is read: whose request it is, and how long.
    fn admit(&self, parts: &hyper::http::request::Parts) -> Result<(Sender, Option<u64>), Reply> {
        let length = headers::content_length(&parts.headers);
        if length.is_some_and(|length| length > self.settings.max_body.get()) {
            return Err(Reply::too_large(self.settings.max_body.get()));
        }
        if parts.method != Method::POST {
            return Err(method_not_allowed(&parts.method));
        }
        let named = match self.settings.tenant_certificate_field {
            Some(field) => tenant::in_certificate(&parts.extensions, field),
            None => {
                let only = self.settings.tenant_header.as_ref();
                tenant::in_headers(&parts.headers, only, &self.settings.default_tenant)
            }
        };
        let tenant = named.map_err(Reply::bad)?;
        let bounds = self.tenants.as_ref().map_or_else(|| Arc::new(Bounds::none()), |limits| limits.of(&tenant));
        let sender = Sender { tenant, bounds };
        self.check_bytes(&sender, length.unwrap_or(0))?;
        Ok((sender, length))
    }

    /// Whether the tenant may send so long a body.
    fn check_bytes(&self, sender: &Sender, bytes: u64) -> Result<(), Reply> {
        let most = sender.bounds.request_bytes();
        if bytes <= most {
            return Ok(());
        }
        self.hit(sender, "request_bytes");
        Err(Reply::too_large(most))
    }

    /// Whether the tenant may send so much at once.
    fn check(&self, sender: &Sender, batch: &Batch) -> Result<(), Reply> {
        let (series, samples) = sender.bounds.request();
        let found = [
            ("request_series", "series", batch.series_count() as u64, series),
            ("request_samples", "samples", batch.sample_count() as u64, samples),
        ];
        for (limit, what, n, most) in found {
            if n > most {
                self.hit(sender, limit);
                let text = format!("expected at most {most} {what} in a request of `{}`, got `{n}`", sender.tenant);
                return Err(Reply::new(StatusCode::PAYLOAD_TOO_LARGE, text));
            }
        }
        Ok(())
    }

    fn hit(&self, sender: &Sender, limit: &'static str) {
        if let Some(limits) = &self.tenants {
            limits.hit(&self.pipeline, &sender.tenant, limit);
        }
    }

    /// Decodes `body`, and leaves in `share` what the batch takes.
    async fn open(
        &self,
        body: Vec<u8>,
        message: Message,
        sender: &Sender,
        share: &mut Share,
    ) -> Result<Decoded, Reply> {
        let max_decoded = self.settings.max_decoded.get();
        let full = |_| Reply::busy("expected to find memory for the request, and all of it is in use");
        // Twice what the body says it decompresses to: a batch is rarely larger than its message. What is too long, or
        // no snappy, fails below.
        let declared = message.declared(&body).min(max_decoded);
        self.check_bytes(sender, declared)?;
        let tenant = sender.tenant.clone();
        share.resize(body.len() as u64 + 2 * declared).map_err(full)?;
        let decoded = if declared > body::LONG {
            // The work goes on where the request is given up, and its memory stays charged until then.
            let (limits, held) = (self.limits.clone(), std::mem::replace(share, self.budget.share()));
            let otlp = self.otlp.clone();
            let work = move || (message.open(&body, tenant, max_decoded, &limits, &otlp), held);
            let failed = |_| Reply::new(StatusCode::INTERNAL_SERVER_ERROR, "expected the decoder to finish");
            let (decoded, held) = tokio::task::spawn_blocking(work).await.map_err(failed)?;
            *share = held;
            decoded
        } else {
            message.open(&body, tenant, max_decoded, &self.limits, &self.otlp)
        }?;
        share.resize(decoded.batch.byte_size() as u64).map_err(full)?;
        Ok(decoded)
    }

    /// Sends the good series down, and says what became of all.
    async fn send(&self, decoded: Decoded, version: Version) -> Result<Reply, Reply> {
        let Decoded { batch, refused, .. } = decoded;
        let all = Written::of(&batch);
        let ack = match &self.settings.split_tenant_label {
            None => self.pass(batch).await?,
            Some(label) => {
                let (batches, ack) = label.split(batch);
                self.pass_all(batches, ack).await?
            }
        };
        let rejected = ack.count(Outcome::Rejected);
        let mut texts = Vec::new();
        if refused.fails(version) {
            texts.push(refused.to_string());
        }
        for entry in ack.entries().iter().filter(|entry| entry.outcome == Outcome::Rejected) {
            let detail = entry.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
            texts.push(format!("{}: {} rejected{detail}", entry.reason, entry.count));
        }
        // What a stage dropped or absorbed is as its operator wants it: for the sender it is done.
        let written = all.without(rejected);
        let rejected = rejected.saturating_add(refused.counts().iter().map(|count| count.samples).sum());
        if texts.is_empty() {
            Ok(Reply::done(written))
        } else {
            Err(Reply::partial(texts.join("\n"), written, rejected))
        }
    }

    /// Sends the batches of several tenants. Where some fail the sender hears of what is most worth repeating: what was
    /// written is merged when it comes again.
    async fn pass_all(&self, batches: Vec<Batch>, mut ack: Ack) -> Result<Ack, Reply> {
        let (mut failed, mut written) = (None::<Reply>, Written::default());
        for some in batches.chunks(AT_ONCE) {
            let answers = join_all(some.iter().map(|batch| self.pass(batch.clone()))).await;
            for (batch, answer) in some.iter().zip(answers) {
                match answer {
                    Ok(more) => {
                        written = written.and(Written::of(batch).without(more.count(Outcome::Rejected)));
                        ack.merge(more);
                    }
                    Err(reply) => failed = Some(failed.map_or(reply.clone(), |before| before.or_worse(reply))),
                }
            }
        }
        failed.map_or(Ok(ack), |reply| Err(Reply { written, ..reply }))
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
            "/api/v1/otlp/v1/metrics" => self.take_otlp(request).await,
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

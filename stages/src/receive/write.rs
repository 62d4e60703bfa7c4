//! One request, from its headers to its reply.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::{Request, Response, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use weir_pipeline::ack::Counts;
use weir_pipeline::{Ack, Batch, Context, Metrics, Next, Outcome, Tenant, Write};

use super::message::Message;
use super::opening::Opening;
use super::reply::Reply;
use super::telemetry::Telemetry;
use super::{Receive, body, headers};
use crate::http::budget::{Budget, Share};
use crate::http::server::Answer;
use crate::http::{discard, metrics_page, tenant};
use crate::limits::{Bounds, OpenLimits};
use crate::otlp::Otlp;
use crate::remote_write::{Decoded, Limits, Version, no_memory};

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
        let message = Message::otlp(request.method(), request.headers());
        let json = headers::is_json(request.headers());
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
        self.send(decoded, rules, &mut share).await
    }

    /// What can be said before the body is read: whose request it is, and how long.
    fn admit(&self, parts: &hyper::http::request::Parts) -> Result<(Sender, Option<u64>), Reply> {
        let length = headers::content_length(&parts.headers);
        if length.is_some_and(|length| length > self.settings.max_body.get()) {
            return Err(Reply::too_large(self.settings.max_body.get()));
        }
        headers::check_method(&parts.method)?;
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
        let declared = message.declared(&body).min(max_decoded);
        self.check_bytes(sender, declared)?;
        let mut opening = Opening {
            message,
            body,
            tenant: sender.tenant.clone(),
            max_decoded,
            most_of_tenant: sender.bounds.request_bytes(),
            limits: self.limits.clone(),
            otlp: self.otlp.clone(),
            share: std::mem::replace(share, self.budget.share()),
        };
        let opened = if declared > body::LONG { Ok(None) } else { opening.run(body::LONG) };
        let failed = || Reply::new(StatusCode::INTERNAL_SERVER_ERROR, "expected the decoder to finish");
        let (opened, held) = match opened {
            Ok(None) => {
                // The work goes on where the request is given up, and its memory stays charged until then.
                let work = move || (opening.run(u64::MAX), opening.share);
                tokio::task::spawn_blocking(work).await.map_err(|_| failed())?
            }
            opened => (opened, opening.share),
        };
        *share = held;
        let opened = opened.inspect_err(|reply| {
            if reply.status == StatusCode::PAYLOAD_TOO_LARGE {
                self.hit(sender, "request_bytes");
            }
        });
        let decoded = opened?.ok_or_else(failed)?;
        share.resize(decoded.batch.byte_size() as u64).map_err(|_| no_memory())?;
        Ok(decoded)
    }

    /// Sends the good series down, and says what became of all.
    async fn send(&self, decoded: Decoded, version: Version, share: &mut Share) -> Result<Reply, Reply> {
        let Decoded { batch, refused, .. } = decoded;
        let all = Counts::of(&batch);
        let ack = match &self.settings.split_tenant_label {
            None => self.pass(batch).await?,
            Some(label) => {
                let (batches, ack) = label.split(batch, self.limits.batch_bytes, share)?;
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
        let written = all.without(ack.rejected());
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
        let (mut failed, mut written) = (None::<Reply>, Counts::default());
        for some in batches.chunks(AT_ONCE) {
            let answers = join_all(some.iter().map(|batch| self.pass(batch.clone()))).await;
            for (batch, answer) in some.iter().zip(answers) {
                match answer {
                    Ok(more) => {
                        written = written.and(Counts::of(batch).without(more.rejected()));
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

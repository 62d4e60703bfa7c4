//! One batch, from its bytes to its ack.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use weir_pipeline::batch::Series;
use weir_pipeline::{Ack, Batch, Context, Error, Kind, Metrics, Next, Result, Write};

use super::Peers;
use super::hints::Holder;
use super::telemetry::Telemetry;
use crate::http::budget::{Budget, Share};
use crate::http::metrics_page;
use crate::http::server::Answer;
use crate::node::{self, wire};

/// Messages that are longer, once they are unpacked, are decoded on a thread of their own, so that none holds up the
/// connections of a worker.
const LONG: u64 = 1 << 20;

/// What all requests share.
pub(super) struct Taker {
    settings: Peers,
    limits: wire::Limits,
    holder: Option<Arc<Holder>>,
    next: Next<Write>,
    working: Semaphore,
    budget: Budget,
    telemetry: Telemetry,
    shutdown: CancellationToken,
    metrics: Metrics,
}

// === impl Taker ===

impl Taker {
    pub(super) fn new(settings: Peers, holder: Option<Holder>, context: &Context, next: Next<Write>) -> Self {
        let (message_bytes, batch_bytes) = (settings.max_body.get(), settings.max_batch.get());
        Self {
            limits: wire::Limits { message_bytes, batch_bytes, ..wire::Limits::default() },
            holder: holder.map(Arc::new),
            next,
            working: Semaphore::new(settings.concurrency.get().min(Semaphore::MAX_PERMITS)),
            budget: Budget::new(settings.in_flight.get()),
            telemetry: Telemetry::new(context),
            shutdown: context.shutdown.clone(),
            metrics: context.metrics.clone(),
            settings,
        }
    }

    async fn take(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let start = Instant::now();
        let hint = request.headers().get(node::HINT_FOR).cloned();
        let late = |_| {
            let limit = self.settings.timeout;
            Err(Error::new(Kind::TimedOut, format!("expected the batch to be done within {limit}")))
        };
        let result = timeout(self.settings.timeout.get(), self.write(request)).await.unwrap_or_else(late);
        let (status, kind, mut body) = match &result {
            Ok(_) => (StatusCode::OK, node::ACK, Vec::new()),
            Err(error) => (node::status(error.kind()), node::ERROR, Vec::new()),
        };
        match &result {
            Ok(ack) => wire::encode_ack(ack, &mut body),
            Err(error) => {
                tracing::debug!(error = error.report(), "refused a batch");
                wire::encode_error(error, &mut body);
            }
        }
        self.telemetry.replied(status.as_u16(), start.elapsed());
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response.headers_mut().insert(node::TAKES, HeaderValue::from(u16::from(self.settings.version)));
        response.headers_mut().insert(node::UNPACKS, node::ZSTD);
        if let (Some(hint), Ok(_)) = (hint, &result) {
            response.headers_mut().insert(node::HINT_FOR, hint);
        }
        response
    }

    async fn write(&self, request: Request<Incoming>) -> Result<Ack> {
        if request.method() != Method::POST {
            return Err(Error::invalid(format!("expected the method `POST`, got `{}`", request.method())));
        }
        if request.headers().get(CONTENT_TYPE) != Some(&node::BATCH) {
            let got = request.headers().get(CONTENT_TYPE).map_or(b"".as_slice(), HeaderValue::as_bytes);
            let got = String::from_utf8_lossy(got).chars().take(100).collect::<String>();
            let expect = String::from_utf8_lossy(node::BATCH.as_bytes()).into_owned();
            return Err(Error::invalid(format!("expected the content type `{expect}`, got `{got}`")));
        }
        let owner = request.headers().get(node::HINT_FOR).map(node::read_hint).transpose()?;
        // Requests wait before their bodies are read.
        let _working = self.working.acquire().await.map_err(|_| Error::closed())?;
        let mut share = self.budget.share();
        let message = self.read(request.into_body(), &mut share).await?;
        self.telemetry.read(message.len() as u64);
        // A batch takes a few times what its message does; what it really takes is known afterwards.
        let len = wire::unpacked_len(&message, self.limits.message_bytes)?;
        share.resize(4 * len).map_err(full)?;
        let limits = self.limits.clone();
        let batch = if len > LONG {
            // The work goes on where the request is given up, and its memory stays charged until then.
            let work = move || (decode(&message, &limits), share);
            let failed = |e| Error::internal("expected the decoder to finish").with_source(e);
            let (batch, held) = tokio::task::spawn_blocking(work).await.map_err(failed)?;
            share = held;
            batch
        } else {
            decode(&message, &limits)
        }?;
        share.resize(batch.byte_size() as u64).map_err(full)?;
        let (needed, taken) = (node::version_of(&batch), self.settings.version);
        if needed > taken {
            let text =
                format!("this node takes batches of version {taken}, and one with native histograms has {needed}");
            return Err(Error::unavailable(text));
        }
        let batch = if taken < node::LATEST { plain(batch) } else { batch };
        self.telemetry.decoded(batch.sample_count() as u64);
        if batch.says_nothing() {
            return Ok(Ack::default());
        }
        match (owner, &self.holder) {
            (None, _) => self.next.send(batch).await,
            (Some(owner), Some(holder)) => holder.clone().keep(owner, batch).await,
            (Some(owner), None) => {
                Err(Error::invalid(format!("expected `hints` in the settings, to keep something for `{}`", owner.name)))
            }
        }
    }

    /// Reads a message, charged to `share` as it comes.
    async fn read(&self, mut body: Incoming, share: &mut Share) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            let broken = |e| Error::unavailable("expected a whole message").with_source(e);
            let frame = frame.map_err(broken)?;
            let Some(data) = frame.data_ref() else { continue };
            let after = (bytes.len() + data.len()) as u64;
            if after > self.settings.max_body.get() {
                let limit = self.settings.max_body;
                return Err(Error::invalid(format!("expected a message of at most {limit}")));
            }
            share.resize(after).map_err(full)?;
            bytes.extend_from_slice(data);
        }
        Ok(bytes)
    }
}

impl Answer for Taker {
    type Body = Full<Bytes>;

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let text = |status, text: &'static str| {
            let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
            *response.status_mut() = status;
            response
        };
        match request.uri().path() {
            node::WRITE => self.take(request).await,
            "/metrics" => metrics_page(&self.metrics),
            "/-/healthy" => text(StatusCode::OK, "Weir is healthy.\n"),
            "/-/ready" if self.shutdown.is_cancelled() => text(StatusCode::SERVICE_UNAVAILABLE, "Weir is stopping.\n"),
            "/-/ready" => text(StatusCode::OK, "Weir is ready.\n"),
            _ => text(StatusCode::NOT_FOUND, "expected the path `/weir/v1/write`\n"),
        }
    }
}

/// Reads a message as it came.
fn decode(message: &[u8], limits: &wire::Limits) -> Result<Batch> {
    wire::decode_batch(&wire::unpack(message, limits.message_bytes)?, limits)
}

/// The same without exemplars, which older nodes pass over.
fn plain(batch: Batch) -> Batch {
    if batch.exemplar_count() == 0 {
        return batch;
    }
    let mut out = Batch::builder(batch.tenant().clone());
    for series in batch.iter() {
        out.push_series(series.labels, Series { exemplars: &[], ..series });
    }
    batch.metadata().iter().for_each(|said| _ = out.metadata(said.clone()));
    out.build()
}

fn full<E>(_: E) -> Error {
    Error::unavailable("expected to find memory for the batch, and all of it is in use")
}

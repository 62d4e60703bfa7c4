//! One question, from its bytes to the end of its answer.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use weir_pipeline::{Batch, Context, Data, Error, Kind, Metrics, Next, Read, Result, Since};

use super::Readers;
use super::telemetry::Telemetry;
use crate::http::metrics_page;
use crate::http::server::Answer;
use crate::node::{self, frames, wire};

/// The longest question, in bytes.
const MAX_QUESTION: usize = 1 << 20;

/// The body of a reply.
type Body = UnsyncBoxBody<Bytes, Infallible>;

/// What all requests share.
pub(super) struct Answerer {
    settings: Readers,
    next: Next<Read>,
    working: Arc<Semaphore>,
    telemetry: Telemetry,
    shutdown: CancellationToken,
    metrics: Metrics,
}

/// An answer that has begun: its batches, and its turn.
struct Begun {
    batches: BoxStream<'static, Result<Batch>>,
    since: Option<Since>,
    until: Instant,
    telemetry: Telemetry,
    _turn: OwnedSemaphorePermit,
}

// === impl Answerer ===

impl Answerer {
    pub(super) fn new(settings: Readers, context: &Context, next: Next<Read>) -> Self {
        Self {
            next,
            working: Arc::new(Semaphore::new(settings.concurrency.get().min(Semaphore::MAX_PERMITS))),
            telemetry: Telemetry::new(context),
            shutdown: context.shutdown.clone(),
            metrics: context.metrics.clone(),
            settings,
        }
    }

    async fn ask(&self, request: Request<Incoming>) -> Response<Body> {
        let until = Instant::now() + self.settings.timeout.get();
        let begun = timeout_at(until, self.begin(request, until)).await.unwrap_or_else(|_| Err(late()));
        let since = begun.as_ref().ok().and_then(|begun| begun.since).and_then(node::since_value);
        let (status, kind, body) = match begun {
            Ok(begun) => (StatusCode::OK, node::SAMPLES, StreamBody::new(begun.frames()).boxed_unsync()),
            Err(error) => {
                tracing::debug!(error = error.report(), "refused a question");
                let mut body = Vec::new();
                wire::encode_error(&error, &mut body);
                (node::status(error.kind()), node::ERROR, Full::from(body).boxed_unsync())
            }
        };
        self.telemetry.began(status.as_u16());
        let mut response = Response::new(body);
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response.headers_mut().extend(since.map(|since| (node::SINCE, since)));
        response
    }

    async fn begin(&self, request: Request<Incoming>, until: Instant) -> Result<Begun> {
        if request.method() != Method::POST {
            return Err(Error::invalid(format!("expected the method `POST`, got `{}`", request.method())));
        }
        if request.headers().get(CONTENT_TYPE) != Some(&node::QUESTION) {
            let got = request.headers().get(CONTENT_TYPE).map_or(b"".as_slice(), HeaderValue::as_bytes);
            let got = String::from_utf8_lossy(got).chars().take(100).collect::<String>();
            let expect = String::from_utf8_lossy(node::QUESTION.as_bytes()).into_owned();
            return Err(Error::invalid(format!("expected the content type `{expect}`, got `{got}`")));
        }
        let wrong = |e| Error::invalid(format!("expected a question of at most {MAX_QUESTION} bytes: {e}"));
        let body = Limited::new(request.into_body(), MAX_QUESTION).collect().await.map_err(wrong)?.to_bytes();
        let limits = wire::Limits { message_bytes: MAX_QUESTION as u64, ..wire::Limits::default() };
        let query = wire::decode_query(&body, &limits)?;
        let until = query.timeout.and_then(|limit| Instant::now().checked_add(limit)).map_or(until, |t| t.min(until));
        let turn = self.working.clone().acquire_owned().await.map_err(|_| Error::closed())?;
        let answer = self.next.send(query).await?;
        let Data::Samples(batches) = answer.data else {
            return Err(Error::internal("expected samples from the pipeline"));
        };
        let since = batches.since();
        let batches = batches.take().ok_or_else(|| Error::internal("expected samples that nobody took"))?;
        Ok(Begun { batches, since, until, telemetry: self.telemetry.clone(), _turn: turn })
    }
}

impl Answer for Answerer {
    type Body = Body;

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let text = |status, text: &'static str| {
            let mut response = Response::new(Full::from(text).boxed_unsync());
            *response.status_mut() = status;
            response
        };
        match request.uri().path() {
            node::READ => self.ask(request).await,
            "/metrics" => metrics_page(&self.metrics).map(BodyExt::boxed_unsync),
            "/-/healthy" => text(StatusCode::OK, "Weir is healthy.\n"),
            "/-/ready" if self.shutdown.is_cancelled() => text(StatusCode::SERVICE_UNAVAILABLE, "Weir is stopping.\n"),
            "/-/ready" => text(StatusCode::OK, "Weir is ready.\n"),
            _ => text(StatusCode::NOT_FOUND, "expected the path `/weir/v1/read`\n"),
        }
    }
}

// === impl Begun ===

impl Begun {
    /// The answer's body: a message for each batch, then the end or an error.
    fn frames(self) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> + Send {
        stream::unfold(Some(self), |begun| async move {
            let mut begun = begun?;
            let batch = timeout_at(begun.until, begun.batches.next()).await.unwrap_or_else(|_| Some(Err(late())));
            let (frame, rest) = match batch {
                Some(Ok(batch)) => {
                    begun.telemetry.samples.inc_by(batch.sample_count() as u64);
                    (frames::frame(|out| wire::encode_batch(&batch, out)), Some(begun))
                }
                Some(Err(error)) => {
                    begun.telemetry.broken.inc();
                    tracing::warn!(error = error.report(), "an answer to another node ends before its end");
                    (frames::frame(|out| wire::encode_error(&error, out)), None)
                }
                None => {
                    begun.telemetry.bytes.inc_by(frames::END.len() as u64);
                    return Some((Ok(Frame::data(frames::END)), None));
                }
            };
            if let Some(begun) = &rest {
                begun.telemetry.bytes.inc_by(frame.len() as u64);
            }
            Some((Ok(Frame::data(frame)), rest))
        })
    }
}

fn late() -> Error {
    Error::new(Kind::TimedOut, "the answer took longer than it may")
}

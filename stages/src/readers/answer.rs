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
use weir_pipeline::Answer as Found;
use weir_pipeline::batch::Metadata;
use weir_pipeline::query::TenantUsage;
use weir_pipeline::{
    Batch, Cardinality, Changes, Context, Data, Error, Kind, Metrics, Next, Read, Result, SeriesExemplars, Since,
    Tenant,
};

use super::Readers;
use super::telemetry::Telemetry;
use crate::http::metrics_page;
use crate::http::server::Answer;
use crate::node::{self, Compression, frames, wire};

/// The longest question, in bytes.
const MAX_QUESTION: usize = 1 << 20;

/// About how many exemplars a batch has.
const EXEMPLARS: usize = 4096;

/// How many metrics a batch tells of.
const METRICS: usize = 1024;

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

/// What becomes one message.
enum Piece {
    Batch(Batch),
    Cardinality(Cardinality),
    Changes(Option<Changes>),
    Tenants(Vec<TenantUsage>),
}

/// An answer that has begun: its pieces, and its turn.
struct Begun {
    pieces: BoxStream<'static, Result<Piece>>,
    since: Option<Since>,
    until: Instant,
    /// Whether batches may be compressed.
    packs: bool,
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
        let packs = self.settings.compression == Compression::Zstd && node::unpacks(request.headers());
        let wrong = |e| Error::invalid(format!("expected a question of at most {MAX_QUESTION} bytes: {e}"));
        let body = Limited::new(request.into_body(), MAX_QUESTION).collect().await.map_err(wrong)?.to_bytes();
        let limits = wire::Limits { message_bytes: MAX_QUESTION as u64, ..wire::Limits::default() };
        let query = wire::decode_query(&body, &limits)?;
        let until = query.timeout.and_then(|limit| Instant::now().checked_add(limit)).map_or(until, |t| t.min(until));
        let turn = self.working.clone().acquire_owned().await.map_err(|_| Error::closed())?;
        let tenant = query.tenant.clone();
        let (pieces, since) = pieces(self.next.send(query).await?, &tenant)?;
        Ok(Begun { pieces, since, until, packs, telemetry: self.telemetry.clone(), _turn: turn })
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
    /// The answer's body: a message for each piece, then the end or an error.
    fn frames(self) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> + Send {
        stream::unfold(Some(self), |begun| async move {
            let mut begun = begun?;
            let piece = timeout_at(begun.until, begun.pieces.next()).await.unwrap_or_else(|_| Some(Err(late())));
            let (frame, rest) = match piece {
                Some(Ok(Piece::Cardinality(found))) => {
                    (frames::frame(|out| wire::encode_cardinality(&found, out)), Some(begun))
                }
                Some(Ok(Piece::Changes(changes))) => {
                    (frames::frame(|out| wire::encode_changes(changes, out)), Some(begun))
                }
                Some(Ok(Piece::Tenants(found))) => {
                    (frames::frame(|out| wire::encode_tenants(&found, out)), Some(begun))
                }
                Some(Ok(Piece::Batch(batch))) => {
                    begun.telemetry.samples.inc_by(batch.sample_count() as u64);
                    let frame = frames::frame(|out| wire::encode_batch(&batch, out));
                    (if begun.packs { frames::packed(frame) } else { frame }, Some(begun))
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

/// What an answer is sent as, and since when who answers has everything.
fn pieces(found: Found, tenant: &Tenant) -> Result<(BoxStream<'static, Result<Piece>>, Option<Since>)> {
    // What there is is sent, and then that it is not all.
    let missing = found.warnings.join("; ");
    let broken = stream::iter((!missing.is_empty()).then(|| Err(Error::unavailable(missing))));
    match found.data {
        Data::Samples(batches) => {
            let taken = batches.take().ok_or_else(|| Error::internal("expected samples that nobody took"))?;
            Ok((taken.map(|batch| batch.map(Piece::Batch)).boxed(), batches.since()))
        }
        Data::Metadata(known) => {
            let batches: Vec<_> = known.chunks(METRICS).map(|some| Ok(Piece::Batch(saying(some, tenant)))).collect();
            Ok((stream::iter(batches).chain(broken).boxed(), None))
        }
        Data::Exemplars(found) => {
            let batches = showing(&found, tenant).into_iter().map(|batch| Ok(Piece::Batch(batch)));
            Ok((stream::iter(batches).chain(broken).boxed(), None))
        }
        Data::Cardinality(found) => Ok((stream::iter([Ok(Piece::Cardinality(found))]).boxed(), None)),
        Data::Tenants(found) => Ok((stream::iter([Ok(Piece::Tenants(found))]).boxed(), None)),
        Data::Changes(changes) => Ok((stream::iter([Ok(Piece::Changes(changes))]).boxed(), None)),
        _ => Err(Error::internal("expected from the pipeline what was asked")),
    }
}

/// A batch that has metadata alone.
fn saying(known: &[Metadata], tenant: &Tenant) -> Batch {
    let mut batch = Batch::builder(tenant.clone());
    known.iter().for_each(|said| _ = batch.metadata(said.clone()));
    batch.build()
}

/// Batches that have exemplars alone. A series with many goes on in the next batch.
fn showing(found: &[SeriesExemplars], tenant: &Tenant) -> Vec<Batch> {
    let (mut out, mut batch) = (Vec::new(), Batch::builder(tenant.clone()));
    for SeriesExemplars { series, exemplars } in found {
        for some in exemplars.chunks(EXEMPLARS) {
            batch.series(series.as_labels());
            some.iter().for_each(|exemplar| _ = batch.exemplar(exemplar.clone()));
            if batch.exemplar_count() >= EXEMPLARS {
                out.push(std::mem::replace(&mut batch, Batch::builder(tenant.clone())).build());
            }
        }
    }
    out.push(batch.build());
    out
}

fn late() -> Error {
    Error::new(Kind::TimedOut, "the answer took longer than it may")
}

//! `read`: remote read, with samples or with chunks.
//!
//! Shape: `POST /api/v1/read`, a `prometheus.ReadRequest` in a snappy block. Where chunks are accepted the answer streams, a
//! frame for each series; otherwise it is one message in a snappy block, of at most `max_read_samples`. Series come in the
//! order of their labels. Native histograms come in either, as float histograms in chunks. Replicas are not merged.
//!
//! Errors: as plain text. What would be partial is an error: 503, or where chunks are on their way a body that breaks off.
//!
//! Source: `docs/querying/remote_read_api.md` and `storage/remote/read_handler.go` of Prometheus 3.14.

use futures_util::StreamExt;
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, HeaderValue};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout, timeout_at};
use weir_pipeline::{Ask, Batches, Data, Result};
use weir_stages::remote_write::read::{
    AnswerKind, CHUNKS, ReadQuery, ReadRequest, SAMPLES, put_frames, put_result, put_series,
};
use weir_stages::remote_write::{compress, decompress};

use super::accept::Encoding;
use super::answer::{Turn, stream};
use super::form;
use super::params::Options;
use super::pieces::{Gone, PIECE};
use super::reply::{Refusal, Reply};
use super::service::{Service, tenant};
use super::telemetry::UnderWay;

/// The largest request, decompressed, in bytes.
const MAX_REQUEST: u64 = 8 << 20;

// === impl Service ===

impl Service {
    /// Answers a request.
    pub(super) async fn read(&self, request: Request<Incoming>) -> Result<Reply, Refusal> {
        let (until, reading) = (Instant::now() + self.settings.timeout.get(), self.telemetry.reading());
        let tenant = tenant(request.headers(), &self.settings.default_tenant)?;
        let late = |_| Refusal::timed_out("expected the request's body sooner");
        let body = form::read_bytes(request.into_body(), self.settings.max_body.get());
        let body = timeout_at(until, body).await.map_err(late)??;
        let mut message = Vec::new();
        decompress(&body, MAX_REQUEST, &mut message).map_err(|error| Refusal::of(&error, None))?;
        let asked = ReadRequest::decode(&message).map_err(Refusal::bad)?;
        let kind = asked.kind().map_err(Refusal::bad)?;
        let turn = self.turn(until).await?;
        let mut answers = Vec::with_capacity(asked.queries.len());
        for ReadQuery { start, end, matchers } in asked.queries {
            if matchers.is_empty() {
                return Err(Refusal::bad("expected at least one matcher"));
            }
            let ask = Ask::Samples { matchers, start, end, labels_only: false, bucket: None };
            let answer = self.pass(tenant.clone(), ask, Options::whole(), until).await?;
            let Data::Samples(batches) = answer.data else { return Err(Refusal::internal("expected samples")) };
            answers.push(batches);
        }
        match kind {
            AnswerKind::Samples => self.samples(answers, until).await,
            AnswerKind::Chunks => self.chunks(answers, (turn, reading)),
        }
    }

    /// All samples in one message.
    async fn samples(&self, answers: Vec<Batches>, until: Instant) -> Result<Reply, Refusal> {
        let (mut message, mut left) = (Vec::new(), self.settings.max_read_samples.get());
        for batches in answers {
            let mut batches = batches.take().ok_or_else(|| Refusal::internal("expected samples that nobody took"))?;
            let mut result = Vec::new();
            let late = |_| Refusal::timed_out("expected to read the samples sooner");
            while let Some(batch) = timeout_at(until, batches.next()).await.map_err(late)? {
                let batch = batch.map_err(|error| Refusal::of(&error, None))?;
                left = left.checked_sub(batch.sample_count() as u64).ok_or_else(|| {
                    let most = self.settings.max_read_samples;
                    Refusal::bad(format!("exceeded sample limit ({most}): ask for chunks, or for less"))
                })?;
                result = write(result, move |out| {
                    batch.iter().for_each(|series| put_series(&series, out));
                    Ok(())
                })
                .await?;
            }
            put_result(&result, &mut message);
        }
        let packed = write(Vec::new(), move |out| compress(&message, out)).await?;
        let mut reply = Reply::ok(SAMPLES, packed);
        reply.header(CONTENT_ENCODING, HeaderValue::from_static("snappy"));
        Ok(reply)
    }

    /// A frame for each series, while they are read.
    fn chunks(&self, answers: Vec<Batches>, turn: (Turn, UnderWay)) -> Result<Reply, Refusal> {
        let (patience, runtime) = (self.settings.timeout.get(), Handle::current());
        stream(CHUNKS, Encoding::Identity, patience, move |drain, out| {
            let _turn = turn;
            for (query, batches) in answers.into_iter().enumerate() {
                let mut batches = batches.take().ok_or(Gone)?;
                let mut next = || runtime.block_on(async { timeout(patience, batches.next()).await });
                while let Some(batch) = next().map_err(|_| Gone)? {
                    let batch = batch.map_err(|error| {
                        tracing::warn!(error = error.report(), "an answer to a remote read ends before its end");
                        Gone
                    })?;
                    for series in batch.iter() {
                        put_frames(&series, query, out);
                        if out.len() >= PIECE {
                            drain(out)?;
                        }
                    }
                }
            }
            Ok(())
        })
    }
}

/// What `work` makes of `out`, off the threads that serve connections.
async fn write(
    mut out: Vec<u8>,
    work: impl FnOnce(&mut Vec<u8>) -> Result<()> + Send + 'static,
) -> Result<Vec<u8>, Refusal> {
    let work = move || work(&mut out).map(|()| out);
    let failed = |_| Refusal::internal("expected the writer to finish");
    tokio::task::spawn_blocking(work).await.map_err(failed)?.map_err(|error| Refusal::of(&error, None))
}

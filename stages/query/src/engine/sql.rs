//! SQL queries: rows that come while they are computed.
//!
//! Shape: a query runs where PromQL's run, with the same limits, until its last row is taken. Its first piece is
//! awaited: most of what can go wrong is known by then. Dropping the rows ends the query.

mod memory;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use datafusion::common::DataFusionError;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{Instant, timeout_at};
use weir_pipeline::{Answer, Data, Error, Kind, Query, Result, RowForm, Rows};

use self::memory::SqlPool;
use super::pool::QueryPool;
use super::stack::{Need, deep};
use super::{Engine, Evaluation};
use crate::exec::context::QueryContext;
use crate::sql::catalog::Metrics;
use crate::sql::encode::Encoder;
use crate::sql::promql::Asked;
use crate::sql::session::{Session, Started, to_error};

/// About how many bytes a piece has.
const PIECE: usize = 64 << 10;

/// How many pieces wait to be taken.
const WAITING: usize = 2;

/// Some rows, and what the asker should know by then.
struct Piece {
    bytes: Bytes,
    warnings: Vec<String>,
}

/// The pieces of a query that runs.
struct Running {
    /// What makes them; it runs where they are waited for, or elsewhere until this is dropped.
    work: Option<BoxFuture<'static, Result<()>>>,
    pieces: Receiver<Piece>,
}

/// What a query runs in.
struct Context {
    query: Arc<QueryContext>,
    session: Arc<Session>,
    warnings: Vec<String>,
}

impl Engine {
    /// Answers an SQL query.
    ///
    /// # Errors
    /// [`Kind::Invalid`]: the text is no SQL, names what is not there, or does not only read. [`Kind::Unprocessable`]:
    /// it can't be answered, or needs more than it may. [`Kind::TimedOut`]: it took longer than it may. The same may
    /// end the rows.
    pub(super) async fn sql(&self, query: Query, text: Arc<str>, form: RowForm) -> Result<Answer> {
        let timeout = query.timeout.map_or(self.limits.timeout, |timeout| timeout.min(self.limits.timeout));
        let until = Instant::now().checked_add(timeout).unwrap_or_else(|| Instant::now() + Duration::from_secs(86_400));
        let (sender, pieces) = channel(WAITING);
        let (engine, executor) = (self.clone(), self.executor.clone());
        let work = async move {
            // Here as well: what nobody waits for ends, too.
            timeout_at(until, engine.send_rows(&query, text, form, sender)).await.map_err(late)?
        };
        let mut running =
            Running { work: Some(Box::pin(async move { executor.run(Need::Usual, work).await })), pieces };
        let first = timeout_at(until, running.next()).await.map_err(late)?;
        let Some(Piece { bytes, warnings }) = first.transpose()? else {
            return Err(Error::internal("expected an answer with an end"));
        };
        let rest = stream::unfold(Some(running), move |running| async move {
            let mut running = running?;
            match timeout_at(until, running.next()).await {
                Ok(Some(Ok(piece))) => Some((Ok(piece.bytes), Some(running))),
                Ok(Some(Err(error))) => Some((Err(error), None)),
                Ok(None) => None,
                Err(elapsed) => Some((Err(late(elapsed)), None)),
            }
        });
        let rows = Rows::new(form, stream::once(async move { Ok(bytes) }).chain(rest));
        Ok(Answer { warnings, ..Data::Rows(rows).into() })
    }

    /// Runs a query, and sends its rows until nobody takes them any more.
    async fn send_rows(&self, query: &Query, text: Arc<str>, form: RowForm, sender: Sender<Piece>) -> Result<()> {
        let tenant = self.tenants.of(&query.tenant);
        let _of_tenant = tenant.gate.acquire().await.map_err(|_| Error::closed())?;
        let _of_all = self.gate.acquire().await.map_err(|_| Error::closed())?;
        let sessions = self.sql.clone();
        let statement = deep(move || sessions.read(&text).map_err(|error| to_error(&error))).await?;
        let bounds = self.limits.bounds();
        let context = QueryContext::new(self.source.clone(), query.tenant.clone(), query.partial, bounds);
        let context = Arc::new(context);
        let metrics = Metrics::look_up(&context, &statement.named, self.replicas.of(query)).await;
        let metrics = metrics.map_err(|error| to_error(&error))?;
        let pool = Arc::new(SqlPool::new(QueryPool::new(self.limits.memory, tenant.clone())));
        let to_error = |error: DataFusionError| pool.error(&error);
        let session = self.sql.open(context.clone(), pool.clone(), metrics).map_err(to_error)?;
        let mut context = Context { query: context, session: Arc::new(session), warnings: Vec::new() };
        let statement = Arc::new(statement);
        let mut rows = loop {
            let (session, statement, runtime) = (context.session.clone(), statement.clone(), Handle::current());
            let own = pool.clone();
            match deep(move || session.start(&statement, &runtime).map_err(|error| own.error(&error))).await? {
                Started::Rows(rows) => break rows,
                Started::Wants(wanted) => self.answer_all(query, wanted, &mut context, &pool).await?,
            }
        };
        let mut encoder = Encoder::new(form, &rows.schema()).map_err(to_error)?;
        let is_wanted = form != RowForm::ArrowSchema;
        while is_wanted && let Some(batch) = rows.try_next().await.map_err(to_error)? {
            encoder.add(&batch).map_err(to_error)?;
            if encoder.len() >= PIECE && !context.send(&mut encoder, form, &sender).await {
                return Ok(());
            }
        }
        context.hear();
        encoder.finish(&context.warnings).map_err(to_error)?;
        context.send(&mut encoder, form, &sender).await;
        Ok(())
    }

    /// Answers the PromQL queries that planning wants.
    async fn answer_all(&self, query: &Query, wanted: Vec<Asked>, context: &mut Context, pool: &SqlPool) -> Result<()> {
        for asked in wanted {
            if let Some(most) = query.max_points.filter(|most| asked.points() > most.get()) {
                let text =
                    format!("expected at most {most} points of a series of `promql` (`max_points`): use a longer step");
                return Err(Error::invalid(text));
            }
            let promql = Query { ask: asked.ask(), ..query.clone() };
            let Answer { data, warnings, infos, .. } = self.answer(&promql, Evaluation::of(&promql.ask)?).await?;
            context.warnings.extend(warnings.into_iter().chain(infos));
            context.session.answered(asked, data).map_err(|error| pool.error(&error))?;
        }
        Ok(())
    }
}

fn late(_: tokio::time::error::Elapsed) -> Error {
    Error::new(Kind::TimedOut, "query timed out in expression evaluation")
}

// === impl Context ===

impl Context {
    /// Takes in what scans had to say.
    fn hear(&mut self) {
        let (warnings, _) = self.query.take_annotations().render("");
        self.warnings.extend(warnings);
        self.warnings.sort();
        self.warnings.dedup();
    }

    /// Sends what is written. Returns whether somebody takes it. JSON says its warnings itself, at its end.
    async fn send(&mut self, encoder: &mut Encoder, form: RowForm, sender: &Sender<Piece>) -> bool {
        self.hear();
        let warnings = if form == RowForm::Json { Vec::new() } else { self.warnings.clone() };
        sender.send(Piece { bytes: encoder.take().into(), warnings }).await.is_ok()
    }
}

// === impl Running ===

impl Running {
    /// The next piece, or why there is none; `None` after the last.
    async fn next(&mut self) -> Option<Result<Piece>> {
        if let Some(work) = &mut self.work {
            let ended = tokio::select! {
                biased;
                piece = self.pieces.recv() => match piece {
                    Some(piece) => return Some(Ok(piece)),
                    None => work.await,
                },
                ended = &mut *work => ended,
            };
            self.work = None;
            if let Err(error) = ended {
                return Some(Err(error));
            }
        }
        // What was sent before the work ended.
        self.pieces.recv().await.map(Ok)
    }
}

#[cfg(test)]
mod tests;

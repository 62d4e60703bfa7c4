//! SQL statements of calls: planned for their columns, or run for their rows.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use hyper::header::{HeaderMap, HeaderValue};
use tokio::time::Instant;
use weir_pipeline::{Ask, Data, Result as Outcome, RowForm, Tenant};

use super::super::answer::Turn;
use super::super::params::Options;
use super::super::service::{Service, tenant};
use super::frames::{Frames, encapsulated};
use super::proto::FlightData;
use super::rpc::{Reply, framed};
use super::status::{Status, internal};

/// Asks the pipeline for whoever called.
pub(super) struct Asker<'a> {
    service: &'a Service,
    tenant: Tenant,
    start: Instant,
}

/// The rows of a statement, on their way.
pub(super) struct Reading {
    frames: Frames,
    pieces: BoxStream<'static, Outcome<Bytes>>,
    /// The question counts as worked on until its last row is sent, or the client has gone.
    _turn: Turn,
}

// === impl Asker ===

impl<'a> Asker<'a> {
    /// For the tenant that the call names.
    pub(super) fn of(service: &'a Service, headers: &HeaderMap) -> Result<Self, Status> {
        let tenant = tenant(headers, &service.settings.default_tenant).map_err(|refusal| Status::from(&refusal))?;
        Ok(Self { service, tenant, start: Instant::now() })
    }

    /// The columns of a statement, as a message of the IPC format.
    pub(super) async fn schema(self, text: &str) -> Result<Bytes, Status> {
        let (mut reading, _) = self.ask(text, RowForm::ArrowSchema).await?;
        let first = reading.next().await?.ok_or_else(|| internal(&"expected columns"))?;
        Ok(encapsulated(&first))
    }

    /// The rows of a statement, with the warnings that are known by now in the reply's headers.
    pub(super) async fn rows(self, text: &str) -> Result<Reply, Status> {
        let (reading, warnings) = self.ask(text, RowForm::Arrow).await?;
        let next = |mut reading: Reading| async move {
            let message = reading.next().await?;
            Ok(message.map(|message| (framed(&message), reading)))
        };
        let mut headers = HeaderMap::new();
        for warning in warnings.iter().filter_map(|warning| HeaderValue::from_str(warning).ok()) {
            headers.append("warning", warning);
        }
        Ok(Reply { headers, messages: stream::try_unfold(reading, next).boxed() })
    }

    /// Asks, and waits for the first rows, or for the columns alone. With what is to be known of them.
    pub(super) async fn ask(self, text: &str, form: RowForm) -> Result<(Reading, Vec<String>), Status> {
        let Self { service, tenant, start } = self;
        if text.trim().is_empty() {
            return Err(Status::invalid("expected an SQL text"));
        }
        let until = start + service.settings.timeout.get();
        let turn = service.turn(until).await.map_err(|refusal| Status::from(&refusal))?;
        // What may have gaps says so in a warning, as elsewhere in the API.
        let options = Options { partial: true, ..Options::whole() };
        let ask = Ask::Sql { text: Arc::from(text), form };
        let answer = service.send(tenant, ask, options, until).await.map_err(|error| Status::from(&error))?;
        let Data::Rows(rows) = answer.data else { return Err(internal(&"expected rows")) };
        let pieces = rows.take().ok_or_else(|| internal(&"expected rows"))?;
        Ok((Reading { frames: Frames::default(), pieces, _turn: turn }, answer.warnings))
    }
}

// === impl Reading ===

impl Reading {
    /// The next message; `None` after the last.
    async fn next(&mut self) -> Result<Option<FlightData>, Status> {
        loop {
            if let Some(message) = self.frames.next()? {
                return Ok(Some(message));
            }
            match self.piece().await? {
                Some(piece) => self.frames.push(&piece),
                None if self.frames.has_ended() => return Ok(None),
                None => return Err(internal(&"expected rows to their end")),
            }
        }
    }

    /// The next piece of the IPC stream, as it comes.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>, Status> {
        self.pieces.try_next().await.map_err(|error| Status::from(&error))
    }
}

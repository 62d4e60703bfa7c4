//! `sql`: an SQL query, whose rows are sent as they come.
//!
//! Shape: a form with `query`, and where given `format`, `timeout` and `partial_response`; or a JSON object with these
//! as texts. The form of the rows is that of `format` (`json`, `csv`, `arrow`), else what the header `Accept` names,
//! else JSON. They are compressed with zstd or gzip as the client accepts it.
//!
//! Errors: as all of the API, in its envelope. What goes wrong after the first rows were sent breaks the reply off, so
//! that nobody takes it for whole. Warnings are in the JSON, and otherwise in headers `Warning`, as far as they were
//! known when the first rows were sent.

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, WARNING};
use hyper::{Method, Request, StatusCode};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use tower::BoxError;
use weir_pipeline::selector::quote;
use weir_pipeline::{Ask, Data, RowForm, StatsDetail};

use super::accept::{self, Encoding};
use super::form::{self, Form};
use super::params::{self, Options};
use super::pieces::compressed;
use super::reply::{Content, JSON, Refusal, Reply};
use super::service::{Service, tenant};

/// The media type of CSV.
const CSV: &str = "text/csv; charset=utf-8";

/// The media type of Arrow's IPC stream.
const ARROW: &str = "application/vnd.apache.arrow.stream";

/// The parameters as a JSON object.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    query: String,
    #[serde(default)]
    format: String,
    #[serde(default)]
    timeout: String,
    #[serde(default)]
    partial_response: String,
}

// === impl Service ===

impl Service {
    /// Answers an SQL query.
    pub(super) async fn sql(&self, request: Request<Incoming>, start: Instant) -> Result<Reply, Refusal> {
        let tenant = tenant(request.headers(), &self.settings.default_tenant)?;
        let (accepted, encoding) = (accepted(request.headers()), accept::encoding(request.headers()));
        let late = |_| Refusal::timed_out("expected the request's body sooner");
        let longest = self.settings.timeout.get();
        let form = timeout_at(start + longest, self.sql_form(request)).await.map_err(late)??;
        let (ask, options) = asked(&form, accepted)?;
        let until = start + options.timeout.unwrap_or(longest).min(longest);
        let turn = self.turn(until).await?;
        let answer = self.pass(tenant, ask, options, until).await?;
        let Data::Rows(rows) = answer.data else { return Err(Refusal::internal("expected rows")) };
        let Some(pieces) = rows.take() else { return Err(Refusal::internal("expected rows")) };
        // The question counts as worked on until its last row is sent, or the client has gone.
        let pieces = pieces.map(move |piece| {
            let _working = &turn;
            piece.map_err(BoxError::from)
        });
        let body = match encoding {
            Encoding::Identity => StreamBody::new(pieces.map_ok(Frame::data)).boxed_unsync(),
            encoding => {
                let failed = |_| Refusal::internal("expected memory to compress with");
                StreamBody::new(compressed(pieces, encoding).map_err(failed)?.map_ok(Frame::data)).boxed_unsync()
            }
        };
        let media = match rows.form {
            RowForm::Json => JSON,
            RowForm::Csv => CSV,
            RowForm::Arrow | RowForm::ArrowSchema => ARROW,
        };
        let mut reply = Reply { status: StatusCode::OK, headers: Vec::new(), body: Content::Pieces(body) };
        reply.header(CONTENT_TYPE, HeaderValue::from_static(media));
        accept::encoded(&mut reply, encoding);
        for warning in &answer.warnings {
            if let Ok(warning) = HeaderValue::from_str(&format!("299 - {}", quote(warning))) {
                reply.header(WARNING, warning);
            }
        }
        Ok(reply)
    }

    async fn sql_form(&self, request: Request<Incoming>) -> Result<Form, Refusal> {
        let is_json = request.headers().get(CONTENT_TYPE).is_some_and(|media| is_media(media, JSON));
        if request.method() != Method::POST || !is_json {
            return self.form(request).await;
        }
        let body = form::read_bytes(request.into_body(), self.settings.max_body.get()).await?;
        let wrong = |error| Refusal::bad(format!("expected a JSON object of parameters: {error}"));
        let Parameters { query, format, timeout, partial_response } = serde_json::from_slice(&body).map_err(wrong)?;
        let mut form = Form::default();
        let all = [("query", query), ("format", format), ("timeout", timeout), ("partial_response", partial_response)];
        all.into_iter().for_each(|(name, value)| form.push(name, value));
        Ok(form)
    }
}

/// What is asked.
pub(super) fn asked(form: &Form, accepted: Option<RowForm>) -> Result<(Ask, Options), Refusal> {
    let text = form.get("query");
    if text.trim().is_empty() {
        return Err(Refusal::bad("invalid parameter \"query\": expected an SQL text"));
    }
    let form_of_rows = match form.get("format") {
        "" => accepted.unwrap_or_default(),
        "json" => RowForm::Json,
        "csv" => RowForm::Csv,
        "arrow" => RowForm::Arrow,
        other => {
            let text = format!("invalid parameter \"format\": expected `json`, `csv` or `arrow`, got {}", quote(other));
            return Err(Refusal::bad(text));
        }
    };
    let (timeout, partial) = (params::timeout(form)?, params::partial(form)?);
    let replica_labels = params::replica_labels(form)?;
    let stats = StatsDetail::None;
    let options = Options { limit: 0, timeout, lookback: None, partial, stats, replica_labels, anew: false };
    Ok((Ask::Sql { text: Arc::from(text), form: form_of_rows }, options))
}

/// The first form of rows that a client accepts by name.
fn accepted(headers: &HeaderMap) -> Option<RowForm> {
    let ranges = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    ranges.flat_map(|ranges| ranges.split(',')).find_map(|range| {
        let media = range.split(';').next().unwrap_or_default().trim();
        let is = |name: &str| media.eq_ignore_ascii_case(name.split(';').next().unwrap_or_default());
        [(JSON, RowForm::Json), (CSV, RowForm::Csv), (ARROW, RowForm::Arrow)]
            .into_iter()
            .find_map(|(name, form)| is(name).then_some(form))
    })
}

/// Whether a header names this media type.
fn is_media(value: &HeaderValue, media: &str) -> bool {
    let text = String::from_utf8_lossy(value.as_bytes());
    text.split(';').next().is_some_and(|own| own.trim().eq_ignore_ascii_case(media))
}

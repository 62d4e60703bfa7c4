//! Arrow Flight SQL: SQL queries over gRPC, whose rows stay in Arrow's form from the engine to the client.
//!
//! Shape: on the same port, with the same TLS, credentials, tenants and limits as the rest of the API. A query is
//! planned by `GetFlightInfo`, or by the action `CreatePreparedStatement`, which answer with its columns, and run by
//! `DoGet`. Nothing is kept between calls: a ticket is the statement itself, a prepared statement is its text with its
//! columns, and whose samples are read is said by each call's own headers. What there is of catalogs, schemas, tables
//! and types is told as well; there are no keys.
//!
//! Errors: statuses of gRPC, with the message of the query's error: `INVALID_ARGUMENT` for what is no SQL or names what
//! is not there, `FAILED_PRECONDITION` for what can't be answered or needs more than it may, `DEADLINE_EXCEEDED` for
//! what took too long, `UNIMPLEMENTED` for what would write, and for parameters, transactions and Substrait.
//!
//! Source: `format/Flight.proto` and `format/FlightSql.proto` of Apache Arrow. Not by the crate `arrow-flight`: its
//! server brings a second HTTP stack along.

mod frames;
mod infos;
pub(in crate::api) mod proto;
pub(in crate::api) mod rpc;
mod statement;
mod status;
mod tables;
mod told;

use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use hyper::{Request, Response};
use prost::Message;
use tokio::time::timeout;
use weir_stages::http::auth;

use super::pieces::Body;
use super::route::FLIGHT;
use super::service::Service;
use frames::of_schema;
use proto::{
    Action, ActionResult, ActionType, Any, Command, FlightData, FlightDescriptor, FlightEndpoint, FlightInfo, Handle,
    HandshakeResponse, Prepared, SchemaResult, Statement, Ticket, read,
};
use rpc::{Reply, first, response};
use statement::Asker;
use status::{Code, Status, malformed, unsupported};

pub(super) use status::code;

/// The actions that there are.
const CREATE: &str = "CreatePreparedStatement";
const CLOSE: &str = "ClosePreparedStatement";

/// What a call may take longer than a question, before its reply begins.
const SLACK: Duration = Duration::from_secs(1);

/// Answers a call.
pub(super) async fn answer(service: &Service, request: Request<Incoming>) -> Response<Body> {
    // A client may be slow with its own message, too.
    let longest = service.settings.timeout.get().saturating_add(SLACK);
    let late = |_| Err(Status::new(Code::DeadlineExceeded, "expected the call's message sooner"));
    response(timeout(longest, call(service, request)).await.unwrap_or_else(late))
}

async fn call(service: &Service, request: Request<Incoming>) -> Result<Reply, Status> {
    let (parts, body) = request.into_parts();
    let (headers, most) = (&parts.headers, service.settings.max_body.get());
    match parts.uri.path().strip_prefix(FLIGHT).unwrap_or_default() {
        "Handshake" => Ok(handshake(headers)),
        "GetFlightInfo" => info(service, headers, first(body, most).await?).await,
        "GetSchema" => {
            let descriptor: FlightDescriptor = first(body, most).await?;
            let (schema, _) = planned(service, headers, &descriptor.cmd).await?;
            Ok(Reply::all(&[SchemaResult { schema }]))
        }
        "DoGet" => rows(service, headers, first(body, most).await?).await,
        "DoPut" => Err(refused(&first(body, most).await?)),
        "DoAction" => act(service, headers, first(body, most).await?).await,
        "ListActions" => {
            let action = |kind: &str, what: &str| ActionType { kind: kind.to_owned(), description: what.to_owned() };
            let all = [action(CREATE, "Plans a statement that reads."), action(CLOSE, "Forgets a prepared statement.")];
            Ok(Reply::all(&all))
        }
        other => {
            let name: String = other.chars().take(100).collect();
            Err(unsupported(&format!("the method `{name}`")))
        }
    }
}

/// Who came so far may ask: says what to show from now on.
fn handshake(headers: &HeaderMap) -> Reply {
    let mut reply = Reply::all(&[HandshakeResponse::default()]);
    let shown = headers.get(AUTHORIZATION).and_then(|shown| shown.to_str().ok());
    if let Some(mut token) = shown.and_then(auth::token).and_then(|token| HeaderValue::from_str(&token).ok()) {
        token.set_sensitive(true);
        reply.headers.insert(AUTHORIZATION, token);
    }
    reply
}

async fn info(service: &Service, headers: &HeaderMap, descriptor: FlightDescriptor) -> Result<Reply, Status> {
    let (schema, ticket) = planned(service, headers, &descriptor.cmd).await?;
    let endpoint = vec![FlightEndpoint { ticket: Some(Ticket { ticket }) }];
    let (descriptor, unknown) = (Some(descriptor), -1);
    let info = FlightInfo { schema, descriptor, endpoint, total_records: unknown, total_bytes: unknown, ordered: true };
    Ok(Reply::all(&[info]))
}

/// The columns that a command answers with, as a message of Arrow's IPC format, and the ticket of its rows.
async fn planned(service: &Service, headers: &HeaderMap, bytes: &Bytes) -> Result<(Bytes, Bytes), Status> {
    let ticket = |handle: Bytes| Bytes::from(Any::of("TicketStatementQuery", &Handle { handle }).encode_to_vec());
    match Command::of(bytes)? {
        Command::Query(asked) => {
            let schema = schema(service, headers, &asked).await?;
            Ok((schema, ticket(asked.query.into())))
        }
        Command::PreparedQuery(asked) => {
            let prepared: Prepared = read(&asked.handle)?;
            Ok((prepared.dataset_schema, ticket(prepared.handle)))
        }
        other => Ok((of_schema(told::schema(&other)?.as_ref())?, bytes.clone())),
    }
}

/// The columns of a statement.
async fn schema(service: &Service, headers: &HeaderMap, asked: &Statement) -> Result<Bytes, Status> {
    if asked.transaction_id.as_ref().is_some_and(|id| !id.is_empty()) {
        return Err(unsupported("transactions"));
    }
    Asker::of(service, headers)?.schema(&asked.query).await
}

async fn rows(service: &Service, headers: &HeaderMap, ticket: Ticket) -> Result<Reply, Status> {
    let batch = match Command::of(&ticket.ticket)? {
        Command::Ticket(Handle { handle }) => {
            let text = std::str::from_utf8(&handle).map_err(|error| malformed("a statement", &error))?;
            return Asker::of(service, headers)?.rows(text).await;
        }
        Command::Tables(wanted) => tables::batch(Asker::of(service, headers)?, &wanted).await?,
        other => told::batch(&other)?,
    };
    Ok(Reply::all(&frames::of(&batch)?))
}

/// Why what is put is not taken.
fn refused(data: &FlightData) -> Status {
    let command = data.descriptor.as_ref().map(|descriptor| Command::of(&descriptor.cmd));
    match command {
        Some(Ok(Command::PreparedQuery(_))) => unsupported("parameters: write values into the statement"),
        Some(Err(status)) => status,
        Some(Ok(_)) => unsupported("writing: expected a statement that reads"),
        None => Status::invalid("expected a command of Flight SQL"),
    }
}

async fn act(service: &Service, headers: &HeaderMap, action: Action) -> Result<Reply, Status> {
    match action.kind.as_str() {
        CREATE => {
            let asked: Statement = Any::expect("ActionCreatePreparedStatementRequest", &action.body)?;
            let dataset_schema = schema(service, headers, &asked).await?;
            let statement = Prepared { handle: asked.query.into(), dataset_schema, parameter_schema: Bytes::new() };
            // The handle is the statement: whoever shows it gets what the statement answers them.
            let prepared = Prepared { handle: statement.encode_to_vec().into(), ..statement };
            let body = Any::of("ActionCreatePreparedStatementResult", &prepared).encode_to_vec().into();
            Ok(Reply::all(&[ActionResult { body }]))
        }
        CLOSE => {
            // Nothing was kept.
            let _: Handle = Any::expect("ActionClosePreparedStatementRequest", &action.body)?;
            Ok(Reply::all::<ActionResult>(&[]))
        }
        other => {
            let name: String = other.chars().take(100).collect();
            Err(unsupported(&format!("the action `{name}`")))
        }
    }
}

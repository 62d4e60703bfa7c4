//! The messages of Arrow Flight and of Flight SQL, as far as they are read or written here.
//!
//! Source: `format/Flight.proto` and `format/FlightSql.proto` of Apache Arrow.

use bytes::Bytes;
use prost::Message;

use super::status::{Status, malformed};

/// What stands before the names of Flight SQL's messages.
const PREFIX: &str = "type.googleapis.com/arrow.flight.protocol.sql.";

/// A message with its name.
#[derive(Clone, PartialEq, Message)]
pub(in crate::api) struct Any {
    #[prost(string, tag = "1")]
    pub(in crate::api) type_url: String,
    #[prost(bytes = "bytes", tag = "2")]
    pub(in crate::api) value: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::api) struct HandshakeResponse {
    #[prost(uint64, tag = "1")]
    pub(in crate::api) protocol_version: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::api) struct FlightDescriptor {
    /// 2 where it is a command.
    #[prost(int32, tag = "1")]
    pub(in crate::api) kind: i32,
    #[prost(bytes = "bytes", tag = "2")]
    pub(in crate::api) cmd: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::api) struct Ticket {
    #[prost(bytes = "bytes", tag = "1")]
    pub(in crate::api) ticket: Bytes,
}

/// Without locations: the rows are where the flight is.
#[derive(Clone, PartialEq, Message)]
pub(in crate::api) struct FlightEndpoint {
    #[prost(message, optional, tag = "1")]
    pub(in crate::api) ticket: Option<Ticket>,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::api) struct FlightInfo {
    #[prost(bytes = "bytes", tag = "1")]
    pub(in crate::api) schema: Bytes,
    #[prost(message, optional, tag = "2")]
    pub(in crate::api) descriptor: Option<FlightDescriptor>,
    #[prost(message, repeated, tag = "3")]
    pub(in crate::api) endpoint: Vec<FlightEndpoint>,
    /// -1 where that is not known.
    #[prost(int64, tag = "4")]
    pub(in crate::api) total_records: i64,
    /// -1 where that is not known.
    #[prost(int64, tag = "5")]
    pub(in crate::api) total_bytes: i64,
    #[prost(bool, tag = "6")]
    pub(in crate::api) ordered: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::api) struct SchemaResult {
    #[prost(bytes = "bytes", tag = "1")]
    pub(in crate::api) schema: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::api) struct FlightData {
    #[prost(message, optional, tag = "1")]
    pub(in crate::api) descriptor: Option<FlightDescriptor>,
    /// The header of a message of Arrow's IPC format.
    #[prost(bytes = "bytes", tag = "2")]
    pub(in crate::api) header: Bytes,
    #[prost(bytes = "bytes", tag = "1000")]
    pub(in crate::api) body: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::api) struct Action {
    #[prost(string, tag = "1")]
    pub(in crate::api) kind: String,
    #[prost(bytes = "bytes", tag = "2")]
    pub(in crate::api) body: Bytes,
}

/// `Result` in Flight.
#[derive(Clone, PartialEq, Message)]
pub(in crate::api) struct ActionResult {
    #[prost(bytes = "bytes", tag = "1")]
    pub(in crate::api) body: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::api) struct ActionType {
    #[prost(string, tag = "1")]
    pub(in crate::api) kind: String,
    #[prost(string, tag = "2")]
    pub(in crate::api) description: String,
}

/// `CommandStatementQuery`, and `ActionCreatePreparedStatementRequest`, which has the same fields.
#[derive(Clone, PartialEq, Message)]
pub(in crate::api) struct Statement {
    #[prost(string, tag = "1")]
    pub(in crate::api) query: String,
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub(in crate::api) transaction_id: Option<Bytes>,
}

/// `TicketStatementQuery`, `CommandPreparedStatementQuery` and `ActionClosePreparedStatementRequest`, of which each has
/// this field.
#[derive(Clone, PartialEq, Message)]
pub(in crate::api) struct Handle {
    #[prost(bytes = "bytes", tag = "1")]
    pub(in crate::api) handle: Bytes,
}

/// `ActionCreatePreparedStatementResult`.
#[derive(Clone, PartialEq, Message)]
pub(in crate::api) struct Prepared {
    #[prost(bytes = "bytes", tag = "1")]
    pub(in crate::api) handle: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub(in crate::api) dataset_schema: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub(in crate::api) parameter_schema: Bytes,
}

/// `CommandGetTables`, and `CommandGetDbSchemas`, which has the first two fields.
#[derive(Clone, PartialEq, Message)]
pub(in crate::api) struct Wanted {
    #[prost(string, optional, tag = "1")]
    pub(in crate::api) catalog: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(in crate::api) db_schema_filter_pattern: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub(in crate::api) table_name_filter_pattern: Option<String>,
    #[prost(string, repeated, tag = "4")]
    pub(in crate::api) table_types: Vec<String>,
    #[prost(bool, tag = "5")]
    pub(in crate::api) include_schema: bool,
}

/// `CommandGetSqlInfo`.
#[derive(Clone, PartialEq, Message)]
pub(in crate::api) struct GetSqlInfo {
    /// Empty for all.
    #[prost(uint32, repeated, tag = "1")]
    pub(in crate::api) info: Vec<u32>,
}

/// `CommandGetXdbcTypeInfo`.
#[derive(Clone, PartialEq, Message)]
pub(in crate::api) struct GetTypeInfo {
    #[prost(int32, optional, tag = "1")]
    pub(in crate::api) data_type: Option<i32>,
}

/// What a call is about.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Command {
    Query(Statement),
    PreparedQuery(Handle),
    Ticket(Handle),
    Tables(Wanted),
    Schemas(Wanted),
    SqlInfo(GetSqlInfo),
    TypeInfo(GetTypeInfo),
    Catalogs,
    TableTypes,
    PrimaryKeys,
    ForeignKeys,
    /// There is no answer to it. Its name.
    Other(String),
}

// === impl Any ===

impl Any {
    /// A message of Flight SQL, by its name there.
    pub(in crate::api) fn of(name: &str, message: &impl Message) -> Self {
        Self { type_url: format!("{PREFIX}{name}"), value: message.encode_to_vec().into() }
    }

    /// Reads a message that must have this name.
    ///
    /// # Errors
    /// It is another, or none.
    pub(super) fn expect<M: Message + Default>(name: &str, bytes: &[u8]) -> Result<M, Status> {
        let any: Self = read(bytes)?;
        if any.name() != name {
            return Err(Status::invalid(format!("expected `{name}`")));
        }
        read(&any.value)
    }

    /// The message's name; empty where it is none of Flight SQL.
    fn name(&self) -> &str {
        self.type_url.strip_prefix(PREFIX).unwrap_or_default()
    }
}

/// Reads a message.
///
/// # Errors
/// The bytes are none.
pub(super) fn read<M: Message + Default>(bytes: &[u8]) -> Result<M, Status> {
    M::decode(bytes).map_err(|error| malformed("a message of Arrow Flight SQL", &error))
}

// === impl Command ===

impl Command {
    /// Reads a command.
    ///
    /// # Errors
    /// The bytes are none.
    pub(super) fn of(bytes: &[u8]) -> Result<Self, Status> {
        let any: Any = read(bytes)?;
        let value = &any.value;
        Ok(match any.name() {
            "CommandStatementQuery" => Self::Query(read(value)?),
            "CommandPreparedStatementQuery" => Self::PreparedQuery(read(value)?),
            "TicketStatementQuery" => Self::Ticket(read(value)?),
            "CommandGetTables" => Self::Tables(read(value)?),
            "CommandGetDbSchemas" => Self::Schemas(read(value)?),
            "CommandGetSqlInfo" => Self::SqlInfo(read(value)?),
            "CommandGetXdbcTypeInfo" => Self::TypeInfo(read(value)?),
            "CommandGetCatalogs" => Self::Catalogs,
            "CommandGetTableTypes" => Self::TableTypes,
            "CommandGetPrimaryKeys" => Self::PrimaryKeys,
            "CommandGetExportedKeys" | "CommandGetImportedKeys" | "CommandGetCrossReference" => Self::ForeignKeys,
            _ => Self::Other(any.type_url.rsplit(['.', '/']).next().unwrap_or_default().chars().take(100).collect()),
        })
    }
}

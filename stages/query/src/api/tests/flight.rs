//! Arrow Flight SQL, over real sockets. What ADBC's driver makes of it is tested with real processes.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Float64Type, Schema};
use arrow::record_batch::RecordBatch;
use bytes::{Bytes, BytesMut};
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::arrow::util::pretty::pretty_format_batches;
use futures_util::{StreamExt, stream};
use prost::Message;
use weir_pipeline::{Ask, RowForm, Rows};

use super::*;
use crate::api::flight::proto::{
    Action, ActionResult, ActionType, Any, FlightData, FlightDescriptor, FlightInfo, GetSqlInfo, GetTypeInfo, Handle,
    Prepared, SchemaResult, Statement, Ticket, Wanted,
};
use crate::api::flight::rpc::{framed, unframed};

/// Who calls.
struct Caller {
    client: Client<HttpConnector, Body>,
    address: SocketAddr,
    headers: Vec<(&'static str, String)>,
}

/// What a call came to.
#[derive(Debug)]
struct Called {
    status: String,
    message: String,
    headers: HeaderMap,
    messages: Vec<Bytes>,
}

fn caller(running: &Running) -> Caller {
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    Caller { client, address: running.address, headers: Vec::new() }
}

fn statement(query: &str) -> Any {
    Any::of("CommandStatementQuery", &Statement { query: query.to_owned(), transaction_id: None })
}

fn descriptor(command: &Any) -> FlightDescriptor {
    FlightDescriptor { kind: 2, cmd: command.encode_to_vec().into() }
}

impl Caller {
    async fn call(&self, method: &str, message: &impl Message) -> Called {
        self.send(method, framed(message)).await
    }

    async fn send(&self, method: &str, body: Bytes) -> Called {
        let uri = format!("http://{}/arrow.flight.protocol.FlightService/{method}", self.address);
        let request = Request::post(uri).header("content-type", "application/grpc").header("te", "trailers");
        let request = self.headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        let response = self.client.request(request.body(Body::new(body)).unwrap()).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &"application/grpc".parse().unwrap())
        );
        let headers = response.headers().clone();
        let body = response.into_body().collect().await.unwrap();
        let trailers = body.trailers().cloned().unwrap_or_default();
        let mut bytes = BytesMut::from(&*body.to_bytes());
        let messages: Vec<Bytes> = std::iter::from_fn(|| unframed(&mut bytes, u64::MAX).unwrap()).collect();
        assert!(bytes.is_empty());
        let end = if headers.contains_key("grpc-status") { &headers } else { &trailers };
        let text = |name: &str| end.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        Called { status: text("grpc-status"), message: text("grpc-message"), headers, messages }
    }

    async fn one<M: Message + Default>(&self, method: &str, message: &impl Message) -> M {
        let called = self.call(method, message).await;
        assert_eq!((called.status.as_str(), called.messages.len()), ("0", 1), "{called:?}");
        M::decode(&*called.messages[0]).unwrap()
    }

    async fn info(&self, command: &Any) -> FlightInfo {
        let info: FlightInfo = self.one("GetFlightInfo", &descriptor(command)).await;
        let schema: SchemaResult = self.one("GetSchema", &descriptor(command)).await;
        assert_eq!((&info.schema, info.total_records), (&schema.schema, -1));
        info
    }

    async fn rows(&self, info: &FlightInfo) -> Vec<RecordBatch> {
        let called = self.call("DoGet", &ticket(info)).await;
        assert_eq!(called.status, "0", "{}", called.message);
        let batches = batches(&called.messages);
        batches.iter().for_each(|batch| assert_eq!(*batch.schema(), schema(&info.schema)));
        batches
    }

    /// What a command answers with, as a table.
    async fn table(&self, command: &Any) -> String {
        pretty_format_batches(&self.rows(&self.info(command).await).await).unwrap().to_string()
    }

    async fn prepare(&self, query: &str) -> Called {
        let asked = Any::of(
            "ActionCreatePreparedStatementRequest",
            &Statement { query: query.to_owned(), transaction_id: None },
        );
        let action = Action { kind: "CreatePreparedStatement".to_owned(), body: asked.encode_to_vec().into() };
        self.call("DoAction", &action).await
    }
}

fn ticket(info: &FlightInfo) -> Ticket {
    info.endpoint[0].ticket.clone().unwrap()
}

/// The columns that a message of the IPC format has.
fn schema(bytes: &Bytes) -> Schema {
    let stream = [&bytes[..], &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]].concat();
    Schema::clone(&StreamReader::try_new(&*stream, None).unwrap().schema())
}

fn batches(messages: &[Bytes]) -> Vec<RecordBatch> {
    let mut stream = Vec::new();
    for message in messages {
        let data = FlightData::decode(&**message).unwrap();
        assert!(data.body.len() <= 2 << 20, "{} bytes", data.body.len());
        stream.extend_from_slice(&[0xff; 4]);
        stream.extend_from_slice(&(data.header.len() as u32).to_le_bytes());
        stream.extend_from_slice(&data.header);
        stream.extend_from_slice(&data.body);
    }
    StreamReader::try_new(&*stream, None).unwrap().map(std::result::Result::unwrap).collect()
}

fn count(batches: &[RecordBatch]) -> usize {
    batches.iter().map(RecordBatch::num_rows).sum()
}

fn fails(called: &Called, status: &str, message: &str) {
    assert!(called.status == status && called.message.contains(message), "{called:?}");
}

#[tokio::test]
async fn a_statement_is_planned_and_its_rows_are_sent() {
    let running = over_two_instances().await;
    let caller = caller(&running);
    let command = statement("SELECT instance, value, time FROM up WHERE instance = 'a:1' ORDER BY time LIMIT 2");
    let info: FlightInfo = caller.one("GetFlightInfo", &descriptor(&command)).await;
    let columns = schema(&info.schema);
    let types: Vec<_> = columns.fields().iter().map(|field| (field.name().as_str(), field.data_type())).collect();
    assert_eq!(types[..2], [("instance", &DataType::Utf8), ("value", &DataType::Float64)]);
    let rows = caller.rows(&info).await;
    let forms: Vec<_> = running.seen().into_iter().map(|query| query.ask).collect();
    let forms: Vec<_> =
        forms.iter().map(|ask| if let Ask::Sql { form, .. } = ask { *form } else { panic!() }).collect();
    assert_eq!(forms, [RowForm::ArrowSchema, RowForm::Arrow]);
    let expected = "\
+----------+-------+----------------------+
| instance | value | time                 |
+----------+-------+----------------------+
| a:1      | 1.0   | 1970-01-01T00:00:00Z |
| a:1      | 1.0   | 1970-01-01T00:00:15Z |
+----------+-------+----------------------+";
    assert_eq!(pretty_format_batches(&rows).unwrap().to_string(), expected);
    // All rows, in messages that are small.
    let info = caller.info(&statement("SELECT value, repeat_of.* FROM generate_series(1, 300000), (SELECT '0123456789012345678901234567890123456789012345678901234567890123456789' AS x) repeat_of")).await;
    assert_eq!(count(&caller.rows(&info).await), 300_000);
    let info = caller.info(&statement("SELECT value FROM up WHERE false")).await;
    assert_eq!(count(&caller.rows(&info).await), 0);
}

#[tokio::test]
async fn a_prepared_statement_has_its_columns_and_nothing_is_kept_of_it() {
    let running = over_two_instances().await;
    let caller = caller(&running);
    let called = caller.prepare("SELECT sum(value) AS up FROM up").await;
    let result = ActionResult::decode(&*called.messages[0]).unwrap();
    let prepared = Prepared::decode(&*Any::decode(&*result.body).unwrap().value).unwrap();
    assert_eq!(schema(&prepared.dataset_schema).field(0).name(), "up");
    assert!(prepared.parameter_schema.is_empty());
    let handle = Handle { handle: prepared.handle };
    let command = Any::of("CommandPreparedStatementQuery", &handle);
    let info = caller.info(&command).await;
    // Its columns are known already.
    assert_eq!(running.seen().len(), 1);
    let rows = caller.rows(&info).await;
    assert_eq!(rows[0].column(0).as_primitive::<Float64Type>().value(0), 41.0);
    let close = Any::of("ActionClosePreparedStatementRequest", &handle);
    let close = Action { kind: "ClosePreparedStatement".to_owned(), body: close.encode_to_vec().into() };
    let called = caller.call("DoAction", &close).await;
    assert_eq!((called.status.as_str(), called.messages.len()), ("0", 0));
    // Each is whole in what the client has of it.
    assert_eq!(caller.rows(&info).await, rows);
    let data = FlightData { descriptor: Some(descriptor(&command)), ..FlightData::default() };
    let called = caller.call("DoPut", &data).await;
    fails(&called, "12", "there is no support for parameters: write values into the statement");
    fails(&caller.prepare("SELECT $1").await, "3", "expected a statement without parameters, got `$1`");
    let called = caller.call("ListActions", &Handle::default()).await;
    let kinds: Vec<_> = called.messages.iter().map(|one| ActionType::decode(&**one).unwrap().kind).collect();
    assert_eq!(kinds, ["CreatePreparedStatement", "ClosePreparedStatement"]);
}

#[tokio::test]
async fn tables_are_the_metrics_of_the_tenant() {
    let running = over_two_instances().await;
    let caller = caller(&running);
    let get = |name: &str, wanted: Wanted| Any::of(name, &wanted);
    let nothing = Wanted::default;
    assert!(caller.table(&get("CommandGetCatalogs", nothing())).await.contains("| weir "));
    assert!(caller.table(&get("CommandGetDbSchemas", nothing())).await.contains("| weir         | metrics        |"));
    assert!(caller.table(&get("CommandGetTableTypes", nothing())).await.contains("| TABLE "));
    let expected = "\
+--------------+----------------+------------+------------+
| catalog_name | db_schema_name | table_name | table_type |
+--------------+----------------+------------+------------+
| weir         | metrics        | up         | TABLE      |
+--------------+----------------+------------+------------+";
    assert_eq!(caller.table(&get("CommandGetTables", nothing())).await, expected);
    let text = |text: &str| Some(text.to_owned());
    for (wanted, found) in [
        (Wanted { table_name_filter_pattern: text("u%"), ..nothing() }, 1),
        (Wanted { table_name_filter_pattern: text("_p"), db_schema_filter_pattern: text("metr%"), ..nothing() }, 1),
        (Wanted { table_name_filter_pattern: text("x%"), ..nothing() }, 0),
        (Wanted { db_schema_filter_pattern: text("x"), ..nothing() }, 0),
        (Wanted { catalog: text(""), ..nothing() }, 0),
        (Wanted { catalog: text("weir"), table_types: vec!["VIEW".into(), "TABLE".into()], ..nothing() }, 1),
        (Wanted { table_types: vec!["VIEW".into()], ..nothing() }, 0),
    ] {
        let wanted = Wanted { include_schema: true, ..wanted };
        let info = caller.info(&get("CommandGetTables", wanted.clone())).await;
        assert_eq!(count(&caller.rows(&info).await), found, "{wanted:?}");
        let info = caller.info(&get("CommandGetDbSchemas", Wanted { table_name_filter_pattern: None, ..wanted })).await;
        assert!(count(&caller.rows(&info).await) <= 1);
    }
    // They are the columns that a query has.
    let info = caller.info(&get("CommandGetTables", Wanted { include_schema: true, ..nothing() })).await;
    let listed = caller.rows(&info).await[0].column(4).as_binary::<i32>().value(0).to_vec();
    let info = caller.info(&statement("SELECT * FROM up")).await;
    assert_eq!(schema(&info.schema), schema(&listed.into()));
}

#[tokio::test]
async fn what_the_server_can_do_is_told() {
    let running = over_two_instances().await;
    let caller = caller(&running);
    let infos = |info: &[u32]| Any::of("CommandGetSqlInfo", &GetSqlInfo { info: info.to_vec() });
    let text = caller.table(&infos(&[3, 0])).await;
    assert!(text.contains("{string_value=Weir}") && text.contains("{bool_value=true}"), "{text}");
    assert_eq!(text.lines().count(), 6, "{text}");
    let all = caller.rows(&caller.info(&infos(&[])).await).await;
    // Drivers of JDBC fail where one of those is not told that their standard asks for.
    assert!(count(&all) > 80 && all[0].column(1).data_type().to_string().contains("int32_to_int32_list_map"));
    let types = |data_type: Option<i32>| Any::of("CommandGetXdbcTypeInfo", &GetTypeInfo { data_type });
    let text = caller.table(&types(None)).await;
    assert!(text.contains("| DOUBLE ") && text.contains("| VARCHAR "), "{text}");
    assert_eq!(count(&caller.rows(&caller.info(&types(Some(8))).await).await), 1);
    for (name, columns) in [
        ("CommandGetPrimaryKeys", 6),
        ("CommandGetExportedKeys", 13),
        ("CommandGetImportedKeys", 13),
        ("CommandGetCrossReference", 13),
    ] {
        let info = caller.info(&Any::of(name, &Wanted::default())).await;
        assert_eq!((schema(&info.schema).fields().len(), count(&caller.rows(&info).await)), (columns, 0), "{name}");
    }
    assert!(running.seen().is_empty());
}

#[tokio::test]
async fn mistakes_have_a_status_and_the_message_of_the_query() {
    let running = over_two_instances().await;
    let caller = caller(&running);
    let plan = async |query: &str| caller.call("GetFlightInfo", &descriptor(&statement(query))).await;
    fails(&plan("SELECT * FROM nothing").await, "3", "nothing");
    fails(&plan("SELECT '100%' FROM nothing_ö").await, "3", "nothing_%C3%B6");
    fails(&plan(" ").await, "3", "expected an SQL text");
    fails(&plan("DROP TABLE up").await, "3", "expected a statement that reads");
    let update = Any::of("CommandStatementUpdate", &Statement { query: "DELETE".into(), transaction_id: None });
    let data = FlightData { descriptor: Some(descriptor(&update)), ..FlightData::default() };
    fails(&caller.call("DoPut", &data).await, "12", "there is no support for writing: expected a statement that reads");
    let action = |kind: &str| Action { kind: kind.to_owned(), body: Bytes::from_static(b"x") };
    let called = caller.call("DoAction", &action("BeginTransaction")).await;
    fails(&called, "12", "there is no support for the action `BeginTransaction`");
    fails(&caller.call("DoAction", &action("CreatePreparedStatement")).await, "3", "expected a message of Arrow");
    let within = Statement { query: "SELECT 1".into(), transaction_id: Some(Bytes::from_static(b"t")) };
    let within = Any::of("CommandStatementQuery", &within);
    fails(&caller.call("GetFlightInfo", &descriptor(&within)).await, "12", "there is no support for transactions");
    let substrait = Any::of("CommandStatementSubstraitPlan", &Handle::default());
    let called = caller.call("GetFlightInfo", &descriptor(&substrait)).await;
    fails(&called, "12", "there is no support for the command `CommandStatementSubstraitPlan`");
    fails(&caller.call("ListFlights", &Handle::default()).await, "12", "there is no support for the method");
    fails(&caller.send("DoGet", Bytes::new()).await, "3", "expected a message");
    fails(&caller.send("DoGet", Bytes::from_static(&[1, 0, 0, 0, 0])).await, "12", "compressed messages");
    fails(&caller.send("DoGet", Bytes::from_static(&[0, 255, 0, 0, 0])).await, "8", "at most 4194304 bytes");
    let metrics = running.get("/metrics").await;
    for line in [r#"code="400"} 6"#, r#"code="501"} 6"#, r#"code="429"} 1"#] {
        let line = format!(r#"http_requests_total{{pipeline="query",handler="flight",method="post",{line}"#);
        assert!(metrics.text().contains(&line), "{line}: {}", metrics.text());
    }
    assert_eq!(running.get("/arrow.flight.protocol.FlightService/DoGet").await.header("allow"), Some("POST"));
}

#[tokio::test]
async fn rows_that_fail_midway_end_with_the_error() {
    let running = start(settings(""), async |query| {
        let engine = Engine::with_partitions(Arc::new(Memory::default()), crate::engine::Limits::default(), 2);
        let Ask::Sql { form, .. } = &query.ask else { panic!("expected SQL") };
        let form = *form;
        let Data::Rows(rows) = engine.query(query).await?.data else { panic!("expected rows") };
        let first = rows.take().unwrap().take(1);
        let rest = stream::iter([Err(Error::unprocessable("the query needs more than 1MiB of memory"))]);
        let rows = if form == RowForm::Arrow { Rows::new(form, first.chain(rest)) } else { Rows::new(form, first) };
        Ok(Answer { warnings: vec!["a store is away".to_owned()], ..Data::Rows(rows).into() })
    })
    .await;
    let caller = caller(&running);
    let info = caller.info(&statement("SELECT value FROM generate_series(1, 100000)")).await;
    let called = caller.call("DoGet", &ticket(&info)).await;
    fails(&called, "9", "the query needs more than 1MiB of memory");
    assert_eq!(called.headers["warning"], "a store is away");
    assert!(count(&batches(&called.messages)) > 0);
    // What ends without an end is not whole.
    let running = start(settings(""), async |query| {
        let Ask::Sql { form, .. } = query.ask else { panic!("expected SQL") };
        Ok(Answer::from(Data::Rows(Rows::new(form, stream::iter([Ok(Bytes::from_static(&[0xff; 4]))])))))
    })
    .await;
    let called = self::caller(&running).call("DoGet", &ticket(&info)).await;
    fails(&called, "13", "expected rows to their end");
}

#[tokio::test]
async fn whose_samples_a_ticket_reads_is_said_by_who_shows_it() {
    let running = over_two_instances().await;
    let (mut ours, mut theirs) = (caller(&running), caller(&running));
    ours.headers.push(("x-scope-orgid", "team-a".to_owned()));
    theirs.headers.push(("x-scope-orgid", "team-b".to_owned()));
    let info: FlightInfo = ours.one("GetFlightInfo", &descriptor(&statement("SELECT 1"))).await;
    theirs.rows(&info).await;
    let seen: Vec<String> = running.seen().iter().map(|query| query.tenant.as_str().to_owned()).collect();
    assert_eq!(seen, ["team-a", "team-b"]);
    theirs.headers.push(("thanos-tenant", "team-a".to_owned()));
    let called = theirs.call("GetFlightInfo", &descriptor(&statement("SELECT 1"))).await;
    fails(&called, "3", "expected one tenant, got `team-b` and `team-a`");
}

#[tokio::test]
async fn it_needs_the_credentials_of_the_api() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tokens");
    std::fs::write(&file, "0123456789abcdef\n").unwrap();
    // The hash of `wonderland`.
    let hash = "$2b$04$PTQI9yUHkE3NxCmGLGv4qeF4r/RLTiKbMuGzXaZMeO508791TCvGq";
    let auth =
        format!("auth: {{ basic: {{ users: {{ alice: '{hash}' }} }}, bearer: {{ tokens_file: {} }} }}", file.display());
    let running = over(memory(&[(&[("__name__", "up")], &[1.0])]), &auth).await;
    let mut caller = caller(&running);
    let command = descriptor(&statement("SELECT 1"));
    for method in ["Handshake", "GetFlightInfo"] {
        fails(&caller.call(method, &command).await, "16", "Unauthorized");
    }
    // `alice:wonderland`, as Go's client writes it, which has no padding.
    for shown in ["Bearer 0123456789abcdef", "Basic YWxpY2U6d29uZGVybGFuZA"] {
        caller.headers = vec![("authorization", shown.to_owned())];
        let called = caller.call("Handshake", &command).await;
        let token = called.headers["authorization"].to_str().unwrap().to_owned();
        assert!(called.status == "0" && token.starts_with("Bearer "), "{called:?}");
        // It is shown from then on.
        caller.headers = vec![("authorization", token)];
        caller.one::<FlightInfo>("GetFlightInfo", &command).await;
    }
}

#[tokio::test]
async fn it_takes_as_long_as_the_setting_says() {
    let running = start(settings("timeout: 200ms"), async |_| std::future::pending().await).await;
    let called = caller(&running).call("GetFlightInfo", &descriptor(&statement("SELECT 1"))).await;
    fails(&called, "4", "query timed out in expression evaluation");
}

//! Tests of sessions: what may be asked, and what there is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;

use async_trait::async_trait;
use weir_pipeline::{Ask, Data, Kind, Query, Result, RowForm, Tenant};

use crate::engine::{Engine, Limits, MetricsSource, Selected, Wanted};
use crate::memory::Memory;
use crate::sql::tests::{check, check_error, engine, loaded, rows, written};

const LOAD: &str = "1m\n up{job=\"a\"} 1\n down{zone=\"z\"} 1";

#[tokio::test]
async fn only_what_reads_may_be_asked() {
    for text in [
        "CREATE TABLE t AS SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        "COPY up TO '/tmp/up.csv'",
        "COPY (SELECT 1) TO '/tmp/up.csv'",
        "INSERT INTO up VALUES (1)",
        "DELETE FROM up",
        "UPDATE up SET value = 1",
        "DROP TABLE up",
        "SET datafusion.execution.batch_size = 1",
        "RESET datafusion.execution.batch_size",
        "PREPARE p AS SELECT 1",
        "EXECUTE p",
        "BEGIN",
        "EXPLAIN CREATE TABLE t AS SELECT 1",
        "EXPLAIN COPY up TO '/tmp/up.csv'",
        "SELECT 1 INTO t",
        "TRUNCATE TABLE up",
    ] {
        let error = written(&engine(loaded(LOAD)), text, RowForm::Csv).await.expect_err(text);
        assert_eq!(error.kind(), Kind::Invalid, "{text}: {}", error.message());
    }
}

#[tokio::test]
async fn no_file_is_read() {
    for text in
        ["SELECT * FROM '/etc/passwd'", "SELECT * FROM \"/etc/passwd.csv\"", "SELECT * FROM read_csv('/etc/passwd')"]
    {
        check_error(LOAD, text, "not found").await;
    }
}

#[tokio::test]
async fn what_is_wrong_is_the_askers_fault() {
    let check = async |text: &str, kind: Kind, expected: &str| {
        let error = written(&engine(loaded(LOAD)), text, RowForm::Json).await.expect_err(text);
        assert_eq!(error.kind(), kind, "{text}: {}", error.message());
        assert!(error.message().contains(expected), "{text}: {}", error.message());
    };
    check("SELEC 1", Kind::Invalid, "SQL").await;
    check("", Kind::Invalid, "").await;
    check("SELECT 1; SELECT 2", Kind::Unprocessable, "single SQL statement").await;
    check("SELECT nothing(1)", Kind::Invalid, "nothing").await;
    check("SELECT * FROM up WHERE job > 1 AND", Kind::Invalid, "SQL").await;
    check("SELECT 1 / 0", Kind::Unprocessable, "zero").await;
    check("SELECT CAST('x' AS INT)", Kind::Unprocessable, "x").await;
    check("SELECT repeat('x', 1000000000)", Kind::Invalid, "repeat").await;
}

#[tokio::test]
async fn a_statement_has_limits_of_size_and_depth() {
    let sum = format!("SELECT 1{}", " + 1".repeat(10_000));
    check_error(LOAD, &sum, "expected expressions of at most 200 levels").await;
    let joins = format!("SELECT 1 FROM up{}", ", up".repeat(5_000));
    check_error(LOAD, &joins, "expected at most 200 tables").await;
    let unions = format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(2_000));
    check_error(LOAD, &unions, "expected at most 200 tables").await;
    let long = format!("SELECT '{}'", "x".repeat(70_000));
    check_error(LOAD, &long, "expected an SQL text of at most 65536 bytes").await;
    let nested = format!("SELECT {}1{}", "(".repeat(1000), ")".repeat(1000));
    check_error(LOAD, &nested, "").await;
    let fits = format!("SELECT 1{}", " + 1".repeat(150));
    check(LOAD, &fits, &["151"]).await;
}

#[tokio::test]
async fn tables_and_columns_are_listed() {
    let tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'metrics' ORDER BY 1";
    check(LOAD, tables, &["down", "up"]).await;
    let columns = "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'up' ORDER BY 1";
    check(LOAD, columns, &["job,Utf8", "time,\"Timestamp(ms, \"\"UTC\"\")\"", "value,Float64"]).await;
    let shown = rows(&engine(loaded(LOAD)), "SHOW TABLES").await;
    assert!(shown.contains(&"weir,metrics,up,BASE TABLE".to_owned()), "{shown:?}");
    let described = rows(&engine(loaded(LOAD)), "DESCRIBE down").await;
    assert!(described.contains(&"zone,Utf8,YES".to_owned()), "{described:?}");
    let shown = rows(&engine(loaded(LOAD)), "SHOW COLUMNS FROM up").await;
    assert_eq!(shown.len(), 3, "{shown:?}");
    let functions = "SELECT count(DISTINCT routine_name) FROM information_schema.routines \
                     WHERE routine_name IN ('rate', 'clamp', 'histogram_quantile', 'date_bin')";
    check(LOAD, functions, &["4"]).await;
}

/// What each tenant has.
#[derive(Debug)]
struct Tenants(Memory, Memory);

#[async_trait]
impl MetricsSource for Tenants {
    async fn select(&self, wanted: Wanted<'_>) -> Result<Arc<dyn Selected>> {
        if wanted.tenant.as_str() == "a" { self.0.select(wanted).await } else { self.1.select(wanted).await }
    }
}

#[tokio::test]
async fn a_tenant_sees_its_own_tables_only() {
    let tenants = Tenants(loaded("1m\n up{job=\"a\"} 1"), loaded("1m\n up{zone=\"z\"} 2\n secret 3"));
    let engine = Engine::with_partitions(Arc::new(tenants), Limits::default(), 2);
    let ask = async |tenant: &str, text: &str| {
        let ask = Ask::Sql { text: text.into(), form: RowForm::Csv };
        let answer = engine.query(Query::new(Tenant::new(tenant).unwrap(), ask)).await?;
        let Data::Rows(rows) = answer.data else { panic!("expected rows") };
        let pieces: Vec<_> = futures_util::TryStreamExt::try_collect(rows.take().unwrap()).await?;
        let pieces: Vec<bytes::Bytes> = pieces;
        Ok::<_, weir_pipeline::Error>(String::from_utf8(pieces.concat()).unwrap())
    };
    assert_eq!(ask("a", "SELECT * EXCLUDE (time) FROM up").await.unwrap(), "value,job\n1,a\n");
    assert_eq!(ask("b", "SELECT * EXCLUDE (time) FROM up").await.unwrap(), "value,zone\n2,z\n");
    let tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'metrics' ORDER BY 1";
    assert_eq!(ask("a", tables).await.unwrap(), "table_name\nup\n");
    assert_eq!(ask("b", tables).await.unwrap(), "table_name\nsecret\nup\n");
    assert!(ask("a", "SELECT * FROM secret").await.unwrap_err().message().contains("secret"));
    assert_eq!(ask("a", "SELECT value FROM promql('secret', 0)").await.unwrap(), "value\n");
}

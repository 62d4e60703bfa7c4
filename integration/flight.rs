//! Arrow Flight SQL as others speak it: ADBC's driver and pandas, over TLS, with a password and with a token.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::harness::certificates::certificates;
use crate::harness::process::free_address;
use crate::harness::weir::{PIPELINES, SECURE, Weir};
use crate::harness::writers::{SERIES, body, post};
use crate::harness::{now, peers};

const STATEMENT: &str =
    "SELECT sender, count(*) AS samples, max(time) AS last, avg(value) AS mean FROM crash_total GROUP BY sender";

/// Runs the client.
fn ask(python: &Path, uri: &str, options: &Value) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("integration/flight_client.py");
    Command::new(python).arg(script).args([uri, &options.to_string(), STATEMENT]).output().unwrap()
}

/// What the client says.
fn said(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn adbc_and_pandas_read_metrics_with_the_credentials_of_the_api() {
    let Some(python) = peers::python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (path, secure) = (dir.path(), free_address());
    certificates(path);
    std::fs::write(path.join("tokens"), "a-token-of-a-test\n").unwrap();
    let mut weir = Weir::new(path, &format!("{PIPELINES}{SECURE}"));
    weir.start(&[("SECURE", &secure.to_string())]);
    assert_eq!(post(weir.receive, &body(0, now())).unwrap().status, 204);

    let plain = format!("grpc://{}", weir.api);
    let answer = said(&ask(&python, &plain, &json!({})));
    assert_eq!(answer["server"], "Weir");
    let columns = json!(["time", "value", "sender", "series"]);
    assert_eq!(answer["tables"], json!({ "weir.metrics.crash_total": columns }));
    assert_eq!(answer["types"], json!(["TABLE"]));
    let types = json!({ "time": "timestamp[ms, tz=UTC]", "value": "double", "sender": "string", "series": "string" });
    assert_eq!(answer["columns"], types);
    let frame = &answer["frame"];
    assert_eq!((&frame["rows"][0][0], &frame["rows"][0][1]), (&"0".into(), &SERIES.into()));
    assert_eq!(frame["dtypes"]["last"], "datetime64[ms, UTC]");
    assert_eq!(answer["many"], 200_000);
    assert!(answer["planned"].as_str().unwrap().starts_with("one: int64"), "{}", answer["planned"]);
    for (refused, class, text) in [
        ("unknown", "ProgrammingError", "nothing_of_this_name"),
        ("parameters", "ProgrammingError", "expected a statement without parameters, got `$1`"),
        ("update", "NotSupportedError", "there is no support for writing"),
        ("ingest", "NotSupportedError", "there is no support for writing"),
    ] {
        let (found, said) = (&answer[refused][0], answer[refused][1].as_str().unwrap());
        assert!(found == class && said.contains(text), "{refused}: {found} {said}");
    }

    // Another tenant has no tables: the script can't even ask for the columns of one.
    let other = ask(&python, &plain, &json!({ "adbc.flight.sql.rpc.call_header.x-scope-orgid": "nobody" }));
    let text = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(!other.status.success() && text.contains("NotFound") || text.contains("NOT_FOUND"), "{text}");

    let roots = std::fs::read_to_string(path.join("ca.crt")).unwrap();
    let tls = format!("grpc+tls://{secure}");
    let with = |more: Value| {
        let mut options = json!({ "adbc.flight.sql.client_option.tls_root_certs": roots });
        options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        ask(&python, &tls, &options)
    };
    for shown in [
        json!({ "username": "alice", "password": "wonderland" }),
        json!({ "adbc.flight.sql.authorization_header": "Bearer a-token-of-a-test" }),
    ] {
        assert_eq!(said(&with(shown))["frame"]["rows"], answer["frame"]["rows"]);
    }
    assert_eq!(weir.metric("weir_http_unauthorized_total"), 0.0);
    for shown in [json!({}), json!({ "username": "alice", "password": "else" })] {
        let refused = with(shown);
        let text = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && text.to_uppercase().contains("UNAUTHENTICATED"), "{text}");
        assert!(!text.contains("else"), "{text}");
    }
    assert!(weir.metric("weir_http_unauthorized_total") >= 2.0);
    weir.stop();
}

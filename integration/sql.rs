//! `weir sql` and `weir query` as a person meets them: against a server that asks who asks, and straight at a bucket.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::mpsc;
use std::time::Duration;

use crate::harness::certificates::certificates;
use crate::harness::process::free_address;
use crate::harness::s3::S3;
use crate::harness::shared::{ONE, PATIENT};
use crate::harness::weir::{PIPELINES, SECURE, Weir, run};
use crate::harness::writers::{SERIES, body, post};
use crate::harness::{http, now, wait_for};

/// Below these: an API that asks for a certificate.
const MUTUAL: &str = "\
---
name: mutual
source:
  api:
    listen: '${MUTUAL}'
    tls_server_config: { cert_file: '${DIR}/node.crt', key_file: '${DIR}/node.key', client_ca_file: '${DIR}/ca.crt' }
sink: { promql: { store: central } }
";

const COUNT: &str = "SELECT count(*) AS n FROM crash_total";

/// What a command prints; it must succeed.
fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{} {}", output.status, String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a command that fails says, and its exit code.
fn told(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// All files below a directory, with their sizes.
fn files(dir: &Path) -> BTreeMap<PathBuf, u64> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let metadata = entry.metadata().unwrap();
        if metadata.is_dir() {
            all.extend(files(&entry.path()));
        } else {
            all.insert(entry.path(), metadata.len());
        }
    }
    all
}

#[test]
fn a_bucket_is_read_without_a_server_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let s3 = S3::start(dir.path());
    let place = s3.place();
    let mut writer = place.open(&dir.path().join("writer"), ONE, &[PATIENT]);
    let last = now();
    for timestamp in last - 2..=last {
        assert_eq!(post(writer.receive, &body(0, timestamp)).unwrap().status, 204);
    }
    let uploaded = || writer.metric("weir_store_upload_samples_total") >= (3 * SERIES) as f64;
    wait_for("all samples to be in the bucket", Duration::from_secs(60), || uploaded().then_some(()));
    writer.stop();
    let directory = place.directory.clone().unwrap();
    let before = files(&directory);

    let here = directory.display().to_string();
    let there = format!("s3://{}?endpoint={}", place.name, place.endpoint);
    let keys = [("AWS_ACCESS_KEY_ID", place.key.0.as_str()), ("AWS_SECRET_ACCESS_KEY", place.key.1.as_str())];
    for bucket in [here.as_str(), there.as_str()] {
        let sql = |args: &[&str]| run(&[&["sql", "--bucket", bucket], args].concat(), &keys, dir.path());
        assert_eq!(printed(&sql(&[COUNT])), format!("  n\n{}\n", 3 * SERIES));
        let csv = printed(&sql(&["--format", "csv", "SELECT DISTINCT sender FROM promql('crash_total', now())"]));
        assert_eq!(csv, "sender\n0\n");
        let json = printed(&sql(&["--format", "json", "SHOW TABLES"]));
        assert!(json.contains("\"crash_total\""), "{json}");
        let (code, text) = told(&sql(&["--tenant", "nobody", COUNT]));
        assert!(code == Some(1) && text.contains("crash_total"), "{text}");
        let (code, text) = told(&sql(&["--memory", "1KiB", "SELECT * FROM crash_total ORDER BY value"]));
        assert!(code == Some(1) && text.contains("memory"), "{text}");
    }
    assert_eq!(files(&directory), before);
    let (code, text) = told(&run(&["sql", "--bucket", "nothing-here", COUNT], &keys, dir.path()));
    assert!(code == Some(1) && text.contains("expected a directory that is a bucket, got `nothing-here`"), "{text}");
    let nobody = ("AWS_SECRET_ACCESS_KEY", "something-else");
    let (code, text) = told(&run(&["sql", "--bucket", &there, COUNT], &[keys[0], nobody], dir.path()));
    assert!(code == Some(3) && !text.contains("something-else"), "{code:?} {text}");
}

#[test]
fn a_server_is_shown_who_asks_and_has_to_show_who_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let (path, secure, mutual) = (dir.path(), free_address(), free_address());
    certificates(path);
    std::fs::write(path.join("tokens"), "a-token-of-a-test\n").unwrap();
    std::fs::write(path.join("token"), "a-token-of-a-test\n").unwrap();
    std::fs::write(path.join("password"), "wonderland\n").unwrap();
    std::fs::write(path.join("wrong"), "hunter2hunter2hunter2\n").unwrap();
    let mut weir = Weir::new(path, &format!("{PIPELINES}{SECURE}{MUTUAL}"));
    weir.start(&[("SECURE", &secure.to_string()), ("MUTUAL", &mutual.to_string())]);
    assert_eq!(post(weir.receive, &body(0, now())).unwrap().status, 204);

    let (secure, mutual) = (format!("https://{secure}"), format!("https://{mutual}"));
    let ask = |url: &str, args: &[&str]| {
        let sql = run(&[&["sql", "--url", url], args, &[COUNT]].concat(), &[], path);
        let query = run(&[&["query", "--url", url], args, &["count(crash_total)", "--json"]].concat(), &[], path);
        assert_eq!(sql.status, query.status, "{sql:?} {query:?}");
        (sql, query)
    };
    let alice = ["--user", "alice", "--password-file", "password", "--ca-file", "ca.crt"];
    let token = ["--bearer-token-file", "token", "--cacert", "ca.crt"];
    let shown = ["--cert-file", "node.crt", "--key-file", "node.key", "--ca-file", "ca.crt"];
    for (url, args) in [(&secure, alice), (&mutual, shown)] {
        let (sql, query) = ask(url, &args);
        assert_eq!(printed(&sql), format!(" n\n{SERIES}\n"));
        assert!(printed(&query).contains(&format!("\"{SERIES}\"")));
    }
    assert_eq!(printed(&ask(&secure, &token).0), format!(" n\n{SERIES}\n"));
    assert_eq!(
        printed(&ask(&secure, &[&token[..2], &["--insecure-skip-verify"]].concat()).0),
        format!(" n\n{SERIES}\n")
    );
    // Another tenant, by its argument and by its header.
    let plain = format!("http://{}", weir.api);
    for args in [["--tenant", "nobody"], ["--header", "X-Scope-OrgID: nobody"]] {
        let sql = run(&[&["sql", "--url", &plain], &args[..], &[COUNT]].concat(), &[], path);
        let (code, text) = told(&sql);
        assert!(code == Some(1) && text.contains("crash_total"), "{text}");
    }

    let check = |url: &str, args: &[&str], expect: &str| {
        let (sql, query) = ask(url, args);
        for (code, text) in [told(&sql), told(&query)] {
            assert!(code == Some(3) && text.contains(expect) && !text.contains("hunter2"), "{args:?}: {code:?} {text}");
        }
    };
    check(&secure, &["--ca-file", "ca.crt"], "401 Unauthorized: it does not let in who asks");
    check(&secure, &["-u", "alice", "--password-file", "wrong", "--ca-file", "ca.crt"], "401 Unauthorized");
    check(&secure, &["--bearer-token-file", "wrong", "--ca-file", "ca.crt"], "401 Unauthorized");
    check(&secure, &["--bearer-token-file", "token"], "certificate");
    check(&mutual, &["--ca-file", "ca.crt"], "no answer");
    weir.stop();
}

#[test]
fn a_long_answer_is_sent_to_its_end_while_the_program_stops() {
    let dir = tempfile::tempdir().unwrap();
    let mut weir = Weir::new(dir.path(), PIPELINES);
    weir.start(&[]);
    let (api, last) = (weir.api, 3_000_000);
    let (begun, begin) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(api).unwrap();
        let query = http::escape(&format!("SELECT value FROM generate_series(1, {last})"));
        let request = format!("GET /api/v1/sql?format=csv&query={query} HTTP/1.1\r\nHost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut bytes = vec![0; 4096];
        let read = stream.read(&mut bytes).unwrap();
        bytes.truncate(read);
        begun.send(()).unwrap();
        // It stops by now, and has more to say than the system holds for it.
        wait_for("the listener to close", Duration::from_secs(30), || TcpStream::connect(api).is_err().then_some(()));
        stream.read_to_end(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    });
    begin.recv().unwrap();
    weir.stop();
    let text = reader.join().unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{}", text.chars().take(200).collect::<String>());
    assert!(text.ends_with(&format!("{last}\n\r\n0\r\n\r\n")), "{} bytes", text.len());
}

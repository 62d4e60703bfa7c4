//! `weir tap`: what flows through a real process, watched from outside.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::process::Output;
use std::time::Duration;

use serde_json::Value;

use crate::harness::process::free_address;
use crate::harness::weir::{PIPELINES, Weir, run};
use crate::harness::writers::Writers;
use crate::harness::{pause, wait_for};

/// A receiver with a filter, and a resource to watch it by.
const WATCHED: &str = "
resources:
  main: { bucket: { local: { path: '${DIR}/bucket' } } }
  central: { store: { path: '${DIR}/central', bucket: main } }
  watch: { tap: { listen: '${TAP}', taps: 2 } }
---
name: receive
external_labels: { cluster: here }
source: { receive: { listen: '${RECEIVE}' } }
stages:
  - filter: { drop: ['{series=\"7\"}'] }
sink: { blocks: { store: central } }
---
name: query
source: { api: { listen: '${API}' } }
sink: { promql: { store: central } }
";

/// Runs `weir tap` to its end.
fn tap(weir: &Weir, at: SocketAddr, arguments: &[&str]) -> Output {
    let url = format!("http://{at}");
    run(&[&["tap", "--url", &url], arguments].concat(), &[], &weir.dir)
}

/// What it prints; it must exit with 0.
fn shown(weir: &Weir, at: SocketAddr, arguments: &[&str]) -> String {
    let output = tap(weir, at, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Its exit code and what it complains about.
fn refused(weir: &Weir, at: SocketAddr, arguments: &[&str]) -> (i32, String) {
    let output = tap(weir, at, arguments);
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn what_flows_through_a_process_is_shown_while_it_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let at = free_address();
    let mut weir = Weir::new(dir.path(), WATCHED);
    weir.start(&[("TAP", &at.to_string())]);
    let writers = Writers::start(2, weir.receive);

    // What the source sends, and what comes to the sink: with the label, and without what the filter drops.
    let text = shown(&weir, at, &["receive", "--limit", "60"]);
    assert!(text.starts_with("# receive.external_labels, tenant default-tenant, 50 samples\ncrash_total{"), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("crash_total{sender=")).count(), 60, "{text}");
    let text = shown(&weir, at, &["receive.blocks", "--limit", "100"]);
    assert!(text.starts_with("# receive.sink.blocks, tenant default-tenant, 49 samples\n"), "{text}");
    assert!(text.contains("crash_total{cluster=\"here\", sender=\"") && !text.contains("series=\"7\""), "{text}");
    let one = ["receive.filter", "--match", "{series=\"7\"}", "--tenant", "default-tenant", "--limit", "3"];
    let json = shown(&weir, at, &[&one[..], &["--format", "json"]].concat());
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|line| line["labels"]["series"] == "7" && line["tenant"] == "default-tenant"), "{json}");

    // How much of it: a head and three stages, twice.
    let table = shown(&weir, at, &["--rate", "--limit", "2"]);
    let stages: Vec<&str> = table.lines().filter_map(|line| line.split(' ').next()).collect();
    let once = ["stage", "receive.external_labels", "receive.stages[0].filter", "receive.sink.blocks", ""];
    assert_eq!(stages, [once, once].concat(), "{table}");
    let json = shown(&weir, at, &["--top", "receive", "--limit", "1", "--format", "json"]);
    let rates: Value = serde_json::from_str(&json).unwrap();
    let (all, dropped) = (&rates["stages"][0], &rates["stages"][1]["dropped"]);
    assert!(all["samples"].as_u64().unwrap() > 0 && dropped.as_u64().unwrap() > 0, "{json}");

    let (code, message) = refused(&weir, at, &["recieve.filter"]);
    assert!(code == 2 && message.contains("did you mean `receive.filter`?"), "{code}: {message}");
    assert!(message.contains("there are `receive`, `receive.external_labels`"), "{message}");
    let (code, message) = refused(&weir, weir.api, &["receive"]);
    assert!(code == 3 && message.contains("is no resource `tap`"), "{code}: {message}");

    assert!(writers.refused() == 0 && writers.acked() > 0);
    writers.stop();
    weir.stop();
}

#[test]
fn who_watches_and_does_not_read_keeps_nobody_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let at = free_address();
    let mut weir = Weir::new(dir.path(), WATCHED);
    weir.start(&[("TAP", &at.to_string())]);
    let writers = Writers::start(4, weir.receive);
    let stalled: Vec<TcpStream> = (0..2)
        .map(|_| {
            let mut stream = TcpStream::connect(at).unwrap();
            write!(stream, "GET /-/tap?stage=receive HTTP/1.1\r\nHost: weir\r\n\r\n").unwrap();
            stream
        })
        .collect();
    let full = wait_for("both to watch", Duration::from_secs(20), || {
        let (code, message) = refused(&weir, at, &["receive", "--limit", "1"]);
        (code == 3).then_some(message)
    });
    assert!(full.contains("there are 2 already"), "{full}");
    let before = writers.acked();
    pause(Duration::from_secs(3));
    assert!(writers.acked() > before + 20, "{} after {before}", writers.acked());
    assert!(writers.slowest() < Duration::from_secs(5) && writers.refused() == 0);
    // Those who go leave room for others.
    drop(stalled);
    wait_for("room to watch", Duration::from_secs(20), || {
        tap(&weir, at, &["receive", "--limit", "1"]).status.success().then_some(())
    });
    writers.stop();
    weir.stop();
}

#[test]
fn nothing_can_be_watched_where_nobody_said_so() {
    let dir = tempfile::tempdir().unwrap();
    let mut weir = Weir::new(dir.path(), PIPELINES);
    weir.start(&[]);
    let (code, message) = refused(&weir, free_address(), &["receive"]);
    assert_eq!(code, 3);
    assert!(message.contains("resources: { tap: { tap: {} } }"), "{message}");
    weir.stop();
}

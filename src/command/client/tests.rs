//! Tests of what commands say of servers and of who asks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    server: Server,
}

fn server(args: &[&str]) -> Result<Server, String> {
    let fixed: &[&str] = if args.contains(&"--url") { &["weir"] } else { &["weir", "--url", "http://127.0.0.1:1"] };
    Line::try_parse_from(fixed.iter().chain(args)).map(|line| line.server).map_err(|error| error.to_string())
}

/// Why nothing is asked.
fn refused(args: &[&str]) -> String {
    let server = server(args).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(server.get("/")).unwrap_err()
}

#[test]
fn arguments_that_belong_together_come_together() {
    let check = |args: &[&str], expect: &str| assert!(server(args).unwrap_err().contains(expect), "{args:?}");
    check(&["--user", "alice"], "--password-file");
    check(&["--password-file", "p"], "--user");
    check(&["--user", "alice", "--password-file", "p", "--bearer-token-file", "t"], "cannot be used with");
    check(&["--cert-file", "c"], "--key-file");
    check(&["--key", "k"], "--cert-file");
    server(&["--cacert", "c", "-u", "alice", "--password-file", "p", "-H", "A: b", "-H", "B: c"]).unwrap();
}

#[test]
fn what_is_wrong_is_told_without_secrets() {
    let check = |args: &[&str], expect: &str| {
        let error = refused(args);
        assert!(error.contains(expect) && !error.contains("hunter2"), "{args:?}: {error}");
    };
    check(&["-H", "hunter2"], "expected a `--header` as `Name: value`");
    check(&["-H", "A: hunter2\nB: c"], "expected a value that a header may have");
    check(&["-H", "Authorization: Bearer hunter2"], "expected credentials in files");
    check(&["-H", "Host: hunter2"], "the header `Host` is set by the request itself");
    check(&["--user", "alice:hunter2", "--password-file", "p"], "expected a `--user` without `:`");
    check(&["--user", "alice", "--password-file", "/nothing/here"], "expected a secret in the file `/nothing/here`");
    check(&["--bearer-token-file", "/nothing/here"], "expected a secret in the file `/nothing/here`");
    check(&["--url", "https://127.0.0.1:1", "--ca-file", "/nothing/here"], "/nothing/here");
    check(&["--url", "http://alice:hunter2@127.0.0.1:1"], "expected an address without a user: name it with `--user`");
    check(&["--url", "ftp://127.0.0.1"], "expected an address such as");
    check(&["--tenant", "a\nb"], "expected a tenant");
    check(&[], "no answer from `http://127.0.0.1:1/`");
}

//! The program under test.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use super::process::{Process, free_address};
use super::{http, wait_for};

/// Weir with a directory of its own. A restart keeps directory and addresses.
pub struct Weir {
    pub dir: PathBuf,
    pub api: SocketAddr,
    pub receive: SocketAddr,
    pub pipelines: PathBuf,
    /// What is started: the program under test, where nobody says another.
    pub program: PathBuf,
    process: Option<Process>,
}

/// A receiver, a store and an API: what most tests run.
pub const PIPELINES: &str = "
resources:
  main: { bucket: { local: { path: '${DIR}/bucket' } } }
  central: { store: { path: '${DIR}/central', bucket: main, head: { cut_after: '${CUT_AFTER:-1h}' } } }
---
name: receive
source: { receive: { listen: '${RECEIVE}' } }
sink: { blocks: { store: central } }
---
name: query
source: { api: { listen: '${API}' } }
sink: { promql: { store: central } }
";

/// Below [`PIPELINES`]: an API that asks who asks. The hash is that of `wonderland`.
pub const SECURE: &str = "\
---
name: secure
source:
  api:
    listen: '${SECURE}'
    tls_server_config: { cert_file: '${DIR}/node.crt', key_file: '${DIR}/node.key' }
    auth:
      basic: { users: { alice: '$2b$05$abcdefghijklmnopqrstuuA0vov2GDneHB3.8.cv9UF9g.RdvScIW' } }
      bearer: { tokens_file: '${DIR}/tokens' }
sink: { promql: { store: central } }
";

/// Runs the program to its end.
pub fn run(args: &[&str], env: &[(&str, &str)], dir: &Path) -> Output {
    Command::new(program()).args(args).envs(env.iter().copied()).current_dir(dir).output().unwrap()
}

/// The program's path.
pub fn program() -> &'static str {
    env!("CARGO_BIN_EXE_weir")
}

// === impl Weir ===

impl Weir {
    /// A Weir over `dir` whose pipelines are `documents`, one file for each. Not started yet.
    pub fn new(dir: &Path, documents: &str) -> Self {
        let pipelines = dir.join("pipelines.d");
        std::fs::create_dir_all(&pipelines).unwrap();
        for (i, document) in documents.split("\n---\n").enumerate() {
            std::fs::write(pipelines.join(format!("{i}0.yaml")), document).unwrap();
        }
        let (api, receive) = (free_address(), free_address());
        Self { dir: dir.to_owned(), api, receive, pipelines, program: program().into(), process: None }
    }

    /// Starts it and waits until it is ready.
    pub fn start(&mut self, env: &[(&str, &str)]) {
        self.start_with(&[], env);
    }

    /// As [`start`](Self::start), with more arguments.
    pub fn start_with(&mut self, args: &[&str], env: &[(&str, &str)]) {
        let mut command = Command::new(&self.program);
        command
            .arg("run")
            .arg(&self.pipelines)
            .args(args)
            .env("DIR", &self.dir)
            .env("API", self.api.to_string())
            .env("RECEIVE", self.receive.to_string())
            .envs(env.iter().copied())
            .current_dir(&self.dir);
        let mut process = Process::start(command, &self.dir.join("weir.log"));
        wait_for("weir to be ready", Duration::from_secs(120), || {
            assert!(process.is_running(), "weir ended: {}", process.output());
            http::get(self.api, "/-/ready").filter(|response| response.status == 200)
        });
        self.process = Some(process);
    }

    /// Stops it where it is: it keeps its connections, and answers nothing.
    pub fn freeze(&mut self) {
        self.process.as_mut().unwrap().signal("STOP");
    }

    /// Lets it go on.
    pub fn thaw(&mut self) {
        self.process.as_mut().unwrap().signal("CONT");
    }

    /// Kills it at once.
    pub fn kill(&mut self) {
        self.process.take().unwrap().kill();
    }

    /// Has it read its pipeline files anew (SIGHUP).
    pub fn hang_up(&mut self) {
        self.process.as_mut().unwrap().signal("HUP");
    }

    /// What it has printed so far.
    pub fn output(&self) -> String {
        self.process.as_ref().map_or_else(String::new, Process::output)
    }

    /// What it has logged, also once it has stopped.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("weir.log")).unwrap()
    }

    /// Asks it to stop and waits; it must exit with 0.
    pub fn stop(&mut self) {
        let mut process = self.process.take().unwrap();
        let status = process.stop();
        assert!(status.success(), "{status}: {}", process.output());
    }

    /// Waits until it has stopped by itself; it must exit with 0.
    pub fn ended(&mut self) {
        let mut process = self.process.take().unwrap();
        let status = process.ended();
        assert!(status.success(), "{status}: {}", process.output());
    }

    /// The sum of all series of one of its own metrics.
    pub fn metric(&self, name: &str) -> f64 {
        http::metric(self.api, name)
    }
}

//! The servers that are compared: how each is started, asked, and weighed.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::http::{get, post};
use crate::load::Protocol;
use crate::{Failure, Result};

pub(crate) mod replicas;

/// How long a server may take to start, or to stop.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(50);

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Weir,
    VictoriaMetrics,
    Prometheus,
}

/// A server that runs, on an empty directory. Dropping it kills it.
pub(crate) struct Peer {
    pub(crate) kind: Kind,
    child: Child,
    directory: PathBuf,
    /// Where it takes remote write.
    pub(crate) write: String,
    /// Where it answers queries, without a path.
    pub(crate) base: String,
}

/// What a server keeps on disk.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Disk {
    /// The samples' own files with their index, as far as the server has made them; without its log.
    pub(crate) blocks_bytes: u64,
    /// Everything in its directory.
    pub(crate) all_bytes: u64,
}

/// The servers that are compared, and where their programs are.
#[derive(Debug, clap::Args)]
pub(crate) struct Servers {
    /// Weir's release binary.
    #[arg(long, default_value = "target/release/weir")]
    weir: PathBuf,
    /// VictoriaMetrics; passed over where it is not installed.
    #[arg(long, default_value = "victoria-metrics")]
    victoria_metrics: PathBuf,
    /// Prometheus; passed over where it is not installed.
    #[arg(long, default_value = "prometheus")]
    prometheus: PathBuf,
    /// Only these servers, by name.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

// === impl Servers ===

impl Servers {
    /// Those that are wanted and there, each with its program and its version.
    pub(crate) fn installed(&self) -> impl Iterator<Item = (Kind, &Path, Option<String>)> {
        let all = [
            (Kind::Weir, self.weir.as_path()),
            (Kind::VictoriaMetrics, self.victoria_metrics.as_path()),
            (Kind::Prometheus, self.prometheus.as_path()),
        ];
        let wanted = |kind: Kind| self.only.is_empty() || self.only.iter().any(|name| name == kind.name());
        all.into_iter().filter(move |(kind, _)| wanted(*kind)).filter_map(|(kind, binary)| {
            let version = kind.version(binary);
            if version.is_none() && kind != Kind::Weir {
                eprintln!("{} is not installed: passed over", kind.name());
                return None;
            }
            Some((kind, binary, version))
        })
    }
}

// === impl Kind ===

impl Kind {
    /// The name, also of the report.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Weir => "weir",
            Self::VictoriaMetrics => "victoria-metrics",
            Self::Prometheus => "prometheus",
        }
    }

    /// The newest version of remote write that it takes. The peers answer requests of a newer one with success, and keep
    /// nothing of them.
    pub(crate) fn protocol(self) -> Protocol {
        match self {
            Self::Weir => Protocol::V2,
            Self::VictoriaMetrics | Self::Prometheus => Protocol::V1,
        }
    }

    /// What the server's program and version are: empty where it does not say, as Debian's `victoria-metrics`; `None` where
    /// there is no such program.
    pub(crate) fn version(self, binary: &Path) -> Option<String> {
        let output = Command::new(binary).arg("--version").output().ok()?;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        Some(text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned())
    }

    /// The files that it reads at start, in `directory`; `store` is what else Weir's store is told.
    fn prepare(self, directory: &Path, write: u16, query: u16, store: &str) -> Result<()> {
        match self {
            Self::Weir => {
                let pipelines = directory.join("pipelines");
                std::fs::create_dir_all(&pipelines)?;
                let data = directory.join("data");
                let text = PIPELINES
                    .replace("{store}", store)
                    .replace("{data}", &data.display().to_string())
                    .replace("{write}", &write.to_string())
                    .replace("{query}", &query.to_string());
                for document in text.split("---\n") {
                    let name = document.lines().next().unwrap_or_default().trim_start_matches("# ");
                    std::fs::write(pipelines.join(name), document)?;
                }
            }
            Self::Prometheus => std::fs::write(directory.join("prometheus.yml"), "global: {}\n")?,
            Self::VictoriaMetrics => {}
        }
        Ok(())
    }

    fn arguments(self, directory: &Path, query: u16) -> Vec<String> {
        let path = |name: &str| directory.join(name).display().to_string();
        match self {
            Self::Weir => vec!["run".into(), path("pipelines")],
            Self::VictoriaMetrics => vec![
                format!("-storageDataPath={}", path("data")),
                format!("-httpListenAddr=127.0.0.1:{query}"),
                "-retentionPeriod=12".into(),
                "-search.latencyOffset=0s".into(),
                "-search.disableCache".into(),
            ],
            Self::Prometheus => vec![
                format!("--config.file={}", path("prometheus.yml")),
                format!("--storage.tsdb.path={}", path("data")),
                format!("--web.listen-address=127.0.0.1:{query}"),
                "--web.enable-remote-write-receiver".into(),
                "--web.enable-admin-api".into(),
                "--log.level=warn".into(),
            ],
        }
    }

    /// The path that answers 200 once the server does.
    fn ready(self) -> &'static str {
        if self == Self::VictoriaMetrics { "/health" } else { "/-/ready" }
    }
}

/// The pipelines of a Weir that only receives and answers; each begins with the name of its file.
const PIPELINES: &str = "\
# 00-resources.yaml
resources:
  local:
    bucket: { local: { path: \"{data}/bucket\" } }
  central:
    store: { path: \"{data}/central\", bucket: local{store} }
---
# 20-receive.yaml
name: receive
source:
  receive: { listen: \"127.0.0.1:{write}\" }
sink:
  blocks: { store: central }
---
# 30-query.yaml
name: query
source:
  api: { listen: \"127.0.0.1:{query}\" }
stages:
  - cache: {}
sink:
  promql: { store: central }
";

// === impl Peer ===

impl Peer {
    /// Starts `binary` on `directory`, which is empty, and waits until it answers.
    pub(crate) async fn start(kind: Kind, binary: &Path, directory: &Path) -> Result<Self> {
        Self::start_with(kind, binary, directory, "").await
    }

    /// The same; `store` are further settings of Weir's store, such as `, head: { cut_after: 20s }`.
    pub(crate) async fn start_with(kind: Kind, binary: &Path, directory: &Path, store: &str) -> Result<Self> {
        let query = free_port()?;
        let write = if kind == Kind::Weir { free_port()? } else { query };
        kind.prepare(directory, write, query, store)?;
        let log = File::create(directory.join("log.txt"))?;
        let child = Command::new(binary)
            .args(kind.arguments(directory, query))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .map_err(|e| format!("{}: {e}", binary.display()))?;
        let mut peer = Self {
            kind,
            child,
            directory: directory.to_owned(),
            write: format!("http://127.0.0.1:{write}/api/v1/write"),
            base: format!("http://127.0.0.1:{query}"),
        };
        peer.await_ready().await?;
        Ok(peer)
    }

    async fn await_ready(&mut self) -> Result<()> {
        let url = format!("{}{}", self.base, self.kind.ready());
        let start = Instant::now();
        while !get(&url).await.is_ok_and(|reply| reply.status == 200) {
            if self.child.try_wait()?.is_some() || start.elapsed() > PATIENCE {
                return Err(self.failed("did not become ready"));
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// What happened, with the end of the server's log.
    fn failed(&self, what: &str) -> Failure {
        let log = std::fs::read_to_string(self.directory.join("log.txt")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines.get(lines.len().saturating_sub(10)..).unwrap_or_default().join("\n");
        format!("{} {what}; its log ends with\n{tail}", self.kind.name()).into()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The value of an instant query that has one, at `time` in milliseconds.
    pub(crate) async fn value(&self, query: &str, time: i64) -> Result<Option<f64>> {
        let query: String = query.bytes().map(percent).collect();
        let url = format!("{}/api/v1/query?query={query}&time={}.{:03}", self.base, time / 1000, time % 1000);
        let reply = get(&url).await?;
        if reply.status != 200 {
            return Err(format!("{}: {} {}", self.kind.name(), reply.status, reply.text.trim_end()).into());
        }
        let json: serde_json::Value = serde_json::from_str(&reply.text)?;
        Ok(json.pointer("/data/result/0/value/1").and_then(|v| v.as_str()).and_then(|v| v.parse().ok()))
    }

    /// Has the server write what it holds in memory, as far as it can be told to. Returns whether another process does
    /// it: Weir is started anew with short times and without a receiver, cuts what its log holds, and uploads its blocks.
    pub(crate) async fn flush(&mut self, binary: &Path) -> Result<bool> {
        if self.kind == Kind::Weir {
            self.cut(binary).await?;
            return Ok(true);
        }
        let paths: &[&str] = match self.kind {
            Kind::VictoriaMetrics => &["/internal/force_flush", "/internal/force_merge"],
            Kind::Prometheus => &["/api/v1/admin/tsdb/snapshot"],
            Kind::Weir => &[],
        };
        for path in paths {
            let reply = post(&format!("{}{path}", self.base)).await?;
            if !(200..300).contains(&reply.status) {
                return Err(format!("{path}: {} {}", reply.status, reply.text.trim_end()).into());
            }
        }
        Ok(false)
    }

    /// Stops the server and starts it anew on its directory, and waits until it answers.
    pub(crate) async fn restart(&mut self, binary: &Path) -> Result<()> {
        self.end().await?;
        self.child = self.again(binary, &self.kind.arguments(&self.directory, self.port()?))?;
        self.await_ready().await
    }

    /// The port at which it answers.
    fn port(&self) -> Result<u16> {
        Ok(self.base.rsplit_once(':').ok_or("expected a port")?.1.parse()?)
    }

    /// Another process of the server, whose log goes on.
    fn again(&self, binary: &Path, arguments: &[String]) -> Result<Child> {
        let log = File::options().append(true).open(self.directory.join("log.txt"))?;
        Command::new(binary)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .map_err(|e| format!("{}: {e}", binary.display()).into())
    }

    async fn cut(&mut self, binary: &Path) -> Result<()> {
        self.end().await?;
        let pipelines = self.directory.join("pipelines");
        let resources = pipelines.join("00-resources.yaml");
        let text = std::fs::read_to_string(&resources)?
            .replace("bucket: local }", "bucket: local, head: { cut_after: 1s }, upload: { after: 1s } }");
        std::fs::write(&resources, text)?;
        std::fs::remove_file(pipelines.join("20-receive.yaml"))?;
        self.child = self.again(binary, &self.kind.arguments(&self.directory, self.port()?))?;
        let start = Instant::now();
        let cut = |text: &str| {
            let has = |line: &str| text.lines().any(|l| l == line);
            // Nothing in memory, nothing on the way, something in the bucket.
            has("weir_store_head_samples 0")
                && has("prometheus_tsdb_blocks_loaded 0")
                && !has("thanos_shipper_uploads_total 0")
        };
        while !get(&format!("{}/metrics", self.base)).await.is_ok_and(|reply| cut(&reply.text)) {
            if self.child.try_wait()?.is_some() || start.elapsed() > PATIENCE {
                return Err(self.failed("did not upload its blocks"));
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Asks the server to stop, and waits for it. Returns what it left on disk.
    pub(crate) async fn stop(mut self) -> Result<Disk> {
        self.end().await?;
        let data = self.directory.join("data");
        let blocks: &[&str] = match self.kind {
            Kind::Weir => &["bucket"],
            Kind::VictoriaMetrics => &["data", "indexdb"],
            Kind::Prometheus => &["snapshots"],
        };
        let blocks_bytes = blocks.iter().map(|name| size(&data.join(name))).sum();
        Ok(Disk { blocks_bytes, all_bytes: size(&data) })
    }

    async fn end(&mut self) -> Result<()> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        let start = Instant::now();
        while self.child.try_wait()?.is_none() {
            if start.elapsed() > PATIENCE {
                return Err(self.failed("did not stop"));
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The bytes of all files below `path`; none where it is absent.
fn size(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else {
        return std::fs::symlink_metadata(path).map_or(0, |meta| if meta.is_file() { meta.len() } else { 0 });
    };
    entries.flatten().map(|entry| size(&entry.path())).sum()
}

pub(crate) fn percent(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

#[cfg(test)]
mod tests;

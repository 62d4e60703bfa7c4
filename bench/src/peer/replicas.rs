//! Three Weirs of one machine, each a router and a store of a ring with replication factor 3, from the pipelines that are
//! shipped for a cluster; and a fourth that answers queries of them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use tokio::net::TcpStream;

use super::{Kind, PATIENCE, PAUSE, Peer, free_port};
use crate::Result;

/// The names of the nodes, as the ring has them.
const NODES: [&str; 3] = ["A", "B", "C"];

/// What a node runs.
const NODE: [&str; 5] = ["00-ring.yaml", "05-bucket.yaml", "20-router.yaml", "30-store.yaml", "31-answer.yaml"];

/// What answers queries.
const QUERY: [&str; 3] = ["00-ring.yaml", "05-bucket.yaml", "40-query.yaml"];

/// A ring that runs, on an empty directory. Dropping it kills it.
pub(crate) struct Replicas {
    nodes: Vec<Child>,
    /// Who answers; takes writes at one of the nodes.
    pub(crate) query: Peer,
}

/// What every process of the ring is started with.
struct Start<'a> {
    binary: &'a Path,
    pipelines: &'a Path,
    directory: &'a Path,
    variables: Vec<(String, String)>,
}

// === impl Replicas ===

impl Replicas {
    /// Starts `binary` four times, with the files in `pipelines`, on `directory`, and waits until all answer.
    pub(crate) async fn start(binary: &Path, pipelines: &Path, directory: &Path) -> Result<Self> {
        let local = || Ok::<_, crate::Failure>(format!("127.0.0.1:{}", free_port()?));
        let mut variables = vec![("WEIR_BUCKET".to_owned(), directory.join("bucket").display().to_string())];
        let mut addresses = Vec::new();
        for name in NODES {
            let (takes, answers, receives) = (local()?, local()?, local()?);
            variables.push((format!("WEIR_NODE_{name}"), takes.clone()));
            variables.push((format!("WEIR_READ_{name}"), answers.clone()));
            addresses.push([("WEIR_PEERS", takes), ("WEIR_READERS", answers), ("WEIR_RECEIVE", receives)]);
        }
        let start = Start { binary, pipelines, directory, variables };
        let mut nodes = Vec::new();
        for (name, own) in NODES.iter().zip(&addresses) {
            nodes.push(start.run(name, &NODE, own)?);
        }
        let api = local()?;
        let child = start.run("query", &QUERY, &[("WEIR_HTTP", api.clone())])?;
        let receives = addresses.first().map_or("", |[.., (_, receives)]| receives.as_str());
        let mut query = Peer {
            kind: Kind::Weir,
            child,
            directory: directory.join("query"),
            write: format!("http://{receives}/api/v1/write"),
            base: format!("http://{api}"),
        };
        query.await_ready().await?;
        let ring = Self { nodes, query };
        for (_, address) in addresses.iter().flatten() {
            let begin = Instant::now();
            while TcpStream::connect(address).await.is_err() {
                if begin.elapsed() > PATIENCE {
                    return Err(ring.query.failed("heard nothing of its nodes"));
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(ring)
    }

    /// The processes of the three nodes.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.nodes.iter().map(Child::id).collect()
    }
}

impl Drop for Replicas {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            let _ = node.kill();
            let _ = node.wait();
        }
    }
}

// === impl Start ===

impl Start<'_> {
    fn run(&self, name: &str, files: &[&str], own: &[(&str, String)]) -> Result<Child> {
        let directory = self.directory.join(name);
        std::fs::create_dir_all(&directory)?;
        let log = File::create(directory.join("log.txt"))?;
        let files: Vec<PathBuf> = files.iter().map(|file| self.pipelines.join(file)).collect();
        let mut command = Command::new(self.binary);
        command.arg("run").args(files).envs(self.variables.iter().cloned()).envs(own.iter().cloned());
        command.env("WEIR_DATA", &directory).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        command.spawn().map_err(|e| format!("{}: {e}", self.binary.display()).into())
    }
}

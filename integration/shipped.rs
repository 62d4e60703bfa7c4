//! The files of a cluster as they are shipped, each role a process: what an agent scrapes is there, whichever store dies.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::harness::peers;
use crate::harness::process::{Process, free_address};
use crate::harness::s3::S3;
use crate::harness::weir::program;
use crate::harness::writers::{SERIES, body, post};
use crate::harness::{http, now, wait_for};

/// A cluster of the shipped files.
struct Shipped {
    dir: PathBuf,
    /// The file that says where the bucket is.
    bucket: &'static str,
    env: Vec<(String, String)>,
    /// Where each store node takes batches, and where it answers questions.
    nodes: [[SocketAddr; 2]; 3],
}

impl Shipped {
    fn new(dir: &Path, bucket: &'static str, env: &[(&str, &str)]) -> Self {
        let nodes = [(); 3].map(|()| [free_address(), free_address()]);
        let mut env: Vec<(String, String)> = env.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        for (name, [takes, answers]) in ["A", "B", "C"].iter().zip(nodes) {
            env.push((format!("WEIR_NODE_{name}"), takes.to_string()));
            env.push((format!("WEIR_READ_{name}"), answers.to_string()));
        }
        Self { dir: dir.to_owned(), bucket, env, nodes }
    }

    /// Runs files, until what listens at `ready` is ready.
    fn run(&self, role: &str, files: &[&str], env: &[(&str, &str)], ready: Option<SocketAddr>) -> Process {
        let at = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines.d/cluster");
        let mut command = Command::new(program());
        command.arg("run").args(files.iter().map(|file| at.join(format!("{file}.yaml")))).current_dir(&self.dir);
        command.envs(self.env.iter().map(|(name, value)| (name, value))).envs(env.iter().copied());
        let mut process = Process::start(command, &self.dir.join(format!("{role}.log")));
        wait_for("weir to be ready", Duration::from_secs(60), || {
            assert!(process.is_running(), "{role} ended: {}", process.output());
            let Some(ready) = ready else { return Some(()) };
            http::get(ready, "/-/ready").filter(|response| response.status == 200).map(drop)
        });
        process
    }

    fn store(&self, i: usize) -> Process {
        let [takes, answers] = self.nodes[i];
        let data = self.dir.join(format!("data-{i}")).display().to_string();
        let (peers, readers) = (takes.to_string(), answers.to_string());
        let env = [("WEIR_PEERS", peers.as_str()), ("WEIR_READERS", &readers), ("WEIR_DATA", &data)];
        self.run(&format!("store-{i}"), &[self.bucket, "30-store", "31-answer"], &env, Some(takes))
    }
}

/// An agent, a router, three stores and a query node over a bucket: the newest sample of `up` goes on, and a router takes samples,
/// whichever store is dead.
fn scrapes_go_on(bucket: &'static str, dir: &Path, env: &[(&str, &str)]) {
    let Some(exporter) = peers::node_exporter(dir) else { return };
    let shipped = Shipped::new(dir, bucket, env);
    let mut stores = [0, 1, 2].map(|i| shipped.store(i));
    let api = free_address();
    let answers = [("WEIR_HTTP", api.to_string())];
    let answers = answers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let _query = shipped.run("query", &["00-ring", bucket, "40-query"], &answers, Some(api));
    let target = exporter.address.to_string();
    let scrapes = [("WEIR_TARGET", target.as_str()), ("WEIR_SCRAPE_INTERVAL", "1s")];
    let receive = free_address();
    let takes = receive.to_string();
    let _router = shipped.run("router", &["00-ring", "20-router"], &[("WEIR_RECEIVE", &takes)], Some(receive));
    let _agent = shipped.run("agent", &["00-ring", "10-agent"], &scrapes, None);

    // When the newest sample was scraped, in seconds.
    let newest = || -> Option<f64> {
        let answer = http::api_raw(api, "query", &[("query", "up{job=\"node\"}[1m]")])?;
        let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((answer["status"].as_str(), answer.get("warnings")), (Some("success"), None), "{answer}");
        let up = answer["data"]["result"].as_array()?.first()?.clone();
        assert_eq!(up["metric"]["instance"], target, "{up}");
        assert_eq!(up["metric"]["cluster"], "local", "{up}");
        let values = up["values"].as_array()?;
        assert!(values.iter().all(|value| value[1] == "1"), "{up}");
        values.last()?[0].as_f64()
    };
    let mut last = wait_for("the first scrape", Duration::from_secs(20), newest);
    for (i, store) in stores.iter_mut().enumerate() {
        store.kill();
        let written = post(receive, &body(i, now())).unwrap();
        assert_eq!(written.status, 204, "{}", written.text());
        has_series(api, (i + 1) * SERIES);
        let later = |than: f64| move |at: &f64| *at > than + 2.0;
        let seen = wait_for("scrapes without a store", Duration::from_secs(20), || newest().filter(later(last)));
        *store = shipped.store(i);
        last = wait_for("scrapes with it", Duration::from_secs(20), || newest().filter(later(seen)));
    }
}

/// That a query node has so many series that routers took.
fn has_series(api: SocketAddr, series: usize) {
    let counted = http::api(api, "query", &[("query", "count(crash_total)")]);
    assert_eq!(counted["result"][0]["value"][1], series.to_string(), "{counted}");
}

#[test]
fn agent_and_router_of_the_shipped_files_write_whichever_store_is_dead() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = dir.path().join("bucket");
    scrapes_go_on("05-bucket", dir.path(), &[("WEIR_BUCKET", &bucket.display().to_string())]);
    assert!(bucket.join("_weir/bucket").is_file(), "all were to use this bucket");
}

#[test]
fn the_shipped_files_share_a_bucket_in_s3() {
    let dir = tempfile::tempdir().unwrap();
    let s3 = S3::start(dir.path());
    let place = s3.place();
    let env = [
        ("WEIR_S3_BUCKET", place.name.as_str()),
        ("WEIR_S3_ENDPOINT", &place.endpoint),
        ("AWS_ACCESS_KEY_ID", &place.key.0),
        ("AWS_SECRET_ACCESS_KEY", &place.key.1),
    ];
    scrapes_go_on("s3/05-bucket", dir.path(), &env);
    assert!(s3.bucket().join("_weir/bucket").is_file(), "all were to use this bucket");
}

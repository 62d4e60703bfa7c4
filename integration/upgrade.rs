//! A cluster that is upgraded node by node under load, in the order of `docs/upgrading.md`, and goes back: two versions of the
//! log, of blocks and of batches side by side, no write that fails, and nothing that is missing.
//!
//! Nodes that are not upgraded yet are held at `version: 1`. With `WEIR_OLDER` they are what that names: a program of before
//! native histograms.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use weir_pipeline::histogram::{BucketSpan, Buckets};
use weir_pipeline::{Batch, Histogram, HistogramPoint, LabelSet, Tenant};
use weir_stages::remote_write::{self, Version};

use crate::harness::cluster::{Asker, Cluster, SENDERS};
use crate::harness::process::Process;
use crate::harness::weir::{Weir, program};
use crate::harness::writers::Writers;
use crate::harness::{http, now, pause, phase, wait_for};

/// The resources of a store node.
const STORE: &str = "
resources:
  main: { bucket: { local: { path: '${DIR}/bucket' } } }
  central: { store: { path: '${DIR}/central', bucket: main, head: { cut_after: 1s } } }
";

/// The resources of a query node, beside the ring.
const QUERY: &str = "
  all: { cluster: { ring: members, hedge: 200ms, connect_timeout: 500ms } }
";

/// Where a store node takes batches, by its version.
const TAKES: [&str; 2] = ["peers: { listen: '${PEERS}', version: 1 }", "peers: { listen: '${PEERS}' }"];

/// A version of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Older,
    Newer,
}

/// A cluster, and the native histograms that it was sent.
struct Ground {
    cluster: Cluster,
    /// The program of before native histograms, where there is one.
    older: Option<PathBuf>,
    /// When each histogram was that was acknowledged, in milliseconds.
    acked: Vec<i64>,
    next: i64,
}

#[test]
fn a_cluster_is_upgraded_node_by_node_under_load_and_a_node_goes_back() {
    let mut ground = Ground::start();
    let writers = Arc::new(Writers::of_floats(SENDERS, ground.cluster.router.receive));
    let samples = || (writers.book().len() == SENDERS).then_some(());
    wait_for("samples", Duration::from_secs(60), samples);
    let asker = Asker::start(ground.cluster.query.api, &writers);
    phase(Duration::from_secs(1));
    ground.is_refused();
    ground.writes([1, 1, 1]);

    // One is upgraded, goes back with its disk while there are only floats, and is upgraded again.
    for version in [Of::Newer, Of::Older, Of::Newer] {
        ground.become_of(2, version);
        phase(Duration::from_secs(2));
        ground.writes([1, 1, 1]);
    }
    // A batch that one of three takes is not acknowledged, and two write the older formats beside one that writes the newer.
    ground.is_refused();
    phase(Duration::from_secs(2));
    ground.is_refused();
    ground.writes([1, 1, 2]);

    for node in [1, 0] {
        ground.become_of(node, Of::Newer);
        ground.is_acked();
        phase(Duration::from_secs(2));
    }
    ground.is_acked();
    ground.writes([2, 2, 2]);

    // One goes back: it has native histograms, so without its disk.
    ground.cluster.stores[0].stop();
    ground.refuses_what_is_newer(0);
    ground.cluster.start_store(0);
    ground.is_acked();
    ground.cluster.stores[0].stop();
    let dir = ground.cluster.stores[0].dir.clone();
    ["bucket", "central"]
        .iter()
        .for_each(|kept| std::fs::rename(dir.join(kept), dir.join(format!("{kept}.kept"))).unwrap());
    ground.write_as(0, Of::Older);
    ground.cluster.start_store(0);
    phase(Duration::from_secs(2));
    ground.is_acked();
    ground.writes([1, 2, 2]);

    asker.go_on(2 * SENDERS);
    let answers = asker.stop();
    assert!(answers.whole > 2 * SENDERS && answers.partial == 0, "{answers:?}");
    assert_eq!(writers.refused(), 0);
    ground.has_all_histograms();
    ground.cluster.check(&Arc::into_inner(writers).unwrap().stop(), 1);
}

/// One histogram, that of a time.
fn request(at: i64) -> Vec<u8> {
    let positive = Buckets { spans: vec![BucketSpan { offset: 0, length: 2 }], counts: vec![1.0, 2.0] };
    let histogram = Histogram { count: 3.0, sum: at as f64, positive, zero_threshold: 0.001, ..Histogram::default() };
    let mut batch = Batch::builder(Tenant::default());
    batch.series(LabelSet::from_iter([("__name__", "upgrade_seconds")]).as_labels());
    batch.histogram(HistogramPoint { timestamp: at, start: 0, histogram: Arc::new(histogram) });
    let (mut message, mut body) = (Vec::new(), Vec::new());
    remote_write::encode(&batch.build(), Version::V2, &mut message);
    remote_write::compress(&message, &mut body).unwrap();
    body
}

/// The files below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The latest version of the log's segments below a directory, by their headers.
fn log_version(dir: &Path) -> u16 {
    let version = |path: PathBuf| {
        let head: [u8; 10] = std::fs::read(path).ok()?.get(..10)?.try_into().ok()?;
        head.starts_with(b"WEIRLOG\n").then(|| u16::from_le_bytes([head[8], head[9]]))
    };
    files(dir).into_iter().filter_map(version).max().unwrap_or(0)
}

/// The latest version of blocks below a directory, by what their files say beside the schema.
fn block_version(dir: &Path) -> u16 {
    let version = |path: PathBuf| {
        let bytes = std::fs::read(path.extension().is_some_and(|e| e == "parquet").then_some(path)?).ok()?;
        let key = b"weir.format";
        // Two bytes tell what comes, and how long it is.
        let at = bytes.windows(key.len()).rposition(|window| window == key)? + key.len() + 2;
        char::from(*bytes.get(at)?).to_digit(10).map(|digit| digit as u16)
    };
    files(dir).into_iter().filter_map(version).max().unwrap_or(0)
}

// === impl Ground ===

impl Ground {
    /// Starts a cluster whose store nodes are of the older version.
    fn start() -> Self {
        let older = std::env::var_os("WEIR_OLDER").filter(|path| !path.is_empty()).map(PathBuf::from);
        let prepare = |store: &mut Weir| as_of(store, older.as_deref(), Of::Older);
        let cluster = Cluster::prepared(tempfile::tempdir().unwrap(), STORE, QUERY, &[], prepare);
        Self { cluster, older, acked: Vec::new(), next: now() - 60_000 }
    }

    /// Has a store node start as one of a version from now on.
    fn write_as(&mut self, node: usize, of: Of) {
        as_of(&mut self.cluster.stores[node], self.older.as_deref(), of);
    }

    /// A node stops, and starts as one of a version.
    fn become_of(&mut self, node: usize, of: Of) {
        self.cluster.stores[node].stop();
        self.write_as(node, of);
        self.cluster.start_store(node);
    }

    /// Sends a histogram through the router.
    fn send(&self) -> http::Response {
        let content_type = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
        let headers = [("Content-Encoding", "snappy"), ("Content-Type", content_type)];
        http::request(self.cluster.router.receive, "POST", "/api/v1/receive", &headers, &request(self.next)).unwrap()
    }

    /// Too few nodes take histograms: who sends one is told to come again.
    fn is_refused(&self) {
        let refused = self.send();
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")), "{}", refused.text());
        assert!(refused.text().contains("takes batches of version 1"), "{}", refused.text());
    }

    /// Enough nodes take histograms, once the router has found them; what was refused is sent again.
    fn is_acked(&mut self) {
        for _ in 0..10 {
            wait_for("an acknowledged histogram", Duration::from_secs(30), || {
                (self.send().status == 204).then_some(())
            });
            self.acked.push(self.next);
            self.next += 10;
        }
    }

    /// The nodes' logs and their blocks are of these versions.
    fn writes(&self, versions: [u16; 3]) {
        let dirs = [0, 1, 2].map(|node: usize| self.cluster.stores[node].dir.join("central"));
        // A log that was just cut has no segment, and a block comes with a cut.
        let of = |dir: &PathBuf| (log_version(&dir.join("log")), block_version(&dir.join("blocks")));
        let expect = versions.map(|version| (version, version));
        let begin = Instant::now();
        while dirs.each_ref().map(of) != expect {
            assert!(begin.elapsed() < Duration::from_secs(60), "{:?} instead of {versions:?}", dirs.each_ref().map(of));
            pause(Duration::from_millis(50));
        }
    }

    /// A program of before native histograms does not start with them, says why, and touches nothing.
    fn refuses_what_is_newer(&self, node: usize) {
        let Some(older) = &self.older else { return };
        let store = &self.cluster.stores[node];
        let sizes = || {
            files(&store.dir.join("central")).into_iter().map(|f| (f.metadata().unwrap().len(), f)).collect::<Vec<_>>()
        };
        let before = sizes();
        let mut command = std::process::Command::new(older);
        command.arg("run").arg(&store.pipelines).env("DIR", &store.dir).current_dir(&store.dir);
        for name in ["API", "PEERS", "READERS"] {
            command.env(name, crate::harness::process::free_address().to_string());
        }
        let mut process = Process::start(command, &store.dir.join("older.log"));
        assert!(!process.ended().success());
        assert!(process.output().contains("this program reads up to"), "{}", process.output());
        assert_eq!(sizes(), before);
    }

    /// A query has every acknowledged histogram, each with its sum.
    fn has_all_histograms(&self) {
        let time = (now() / 1000).to_string();
        let found = http::api(self.cluster.query.api, "query", &[("query", "upgrade_seconds[1h]"), ("time", &time)]);
        let points = found["result"][0]["histograms"].as_array().unwrap_or_else(|| panic!("{found}"));
        let point = |point: &serde_json::Value| {
            let at = (point[0].as_f64().unwrap() * 1000.0).round() as i64;
            assert_eq!(point[1]["sum"].as_str().unwrap().parse(), Ok(at as f64), "{point}");
            at
        };
        let found: Vec<i64> = points.iter().map(point).collect();
        assert_eq!(found, self.acked);
    }
}

/// Makes a store node one of a version.
fn as_of(store: &mut Weir, older: Option<&Path>, of: Of) {
    let held = of == Of::Older && older.is_none();
    let file = store.pipelines.join("10.yaml");
    let text = std::fs::read_to_string(&file).unwrap().replace(TAKES[0], TAKES[1]);
    assert!(text.contains(TAKES[1]), "{text}");
    std::fs::write(&file, if held { text.replace(TAKES[1], TAKES[0]) } else { text }).unwrap();
    store.program = match (of, older) {
        (Of::Older, Some(older)) => older.to_owned(),
        _ => program().into(),
    };
}

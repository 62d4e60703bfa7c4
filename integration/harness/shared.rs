//! A bucket that several share, and what it has in the end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::cluster::has_all;
use super::weir::Weir;
use super::writers::{found_within, have_exemplars};
use super::{http, now, peers, wait_for};

/// The bucket that all share. It is given up on soon, for scenarios in which it fails.
pub const BUCKET: &str = "
  main:
    bucket:
      s3: { bucket: '${S3_BUCKET}', endpoint: '${S3_ENDPOINT}', credentials: { file: '${S3_KEYS}' } }
      timeout: '${S3_TIMEOUT:-1s}'
      retry: { attempts: 3, within: 2s, backoff: { initial: 50ms, max: 200ms } }
";

/// A store that soon has everything there.
pub const STORE: &str = "
  central:
    store:
      path: '${DIR}/central'
      bucket: main
      head: { cut_after: 1s }
      upload:
        after: '${UPLOAD_AFTER:-2s}'
        one_copy: ${ONE_COPY:-true}
        # A node that dies in the midst of it is not waited for long.
        take_over: 10s
";

/// As patient as Weir is by itself: for who meets no faults, on a machine that may be busy.
pub const PATIENT: (&str, &str) = ("S3_TIMEOUT", "30s");

/// What a query node asks.
pub const QUERY: &str = "
  all: { cluster: { ring: members, bucket: main, hedge: 200ms, connect_timeout: 500ms } }
";

/// A process that takes nothing.
pub const FRESH: &str = "
---
name: look
source: { api: { listen: '${API}' } }
sink: { promql: { store: central } }
";

/// A process that takes remote write.
pub const ONE: &str = "
---
name: receive
source: { receive: { listen: '${RECEIVE}' } }
sink: { blocks: { store: central } }
---
name: look
source: { api: { listen: '${API}' } }
sink: { promql: { store: central } }
";

/// Where a bucket is.
#[derive(Clone, Debug)]
pub struct Place {
    /// The bucket's name.
    pub name: String,
    /// The server, as `http://127.0.0.1:9000`.
    pub endpoint: String,
    /// The key that is let in, and its secret.
    pub key: (String, String),
    /// The file that has them.
    pub keys: String,
    /// The directory that has the objects as files, where there is one.
    pub directory: Option<PathBuf>,
}

// === impl Place ===

impl Place {
    /// What [`BUCKET`] names.
    pub fn env(&self) -> [(&str, &str); 3] {
        [("S3_BUCKET", &self.name), ("S3_ENDPOINT", &self.endpoint), ("S3_KEYS", &self.keys)]
    }

    /// Starts a process of its own over the bucket.
    pub fn open(&self, dir: &Path, pipelines: &str, env: &[(&str, &str)]) -> Weir {
        std::fs::create_dir_all(dir).unwrap();
        let mut weir = Weir::new(dir, &format!("\nresources:{BUCKET}{STORE}{pipelines}"));
        weir.start(&[&self.env(), env].concat());
        weir
    }

    /// A store without data of its own has all of it, from the bucket, and once.
    pub fn check(&self, dir: &Path, acked: &BTreeMap<usize, Vec<i64>>, range: &str) -> Weir {
        let fresh = self.open(&dir.join("fresh"), FRESH, &[PATIENT]);
        for (sender, timestamps) in acked {
            let (found, warnings) = found_within(fresh.api, *sender, range);
            assert_eq!(warnings, Vec::<String>::new());
            has_all(&found, *sender, timestamps);
        }
        have_exemplars(fresh.api, acked);
        fresh
    }

    /// Python's readers of Delta tables have the same samples as PromQL, where they are installed: of files, and through S3.
    pub fn others_read_the_same(&self, weir: &Weir, least: usize, range: &str) {
        let Some(python) = peers::python() else { return };
        let ask = |query: &str| -> f64 {
            let time = (now() / 1000).to_string();
            let data = http::api(weir.api, "query", &[("query", query), ("time", &time)]);
            data["result"][0]["value"][1].as_str().unwrap().parse().unwrap()
        };
        let count = ask(&format!("sum(count_over_time(crash_total[{range}]))"));
        let sum = ask(&format!("sum(sum_over_time(crash_total[{range}]))"));
        assert!(count >= least as f64, "{count} of {least}");
        let params = [("query", "crash_total"), ("start", "0"), ("end", &(now() / 1000).to_string())];
        let shown = http::api(weir.api, "query_exemplars", &params);
        let shown = shown.as_array().unwrap().iter().map(|series| series["exemplars"].as_array().unwrap().len());
        let exemplars = shown.sum::<usize>();
        assert!(exemplars > 0);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("integration/read_tables.py");
        let read = |table: &str, readers: &[&str]| {
            let mut command = Command::new(&python);
            command.arg(&script).args([table, "crash_total"]);
            command.env("AWS_ENDPOINT_URL", &self.endpoint).env("AWS_REGION", "us-east-1");
            command.env("AWS_ACCESS_KEY_ID", &self.key.0).env("AWS_SECRET_ACCESS_KEY", &self.key.1);
            let read = command.output().unwrap();
            assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
            let answers: BTreeMap<String, Value> = serde_json::from_slice(&read.stdout).unwrap();
            assert_eq!(answers.keys().map(String::as_str).collect::<Vec<_>>(), readers, "{table}");
            for (reader, answer) in &answers {
                assert_eq!(answer["count"].as_f64(), Some(count), "{reader} of {table}");
                let off = (answer["sum"].as_f64().unwrap() - sum).abs() / sum;
                assert!(off < 1e-9, "{reader} of {table}: {answer}, PromQL {sum}");
                let beside = (answer["exemplars"].as_u64(), &answer["type"]);
                assert_eq!(beside, (Some(exemplars as u64), &Value::from("counter")), "{reader} of {table}");
            }
            println!("{table}: {answers:?}");
        };
        if let Some(directory) = &self.directory {
            read(&directory.join("default-tenant").display().to_string(), &["deltalake", "duckdb", "polars"]);
        }
        read(&format!("s3://{}/default-tenant", self.name), &["deltalake", "polars"]);
    }
}

/// Waits until a store has nothing left that is not in the bucket.
pub fn wait_for_uploads(store: &Weir) {
    wait_for("everything to be in the bucket", Duration::from_secs(300), || {
        let left = store.metric("prometheus_tsdb_blocks_loaded") + store.metric("weir_store_head_samples");
        (left == 0.0).then_some(())
    });
}

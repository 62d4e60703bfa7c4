//! Three store nodes that share a bucket behind S3: whatever it does, nothing that was acknowledged is missing, and nothing
//! counts twice.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use serde_json::Value;

use crate::harness::cluster::{Asker, Cluster, SENDERS, has_all};
use crate::harness::process::{Process, free_address};
use crate::harness::s3::S3;
use crate::harness::weir::Weir;
use crate::harness::writers::{SERIES, Writers, found};
use crate::harness::{http, now, phase, wait_for};

/// The bucket that all share.
const BUCKET: &str = "
  main:
    bucket:
      s3: { bucket: '${S3_BUCKET}', endpoint: '${S3_ENDPOINT}', credentials: { file: '${S3_KEYS}' } }
      timeout: 1s
      retry: { attempts: 3, within: 2s, backoff: { initial: 50ms, max: 200ms } }
";

const STORE: &str = "
  central: { store: { path: '${DIR}/central', bucket: main, head: { cut_after: 1s }, upload: { after: 2s } } }
";

const QUERY: &str = "
  all: { cluster: { ring: members, bucket: main, hedge: 200ms, connect_timeout: 500ms } }
";

/// A store that has nothing but the bucket.
const FRESH: &str = "
---
name: look
source: { api: { listen: '${API}' } }
sink: { promql: { store: central } }
";

fn start(dir: tempfile::TempDir, s3: &S3) -> Cluster {
    let env = env(s3);
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Cluster::start(dir, &format!("\nresources:{BUCKET}{STORE}"), &format!("{BUCKET}{QUERY}"), &env)
}

fn env(s3: &S3) -> [(&'static str, String); 3] {
    [("S3_BUCKET", s3.name().to_owned()), ("S3_ENDPOINT", s3.endpoint.clone()), ("S3_KEYS", s3.keys.clone())]
}

/// Waits until the store nodes have nothing left that is not in the bucket.
fn wait_for_uploads(cluster: &Cluster) {
    wait_for("everything to be in the bucket", Duration::from_secs(60), || {
        let left =
            |store: &Weir| store.metric("prometheus_tsdb_blocks_loaded") + store.metric("weir_store_head_samples");
        cluster.stores.iter().all(|store| left(store) == 0.0).then_some(())
    });
}

/// A store without data of its own has all of it, from the bucket.
fn check_bucket(cluster: &Cluster, s3: &S3, acked: &BTreeMap<usize, Vec<i64>>) -> Weir {
    let dir = cluster.dir.path().join("fresh");
    std::fs::create_dir_all(&dir).unwrap();
    let mut fresh = Weir::new(&dir, &format!("\nresources:{BUCKET}{STORE}{FRESH}"));
    let env = env(s3);
    fresh.start(&env.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>());
    for (sender, timestamps) in acked {
        has_all(&found(fresh.api, *sender), *sender, timestamps);
    }
    fresh
}

#[test]
fn whatever_the_bucket_does_no_write_fails_and_it_has_everything_in_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut s3 = S3::start(dir.path());
    let mut cluster = start(dir, &s3);
    let writers = Arc::new(Writers::start(SENDERS, cluster.router.receive));
    wait_for("samples", Duration::from_secs(10), || (writers.book().len() == SENDERS).then_some(()));
    let asker = Asker::start(cluster.query.api, &writers);
    let uploads = |cluster: &Cluster| cluster.stores.iter().map(|s| s.metric("weir_store_uploads_total")).sum::<f64>();
    wait_for("uploads", Duration::from_secs(30), || (uploads(&cluster) >= 3.0).then_some(()));

    s3.faults().fail_every.store(3, SeqCst);
    phase(Duration::from_secs(3));
    s3.faults().fail_every.store(0, SeqCst);

    s3.pause();
    phase(Duration::from_secs(4));
    s3.resume();

    // Carried out, and the answer never comes.
    let before = uploads(&cluster);
    s3.faults().keep_answers.store(4, SeqCst);
    wait_for("uploads after the bucket is back", Duration::from_secs(60), || {
        (uploads(&cluster) > before + 2.0).then_some(())
    });

    // A node dies in the midst of it.
    cluster.stores[1].kill();
    cluster.start_store(1);
    assert_eq!(writers.refused(), 0);
    let answers = asker.stop();
    let acked = Arc::into_inner(writers).unwrap().stop();
    assert!(answers.whole > 10, "{answers:?}");
    wait_for_uploads(&cluster);
    cluster.check_query(&acked);
    println!("{answers:?}; {} requests acknowledged", acked.values().map(Vec::len).sum::<usize>());

    let total = acked.values().map(|timestamps| timestamps.len() * SERIES).sum::<usize>();
    (0..3).for_each(|i| cluster.stores[i].stop());
    let fresh = check_bucket(&cluster, &s3, &acked);
    others_read_the_same(&fresh, &s3.bucket(), total);
}

/// One process over the bucket.
const ONE: &str = "
---
name: receive
source: { receive: { listen: '${RECEIVE}' } }
sink: { blocks: { store: central } }
---
name: look
source: { api: { listen: '${API}' } }
sink: { promql: { store: central } }
";

#[test]
fn another_s3_server_does_as_well() {
    let Some(python) = std::env::var_os("WEIR_PYTHON") else {
        println!("skipped: WEIR_PYTHON names no Python with moto");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let address = free_address();
    let mut command = Command::new(python);
    command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &address.port().to_string()]);
    let _moto = Process::start(command, &dir.path().join("moto.log"));
    wait_for("moto to have a bucket", Duration::from_secs(30), || {
        http::request(address, "PUT", "/metrics", &[], b"").filter(|response| response.status == 200)
    });
    let keys = dir.path().join("keys.yaml");
    std::fs::write(&keys, "access_key_id: any\nsecret_access_key: any\n").unwrap();
    let env = [
        ("S3_BUCKET", "metrics".to_owned()),
        ("S3_ENDPOINT", format!("http://{address}")),
        ("S3_KEYS", keys.display().to_string()),
    ];
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let open = |name: &str, rest: &str| {
        let dir = dir.path().join(name);
        std::fs::create_dir(&dir).unwrap();
        let mut weir = Weir::new(&dir, &format!("\nresources:{BUCKET}{STORE}{rest}"));
        weir.start(&env);
        weir
    };
    let writer = open("writer", ONE);
    let writers = Writers::start(SENDERS, writer.receive);
    wait_for("uploads", Duration::from_secs(30), || (writer.metric("weir_store_uploads_total") >= 2.0).then_some(()));
    let acked = writers.stop();
    wait_for("everything to be in the bucket", Duration::from_secs(60), || {
        (writer.metric("prometheus_tsdb_blocks_loaded") + writer.metric("weir_store_head_samples") == 0.0).then_some(())
    });
    let reader = open("reader", FRESH);
    for (sender, timestamps) in &acked {
        has_all(&found(reader.api, *sender), *sender, timestamps);
    }
}

/// Python's readers of Delta tables have the same samples as PromQL, where they are installed.
fn others_read_the_same(weir: &Weir, bucket: &Path, least: usize) {
    let Some(python) = std::env::var_os("WEIR_PYTHON") else {
        println!("skipped: WEIR_PYTHON names no Python with deltalake, polars and duckdb");
        return;
    };
    let ask = |query: &str| -> f64 {
        let time = (now() / 1000).to_string();
        let data = http::api(weir.api, "query", &[("query", query), ("time", &time)]);
        data["result"][0]["value"][1].as_str().unwrap().parse().unwrap()
    };
    let (count, sum) = (ask("sum(count_over_time(crash_total[3h]))"), ask("sum(sum_over_time(crash_total[3h]))"));
    assert!(count >= least as f64, "{count} of {least}");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("integration/read_tables.py");
    let read = Command::new(python).arg(script).arg(bucket.join("default-tenant")).arg("crash_total").output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let answers: BTreeMap<String, Value> = serde_json::from_slice(&read.stdout).unwrap();
    assert_eq!(answers.keys().map(String::as_str).collect::<Vec<_>>(), ["deltalake", "duckdb", "polars"]);
    for (reader, answer) in &answers {
        assert_eq!(answer["count"].as_f64(), Some(count), "{reader}");
        let off = (answer["sum"].as_f64().unwrap() - sum).abs() / sum;
        assert!(off < 1e-9, "{reader}: {answer}, PromQL {sum}");
    }
    println!("{answers:?}");
}

//! Senders under load, and what was acknowledged to them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use weir_pipeline::batch::{Metadata, MetricKind};
use weir_pipeline::{Batch, Exemplar, LabelSet, Tenant};
use weir_stages::remote_write;

use super::{http, now, pause, soak};

/// How many series each sender has.
pub const SERIES: usize = 50;

/// Senders that write until they are stopped, each its own series, as Prometheus does: what is refused is sent again.
pub struct Writers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    /// For each sender the timestamps of which all series were acknowledged.
    acked: Mutex<BTreeMap<usize, Vec<i64>>>,
    refused: AtomicU64,
    slowest: Mutex<Duration>,
}

/// The samples that a server has of a sender: for each series, values by timestamp.
pub type Found = BTreeMap<usize, BTreeMap<i64, f64>>;

/// Makes one request of a sender.
type Body = fn(usize, i64) -> Vec<u8>;

/// One request of a sender: a sample of each of its series, and an exemplar of the first.
pub fn body(sender: usize, timestamp: i64) -> Vec<u8> {
    request(sender, timestamp, true)
}

fn floats(sender: usize, timestamp: i64) -> Vec<u8> {
    request(sender, timestamp, false)
}

fn request(sender: usize, timestamp: i64, shows: bool) -> Vec<u8> {
    let mut batch = Batch::builder(Tenant::default());
    for series in 0..SERIES {
        let labels: LabelSet =
            [("__name__", "crash_total".to_owned()), ("sender", sender.to_string()), ("series", series.to_string())]
                .into_iter()
                .collect();
        batch.series(labels.as_labels());
        batch.sample(timestamp, value(sender, series, timestamp));
        if shows && series == 0 {
            let labels = LabelSet::from_iter([("trace_id", format!("{sender}-{timestamp}"))]);
            batch.exemplar(Exemplar { labels, value: 1.0, timestamp });
        }
    }
    let (metric, help) = ("crash_total".to_owned(), "Of a sender.".to_owned());
    batch.metadata(Metadata { metric, help, kind: MetricKind::Counter, unit: String::new() });
    let mut encoded = Vec::new();
    remote_write::encode(&batch.build(), remote_write::Version::V1, &mut encoded);
    let mut body = Vec::new();
    remote_write::compress(&encoded, &mut body).unwrap();
    body
}

/// Sends one request to Weir and returns its response; `None` where the connection breaks.
pub fn post(to: SocketAddr, body: &[u8]) -> Option<http::Response> {
    post_to(to, "/api/v1/receive", body)
}

/// Sends one request of remote write to any receiver and returns its response; `None` where the connection breaks.
pub fn post_to(to: SocketAddr, path: &str, body: &[u8]) -> Option<http::Response> {
    let headers = [("Content-Encoding", "snappy"), ("Content-Type", "application/x-protobuf")];
    http::request(to, "POST", path, &headers, body)
}

/// A value that no other sample has.
fn value(sender: usize, series: usize, timestamp: i64) -> f64 {
    (timestamp % 1_000_000_000) as f64 * 1e3 + (sender * SERIES + series) as f64
}

/// What `api` has of a sender: all of it.
pub fn found(api: SocketAddr, sender: usize) -> Found {
    let (found, warnings) = found_at_least(api, sender);
    assert_eq!(warnings, Vec::<String>::new());
    found
}

/// What `api` has of a sender, and the warnings beside it.
pub fn found_at_least(api: SocketAddr, sender: usize) -> (Found, Vec<String>) {
    found_within(api, sender, "3h")
}

/// What `api` has of a sender since so long ago, and the warnings beside it.
pub fn found_within(api: SocketAddr, sender: usize, range: &str) -> (Found, Vec<String>) {
    let query = format!("crash_total{{sender=\"{sender}\"}}[{range}]");
    let params = [("query", query.as_str()), ("time", &(now() / 1000).to_string())];
    let answer = http::api_raw(api, "query", &params).expect("an answer");
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(body["status"], "success", "{body}");
    let warnings = body["warnings"].as_array().into_iter().flatten().map(|w| w.as_str().unwrap().to_owned()).collect();
    let mut all = Found::new();
    for result in body["data"]["result"].as_array().unwrap() {
        let series: usize = result["metric"]["series"].as_str().unwrap().parse().unwrap();
        let values = all.entry(series).or_default();
        for point in result["values"].as_array().unwrap() {
            let at = (point[0].as_f64().unwrap() * 1000.0).round() as i64;
            let number: f64 = point[1].as_str().unwrap().parse().unwrap();
            assert!(values.insert(at, number).is_none(), "series {series} of sender {sender} has {at} twice");
            assert_eq!(number, self::value(sender, series, at), "sender {sender}, series {series}, at {at}");
        }
    }
    (all, warnings)
}

/// That `api` shows the exemplar of each request that was acknowledged.
pub fn have_exemplars(api: SocketAddr, acked: &BTreeMap<usize, Vec<i64>>) {
    let params = [("query", "crash_total{series=\"0\"}"), ("start", "0"), ("end", &(now() / 1000 + 60).to_string())];
    let shown = http::api(api, "query_exemplars", &params);
    let mut traces = BTreeSet::new();
    for exemplar in shown.as_array().unwrap().iter().flat_map(|series| series["exemplars"].as_array().unwrap()) {
        let trace = exemplar["labels"]["trace_id"].as_str().unwrap().to_owned();
        assert!(traces.insert(trace), "twice: {exemplar}");
    }
    for (sender, timestamps) in acked {
        let is_lost = |at: &&i64| !traces.contains(&format!("{sender}-{at}"));
        let lost = timestamps.iter().filter(is_lost).collect::<Vec<_>>();
        assert!(lost.is_empty(), "exemplars of sender {sender}: {lost:?} of {} are not there", timestamps.len());
    }
}

// === impl Writers ===

impl Writers {
    /// Starts `senders` of them.
    pub fn start(senders: usize, to: SocketAddr) -> Self {
        Self::of(body, senders, to)
    }

    /// The same, that send floats alone: no exemplars, which older versions of formats do not have.
    pub fn of_floats(senders: usize, to: SocketAddr) -> Self {
        Self::of(floats, senders, to)
    }

    fn of(body: Body, senders: usize, to: SocketAddr) -> Self {
        let shared = Arc::new(Shared::default());
        let run = |sender| {
            let shared = shared.clone();
            std::thread::spawn(move || shared.write(body, sender, to))
        };
        Self { threads: (0..senders).map(run).collect(), shared }
    }

    /// How many requests were acknowledged so far.
    pub fn acked(&self) -> usize {
        lock(&self.shared.acked).values().map(Vec::len).sum()
    }

    /// The timestamps of each sender that were acknowledged so far.
    pub fn book(&self) -> BTreeMap<usize, Vec<i64>> {
        lock(&self.shared.acked).clone()
    }

    /// How many requests were refused or broke so far.
    pub fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }

    /// How long the slowest request took that was acknowledged since this was asked last.
    pub fn slowest(&self) -> Duration {
        std::mem::take(&mut *lock(&self.shared.slowest))
    }

    /// Stops them. Returns the timestamps of each sender that were acknowledged.
    pub fn stop(self) -> BTreeMap<usize, Vec<i64>> {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        std::mem::take(&mut *lock(&self.shared.acked))
    }
}

// === impl Shared ===

impl Shared {
    fn write(&self, body: Body, sender: usize, to: SocketAddr) {
        let mut timestamp = now() - 3_600_000;
        while !self.stop.load(Ordering::Relaxed) {
            let begin = Instant::now();
            match post(to, &body(sender, timestamp)) {
                Some(response) if response.status == 204 => {
                    lock(&self.acked).entry(sender).or_default().push(timestamp);
                    let mut slowest = lock(&self.slowest);
                    *slowest = begin.elapsed().max(*slowest);
                    timestamp += 7;
                    if soak() > 1 {
                        // For hours, and few enough to read all of them back.
                        pause(Duration::from_millis(20));
                    }
                }
                Some(response) => {
                    assert_eq!(response.status, 503, "{}", response.text());
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    pause(Duration::from_millis(5));
                }
                None => {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    pause(Duration::from_millis(5));
                }
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

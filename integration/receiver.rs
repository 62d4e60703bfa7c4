//! What a receiver takes is readable afterwards, and what it refuses is told and is not there: the receiver's cases of Prometheus'
//! remote write compliance tests, whose own look at statuses and counts alone, and what they leave out.
//!
//! Each case is of a tenant of its own, so that all that the tenant has is compared with all that was sent: samples, histograms,
//! exemplars and metadata, at once, and again after an orderly end and after `kill -9`.

mod exemplars;
mod histograms;
mod metadata;
mod peer;
mod requests;
mod samples;
mod wire;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use weir_pipeline::is_stale;
use weir_stages::remote_write::{self, EXEMPLARS_WRITTEN, HISTOGRAMS_WRITTEN, SAMPLES_WRITTEN, Version};

use crate::harness::weir::{PIPELINES, Weir};
use crate::harness::{http, now};
use wire::Series;

/// The kinds of metadata, by their numbers.
const KINDS: [&str; 8] = ["unknown", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset"];

/// A receiver with a store and an API.
struct Ground {
    weir: Weir,
    /// Some time ago, in whole seconds.
    at: i64,
    tenants: Cell<u32>,
    /// What tenants had that were held to what they sent.
    seen: RefCell<Vec<(String, Held)>>,
    _dir: tempfile::TempDir,
}

/// What came back.
#[derive(Debug)]
struct Got {
    status: u16,
    /// How many samples, histograms and exemplars are written, where it says so.
    written: Option<[u64; 3]>,
    text: String,
}

/// All that a tenant has, by labels: samples, histograms, and exemplars.
#[derive(Debug, Default, PartialEq)]
struct Held {
    samples: BTreeMap<String, Vec<(i64, String)>>,
    histograms: BTreeMap<String, Vec<(i64, Value)>>,
    exemplars: BTreeMap<String, BTreeSet<(i64, String, String)>>,
    metadata: BTreeMap<String, Value>,
}

// === impl Ground ===

impl Ground {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut weir = Weir::new(dir.path(), PIPELINES);
        weir.start(&[]);
        Self { weir, at: (now() / 1000 - 120) * 1000, tenants: Cell::new(0), seen: RefCell::default(), _dir: dir }
    }

    /// A tenant that has nothing yet.
    fn tenant(&self) -> String {
        self.tenants.set(self.tenants.get() + 1);
        format!("tenant-{}", self.tenants.get())
    }

    /// Sends a request of a tenant.
    fn send(&self, tenant: &str, version: Version, series: &[Series]) -> Got {
        let mut body = Vec::new();
        remote_write::compress(&wire::request(version, series), &mut body).unwrap();
        let headers = [
            ("content-encoding", "snappy"),
            ("content-type", version.content_type()),
            (remote_write::VERSION, version.header()),
        ];
        self.post(tenant, &headers, &body)
    }

    fn post(&self, tenant: &str, headers: &[(&str, &str)], body: &[u8]) -> Got {
        let headers = [headers, &[("x-scope-orgid", tenant)]].concat();
        let response = http::request(self.weir.receive, "POST", "/api/v1/receive", &headers, body).unwrap();
        let count = |name| response.header(name).map(|text| text.parse::<u64>().unwrap());
        let counts = [SAMPLES_WRITTEN, HISTOGRAMS_WRITTEN, EXEMPLARS_WRITTEN].map(count);
        let written = counts.iter().any(Option::is_some).then(|| counts.map(Option::unwrap));
        Got { status: response.status, written, text: response.text() }
    }

    /// Asks the API as a tenant.
    fn api(&self, tenant: &str, endpoint: &str, params: &[(&str, &str)]) -> Value {
        let query: Vec<String> = params.iter().map(|(n, v)| format!("{n}={}", http::escape(v))).collect();
        let path = format!("/api/v1/{endpoint}?{}", query.join("&"));
        let response = http::request(self.weir.api, "GET", &path, &[("x-scope-orgid", tenant)], b"").unwrap();
        let body: Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(body["status"], "success", "{endpoint} {params:?}: {body}");
        body["data"].clone()
    }

    /// The result of an instant query at `at`.
    fn query(&self, tenant: &str, query: &str, at: i64) -> Value {
        self.api(tenant, "query", &[("query", query), ("time", &seconds(at))])["result"].clone()
    }

    /// All that a tenant has of the two hours around now.
    fn held(&self, tenant: &str) -> Held {
        let mut held = Held::default();
        let found = self.query(tenant, "{__name__!=\"\"}[2h]", self.at + 3_600_000);
        for series in found.as_array().unwrap() {
            let labels = series["metric"].to_string();
            if let Some(values) = series["values"].as_array() {
                let value = |v: &Value| (millis(&v[0]), v[1].as_str().unwrap().to_owned());
                held.samples.insert(labels.clone(), values.iter().map(value).collect());
            }
            if let Some(points) = series["histograms"].as_array() {
                let point = |v: &Value| (millis(&v[0]), v[1].clone());
                held.histograms.insert(labels, points.iter().map(point).collect());
            }
        }
        let range = [("start", &*seconds(self.at - 3_600_000)), ("end", &*seconds(self.at + 3_600_000))];
        let params = [&[("query", "{__name__!=\"\"}")], &range[..]].concat();
        for series in self.api(tenant, "query_exemplars", &params).as_array().unwrap() {
            let of = |e: &Value| (millis(&e["timestamp"]), e["labels"].to_string(), text(&e["value"]));
            let exemplars = series["exemplars"].as_array().unwrap().iter().map(of).collect();
            held.exemplars.insert(series["seriesLabels"].to_string(), exemplars);
        }
        let metadata = self.api(tenant, "metadata", &[]);
        held.metadata = metadata.as_object().unwrap().clone().into_iter().collect();
        held
    }

    /// Sends what a new tenant has, and holds reply and all that is readable to it. `told` is in the reply; where it is empty all
    /// is to be written. `status` is that of the version. Returns the tenant.
    fn check(&self, name: &str, version: Version, series: &[Series], status: u16, told: &str) -> String {
        let tenant = self.tenant();
        let got = self.send(&tenant, version, series);
        assert_eq!((got.status, got.text.contains(told)), (status, true), "{name}, {version:?}: {got:?}");
        assert_eq!(got.text.is_empty(), status == 204, "{name}, {version:?}: {got:?}");
        let good: Vec<&Series> = series.iter().filter(|series| !series.is_bad).collect();
        let count = |n: fn(&Series) -> usize| good.iter().map(|series| n(series) as u64).sum::<u64>();
        let exemplars = |series: &Series| series.exemplars.iter().filter(|e| !e.is_dropped).count();
        let written = [count(|s| s.samples.len()), count(|s| s.histograms.len()), count(exemplars)];
        // 1.0 has no word for it.
        let written = (version == Version::V2).then_some(written);
        assert_eq!(got.written, written, "{name}, {version:?}: {}", got.text);
        self.has(&tenant, &good, &format!("{name}, {version:?}"));
        tenant
    }

    /// Holds all that a tenant has to what it sent.
    fn has(&self, tenant: &str, sent: &[&Series], name: &str) {
        let held = self.held(tenant);
        assert_eq!(held, Held::of(sent), "{name}");
        self.seen.borrow_mut().push((tenant.to_owned(), held));
    }

    /// Ends it in order, and then by a kill, and looks each time whether all that was seen is still there. The order is meant: what
    /// is said of metrics is written down by cuts and by an orderly end, and a crash before loses it until it is said again.
    fn end(mut self) {
        // The last look at a tenant counts: some send more than once.
        let last: BTreeMap<String, Held> = self.seen.take().into_iter().collect();
        self.weir.stop();
        for how in ["an orderly end", "a kill"] {
            self.weir.start(&[]);
            for (tenant, held) in &last {
                assert_eq!(&self.held(tenant), held, "{tenant} after {how}");
            }
            self.weir.kill();
        }
    }

    /// The same in both versions, where all is to be written.
    fn takes(&self, name: &str, series: &[Series]) {
        for version in Version::ALL {
            self.check(name, version, series, 204, "");
        }
    }
}

// === impl Held ===

impl Held {
    /// What a tenant has that sent these.
    fn of(series: &[&Series]) -> Self {
        let mut held = Self::default();
        for one in series {
            let labels = object(&one.labels);
            for sample in one.samples.iter().filter(|sample| !is_stale(sample.value)) {
                held.samples.entry(labels.clone()).or_default().push((sample.at, number(sample.value)));
            }
            for histogram in one.histograms.iter().filter(|histogram| !is_stale(histogram.sum)) {
                let points = held.histograms.entry(labels.clone()).or_default();
                points.push((histogram.at, histogram.shown.clone()));
            }
            for exemplar in one.exemplars.iter().filter(|exemplar| !exemplar.is_dropped) {
                let told = (exemplar.at, object(&exemplar.labels), number(exemplar.value));
                held.exemplars.entry(labels.clone()).or_default().insert(told);
            }
            if let Some((kind, help, unit)) = one.said {
                let said = json!([{ "type": KINDS[kind as usize], "help": help, "unit": unit }]);
                held.metadata.insert(one.metric().to_owned(), said);
            }
        }
        held.samples.values_mut().for_each(|of| of.sort_by_key(|sample| sample.0));
        held.histograms.values_mut().for_each(|of| of.sort_by_key(|point| point.0));
        held
    }
}

/// Labels as the API shows them: sorted, and without those that are empty.
fn object(labels: &[(String, String)]) -> String {
    let shown = labels.iter().filter(|(_, value)| !value.is_empty());
    let sorted: BTreeMap<_, _> = shown.map(|(name, value)| (name.clone(), value.clone())).collect();
    json!(sorted).to_string()
}

/// A number as the API writes it.
fn number(value: f64) -> String {
    match value {
        value if value == f64::INFINITY => "+Inf".into(),
        value => value.to_string(),
    }
    .replace("inf", "Inf")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Milliseconds as seconds.
fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// A time of the API in milliseconds.
fn millis(seconds: &Value) -> i64 {
    (seconds.as_f64().unwrap() * 1000.0).round() as i64
}

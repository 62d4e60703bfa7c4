//! The settings of a job, as Prometheus writes them.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use hyper::Uri;
use hyper::http::uri::Authority;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use weir_pipeline::exposition::Format;
use weir_pipeline::units::{Bytes, Span};

use super::target::Target;

/// The longest timeout that is chosen where none is given.
const TIMEOUT: Span = Span::from_secs(10);

/// A job: targets that are scraped alike. Names and meanings are those of `scrape_configs` of Prometheus.
#[derive(Clone, Debug, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Job {
    /// The value of the label `job`. No default.
    pub job_name: String,
    /// How often each target is scraped. Default 1m.
    #[serde(default = "default_interval")]
    pub scrape_interval: Span,
    /// How long a scrape may take, at most the interval. Default 10s, or the interval where that is shorter.
    #[serde(default)]
    pub scrape_timeout: Option<Span>,
    /// The path of the request. Default `/metrics`.
    #[serde(default = "default_path")]
    pub metrics_path: String,
    /// Only `http` so far. Default `http`.
    #[serde(default)]
    pub scheme: Scheme,
    /// Parameters of the request's query, each with its values. Default none.
    #[serde(default)]
    pub params: BTreeMap<String, Vec<String>>,
    /// Whether labels of the body win over the target's. Otherwise they are renamed to `exported_…`. Default false.
    #[serde(default)]
    pub honor_labels: bool,
    /// Whether timestamps of the body are kept. Default true.
    #[serde(default = "default_true")]
    pub honor_timestamps: bool,
    /// Whether series with timestamps of their own are marked stale when they are gone. Default false.
    #[serde(default)]
    pub track_timestamps_staleness: bool,
    /// Whether to ask for gzip. Default true.
    #[serde(default = "default_true")]
    pub enable_compression: bool,
    /// What a body is where the target does not say, or says something else. Default: such a scrape fails.
    #[serde(default)]
    pub fallback_scrape_protocol: Option<Protocol>,
    /// The largest body, decompressed. A larger one fails the scrape. Default 64MiB.
    #[serde(default = "default_body")]
    pub body_size_limit: Bytes,
    /// The most samples of a scrape; more fail it. 0 is no limit. Default 0.
    #[serde(default)]
    pub sample_limit: u64,
    /// The most labels of a series, the target's and its name included; more fail the scrape. 0 is no limit. Default 0.
    #[serde(default)]
    pub label_limit: usize,
    /// The longest label name, in bytes; a longer one fails the scrape. 0 is no limit. Default 0.
    #[serde(default)]
    pub label_name_length_limit: usize,
    /// The longest label value, in bytes; a longer one fails the scrape. 0 is no limit. Default 0.
    #[serde(default)]
    pub label_value_length_limit: usize,
    /// The targets. Default none.
    #[serde(default)]
    pub static_configs: Vec<Group>,
}

/// Targets with labels in common.
#[derive(Clone, Debug, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Group {
    /// Where they are, host and port. Becomes the label `instance`, where `labels` has none. No default.
    pub targets: Vec<Address>,
    /// Labels of all their series. Default none.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// Where a target is: a host, and a port unless it is 80.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(Authority);

/// How to reach a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// `http`.
    #[default]
    Http,
}

/// A format that a target may speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Protocol {
    /// Prometheus text 0.0.4.
    #[serde(rename = "PrometheusText0.0.4")]
    Text004,
    /// Prometheus text 1.0.0.
    #[serde(rename = "PrometheusText1.0.0")]
    Text100,
    /// OpenMetrics 0.0.1.
    #[serde(rename = "OpenMetricsText0.0.1")]
    OpenMetrics001,
    /// OpenMetrics 1.0.0.
    #[serde(rename = "OpenMetricsText1.0.0")]
    OpenMetrics100,
}

fn default_interval() -> Span {
    Span::from_secs(60)
}

fn default_path() -> String {
    "/metrics".to_owned()
}

fn default_body() -> Bytes {
    Bytes::mib(64)
}

fn default_true() -> bool {
    true
}

// === impl Job ===

impl Job {
    /// How long a scrape may take.
    pub fn timeout(&self) -> Duration {
        self.scrape_timeout.unwrap_or(TIMEOUT.min(self.scrape_interval)).get()
    }

    /// The targets. One that is listed twice with the same labels is one.
    pub(super) fn targets(&self) -> Vec<Target> {
        let all = self.static_configs.iter().flat_map(|group| {
            group
                .targets
                .iter()
                .filter_map(|address| Some(Target::new(self, address, &group.labels, self.uri(address)?)))
        });
        let mut seen = HashSet::new();
        all.filter(|target| seen.insert(target.hash())).collect()
    }

    /// What to ask of `address`. There is an answer: it was checked when the settings were read.
    fn uri(&self, address: &Address) -> Option<Uri> {
        let slash = if self.metrics_path.starts_with('/') { "" } else { "/" };
        let mut path = format!("{slash}{}", self.metrics_path);
        for (i, (name, value)) in
            self.params.iter().flat_map(|(name, values)| values.iter().map(move |v| (name, v))).enumerate()
        {
            path.push(if i == 0 { '?' } else { '&' });
            escape(name, &mut path);
            path.push('=');
            escape(value, &mut path);
        }
        Uri::builder().scheme("http").authority(address.0.clone()).path_and_query(path).build().ok()
    }

    fn check(&self) -> Result<(), String> {
        if self.job_name.is_empty() {
            return Err("expected a `job_name` that is not empty".to_owned());
        }
        if self.scrape_interval.get().is_zero() {
            return Err("expected a `scrape_interval` above 0".to_owned());
        }
        if self.timeout().is_zero() {
            return Err("expected a `scrape_timeout` above 0".to_owned());
        }
        if self.timeout() > self.scrape_interval.get() {
            let timeout = self.scrape_timeout.unwrap_or(TIMEOUT);
            let interval = self.scrape_interval;
            return Err(format!("expected a `scrape_timeout` of at most the interval `{interval}`, got `{timeout}`"));
        }
        if self.body_size_limit.get() == 0 {
            return Err("expected a `body_size_limit` above 0".to_owned());
        }
        let bad_path = self.metrics_path.contains(['?', '#']) || self.uri(&Address::example()).is_none();
        if bad_path {
            return Err(format!("expected a path such as `/metrics`, got `{}`", self.metrics_path));
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Job {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let job = Self::deserialize(deserializer)?;
        job.check().map_err(D::Error::custom)?;
        Ok(job)
    }
}

/// Appends `text` as a query has it.
fn escape(text: &str, out: &mut String) {
    for &byte in text.as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
}

// === impl Group ===

impl<'de> Deserialize<'de> for Group {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let group = Self::deserialize(deserializer)?;
        match group.labels.keys().find(|name| name.is_empty() || name.starts_with("__")) {
            Some(name) if name.is_empty() => Err(D::Error::custom("expected a label name, got an empty one")),
            Some(name) => Err(D::Error::custom(format!("a target's label `{name}` is not supported yet"))),
            None => Ok(group),
        }
    }
}

// === impl Address ===

impl Address {
    /// Host and port, as given.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    fn example() -> Self {
        Self(Authority::from_static("localhost"))
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || D::Error::custom(format!("expected a host and a port such as `127.0.0.1:9100`, got `{text}`"));
        let authority: Authority = text.parse().map_err(|_| wrong())?;
        // A port that is not a number is part of the text and of no port.
        let port = authority.as_str().rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
        if authority.host().is_empty() || authority.as_str().contains('@') || port && authority.port_u16().is_none() {
            return Err(wrong());
        }
        Ok(Self(authority))
    }
}

// === impl Scheme ===

impl<'de> Deserialize<'de> for Scheme {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "http" => Ok(Self::Http),
            "https" => Err(D::Error::custom("https is not supported yet")),
            other => Err(D::Error::custom(format!("expected `http`, got `{other}`"))),
        }
    }
}

// === impl Protocol ===

impl Protocol {
    /// The format of its bodies.
    pub fn format(self) -> Format {
        match self {
            Self::Text004 | Self::Text100 => Format::Text,
            Self::OpenMetrics001 | Self::OpenMetrics100 => Format::OpenMetrics,
        }
    }
}

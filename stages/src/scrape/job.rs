//! The settings of a job, as Prometheus writes them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use weir_pipeline::LabelsBuilder;
use weir_pipeline::exposition::Format;
use weir_pipeline::units::{Bytes, Secret, Span};

use super::discover::{FileSd, HttpSd};
use super::target::{Built, Target};
use crate::outbound::{Auth, Authorization, BasicAuth, Headers};
use crate::relabel::{Relabel, Rule};
use crate::tls::TlsClient;

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
    /// `http` or `https`. Default `http`.
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
    /// The largest body, decompressed. A larger one fails the scrape. 0 is no limit. Default 64MiB.
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
    /// The most targets that rules leave; where there are more, all scrapes fail. 0 is no limit. Default 0.
    #[serde(default)]
    pub target_limit: usize,
    /// TLS of connections to targets with `https`. Default: the certificates of the system.
    #[serde(default)]
    pub tls_config: Option<TlsClient>,
    /// A user and a password. Default none.
    #[serde(default)]
    pub basic_auth: Option<BasicAuth>,
    /// Another kind of credentials. Default none.
    #[serde(default)]
    pub authorization: Option<Authorization>,
    /// A token. Default none.
    #[serde(default)]
    pub bearer_token: Option<Secret>,
    /// The file that has a token, read for each scrape. Default none.
    #[serde(default)]
    pub bearer_token_file: Option<PathBuf>,
    /// Headers of each request beside its own. Default none.
    #[serde(default)]
    pub http_headers: Headers,
    /// The targets. Default none.
    #[serde(default)]
    pub static_configs: Vec<Group>,
    /// Files that list targets. Default none.
    #[serde(default)]
    pub file_sd_configs: Vec<FileSd>,
    /// Servers that list targets. Default none.
    #[serde(default)]
    pub http_sd_configs: Vec<HttpSd>,
    /// Rules over the labels of each target before it is scraped. Default none.
    #[serde(default)]
    pub relabel_configs: Vec<Rule>,
    /// Rules over the labels of each series of a body. Default none.
    #[serde(default)]
    pub metric_relabel_configs: Vec<Rule>,
    /// What the settings of that kind say, put together.
    #[serde(skip)]
    pub(super) auth: Auth,
    #[serde(skip)]
    pub(super) relabel: Relabel,
    #[serde(skip)]
    pub(super) metric_relabel: Relabel,
}

/// Targets with labels in common.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Group {
    /// Where they are, host and port, unless `relabel_configs` make that of them. Becomes the label `instance`, where `labels`
    /// has none. No default.
    pub targets: Vec<String>,
    /// Labels of all their series. Those that begin with `__` say how they are scraped. Default none.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// How to reach a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// `http`.
    #[default]
    Http,
    /// `https`.
    Https,
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

    /// The targets of `static_configs`. One that is listed twice with the same labels is one.
    #[cfg(test)]
    pub(super) fn targets(&self) -> Vec<super::target::Target> {
        let built = self.static_configs.iter().flat_map(|group| self.build(group));
        let targets = built.filter_map(|built| match built {
            Ok(Built::Target(target)) => Some(*target),
            _ => None,
        });
        let mut seen = std::collections::HashSet::new();
        targets.filter(|target| seen.insert(target.hash())).collect()
    }

    /// What becomes of the targets of `group`; a sentence of those that can't be scraped.
    pub(super) fn build(&self, group: &Group) -> impl Iterator<Item = Result<Built, String>> {
        group.targets.iter().map(|target| {
            let mut labels = LabelsBuilder::default();
            group.labels.iter().for_each(|(name, value)| _ = labels.set(name, value));
            labels.set(super::target::ADDRESS, target);
            Target::build(self, labels)
        })
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
        if !super::target::is_path(&self.metrics_path) {
            return Err(format!("expected a path such as `/metrics`, got `{}`", self.metrics_path));
        }
        let wrong = self.static_configs.iter().flat_map(|group| self.build(group)).find_map(Result::err);
        wrong.map_or(Ok(()), Err)
    }

    /// What settings become together.
    fn put_together(&mut self) -> Result<(), String> {
        let (basic, other) = (self.basic_auth.clone(), self.authorization.clone());
        self.auth = Auth::new(basic, other, self.bearer_token.clone(), self.bearer_token_file.clone())?;
        self.relabel = Relabel::of(self.relabel_configs.as_slice().into());
        self.metric_relabel = Relabel::of(self.metric_relabel_configs.as_slice().into());
        self.check()
    }
}

impl<'de> Deserialize<'de> for Job {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut job = Self::deserialize(deserializer)?;
        job.put_together().map_err(D::Error::custom)?;
        Ok(job)
    }
}

// === impl Group ===

impl<'de> Deserialize<'de> for Group {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let group = Self::deserialize(deserializer)?;
        if group.labels.contains_key("") {
            return Err(D::Error::custom("expected a label name, got an empty one"));
        }
        Ok(group)
    }
}

// === impl Scheme ===

impl Scheme {
    /// As in an address.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl<'de> Deserialize<'de> for Scheme {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl FromStr for Scheme {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "http" => Ok(Self::Http),
            "https" => Ok(Self::Https),
            other => Err(format!("expected `http` or `https`, got `{other}`")),
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

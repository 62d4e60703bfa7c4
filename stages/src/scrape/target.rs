//! A target: where it is, how it is scraped, and the labels that it gives to its series.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use hyper::Uri;
use hyper::http::uri::Authority;
use weir_pipeline::exposition::SeriesLabels;
use weir_pipeline::labels::{METRIC, encode_label};
use weir_pipeline::units::Span;
use weir_pipeline::{LabelSet, LabelsBuilder, SeriesId};

use super::job::{Job, Scheme};
use crate::outbound::shown;

/// The labels that say how a target is scraped.
pub(super) const ADDRESS: &str = "__address__";
const SCHEME: &str = "__scheme__";
const PATH: &str = "__metrics_path__";
const INTERVAL: &str = "__scrape_interval__";
const TIMEOUT: &str = "__scrape_timeout__";
const PARAM: &str = "__param_";

/// How the names begin of labels that series do not get.
const HIDDEN: &str = "__";

/// What a label of the body is renamed to where the target has one of that name.
const EXPORTED: &str = "exported_";

/// What became of a target that was found.
#[derive(Clone, Debug)]
pub(super) enum Built {
    /// It is scraped.
    Target(Box<Target>),
    /// A rule drops it, which was found with these labels.
    Dropped(LabelSet),
}

/// A target of a job.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// What was found of it, before the job's rules.
    pub(super) found: LabelSet,
    /// Sorted by name, none empty.
    labels: Vec<(String, String)>,
    pub(super) uri: Uri,
    pub(super) scheme: Scheme,
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    /// Whether interval and timeout are the job's.
    usual: bool,
}

// === impl Target ===

impl Target {
    /// The target of `job` that was found with these labels, one of which says where it is: what the job's rules make of it.
    ///
    /// # Errors
    /// A sentence about why it can't be scraped.
    pub(super) fn build(job: &Job, mut labels: LabelsBuilder) -> Result<Built, String> {
        let timeout = Span::from_millis(job.timeout().as_millis() as u64);
        let mut default = |name: &str, value: &str| {
            if labels.get(name).is_none() {
                labels.set(name, value);
            }
        };
        default("job", &job.job_name);
        default(INTERVAL, &job.scrape_interval.to_string());
        default(TIMEOUT, &timeout.to_string());
        default(PATH, &job.metrics_path);
        default(SCHEME, job.scheme.as_str());
        for (name, values) in &job.params {
            default(&format!("{PARAM}{name}"), values.first().map_or("", String::as_str));
        }
        let found = labels.build();
        match job.relabel.relabel(found.as_labels()) {
            Some(labels) => Self::of(job, &labels, found).map(|target| Built::Target(Box::new(target))),
            None => Ok(Built::Dropped(found)),
        }
    }

    fn of(job: &Job, labels: &LabelSet, found: LabelSet) -> Result<Self, String> {
        let get = |name: &str| labels.as_labels().get(name).unwrap_or_default();
        let authority = authority(get(ADDRESS))?;
        let scheme: Scheme = get(SCHEME).parse()?;
        let (interval, timeout) = (span(INTERVAL, get(INTERVAL))?, span(TIMEOUT, get(TIMEOUT))?);
        if timeout > interval {
            return Err(format!("expected `{TIMEOUT}` of at most the interval `{interval}`, got `{timeout}`"));
        }
        let path = path_and_query(get(PATH), &params(job, labels))?;
        let uri = Uri::builder().scheme(scheme.as_str()).authority(authority).path_and_query(path.as_str()).build();
        let uri = uri.map_err(|_| format!("expected a path such as `/metrics`, got `{path}`"))?;
        let is_seen = |(name, _): &(&str, &str)| !name.starts_with(HIDDEN);
        let mut all: BTreeMap<String, String> =
            labels.as_labels().iter().filter(is_seen).map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        all.entry("instance".to_owned()).or_insert_with(|| get(ADDRESS).to_owned());
        let (interval, timeout) = (interval.get(), timeout.get());
        let usual = interval == job.scrape_interval.get() && timeout == job.timeout();
        Ok(Self { found, labels: all.into_iter().collect(), uri, scheme, interval, timeout, usual })
    }

    /// Tells targets apart, the same at every start: it places a target's scrapes within the interval.
    pub(super) fn hash(&self) -> u64 {
        let mut key = Vec::new();
        for (name, value) in &self.labels {
            encode_label(name, value, &mut key);
        }
        key.extend_from_slice(self.uri.to_string().as_bytes());
        if !self.usual {
            key.extend_from_slice(&self.interval.as_millis().to_le_bytes());
            key.extend_from_slice(&self.timeout.as_millis().to_le_bytes());
        }
        SeriesId::of(&key).as_u128() as u64
    }

    /// Gives the target's labels to a series of its body. Where the body has one of the same name, `honor` keeps it;
    /// otherwise it is renamed to `exported_…`, once more as long as that name is taken too, short names first.
    pub(super) fn attach<'a>(&'a self, labels: &mut SeriesLabels<'a>, honor: bool) {
        if honor {
            for (name, value) in &self.labels {
                // A label that the body has as empty is there: this is how a target says that it wants none.
                if labels.get(name).is_none() {
                    labels.set(name, value);
                }
            }
            return;
        }
        let mut taken: Vec<(&str, Cow<'a, str>)> = Vec::new();
        for (name, value) in &self.labels {
            match labels.set(name, value) {
                Some(old) if !old.is_empty() => taken.push((name, old)),
                _ => {}
            }
        }
        taken.sort_by_key(|(name, _)| name.len());
        for (name, value) in taken {
            let mut free = format!("{EXPORTED}{name}");
            while labels.get(&free).is_some_and(|value| !value.is_empty()) {
                free.insert_str(0, EXPORTED);
            }
            labels.set(free, value);
        }
    }

    /// The series `metric` about the target itself.
    pub(super) fn own(&self, metric: &str) -> LabelSet {
        let name = (METRIC.to_owned(), metric.to_owned());
        self.labels.iter().cloned().chain([name]).collect()
    }
}

/// Where a target is: a host, and a port unless it is the scheme's own.
fn authority(text: &str) -> Result<Authority, String> {
    let wrong = || format!("expected a host and a port such as `127.0.0.1:9100`, got `{}`", shown(text));
    let authority: Authority = text.parse().map_err(|_| wrong())?;
    // A port that is not a number is part of the text and of no port.
    let port = authority.as_str().rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
    if authority.host().is_empty() || authority.as_str().contains('@') || port && authority.port_u16().is_none() {
        return Err(wrong());
    }
    Ok(authority)
}

fn span(name: &str, text: &str) -> Result<Span, String> {
    let span: Span = text.parse().map_err(|wrong| format!("`{name}`: {wrong}"))?;
    if span.get().is_zero() { Err(format!("expected `{name}` above 0")) } else { Ok(span) }
}

/// The parameters of the job, of which labels may have changed the first value each, and more that labels add.
fn params(job: &Job, labels: &LabelSet) -> BTreeMap<String, Vec<String>> {
    let mut params = job.params.clone();
    for (name, value) in labels.as_labels() {
        let Some(name) = name.strip_prefix(PARAM) else { continue };
        let values = params.entry(name.to_owned()).or_default();
        match values.first_mut() {
            Some(first) => value.clone_into(first),
            None => values.push(value.to_owned()),
        }
    }
    params
}

/// Whether `path` is one that a request may have, without a query.
pub(super) fn is_path(path: &str) -> bool {
    path_and_query(path, &BTreeMap::new()).is_ok_and(|path| path.parse::<Uri>().is_ok())
}

/// A path and its parameters, as a request has them.
fn path_and_query(path: &str, params: &BTreeMap<String, Vec<String>>) -> Result<String, String> {
    if path.contains(['?', '#']) {
        return Err(format!("expected a path such as `/metrics`, got `{path}`"));
    }
    let mut out = format!("{}{path}", if path.starts_with('/') { "" } else { "/" });
    let all = params.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
    for (i, (name, value)) in all.enumerate() {
        out.push(if i == 0 { '?' } else { '&' });
        escape(name, &mut out);
        out.push('=');
        escape(value, &mut out);
    }
    Ok(out)
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

#[cfg(test)]
mod tests;

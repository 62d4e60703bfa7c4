//! What a resource says of itself: labels of its series, and `target_info`.

use std::collections::HashSet;

use weir_pipeline::SeriesId;
use weir_pipeline::labels::encode_label;

use super::Otlp;
use super::attributes::{Attributes, Pairs};
use super::points::push;
use crate::remote_write::wire::{Cursor, LEN, Malformed, key};
use crate::remote_write::{Fault, Intake, Reason, Row, Sample};

/// The attributes that are `job` and `instance`.
const IDENTIFYING: [&str; 3] = ["service.namespace", "service.name", "service.instance.id"];

/// So far are samples of `target_info` apart, in nanoseconds: half of how far a query looks back.
const EVERY: u64 = 150_000_000_000;

/// So far back from the last time there are samples of `target_info`, in nanoseconds.
const SPAN: u64 = 86_400_000_000_000;

/// The samples of `target_info` that a request has already: ids of their labels, and times.
pub(super) type Told = HashSet<(SeriesId, i64)>;

/// A resource.
#[derive(Default)]
pub(super) struct Resource {
    /// Keys and texts.
    attributes: Vec<(String, String)>,
    /// Labels of all series that no attribute of a point has.
    promoted: Pairs,
    job: String,
    instance: String,
    /// The first and the last time of its points, in nanoseconds since the Unix epoch.
    times: Option<(u64, u64)>,
}

// === impl Resource ===

impl Resource {
    /// Adds what a `Resource` says.
    pub(super) fn read(&mut self, mut cursor: Cursor<'_>, room: usize) -> Result<(), Malformed> {
        const ATTRIBUTE: u32 = key(1, LEN);
        let mut attributes = Attributes::default();
        while let Some(key) = cursor.key()? {
            match key {
                ATTRIBUTE => attributes.read(cursor.message()?, room)?,
                _ => cursor.skip(key, 1 << 1)?,
            }
        }
        self.attributes.extend(attributes.iter().map(|(name, text)| (name.to_owned(), text.to_owned())));
        Ok(())
    }

    /// Makes labels of what was read.
    pub(super) fn settle(&mut self, settings: &Otlp) {
        let get = |name: &str| self.attributes.iter().find(|(key, _)| key == name).map(|(_, text)| text.as_str());
        let service = get("service.name").unwrap_or_default();
        self.job = match get("service.namespace") {
            Some(namespace) if get("service.name").is_some() => format!("{namespace}/{service}"),
            _ => service.to_owned(),
        };
        self.instance = get("service.instance.id").unwrap_or_default().to_owned();
        let wanted = self.attributes.iter().filter(|(key, _)| settings.promote_resource_attributes.contains(key));
        let named = wanted.filter_map(|(key, text)| Some((super::names::label(key)?, text.clone())));
        self.promoted = named.collect();
    }

    /// Notes that there is a point at this time.
    pub(super) fn at(&mut self, time: u64) {
        let (first, last) = self.times.unwrap_or((time, time));
        self.times = Some((first.min(time), last.max(time)));
    }

    /// What the labels of a point lack: those that are promoted, `job` and `instance`.
    pub(super) fn complete(&self, pairs: &mut Pairs) {
        for (name, text) in &self.promoted {
            let own = pairs.entry(name.clone()).or_default();
            if own.is_empty() {
                own.clone_from(text);
            }
        }
        self.identify(pairs);
    }

    fn identify(&self, pairs: &mut Pairs) {
        for (name, text) in [("job", &self.job), ("instance", &self.instance)] {
            if !text.is_empty() {
                pairs.insert(name.into(), text.clone());
            }
        }
    }

    /// Adds `target_info`, where the resource is known by something and says more than that.
    pub(super) fn tell(&self, settings: &Otlp, intake: &mut Intake<'_>, told: &mut Told) -> Result<(), Fault> {
        let Some((first, last)) = self.times else { return Ok(()) };
        let says_more = self.attributes.iter().any(|(key, _)| !IDENTIFYING.contains(&key.as_str()));
        if !says_more || (self.job.is_empty() && self.instance.is_empty()) {
            return Ok(());
        }
        let without: &[&str] = if settings.keep_identifying_resource_attributes { &[] } else { &IDENTIFYING };
        let mut pairs = match Attributes::of(&self.attributes).labels(without) {
            Ok(pairs) => pairs,
            Err(text) => {
                intake.leave_out(Reason::InvalidLabels, 1, || format!("`target_info`: {text}"));
                return Ok(());
            }
        };
        self.identify(&mut pairs);
        let mut encoded = Vec::new();
        pairs.iter().for_each(|(name, text)| encode_label(name, text, &mut encoded));
        let id = SeriesId::of(&encoded);
        let mut times: Vec<i64> = Vec::new();
        let mut time = first.max(last.saturating_sub(SPAN));
        while time < last {
            times.push(time as i64 / 1_000_000);
            time = time.saturating_add(EVERY);
        }
        times.push(last as i64 / 1_000_000);
        times.dedup();
        times.retain(|time| told.insert((id, *time)));
        let mut row = Row::default();
        push(&mut row, intake.limits, "target_info", &pairs, None);
        row.samples.extend(times.iter().map(|time| Sample { start: 0, timestamp: *time, value: 1.0 }));
        if !row.samples.is_empty() {
            intake.take(&mut row)?;
        }
        Ok(())
    }
}

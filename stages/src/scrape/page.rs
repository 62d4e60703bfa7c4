//! The body of a target on its way into a batch.

use std::hash::{DefaultHasher, Hash, Hasher};

use weir_pipeline::exposition::{self, Event, Families, Format, Parser, Sample, SeriesLabels};
use weir_pipeline::{Batch, BatchBuilder, Exemplar, Labels, STALE, SeriesId, Tenant};

use super::failure::{Failure, Reason};
use super::job::Job;
use super::staleness::{Last, Rows, Seen, Sight};
use super::target::Target;

/// How far in the future, in milliseconds, a sample's own timestamp may be.
const AHEAD: i64 = 10 * 60 * 1000;

/// The most characters in the labels of an exemplar.
const EXEMPLAR_CHARS: usize = 128;

/// What a scrape saw, whether or not it succeeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Samples in the body.
    pub(super) scraped: u64,
    /// Samples that the job's `metric_relabel_configs` leave.
    pub(super) kept: u64,
    /// Series that the last good scrape did not have.
    pub(super) added: u64,
    /// Samples left out because their series has one at this time already.
    pub(super) duplicate: u64,
    /// Samples left out because they are too far in the future.
    pub(super) out_of_bounds: u64,
    /// Exemplars left out because their labels are too long, or their samples were left out.
    pub(super) exemplars: u64,
}

/// A body being read.
pub(super) struct Page<'a> {
    target: &'a Target,
    job: &'a Job,
    at: i64,
    out: BatchBuilder,
    series: u32,
    seen: Seen<'a>,
    labels: SeriesLabels<'a>,
    encoded: Vec<u8>,
    /// What is said of metrics, where it is wanted.
    families: Option<Families>,
    said: u64,
    over: bool,
    pub(super) counts: Counts,
}

/// A body that was read.
pub(super) struct Read {
    /// Samples, then staleness markers. More may be added.
    pub(super) out: BatchBuilder,
    /// The series.
    pub(super) rows: Rows,
    /// Changes when what is said of metrics does, whatever the order.
    pub(super) said: u64,
}

// === impl Page ===

impl<'a> Page<'a> {
    /// A page of `target` at the time `at`; `families` says whether to take in what is said of metrics.
    pub(super) fn new(
        target: &'a Target,
        job: &'a Job,
        (tenant, at): (&Tenant, i64),
        last: Option<&'a Last>,
        families: bool,
    ) -> Self {
        Self {
            target,
            job,
            at,
            out: Batch::builder(tenant.clone()),
            series: 0,
            seen: Seen::new(last),
            labels: SeriesLabels::default(),
            encoded: Vec::new(),
            families: families.then(Families::default),
            said: 0,
            over: false,
            counts: Counts::default(),
        }
    }

    /// Reads `body` whole.
    ///
    /// # Errors
    /// It is wrong, or a limit is exceeded. The counts are right all the same.
    pub(super) fn read(&mut self, body: &'a [u8], format: Format) -> Result<(), Failure> {
        // An empty body has no series, and no end that could be missing.
        if body.is_empty() {
            return Ok(());
        }
        for event in Parser::new(body, format) {
            match event? {
                Event::Sample(sample) => self.sample(&sample)?,
                event => self.note(&event),
            }
        }
        if self.over {
            let limit = self.job.sample_limit;
            let message = format!("expected at most {limit} samples, got `{}`", self.counts.scraped);
            return Err(Failure::new(Reason::SampleLimit, message));
        }
        Ok(())
    }

    /// The batch so far, with markers for the series that are gone.
    pub(super) fn finish(mut self) -> Read {
        for labels in self.seen.gone() {
            self.out.series(labels).sample(self.at, STALE);
        }
        for metadata in self.families.into_iter().flat_map(Families::into_metadata) {
            self.out.metadata(metadata);
        }
        Read { out: self.out, rows: self.seen.into_rows(), said: self.said }
    }

    fn note(&mut self, event: &Event<'_>) {
        let mut hasher = DefaultHasher::new();
        match event {
            Event::Help { metric, text } => (0, metric, text).hash(&mut hasher),
            Event::Type { metric, kind } => (1, metric, kind).hash(&mut hasher),
            Event::Unit { metric, unit } => (2, metric, unit).hash(&mut hasher),
            Event::Comment(_) | Event::Sample(_) | Event::Eof => return,
        }
        self.said = self.said.wrapping_add(hasher.finish());
        if let Some(families) = &mut self.families {
            families.note(event);
        }
    }

    fn sample(&mut self, sample: &Sample<'a>) -> Result<(), Failure> {
        self.counts.scraped += 1;
        let before = self.out.exemplar_count();
        let taken = self.take(sample);
        self.counts.exemplars += u64::from(sample.exemplar.is_some() && self.out.exemplar_count() == before);
        taken
    }

    fn take(&mut self, sample: &Sample<'a>) -> Result<(), Failure> {
        self.target.attach(self.labels.read(sample), self.job.honor_labels);
        self.encoded.clear();
        self.labels.encode_into(&mut self.encoded);
        if !self.relabel()? {
            return Ok(());
        }
        self.counts.kept += 1;
        self.check()?;
        let own = sample.timestamp.filter(|_| self.job.honor_timestamps);
        if own.is_some_and(|own| own > self.at.saturating_add(AHEAD)) {
            self.counts.out_of_bounds += 1;
            return Ok(());
        }
        let tracked = own.is_none() || self.job.track_timestamps_staleness;
        let sight = self.seen.see(SeriesId::of(&self.encoded), self.series, tracked);
        if sight == Sight::Again && own.is_none() {
            self.counts.duplicate += 1;
            return Ok(());
        }
        // Beyond the limit samples are only counted: the number tells by how much to raise it.
        self.over = self.over || self.job.sample_limit > 0 && self.out.sample_count() as u64 >= self.job.sample_limit;
        if !self.over {
            self.counts.added += u64::from(sight == Sight::New);
            self.out.series_with(|buffer| buffer.extend_from_slice(&self.encoded));
            let at = own.unwrap_or(self.at);
            self.out.sample(at, sample.value);
            sample.exemplar.iter().filter_map(|exemplar| made(exemplar, at)).for_each(|e| _ = self.out.exemplar(e));
            self.series += 1;
        }
        Ok(())
    }

    /// Applies the job's rules to the labels, and says whether they leave any.
    fn relabel(&mut self) -> Result<bool, Failure> {
        if self.job.metric_relabel.is_empty() {
            return Ok(true);
        }
        let labels = Labels::from_canonical(&self.encoded);
        let Some(left) = self.job.metric_relabel.relabel(labels) else { return Ok(false) };
        if left.as_labels().metric().is_empty() {
            let message = format!("`{}`: expected `metric_relabel_configs` to leave a name", short(labels.metric()));
            return Err(Failure::new(Reason::Body, message));
        }
        self.encoded.clear();
        self.encoded.extend_from_slice(left.as_labels().encoded());
        Ok(true)
    }

    /// Whether the labels keep to the limits.
    fn check(&self) -> Result<(), Failure> {
        let (count, name, value) =
            (self.job.label_limit, self.job.label_name_length_limit, self.job.label_value_length_limit);
        if count == 0 && name == 0 && value == 0 {
            return Ok(());
        }
        let all = Labels::from_canonical(&self.encoded);
        let metric = all.metric();
        let fail = |message: String| Err(Failure::new(Reason::LabelLimit, format!("`{}`: {message}", short(metric))));
        let labels = all.iter().count();
        if count > 0 && labels > count {
            return fail(format!("expected at most {count} labels, got `{labels}`"));
        }
        for (n, v) in all {
            if name > 0 && n.len() > name {
                let (len, n) = (n.len(), short(n));
                return fail(format!("expected label names of at most {name} bytes, got `{n}` of {len}"));
            }
            if value > 0 && v.len() > value {
                let (len, n, v) = (v.len(), short(n), short(v));
                return fail(format!("expected values of at most {value} bytes, got `{n}` with `{v}` of {len}"));
            }
        }
        Ok(())
    }
}

/// An exemplar of a sample at the time `at`; `None` where its labels are too long.
fn made(exemplar: &exposition::Exemplar<'_>, at: i64) -> Option<Exemplar> {
    let chars = |text: &str| text.chars().count();
    let length: usize = exemplar.labels.iter().map(|(name, value)| chars(&name) + chars(&value)).sum();
    let labels = || exemplar.labels.iter().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let timestamp = exemplar.timestamp.unwrap_or(at);
    (length <= EXEMPLAR_CHARS).then(|| Exemplar { labels: labels(), value: exemplar.value, timestamp })
}

/// As much of `text` as a message can bear.
fn short(text: &str) -> String {
    text.chars().take(50).collect()
}

#[cfg(test)]
mod tests;

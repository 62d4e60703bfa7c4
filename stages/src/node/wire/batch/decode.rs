//! From bytes to a batch.

use weir_pipeline::{Batch, BatchBuilder, Exemplar, HistogramPoint, Result, Tenant};

use super::beside::Beside;
use super::dictionary::{Read, read_labels, read_names};
use super::{
    COUNTS, EXEMPLARS, KNOWN, LABELS, METADATA, NAMES, NATIVE_HISTOGRAMS, SAMPLE_COUNTS, SERIES, START_TIMESTAMPS,
    TENANT, TIMESTAMPS, VALUES, metadata, times, values,
};
use crate::node::wire::reader::{Reader, Sections, bad, got};
use crate::node::wire::{Limits, Message};

/// What a series takes in a batch beside its labels, and a sample, in bytes.
const SERIES_BYTES: u64 = 24;
const SAMPLE_BYTES: u64 = 16;
const START_BYTES: u64 = 8;

/// How much longer than the message the labels are for which room is made at once. What a message says of its size
/// is not to be trusted with more.
const USUAL_GAIN: usize = 40;

/// What the section of counts says.
struct Counts {
    series: u64,
    samples: usize,
    /// Native histograms so far.
    histograms: u64,
    label_bytes: u64,
    /// What of the limit of memory is left, in bytes.
    room: u64,
    at: usize,
}

/// How many samples the series have, as runs of (samples, series).
struct SampleCounts(Vec<(u64, u64)>);

/// The series, as they are read: each is told from the one before.
struct SeriesReader<'d, 'a> {
    reader: Reader<'a>,
    labels: &'d [Read<'a>],
    most: u64,
    before: Vec<&'d Read<'a>>,
    own: Vec<&'d Read<'a>>,
    /// How many bytes the encodings may still take.
    label_bytes: u64,
}

/// Reads a message that [`super::encode_batch`] wrote, of this version or an older one.
///
/// # Errors
/// `Invalid`, where the bytes are no such message or exceed `limits`.
pub fn decode_batch(bytes: &[u8], limits: &Limits) -> Result<Batch> {
    let sections = Sections::read(bytes, limits.message_bytes, Message::Batch, &KNOWN, &[])?;
    let tenant = tenant(sections.must(TENANT)?)?;
    let mut counts = Counts::read(&sections, limits)?;
    let names = read_names(sections.must(NAMES)?, limits)?;
    let labels = read_labels(sections.must(LABELS)?, &names, limits)?;
    // Values come first: of all columns they alone take room for each sample, so that what follows is bounded.
    let values = values::read(sections.must(VALUES)?, counts.samples)?;
    let per_series = SampleCounts::read(sections.must(SAMPLE_COUNTS)?, &counts)?;
    let timestamps = times::read_timestamps(sections.must(TIMESTAMPS)?, counts.samples, per_series.iter())?;
    let starts = match sections.get(START_TIMESTAMPS) {
        Some(reader) => times::read_starts(reader, counts.samples)?,
        None => Vec::new(),
    };
    let mut out = Batch::builder(tenant);
    let usual = (counts.label_bytes as usize).min(bytes.len().saturating_mul(USUAL_GAIN));
    out.reserve(counts.series as usize, counts.samples, usual);
    let mut series = SeriesReader::new(sections.must(SERIES)?, &labels, limits, counts.label_bytes);
    let mut samples = timestamps.iter().zip(&values).enumerate();
    let mut histograms = Beside::<HistogramPoint>::new(sections.get(NATIVE_HISTOGRAMS))?;
    let mut exemplars = Beside::<Exemplar>::new(sections.get(EXEMPLARS))?;
    for count in per_series.iter() {
        series.next(&mut out)?;
        histograms.next(&mut out, |bytes| counts.histogram(bytes, limits))?;
        exemplars.next(&mut out, |bytes| counts.charge(bytes, limits))?;
        for (i, (&timestamp, &value)) in samples.by_ref().take(count) {
            out.sample_since(starts.get(i).copied().unwrap_or(0), timestamp, value);
        }
    }
    series.end()?;
    histograms.end()?;
    exemplars.end()?;
    if let Some(reader) = sections.get(METADATA) {
        metadata::read(reader, limits, |metadata, bytes| {
            counts.charge(bytes, limits)?;
            out.metadata(metadata);
            Ok(())
        })?;
    }
    Ok(out.build())
}

fn tenant(mut reader: Reader<'_>) -> Result<Tenant> {
    let at = reader.pos();
    let name =
        std::str::from_utf8(reader.take(reader.left(), "a tenant")?).map_err(|_| bad(at, "a tenant in UTF-8"))?;
    Tenant::new(name).map_err(|error| weir_pipeline::Error::invalid(format!("{error} at byte {at}")))
}

// === impl Counts ===

impl Counts {
    fn read(sections: &Sections<'_>, limits: &Limits) -> Result<Self> {
        let mut reader = sections.must(COUNTS)?;
        let at = reader.pos();
        let series = reader.at_most(limits.series, "series")?;
        let samples = reader.at_most(limits.samples.min(u64::from(u32::MAX)), "samples")?;
        let label_bytes = reader.at_most(limits.memory(), "bytes of labels")?;
        reader.end("counts")?;
        // A series takes three bytes at least, a value four bits.
        let (series_left, values_left) = (sections.must(SERIES)?.left(), sections.must(VALUES)?.left());
        if series > series_left / 3 {
            return Err(got(at, format_args!("series within {series_left} bytes"), series));
        }
        if samples > values_left.saturating_mul(2) {
            return Err(got(at, format_args!("values within {values_left} bytes"), samples));
        }
        let sample_bytes = SAMPLE_BYTES + if sections.get(START_TIMESTAMPS).is_some() { START_BYTES } else { 0 };
        let mut counts =
            Self { series, samples: samples as usize, histograms: 0, label_bytes, room: limits.memory(), at };
        counts.charge(label_bytes + series * SERIES_BYTES + samples * sample_bytes, limits)?;
        Ok(counts)
    }

    fn histogram(&mut self, bytes: u64, limits: &Limits) -> Result<()> {
        self.histograms += 1;
        if self.samples as u64 + self.histograms > limits.samples {
            return Err(bad(self.at, format_args!("at most {} samples", limits.samples)));
        }
        self.charge(bytes, limits)
    }

    fn charge(&mut self, bytes: u64, limits: &Limits) -> Result<()> {
        let most = limits.memory();
        let left = self.room.checked_sub(bytes);
        self.room = left.ok_or_else(|| bad(self.at, format_args!("a batch that takes at most {most} bytes")))?;
        Ok(())
    }
}

// === impl SampleCounts ===

impl SampleCounts {
    fn read(mut reader: Reader<'_>, counts: &Counts) -> Result<Self> {
        let mut runs = Vec::new();
        let (mut series_left, mut samples_left) = (counts.series, counts.samples as u64);
        while reader.left() > 0 {
            let at = reader.pos();
            let (samples, series) = (reader.varint()?, reader.varint()?);
            let (more_series, more) = (series_left.checked_sub(series), samples.checked_mul(series));
            let left = more_series.zip(more.and_then(|more| samples_left.checked_sub(more)));
            (series_left, samples_left) = left.ok_or_else(|| {
                let expected = format_args!("at most {series_left} series with {samples_left} samples").to_string();
                got(at, expected, format_args!("{series} with {samples} each"))
            })?;
            runs.push((samples, series));
        }
        if (series_left, samples_left) != (0, 0) {
            let at = reader.pos();
            return Err(bad(at, format_args!("{series_left} more series with {samples_left} samples")));
        }
        Ok(Self(runs))
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().flat_map(|&(samples, series)| (0..series).map(move |_| samples as usize))
    }
}

// === impl SeriesReader ===

impl<'d, 'a> SeriesReader<'d, 'a> {
    fn new(reader: Reader<'a>, labels: &'d [Read<'a>], limits: &Limits, label_bytes: u64) -> Self {
        Self { reader, labels, most: limits.labels, before: Vec::new(), own: Vec::new(), label_bytes }
    }

    /// Reads one series and begins it in `out`, whose last one must be the one before.
    fn next(&mut self, out: &mut BatchBuilder) -> Result<()> {
        let at = self.reader.pos();
        let (front, back) = self.pick()?;
        let bytes = |labels: &[&Read<'_>]| labels.iter().map(|label| label.len()).sum::<usize>();
        let middle = self.own.get(front..self.own.len() - back).unwrap_or_default();
        let (before_bytes, own_bytes) = (bytes(&self.before), bytes(&self.own));
        let front_bytes = bytes(self.own.get(..front).unwrap_or_default());
        let back_bytes = own_bytes - front_bytes - bytes(middle);
        let left = self.label_bytes.checked_sub(own_bytes as u64);
        self.label_bytes =
            left.ok_or_else(|| got(at, format_args!("labels of at most {} bytes", self.label_bytes), own_bytes))?;
        out.series_with(|encoded| {
            let end = encoded.len();
            let start = end - before_bytes;
            encoded.extend_from_within(start..start + front_bytes);
            for label in middle {
                encoded.extend_from_slice(label.name.encoded);
                encoded.extend_from_slice(label.value);
            }
            encoded.extend_from_within(end - back_bytes..end);
        });
        std::mem::swap(&mut self.before, &mut self.own);
        Ok(())
    }

    /// Reads which labels the series has. Returns how many of the one before it keeps at the front and at the back.
    fn pick(&mut self) -> Result<(usize, usize)> {
        let at = self.reader.pos();
        let (front, back) = (self.reader.varint()?, self.reader.varint()?);
        let middle = self.reader.varint()?;
        let before = self.before.len();
        let kept = front.checked_add(back).filter(|kept| *kept <= before as u64);
        let kept = kept.ok_or_else(|| {
            got(at, format_args!("at most {before} labels of the series before"), format_args!("{front} and {back}"))
        })?;
        let count = kept.saturating_add(middle);
        if count > self.most {
            return Err(got(at, format_args!("at most {} labels", self.most), count));
        }
        let (front, back) = (front as usize, back as usize);
        self.own.clear();
        self.own.extend_from_slice(self.before.get(..front).unwrap_or_default());
        for _ in 0..middle {
            let at = self.reader.pos();
            let index = self.reader.varint()?;
            let label = usize::try_from(index).ok().and_then(|index| self.labels.get(index));
            let label = label
                .ok_or_else(|| got(at, format_args!("the index of one of {} labels", self.labels.len()), index))?;
            ordered(self.own.last(), label, at)?;
            self.own.push(label);
        }
        let kept_back = self.before.get(before - back..).unwrap_or_default();
        if let Some(first) = kept_back.first() {
            ordered(self.own.last(), first, at)?;
        }
        self.own.extend_from_slice(kept_back);
        Ok((front, back))
    }

    fn end(&self) -> Result<()> {
        if self.label_bytes > 0 {
            return Err(bad(self.reader.pos(), format_args!("{} more bytes of labels", self.label_bytes)));
        }
        self.reader.end("series")
    }
}

/// Names ascend, which also means that each comes once.
#[inline]
fn ordered(last: Option<&&Read<'_>>, label: &Read<'_>, at: usize) -> Result<()> {
    match last {
        Some(last) if last.name.rank >= label.name.rank => {
            Err(got(at, format_args!("a label name after `{}`", last.name.text), label.name.text))
        }
        _ => Ok(()),
    }
}

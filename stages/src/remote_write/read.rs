//! Remote read as bytes: the messages of its requests and answers, which are those of remote write's family.
//!
//! Shape: a request is one protobuf message (`prometheus.ReadRequest`) in a snappy block. An answer is either one message
//! with all samples (`prometheus.ReadResponse`), or a frame for each series with its samples in chunks, floats as XOR and native
//! histograms as float histograms (`prometheus.ChunkedReadResponse`): its length as a varint, its CRC-32C in four bytes, the
//! most significant first, and the message.
//!
//! Source: `prompb/remote.proto` and `prompb/types.proto`, `storage/remote/chunked.go` and `storage/remote/codec.go` of
//! Prometheus.

mod bits;
mod histograms;
mod xor;

use weir_pipeline::batch::Series;
use weir_pipeline::{HistogramPoint, Labels, MatchOp, Matcher};

use super::histogram;
use super::wire::{
    Cursor, LEN, Malformed, VARINT, field_len, key, put_bytes, put_double, put_integer, put_len, put_varint,
};

pub use xor::xor_chunk;

/// How many samples a chunk has at most.
pub const CHUNK_SAMPLES: usize = 120;

/// The largest message of a frame, about: more chunks of a series go into the next frame.
const MAX_FRAME: usize = 1 << 20;

/// How many queries a request may have, and matchers a query.
const MAX_PARTS: usize = 1000;

/// The content type of an answer with samples.
pub const SAMPLES: &str = "application/x-protobuf";

/// The content type of an answer with chunks.
pub const CHUNKS: &str = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";

/// What is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadRequest {
    /// The queries, which are answered in their order.
    pub queries: Vec<ReadQuery>,
    /// The kinds of answers that are taken, by their numbers, the best first; none is samples.
    pub accepts: Vec<u64>,
}

/// One query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadQuery {
    /// From, in milliseconds since the Unix epoch, included.
    pub start: i64,
    /// To, in milliseconds since the Unix epoch, included.
    pub end: i64,
    /// The conditions on labels.
    pub matchers: Vec<Matcher>,
}

/// The kind of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    /// One message with all samples.
    Samples,
    /// A frame for each series, with chunks.
    Chunks,
}

// === impl ReadRequest ===

impl ReadRequest {
    /// Reads a request that is decompressed.
    ///
    /// # Errors
    /// A sentence: it is no such message, or has too many parts.
    pub fn decode(body: &[u8]) -> Result<Self, String> {
        let mut request = Self::default();
        let malformed = |e: Malformed| format!("expected a ReadRequest: {e}");
        let mut cursor = Cursor::new(body);
        while let Some(field) = cursor.key().map_err(malformed)? {
            match field {
                _ if field == key(1, LEN) => {
                    let query = cursor.message().map_err(malformed)?;
                    request.queries.push(ReadQuery::decode(query)?);
                }
                _ if field == key(2, VARINT) => request.accepts.push(cursor.varint().map_err(malformed)?),
                _ if field == key(2, LEN) => {
                    let mut packed = cursor.message().map_err(malformed)?;
                    while !packed.is_empty() {
                        request.accepts.push(packed.varint().map_err(malformed)?);
                        few(request.accepts.len(), "kinds of answers")?;
                    }
                }
                _ => cursor.skip(field, 0b110).map_err(malformed)?,
            }
            few(request.queries.len(), "queries")?;
            few(request.accepts.len(), "kinds of answers")?;
        }
        Ok(request)
    }

    /// The kind of the answer: the first that is known of those that are taken; samples where none is named.
    ///
    /// # Errors
    /// A sentence: none of them is known.
    pub fn kind(&self) -> Result<AnswerKind, String> {
        if self.accepts.is_empty() {
            return Ok(AnswerKind::Samples);
        }
        let known = |kind: &u64| match kind {
            0 => Some(AnswerKind::Samples),
            1 => Some(AnswerKind::Chunks),
            _ => None,
        };
        let none = || format!("server does not support any of the requested response types: {:?}", self.accepts);
        self.accepts.iter().find_map(known).ok_or_else(none)
    }
}

// === impl ReadQuery ===

impl ReadQuery {
    fn decode(mut cursor: Cursor<'_>) -> Result<Self, String> {
        let malformed = |e: Malformed| format!("expected a Query: {e}");
        let mut query = Self::default();
        while let Some(field) = cursor.key().map_err(malformed)? {
            match field {
                _ if field == key(1, VARINT) => query.start = cursor.varint().map_err(malformed)? as i64,
                _ if field == key(2, VARINT) => query.end = cursor.varint().map_err(malformed)? as i64,
                _ if field == key(3, LEN) => {
                    query.matchers.push(matcher(cursor.message().map_err(malformed)?)?);
                    few(query.matchers.len(), "matchers")?;
                }
                // Hints say what the asker will do with it; the answer is the same.
                _ => cursor.skip(field, 0b1110).map_err(malformed)?,
            }
        }
        Ok(query)
    }
}

fn few(count: usize, what: &str) -> Result<(), String> {
    if count > MAX_PARTS { Err(format!("expected at most {MAX_PARTS} {what}")) } else { Ok(()) }
}

fn matcher(mut cursor: Cursor<'_>) -> Result<Matcher, String> {
    let malformed = |e: Malformed| format!("expected a LabelMatcher: {e}");
    let (mut op, mut name, mut value) = (0, &[][..], &[][..]);
    while let Some(field) = cursor.key().map_err(malformed)? {
        match field {
            _ if field == key(1, VARINT) => op = cursor.varint().map_err(malformed)?,
            _ if field == key(2, LEN) => name = cursor.bytes().map_err(malformed)?,
            _ if field == key(3, LEN) => value = cursor.bytes().map_err(malformed)?,
            _ => cursor.skip(field, 0b1110).map_err(malformed)?,
        }
    }
    let op = match op {
        0 => MatchOp::Equal,
        1 => MatchOp::NotEqual,
        2 => MatchOp::Match,
        3 => MatchOp::NotMatch,
        other => return Err(format!("expected a type of matcher from 0 to 3, got `{other}`")),
    };
    let text = |bytes| std::str::from_utf8(bytes).map_err(|_| "expected matchers in UTF-8".to_owned());
    Matcher::new(text(name)?, op, text(value)?).map_err(|e| e.to_string())
}

// === answers ===

/// Appends a series with its samples to a query's result (`QueryResult.timeseries`).
pub fn put_series(series: &Series<'_>, out: &mut Vec<u8>) {
    let mut message = Vec::with_capacity(64 + series.timestamps.len() * 20);
    put_labels(1, series.labels, &mut message);
    let mut sample = Vec::with_capacity(20);
    for (time, value) in series.timestamps.iter().zip(series.values) {
        sample.clear();
        // As protobuf has it: what is zero is left out, bit for bit.
        if value.to_bits() != 0 {
            put_double(1, *value, &mut sample);
        }
        if *time != 0 {
            put_integer(2, *time as u64, &mut sample);
        }
        put_bytes(2, &sample, &mut message);
    }
    // The message of remote read has no start timestamps.
    series.histograms.iter().for_each(|point| histogram::put(4, point, false, &mut message));
    put_bytes(1, &message, out);
}

/// Appends a query's result to an answer (`ReadResponse.results`).
pub fn put_result(result: &[u8], out: &mut Vec<u8>) {
    put_bytes(1, result, out);
}

/// Appends a series' frames: its samples as chunks in order of time, and to which query it is the answer.
pub fn put_frames(series: &Series<'_>, query: usize, out: &mut Vec<u8>) {
    let mut head = Vec::new();
    put_labels(1, series.labels, &mut head);
    let mut message = head.clone();
    let (mut timestamps, mut values, mut histograms) = (series.timestamps, series.values, series.histograms);
    let mut add = |chunk: Chunk| {
        let chunk = chunk.encode();
        if message.len() > head.len() && message.len() + field_len(chunk.len()) > MAX_FRAME {
            put_frame(&message, query, out);
            message.truncate(head.len());
        }
        put_bytes(2, &chunk, &mut message);
    };
    // A chunk has samples of one kind: one ends where a sample of the other kind comes.
    while !(timestamps.is_empty() && histograms.is_empty()) {
        let next = histograms.first().map_or(i64::MAX, |point| point.timestamp);
        let floats = if histograms.is_empty() { timestamps.len() } else { timestamps.partition_point(|t| *t < next) };
        let (times, later) = timestamps.split_at(floats);
        let (numbers, later_values) = values.split_at_checked(floats).unwrap_or((values, &[]));
        let parts = times.chunks(CHUNK_SAMPLES).zip(numbers.chunks(CHUNK_SAMPLES));
        parts.for_each(|(times, values)| add(Chunk::floats(times, values)));
        (timestamps, values) = (later, later_values);
        let until = timestamps.first().copied();
        let points = histograms.partition_point(|point| until.is_none_or(|until| point.timestamp <= until));
        let (now, later) = histograms.split_at(points);
        histograms::chunks(now).for_each(|points| add(Chunk::histograms(points)));
        histograms = later;
    }
    put_frame(&message, query, out);
}

/// A chunk (`prometheus.Chunk`).
struct Chunk {
    first: i64,
    last: i64,
    /// The number of its encoding.
    kind: u64,
    data: Vec<u8>,
}

// === impl Chunk ===

impl Chunk {
    fn floats(timestamps: &[i64], values: &[f64]) -> Self {
        let (first, last) = (timestamps.first().copied().unwrap_or(0), timestamps.last().copied().unwrap_or(0));
        Self { first, last, kind: 1, data: xor_chunk(timestamps, values) }
    }

    fn histograms(points: &[HistogramPoint]) -> Self {
        let time = |point: Option<&HistogramPoint>| point.map_or(0, |point| point.timestamp);
        let (first, last) = (time(points.first()), time(points.last()));
        Self { first, last, kind: 3, data: histograms::histogram_chunk(points) }
    }

    fn encode(&self) -> Vec<u8> {
        let mut chunk = Vec::with_capacity(self.data.len() + 32);
        for (field, value) in [(1, self.first as u64), (2, self.last as u64), (3, self.kind)] {
            if value != 0 {
                put_integer(field, value, &mut chunk);
            }
        }
        put_bytes(4, &self.data, &mut chunk);
        chunk
    }
}

/// A frame with one series.
fn put_frame(series: &[u8], query: usize, out: &mut Vec<u8>) {
    let mut message = Vec::with_capacity(series.len() + 16);
    put_bytes(1, series, &mut message);
    if query > 0 {
        put_integer(2, query as u64, &mut message);
    }
    put_varint(message.len() as u64, out);
    out.extend_from_slice(&crc32c::crc32c(&message).to_be_bytes());
    out.extend_from_slice(&message);
}

fn put_labels(field: u32, labels: Labels<'_>, out: &mut Vec<u8>) {
    for (name, value) in labels {
        put_len(field, field_len(name.len()) + field_len(value.len()), out);
        put_bytes(1, name.as_bytes(), out);
        put_bytes(2, value.as_bytes(), out);
    }
}

#[cfg(test)]
mod tests;

//! An error as a message.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use weir_pipeline::{Error, Kind, Result};

use super::reader::{Reader, Sections, bad, got};
use super::writer::{Writer, put_varint, shortened};
use super::{Limits, Message, Section, TEXT_BYTES};

const KIND: Section = Section::new(0x81, "kind");
const MESSAGE: Section = Section::new(0x82, "message");
const PLACE: Section = Section::new(0x03, "place");
const SOURCE: Section = Section::new(0x04, "source");
const OF_TENANT: Section = Section::new(0x05, "of_tenant");

/// What the sources of an error said, on the other node.
#[derive(Debug)]
struct Reported(String);

/// Appends `error` to `out` as one message. Of its sources only the words go along; texts beyond 16 KiB are cut short.
pub fn encode_error(error: &Error, out: &mut Vec<u8>) {
    let mut writer = Writer::new(Message::Error, out);
    writer.section(KIND, |out| put_kind(error.kind(), out));
    writer.written(MESSAGE, shortened(error.message()).as_bytes());
    if let Some(place) = error.place() {
        writer.written(PLACE, shortened(place).as_bytes());
    }
    if let Some(source) = sources(error) {
        writer.written(SOURCE, shortened(&source).as_bytes());
    }
    if error.is_of_tenant() {
        writer.written(OF_TENANT, &[]);
    }
    writer.seal();
}

/// Reads a message that [`encode_error`] wrote: the error of the peer, with the place that it has there.
///
/// # Errors
/// `Invalid`, where the bytes are no such message or exceed `limits`.
pub fn decode_error(bytes: &[u8], limits: &Limits) -> Result<Error> {
    let known = [KIND, MESSAGE, PLACE, SOURCE, OF_TENANT];
    let sections = Sections::read(bytes, limits.message_bytes, Message::Error, &known, &[])?;
    let kind = read_kind(sections.must(KIND)?)?;
    let mut error = Error::new(kind, text(sections.must(MESSAGE)?, "a message")?);
    if let Some(place) = sections.get(PLACE) {
        error = error.at(&text(place, "a place")?.into());
    }
    if let Some(source) = sections.get(SOURCE) {
        error = error.with_source(Reported(text(source, "a source")?.to_owned()));
    }
    if let Some(mark) = sections.get(OF_TENANT) {
        mark.end("a mark")?;
        error = error.of_tenant();
    }
    Ok(error)
}

fn put_kind(kind: Kind, out: &mut Vec<u8>) {
    let number = match kind {
        Kind::Invalid => 0,
        Kind::Unprocessable => 1,
        Kind::TimedOut => 2,
        Kind::Unavailable { .. } => 3,
        Kind::Overloaded { .. } => 4,
        Kind::Closed => 5,
        Kind::Internal => 6,
    };
    out.push(number);
    if let Kind::Unavailable { retry_after } | Kind::Overloaded { retry_after } = kind {
        out.push(u8::from(retry_after.is_some()));
        if let Some(after) = retry_after {
            put_varint(after.as_secs(), out);
            put_varint(after.subsec_nanos().into(), out);
        }
    }
}

fn read_kind(mut reader: Reader<'_>) -> Result<Kind> {
    let at = reader.pos();
    let kind = match reader.byte()? {
        0 => Kind::Invalid,
        1 => Kind::Unprocessable,
        2 => Kind::TimedOut,
        3 => Kind::Unavailable { retry_after: read_retry_after(&mut reader)? },
        4 => Kind::Overloaded { retry_after: read_retry_after(&mut reader)? },
        5 => Kind::Closed,
        6 => Kind::Internal,
        other => return Err(got(at, "a kind from 0 to 6", other)),
    };
    reader.end("a kind")?;
    Ok(kind)
}

fn read_retry_after(reader: &mut Reader<'_>) -> Result<Option<Duration>> {
    let at = reader.pos();
    match reader.byte()? {
        0 => Ok(None),
        1 => {
            let seconds = reader.varint()?;
            let nanos = reader.at_most(999_999_999, "nanoseconds")?;
            Ok(Some(Duration::new(seconds, nanos as u32)))
        }
        other => Err(got(at, "0 or 1", other)),
    }
}

/// What fills a section.
fn text<'a>(mut reader: Reader<'a>, what: &str) -> Result<&'a str> {
    let at = reader.pos();
    let len = reader.left();
    if len > TEXT_BYTES as u64 {
        return Err(got(at, format_args!("{what} of at most {TEXT_BYTES} bytes"), len));
    }
    std::str::from_utf8(reader.take(len, what)?).map_err(|_| bad(at, format_args!("{what} in UTF-8")))
}

/// What the sources say, joined by `: ` as [`Error::report`] joins them.
fn sources(error: &Error) -> Option<String> {
    let mut source = error.source()?;
    let mut told = source.to_string();
    while let Some(next) = source.source() {
        told = format!("{told}: {next}");
        source = next;
    }
    Some(told)
}

// === impl Reported ===

impl fmt::Display for Reported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Reported {}

#[cfg(test)]
mod tests;

//! The labels of a message, each said once: names, and labels as an index of a name and a value.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use weir_pipeline::Result;

use crate::node::wire::Limits;
use crate::node::wire::reader::{Reader, Text, bad, got};
use crate::node::wire::writer::put_varint;

/// One label of a canonical encoding, to be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label<'a> {
    /// Name and value, each with its length in front.
    pub(super) bytes: &'a [u8],
    /// Of which so many are the name.
    name: usize,
}

/// The names and labels met so far, to be written.
#[derive(Default)]
pub(super) struct Dictionary<'a> {
    names: HashMap<&'a [u8], u64>,
    labels: HashMap<&'a [u8], u64>,
    name_bytes: Vec<u8>,
    label_bytes: Vec<u8>,
}

/// A name as it is read.
#[derive(Clone, Copy)]
pub(super) struct Name<'a> {
    pub(super) text: &'a str,
    pub(super) encoded: &'a [u8],
    /// Its place in the order of all names of the message: comparing two of these compares names.
    pub(super) rank: u32,
}

/// A label as it is read.
#[derive(Clone, Copy)]
pub(super) struct Read<'a> {
    pub(super) name: Name<'a>,
    /// With its length in front.
    pub(super) value: &'a [u8],
}

// === impl Label ===

impl<'a> Label<'a> {
    /// The first label of an encoding. No look at the strings themselves: whoever made the set did that.
    #[inline]
    pub(super) fn first(encoded: &'a [u8]) -> Option<Self> {
        let name = span(encoded)?;
        let value = span(encoded.get(name..)?)?;
        Some(Self { bytes: encoded.get(..name.checked_add(value)?)?, name })
    }
}

/// How many bytes the string at the start of `bytes` takes with its length.
#[inline]
fn span(bytes: &[u8]) -> Option<usize> {
    match bytes.first() {
        Some(&len) if len < 0x80 => Some(1 + usize::from(len)),
        _ => {
            let mut reader = Reader::new(bytes);
            let len = reader.varint().ok()?;
            reader.pos().checked_add(usize::try_from(len).ok()?)
        }
    }
}

// === impl Dictionary ===

impl<'a> Dictionary<'a> {
    /// The index of `label`, which is new or not.
    pub(super) fn index(&mut self, label: Label<'a>) -> u64 {
        let next = self.labels.len() as u64;
        match self.labels.entry(label.bytes) {
            Entry::Occupied(old) => return *old.get(),
            Entry::Vacant(new) => new.insert(next),
        };
        let (name, value) = label.bytes.split_at(label.name);
        let next_name = self.names.len() as u64;
        let name = *self.names.entry(name).or_insert_with(|| {
            self.name_bytes.extend_from_slice(name);
            next_name
        });
        put_varint(name, &mut self.label_bytes);
        self.label_bytes.extend_from_slice(value);
        next
    }

    pub(super) fn put_names(&self, out: &mut Vec<u8>) {
        put_varint(self.names.len() as u64, out);
        out.extend_from_slice(&self.name_bytes);
    }

    pub(super) fn put_labels(&self, out: &mut Vec<u8>) {
        put_varint(self.labels.len() as u64, out);
        out.extend_from_slice(&self.label_bytes);
    }
}

// === impl Name ===

/// Reads the section of names.
pub(super) fn read_names<'a>(mut reader: Reader<'a>, limits: &Limits) -> Result<Vec<Name<'a>>> {
    // A name takes its length and a byte at least.
    let count = reader.count(limits.dictionary, 2, "names")?;
    let mut texts: Vec<Text<'a>> = Vec::with_capacity(count);
    for _ in 0..count {
        let name = reader.text(limits.name_bytes, "a label name")?;
        if name.text.is_empty() {
            return Err(bad(name.at, "a label name of at least 1 byte"));
        }
        texts.push(name);
    }
    reader.end("names")?;
    let mut names: Vec<Name<'a>> = texts.iter().map(|t| Name { text: t.text, encoded: t.encoded, rank: 0 }).collect();
    let mut order: Vec<(&str, usize, &mut u32)> =
        names.iter_mut().zip(&texts).map(|(name, text)| (text.text, text.at, &mut name.rank)).collect();
    order.sort_unstable_by_key(|(text, at, _)| (*text, *at));
    let mut last = None;
    for (i, (text, at, rank)) in order.into_iter().enumerate() {
        if last == Some(text) {
            return Err(got(at, "each label name once", text));
        }
        last = Some(text);
        *rank = i as u32;
    }
    Ok(names)
}

// === impl Read ===

impl Read<'_> {
    /// How many bytes it takes in a canonical encoding.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.name.encoded.len() + self.value.len()
    }
}

/// Reads the section of labels.
pub(super) fn read_labels<'a>(mut reader: Reader<'a>, names: &[Name<'a>], limits: &Limits) -> Result<Vec<Read<'a>>> {
    // A label takes the index of its name, the length of its value and a byte at least.
    let count = reader.count(limits.dictionary, 3, "labels")?;
    let mut labels = Vec::with_capacity(count);
    for _ in 0..count {
        let at = reader.pos();
        let index = reader.varint()?;
        let name = usize::try_from(index).ok().and_then(|index| names.get(index));
        let &name = name.ok_or_else(|| got(at, format_args!("the index of one of {} names", names.len()), index))?;
        let value = reader.text(limits.value_bytes, "a label value")?;
        if value.text.is_empty() {
            return Err(bad(value.at, format_args!("a value of `{}` of at least 1 byte", name.text)));
        }
        labels.push(Read { name, value: value.encoded });
    }
    reader.end("labels")?;
    Ok(labels)
}

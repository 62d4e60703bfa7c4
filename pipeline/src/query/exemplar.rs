//! Exemplars as bytes that are stored and sent.

use crate::labels::Labels;
use crate::query::Exemplar;
use crate::varint::{put_varint, take_varint, unzigzag, zigzag};

// === impl Exemplar ===

impl Exemplar {
    /// What it takes in memory, about, in bytes.
    pub fn byte_size(&self) -> usize {
        size_of::<Self>() + self.labels.as_labels().encoded().len()
    }

    /// Appends an encoding that keeps every bit. Version 1, frozen: the length of its labels, these in their canonical
    /// encoding, the value as eight bytes, little-endian, and the zigzagged timestamp; the numbers are varints.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let labels = self.labels.as_labels().encoded();
        put_varint(labels.len() as u64, out);
        out.extend_from_slice(labels);
        out.extend(self.value.to_bits().to_le_bytes());
        put_varint(zigzag(self.timestamp), out);
    }

    /// Takes an encoded exemplar off `data`; `None` where there is none.
    pub fn decode(data: &mut &[u8]) -> Option<Self> {
        let (len, rest) = take_varint(data)?;
        let (labels, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
        let (value, rest) = rest.split_first_chunk::<8>()?;
        let (timestamp, rest) = take_varint(rest)?;
        *data = rest;
        let labels = Labels::check(labels).ok()?.to_set();
        Some(Self { labels, value: f64::from_bits(u64::from_le_bytes(*value)), timestamp: unzigzag(timestamp) })
    }
}

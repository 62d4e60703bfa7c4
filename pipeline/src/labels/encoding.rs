//! The canonical encoding as bytes: a label after the other, each with its lengths, and the walks over them.

/// The walk over the labels of [`Labels`](super::Labels), in the order of names.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    pub(super) rest: &'a [u8],
}

/// The walk over the labels of [`Labels`](super::Labels) as bytes, in the order of names.
#[derive(Clone, Debug)]
pub struct Pairs<'a> {
    pub(super) rest: &'a [u8],
}

/// A label as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair<'a> {
    /// The name, UTF-8.
    pub name: &'a [u8],
    /// The value, UTF-8.
    pub value: &'a [u8],
    /// Both in the canonical encoding.
    pub encoded: &'a [u8],
}

// === impl Iter ===

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a str);
    fn next(&mut self) -> Option<Self::Item> {
        let (name, value, rest) = take(self.rest)?;
        self.rest = rest;
        Some((name, value))
    }
}

// === impl Pairs ===

impl<'a> Iterator for Pairs<'a> {
    type Item = Pair<'a>;
    #[inline]
    fn next(&mut self) -> Option<Pair<'a>> {
        let (name, after) = take_bytes(self.rest)?;
        let (value, after) = take_bytes(after)?;
        let (encoded, rest) = self.rest.split_at_checked(self.rest.len() - after.len())?;
        self.rest = rest;
        Some(Pair { name, value, encoded })
    }
}

// === the encoding ===

/// Appends one label. The caller keeps names sorted and unique, and leaves out empty values.
pub fn encode_label(name: &str, value: &str, out: &mut Vec<u8>) {
    encode_len(name.len(), out);
    out.extend_from_slice(name.as_bytes());
    encode_len(value.len(), out);
    out.extend_from_slice(value.as_bytes());
}

fn encode_len(mut len: usize, out: &mut Vec<u8>) {
    while len >= 0x80 {
        out.push((len & 0x7f) as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
}

pub(super) fn take(bytes: &[u8]) -> Option<(&str, &str, &[u8])> {
    let (name, rest) = take_str(bytes)?;
    let (value, rest) = take_str(rest)?;
    Some((name, value, rest))
}

fn take_str(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (text, rest) = take_bytes(bytes)?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

#[inline]
fn take_bytes(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    match bytes.split_first() {
        Some((&len, rest)) if len & 0x80 == 0 => rest.split_at_checked(usize::from(len)),
        _ => take_long(bytes),
    }
}

fn take_long(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut len = 0usize;
    for (i, &byte) in bytes.iter().take(5).enumerate() {
        len |= usize::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            // A longer varint than needed would give one label set two encodings.
            if i > 0 && byte == 0 {
                return None;
            }
            return bytes.get(i + 1..)?.split_at_checked(len);
        }
    }
    None
}

//! Messages of DNS: a question, and what the answer to it has.
//!
//! Source: RFC 1035 (messages, compression), RFC 2782 (SRV), RFC 6891 (the size of answers over UDP).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest answer over UDP that is asked for: no network of today cuts it up.
const UDP_BYTES: u16 = 1232;

/// The longest name, and the longest part of one, in bytes.
const MAX_NAME: usize = 255;
const MAX_LABEL: usize = 63;

/// The class of the Internet, and the type that says how long answers may be.
const INTERNET: u16 = 1;
const OPT: u16 = 41;

/// What is asked of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Hosts and ports of a service.
    Srv,
}

/// What a name has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Record {
    Address(IpAddr),
    /// The host as an absolute name, in lower case and without its last dot.
    Service {
        host: String,
        port: u16,
    },
}

/// What a server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// These; none where there is no such name, or it has nothing of the kind.
    Records(Vec<Record>),
    /// There is more, over TCP.
    Truncated,
    /// It can't tell, with this code.
    Failed(u8),
}

/// A message that is being read.
struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

// === impl Kind ===

impl Kind {
    fn number(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Aaaa => 28,
            Self::Srv => 33,
        }
    }
}

/// Whether this can be asked: parts of 1 to 63 letters, digits, `-` and `_` with a dot between them, and maybe one at the end.
pub(crate) fn is_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let plain = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    let label = |label: &str| (1..=MAX_LABEL).contains(&label.len()) && label.bytes().all(plain);
    name.len() + 2 <= MAX_NAME && name.split('.').all(label)
}

/// The message that asks for what a name has. Of a name that is none an empty one.
pub(crate) fn question(id: u16, name: &str, kind: Kind) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    let numbers = |out: &mut Vec<u8>, all: &[u16]| all.iter().for_each(|n| out.extend_from_slice(&n.to_be_bytes()));
    // The server is to ask others; one question, and in the additional part what answers it may send.
    numbers(&mut out, &[id, 0x0100, 1, 0, 0, 1]);
    for label in name.strip_suffix('.').unwrap_or(name).split('.') {
        let Ok(length @ 1..=63) = u8::try_from(label.len()) else { return Vec::new() };
        out.push(length);
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
    numbers(&mut out, &[kind.number(), INTERNET]);
    out.push(0);
    numbers(&mut out, &[OPT, UDP_BYTES, 0, 0, 0]);
    out
}

/// What a message says to a question; `None` where it is no answer to it.
pub(crate) fn answer(message: &[u8], id: u16, name: &str, kind: Kind) -> Option<Said> {
    let mut reader = Reader { message, at: 0 };
    let (got, flags) = (reader.number()?, reader.number()?);
    let [questions, answers, _, _] = [reader.number()?, reader.number()?, reader.number()?, reader.number()?];
    if got != id || flags & 0x8000 == 0 || questions != 1 {
        return None;
    }
    let asked = (reader.name()?, reader.number()?, reader.number()?);
    if asked != (name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase(), kind.number(), INTERNET) {
        return None;
    }
    let code = (flags & 0xf) as u8;
    match code {
        _ if flags & 0x0200 != 0 => return Some(Said::Truncated),
        0 => {}
        // There is no such name.
        3 => return Some(Said::Records(Vec::new())),
        _ => return Some(Said::Failed(code)),
    }
    let mut records = Vec::new();
    for _ in 0..answers {
        // Whose it is: the name that was asked, or what that is an alias of.
        reader.name()?;
        let (of, class) = (reader.number()?, reader.number()?);
        reader.bytes(4)?;
        let length = usize::from(reader.number()?);
        let end = reader.at.checked_add(length)?;
        if of == kind.number() && class == INTERNET {
            records.push(reader.record(kind, length)?);
        }
        reader.at = end;
        if end > message.len() {
            return None;
        }
    }
    records.sort_unstable();
    records.dedup();
    Some(Said::Records(records))
}

// === impl Reader ===

impl<'a> Reader<'a> {
    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let bytes = self.message.get(self.at..end)?;
        self.at = end;
        Some(bytes)
    }

    fn number(&mut self) -> Option<u16> {
        self.bytes(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    fn record(&mut self, kind: Kind, length: usize) -> Option<Record> {
        match kind {
            Kind::A => {
                let bytes: [u8; 4] = self.bytes(length)?.try_into().ok()?;
                Some(Record::Address(Ipv4Addr::from(bytes).into()))
            }
            Kind::Aaaa => {
                let bytes: [u8; 16] = self.bytes(length)?.try_into().ok()?;
                Some(Record::Address(Ipv6Addr::from(bytes).into()))
            }
            Kind::Srv => {
                // Priority and weight: all members are alike.
                self.bytes(4)?;
                let port = self.number()?;
                Some(Record::Service { host: self.name()?, port })
            }
        }
    }

    /// A name in lower case, whose parts may be elsewhere in the message. Empty for the root.
    fn name(&mut self) -> Option<String> {
        let (mut name, mut at, mut after) = (String::new(), self.at, None);
        loop {
            let length = *self.message.get(at)?;
            match length {
                0 => break,
                1..=63 => {
                    let begin = at.checked_add(1)?;
                    at = begin.checked_add(usize::from(length))?;
                    let label = self.message.get(begin..at)?;
                    let plain = |b: &u8| b.is_ascii_graphic() && *b != b'.';
                    if !label.iter().all(plain) || name.len() + label.len() + 2 > MAX_NAME {
                        return None;
                    }
                    if !name.is_empty() {
                        name.push('.');
                    }
                    name.extend(label.iter().map(|b| char::from(b.to_ascii_lowercase())));
                }
                0xc0.. => {
                    let low = *self.message.get(at.checked_add(1)?)?;
                    let to = usize::from(u16::from_be_bytes([length & 0x3f, low]));
                    after = after.or(Some(at.checked_add(2)?));
                    // Only back: so it ends.
                    if to >= at {
                        return None;
                    }
                    at = to;
                }
                _ => return None,
            }
        }
        self.at = after.unwrap_or(at.checked_add(1)?);
        Some(name)
    }
}

#[cfg(test)]
mod tests;

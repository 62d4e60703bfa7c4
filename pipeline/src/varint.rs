//! Integers as unsigned LEB128, signed ones zigzagged first.

/// Maps small magnitudes to small numbers.
#[inline]
pub fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

/// The inverse of [`zigzag`].
#[inline]
pub fn unzigzag(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
}

/// How many bytes [`put_varint`] appends.
#[inline]
pub fn varint_len(n: u64) -> u32 {
    (64 - (n | 1).leading_zeros()).div_ceil(7)
}

/// Appends `n`.
#[inline]
pub fn put_varint(mut n: u64, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Reads a number and returns the bytes after it; `None` where it is cut short or does not fit 64 bits.
#[inline(always)]
pub fn take_varint(data: &[u8]) -> Option<(u64, &[u8])> {
    match data.split_first() {
        Some((&byte, rest)) if byte < 0x80 => Some((u64::from(byte), rest)),
        _ => match data.first_chunk() {
            Some(word) => take_word(u64::from_le_bytes(*word), data),
            None => take_long(data),
        },
    }
}

/// Reads a number of up to eight bytes, which are those of the word, at once.
#[inline(always)]
fn take_word(word: u64, data: &[u8]) -> Option<(u64, &[u8])> {
    let ends = !word & 0x8080_8080_8080_8080;
    if ends == 0 {
        return take_long(data);
    }
    // The last byte's own highest bit is the lowest that is set here.
    let n = word & (ends ^ (ends - 1)) & 0x7f7f_7f7f_7f7f_7f7f;
    let n = (n & 0x7f00_7f00_7f00_7f00) >> 1 | n & 0x007f_007f_007f_007f;
    let n = (n & 0x3fff_0000_3fff_0000) >> 2 | n & 0x0000_3fff_0000_3fff;
    let n = (n & 0x0fff_ffff_0000_0000) >> 4 | n & 0x0fff_ffff;
    data.get(ends.trailing_zeros() as usize / 8 + 1..).map(|rest| (n, rest))
}

fn take_long(data: &[u8]) -> Option<(u64, &[u8])> {
    let mut n = 0u64;
    for (i, &byte) in data.iter().take(10).enumerate() {
        if i == 9 && byte > 1 {
            return None;
        }
        n |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            return Some((n, &data[i + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests;

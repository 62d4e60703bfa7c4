//! `DELTA_BINARY_PACKED`: differences in blocks, less the least of each block, in as few bits as each part of it needs.

use weir_pipeline::varint::{take_varint, unzigzag};

/// What has to follow the bytes of a page, so that the last numbers can be read like those before.
pub(super) const PADDING: usize = 8;

/// The most values of a part of a block.
const MAX_PART: u64 = 4096;

/// So many values a part has in what the Parquet library writes.
const AT_ONCE: usize = 64;

/// The most parts of a block.
const MAX_PARTS: u64 = 64;

/// Where the reading of a page's integers stands. The page is given with each call.
#[derive(Debug, Default)]
pub(super) struct Delta {
    /// Where in the page the next part, or the head of the next block, begins.
    at: usize,
    /// How many values a part has, and how many parts a block.
    part: usize,
    parts: usize,
    /// Where the widths of this block's parts are, and which is next.
    widths: usize,
    next: usize,
    /// The least difference of this block.
    least: i64,
    /// The value before the next one of the page.
    last: i64,
    /// How many values of the page are not decoded yet.
    left: usize,
    /// The part that was decoded last, and how many of its values are taken.
    decoded: Vec<i64>,
    taken: usize,
}

// === impl Delta ===

impl Delta {
    /// Begins to read what stands at `at` of a page. `None` where that is nothing of the kind.
    pub(super) fn begin(&mut self, page: &[u8], at: usize) -> Option<()> {
        let length = page.len();
        let (size, rest) = take_varint(page.get(at..)?)?;
        let (parts, rest) = take_varint(rest)?;
        let (left, rest) = take_varint(rest)?;
        let (first, rest) = take_varint(rest)?;
        if parts == 0 || parts > MAX_PARTS || size == 0 || size % parts != 0 || size / parts > MAX_PART {
            return None;
        }
        (self.part, self.parts) = ((size / parts) as usize, parts as usize);
        if !self.part.is_multiple_of(8) {
            return None;
        }
        (self.at, self.next) = (length - rest.len(), self.parts);
        (self.last, self.left) = (unzigzag(first), usize::try_from(left).ok()?);
        self.decoded.clear();
        self.taken = 0;
        if self.left > 0 {
            self.decoded.push(self.last);
            self.left -= 1;
        }
        Some(())
    }

    /// Appends the next `count` values; `None` where there are not so many.
    pub(super) fn read(&mut self, page: &[u8], mut count: usize, out: &mut Vec<i64>) -> Option<()> {
        while count > 0 {
            if self.taken == self.decoded.len() && count >= self.part.min(self.left) {
                // Nobody wants a part of it later.
                let before = out.len();
                self.decode(page, out)?;
                count -= out.len() - before;
                continue;
            }
            if self.taken == self.decoded.len() {
                self.hold(page)?;
            }
            let some = self.decoded.get(self.taken..)?;
            let some = some.get(..count.min(some.len()))?;
            out.extend_from_slice(some);
            (self.taken, count) = (self.taken + some.len(), count - some.len());
        }
        Some(())
    }

    /// Passes over the next `count` values; `None` where there are not so many.
    pub(super) fn skip(&mut self, page: &[u8], mut count: usize) -> Option<()> {
        while count > 0 {
            let some = count.min(self.decoded.len() - self.taken);
            (self.taken, count) = (self.taken + some, count - some);
            if count > 0 && !self.leap(page, &mut count)? {
                self.hold(page)?;
            }
        }
        Some(())
    }

    /// Passes over the next part where all its differences are the same and none of its values is wanted.
    fn leap(&mut self, page: &[u8], count: &mut usize) -> Option<bool> {
        let width = self.part_width(page)?;
        let values = self.part.min(self.left);
        if width > 0 || values > *count || values == 0 {
            return Some(false);
        }
        self.next += 1;
        self.left -= values;
        self.last = self.last.wrapping_add(self.least.wrapping_mul(values as i64));
        *count -= values;
        Some(true)
    }

    /// The width of the next part, after the head of a block where one is next.
    fn part_width(&mut self, page: &[u8]) -> Option<u8> {
        if self.left == 0 {
            return None;
        }
        if self.next == self.parts {
            let (least, rest) = take_varint(page.get(self.at..)?)?;
            self.least = unzigzag(least);
            self.widths = page.len() - rest.len();
            self.at = self.widths + self.parts;
            self.next = 0;
        }
        page.get(self.widths + self.next).copied()
    }

    /// Decodes the next part to be taken bit by bit.
    fn hold(&mut self, page: &[u8]) -> Option<()> {
        let mut decoded = std::mem::take(&mut self.decoded);
        decoded.clear();
        self.taken = 0;
        let done = self.decode(page, &mut decoded);
        self.decoded = decoded;
        done
    }

    /// Appends the values of the next part.
    fn decode(&mut self, page: &[u8], out: &mut Vec<i64>) -> Option<()> {
        let width = self.part_width(page)?;
        let values = self.part.min(self.left);
        let end = self.at + self.part * usize::from(width) / 8;
        // The padding belongs to no part.
        let bytes = page.get(self.at..end + PADDING)?;
        let (least, before) = (self.least, out.len());
        match width {
            0 => out.extend((1..=values as i64).map(|n| self.last.wrapping_add(least.wrapping_mul(n)))),
            1..=32 if self.part == AT_ONCE && values == AT_ONCE => {
                // Where they are to be, at once: a list on the way would be copied.
                out.resize(before + AT_ONCE, 0);
                unpack(bytes, width, (self.last, least), out.get_mut(before..)?.first_chunk_mut()?)?;
            }
            1..=32 if self.part == AT_ONCE => {
                let mut part = [0; AT_ONCE];
                unpack(bytes, width, (self.last, least), &mut part)?;
                out.extend_from_slice(part.get(..values)?);
            }
            _ => {
                let (width, mut last) = (usize::from(width), self.last);
                let mask = u64::MAX.checked_shr(64u32.checked_sub(width as u32)?)?;
                for bit in (0..values).map(|i| i * width) {
                    let high = bytes.get(bit / 8 + 8).copied().unwrap_or(0);
                    let wide = u128::from(word(bytes, bit / 8)?) | u128::from(high) << 64;
                    let more = ((wide >> (bit % 8)) as u64 & mask).cast_signed();
                    last = last.wrapping_add(least.wrapping_add(more));
                    out.push(last);
                }
            }
        }
        let last = out.get(before..)?.last().copied().unwrap_or(self.last);
        (self.last, self.at, self.next, self.left) = (last, end, self.next + 1, self.left - values);
        Some(())
    }
}

/// Eight bytes as a number.
#[inline]
fn word(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes))
}

/// Unpacks differences of at most 32 bits, and adds them up from `last` on, each with `least`.
fn unpack(bytes: &[u8], width: u8, from: (i64, i64), out: &mut [i64; AT_ONCE]) -> Option<()> {
    macro_rules! of_width {
        ($($width:literal)*) => {
            match width {
                $($width => of::<$width>(bytes, from, out),)*
                _ => None,
            }
        };
    }
    of_width!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32)
}

/// Eight numbers of `WIDTH` bits have as many bytes, and each lies within eight of them: where is known when this is compiled.
fn of<const WIDTH: usize>(bytes: &[u8], (mut last, least): (i64, i64), out: &mut [i64; AT_ONCE]) -> Option<()> {
    for (i, eight) in out.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let bytes = bytes.get(i * WIDTH..)?.get(..WIDTH + PADDING)?;
        for (i, out) in eight.iter_mut().enumerate() {
            let number = word(bytes, i * WIDTH / 8)? >> (i * WIDTH % 8) & (u64::MAX >> (64 - WIDTH));
            last = last.wrapping_add(least.wrapping_add(number.cast_signed()));
            *out = last;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests;

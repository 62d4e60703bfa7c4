//! `DELTA_BINARY_PACKED`: differences in blocks, less the least of each block, in as few bits as each part of it needs.

use weir_pipeline::varint::{take_varint, unzigzag};

/// What has to follow the bytes of a page, so that the last numbers can be read like those before.
pub(super) const PADDING: usize = 8;

/// The most values of a part of a block.
const MAX_PART: u64 = 4096;

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
            if self.taken == self.decoded.len() {
                self.decode(page)?;
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
                self.decode(page)?;
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

    /// Decodes the next part.
    fn decode(&mut self, page: &[u8]) -> Option<()> {
        let width = usize::from(self.part_width(page)?);
        let values = self.part.min(self.left);
        let end = self.at + self.part * width / 8;
        // The padding belongs to no part.
        let bytes = page.get(self.at..end + PADDING)?;
        self.decoded.clear();
        self.taken = 0;
        let (least, mut last) = (self.least, self.last);
        match width {
            0 => self.decoded.extend((0..values).map(|_| {
                last = last.wrapping_add(least);
                last
            })),
            1..=56 => {
                let mask = (1u64 << width) - 1;
                for bit in (0..values).map(|i| i * width) {
                    let word = word(bytes, bit / 8)?;
                    let more = (word >> (bit % 8)) & mask;
                    last = last.wrapping_add(least).wrapping_add(more as i64);
                    self.decoded.push(last);
                }
            }
            57..=64 => {
                let mask = u64::MAX >> (64 - width);
                for bit in (0..values).map(|i| i * width) {
                    let high = bytes.get(bit / 8 + 8).copied().unwrap_or(0);
                    let wide = u128::from(word(bytes, bit / 8)?) | u128::from(high) << 64;
                    let more = (wide >> (bit % 8)) as u64 & mask;
                    last = last.wrapping_add(least).wrapping_add(more as i64);
                    self.decoded.push(last);
                }
            }
            _ => return None,
        }
        (self.last, self.at, self.next, self.left) = (last, end, self.next + 1, self.left - values);
        Some(())
    }
}

/// Eight bytes as a number.
#[inline]
fn word(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes))
}

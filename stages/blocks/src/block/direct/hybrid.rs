//! Runs of one number, and numbers of few bits packed: what levels and places in dictionaries are encoded as.

use weir_pipeline::varint::take_varint;

/// Where the reading of a page's small numbers stands. The page is given with each call.
#[derive(Debug, Default)]
pub(super) struct Hybrid {
    at: usize,
    end: usize,
    width: usize,
    /// How many numbers of this run are left.
    left: usize,
    run: Run,
}

#[derive(Clone, Copy, Debug)]
enum Run {
    Same(u32),
    /// Where the next number is, in bits.
    Packed(usize),
}

// === impl Run ===

impl Default for Run {
    fn default() -> Self {
        Self::Same(0)
    }
}

// === impl Hybrid ===

impl Hybrid {
    /// Begins to read numbers of `width` bits, at most 24, from these bytes of a page.
    pub(super) fn begin(&mut self, at: usize, end: usize, width: usize) -> Option<()> {
        *self = Self { at, end, width, ..Self::default() };
        (width <= 24 && at <= end).then_some(())
    }

    /// The next number, and how often it comes: at least once, at most `most` times.
    pub(super) fn next(&mut self, page: &[u8], most: usize) -> Option<(u32, usize)> {
        while self.left == 0 {
            self.open(page)?;
        }
        let most = most.min(self.left);
        let (number, count) = match &mut self.run {
            Run::Same(number) => (*number, most),
            Run::Packed(bit) => {
                let number = packed(page, *bit, self.width)?;
                let mut count = 1;
                while count < most && packed(page, *bit + count * self.width, self.width)? == number {
                    count += 1;
                }
                *bit += count * self.width;
                (number, count)
            }
        };
        self.left -= count;
        Some((number, count))
    }

    /// Opens the next run.
    fn open(&mut self, page: &[u8]) -> Option<()> {
        let (head, rest) = take_varint(page.get(self.at..self.end)?)?;
        let at = self.end - rest.len();
        let count = usize::try_from(head >> 1).ok()?;
        if head & 1 == 0 {
            let bytes = page.get(at..at + self.width.div_ceil(8))?;
            let number = bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte));
            (self.at, self.left, self.run) = (at + bytes.len(), count, Run::Same(number));
        } else {
            self.left = count.checked_mul(8)?;
            // The last run may be cut off after its last number.
            self.at = at.checked_add(count.checked_mul(self.width)?)?.min(self.end);
            self.run = Run::Packed(at.checked_mul(8)?);
        }
        Some(())
    }
}

fn packed(page: &[u8], bit: usize, width: usize) -> Option<u32> {
    let bytes = page.get(bit / 8..)?.first_chunk::<4>()?;
    Some((u32::from_le_bytes(*bytes) >> (bit % 8)) & ((1 << width) - 1))
}

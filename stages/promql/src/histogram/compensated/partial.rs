//! Sums and means as partial states, which merge in any order and travel as bytes.

use weir_pipeline::Histogram;

use super::{CompensatedMean, CompensatedSum, Seen, numbers};
use crate::histogram::Incompatible;
use crate::histogram::combine::Lost;

// === impl CompensatedSum ===

impl CompensatedSum {
    /// Adds another sum; after `Err` there is no sum to speak of.
    pub fn merge(&mut self, other: &Self) -> Result<(), Incompatible> {
        self.add(&other.sum)?;
        if let Some(lost) = other.lost() {
            self.add(&lost)?;
        }
        self.seen.reset |= other.seen.reset;
        self.seen.not_reset |= other.seen.not_reset;
        self.seen.reconciled_bounds |= other.seen.reconciled_bounds;
        Ok(())
    }

    /// Appends an encoding that keeps every bit. Between the operators of one process: not a format that is stored.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let Seen { reset, not_reset, reconciled_bounds } = self.seen;
        let flags = [reset, not_reset, reconciled_bounds, self.lost.is_some()];
        out.push(flags.into_iter().fold(0, |bits, flag| bits << 1 | u8::from(flag)));
        self.sum.encode(out);
        if let Some(lost) = self.lost() {
            lost.encode(out);
        }
    }

    /// Takes an encoded sum off `data`; `None` where there is none.
    pub fn decode(data: &mut &[u8]) -> Option<Self> {
        let [bits] = take(data)?;
        let flag = |i: u8| bits >> i & 1 == 1;
        let seen = Seen { reset: flag(3), not_reset: flag(2), reconciled_bounds: flag(1) };
        let sum = Histogram::decode(data)?;
        let lost = if flag(0) { Some(lost_of(Histogram::decode(data)?, &sum)?) } else { None };
        Some(Self { sum, lost, seen })
    }
}

/// What was lost, unless it has other buckets than the sum.
fn lost_of(lost: Histogram, sum: &Histogram) -> Option<Lost> {
    let same = lost.positive.spans == sum.positive.spans && lost.negative.spans == sum.negative.spans;
    let Histogram { zero_count, count, sum, positive, negative, .. } = lost;
    same.then_some(Lost { zero_count, count, sum, positive: positive.counts, negative: negative.counts })
}

// === impl CompensatedMean ===

impl CompensatedMean {
    /// Takes in another mean; after `Err` there is no mean to speak of.
    pub fn merge(&mut self, mut other: Self) -> Result<(), Incompatible> {
        let count = self.count + other.count;
        if !self.incremental && !other.incremental {
            let mut sum = self.sum.clone();
            sum.merge(&other.sum)?;
            if !numbers(&sum.sum).any(f64::is_infinite) {
                (self.sum, self.count) = (sum, count);
                return Ok(());
            }
        }
        self.make_incremental();
        other.make_incremental();
        self.sum.scale(self.count / count);
        other.sum.divide(count / other.count);
        self.count = count;
        self.sum.merge(&other.sum)
    }

    fn make_incremental(&mut self) {
        if !self.incremental {
            self.sum.divide(self.count);
            self.incremental = true;
        }
    }

    /// Appends an encoding that keeps every bit. Between the operators of one process: not a format that is stored.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.incremental));
        out.extend(self.count.to_bits().to_le_bytes());
        self.sum.encode(out);
    }

    /// Takes an encoded mean off `data`; `None` where there is none.
    pub fn decode(data: &mut &[u8]) -> Option<Self> {
        let [incremental] = take(data)?;
        let count = f64::from_bits(u64::from_le_bytes(take(data)?));
        Some(Self { sum: CompensatedSum::decode(data)?, count, incremental: incremental == 1 })
    }
}

fn take<const N: usize>(data: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = data.split_first_chunk::<N>()?;
    *data = rest;
    Some(*taken)
}

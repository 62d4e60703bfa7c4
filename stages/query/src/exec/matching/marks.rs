//! Steps of which something is known: a set of small numbers, most often none or all.

use datafusion::common::Result;
use datafusion::execution::memory_pool::MemoryReservation;

/// A set of steps.
#[derive(Clone, Debug, Default)]
pub(crate) enum Marks {
    /// No step.
    #[default]
    None,
    /// Every step.
    All,
    /// Those whose bit is set.
    Some(Box<[u64]>),
}

// === impl Marks ===

impl Marks {
    /// Whether a step is among them.
    pub(crate) fn has(&self, step: usize) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Some(words) => words.get(step / 64).is_some_and(|word| word >> (step % 64) & 1 == 1),
        }
    }

    /// Whether there is none.
    pub(crate) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Whether every step is among them.
    pub(crate) fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    /// Adds those steps at which `present` holds. Returns the first of them that is there already.
    pub(crate) fn add(&mut self, present: &[bool], memory: &MemoryReservation) -> Result<Option<usize>> {
        if self.is_all() {
            return Ok(present.iter().position(|present| *present));
        }
        if self.is_none() && present.iter().all(|present| *present) {
            *self = Self::All;
            return Ok(None);
        }
        if self.is_none() && !present.contains(&true) {
            return Ok(None);
        }
        if self.is_none() {
            let words = present.len().div_ceil(64);
            memory.try_grow(8 * words)?;
            *self = Self::Some(vec![0; words].into());
        }
        let (mut first, mut all) = (None, true);
        if let Self::Some(words) = self {
            for (chunk, (word, present)) in words.iter_mut().zip(present.chunks(64)).enumerate() {
                let new = present.iter().enumerate().fold(0, |bits, (bit, present)| bits | u64::from(*present) << bit);
                let both = *word & new;
                if first.is_none() && both != 0 {
                    first = Some(64 * chunk + both.trailing_zeros() as usize);
                }
                *word |= new;
                all &= word.count_ones() as usize == present.len();
            }
        }
        if all {
            *self = Self::All;
        }
        Ok(first)
    }
}

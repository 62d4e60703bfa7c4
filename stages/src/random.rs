//! Random pauses, so that not everyone returns at once.

use std::time::Duration;

/// Pseudo-random numbers: an xorshift. Not for secrets.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

// === impl Random ===

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// A pause between half of `pause` and all of it.
    pub(crate) fn around(&mut self, pause: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        pause.mul_f64(0.5 + (self.0 >> 11) as f64 / (1u64 << 54) as f64)
    }
}

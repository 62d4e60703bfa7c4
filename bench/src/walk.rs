//! Values as real series have them: decimals of few digits, long constant stretches, counters that stand still.

/// How a series moves from round to round. Values are integers times a power of ten: that is what programs expose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shape {
    /// Never changes.
    Constant(i64),
    /// Grows by about `step` per round, and not at all in `idle` of 100 rounds. Shown divided by 10^`scale`.
    Counter { step: u32, idle: u8, scale: u8 },
    /// Moves around `center` by multiples of `quantum`, and not at all in `idle` of 100 rounds.
    Gauge { center: i64, quantum: u32, idle: u8, scale: u8 },
    /// `_bucket` of histogram `group`: grows by the share (in thousandths) of the group's observations.
    Bucket { group: u32, share: u16 },
    /// `_sum` of histogram `group`, in thousandths.
    Sum { group: u32 },
}

/// A series' value, round after round.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    shape: Shape,
    seed: u64,
    state: i64,
}

// === impl Walk ===

impl Walk {
    /// The walk of the `seed`-th series.
    pub(crate) fn new(shape: Shape, seed: u64) -> Self {
        let state = match shape {
            Shape::Constant(value) => value,
            // Counters have lived for a while.
            Shape::Counter { step, .. } => (mix(seed) % 10_000) as i64 * i64::from(step),
            Shape::Gauge { center, .. } => center,
            Shape::Bucket { group, share } => observed(group, 0) as i64 * 5000 * i64::from(share) / 1000,
            Shape::Sum { group } => observed(group, 0) as i64 * 5000 * 40,
        };
        Self { shape, seed, state }
    }

    /// The value at `round`, which is one more each time.
    pub(crate) fn step(&mut self, round: u64) -> f64 {
        let random = mix(self.seed ^ mix(round));
        let idles = |idle: u8| random >> 32 & 0xffff_ffff < u64::from(idle) * 42_949_673;
        match self.shape {
            Shape::Constant(value) => value as f64,
            Shape::Counter { step, idle, scale } => {
                if !idles(idle) {
                    self.state += (random % (2 * u64::from(step) + 1)) as i64;
                }
                decimal(self.state, scale)
            }
            Shape::Gauge { center, quantum, idle, scale } => {
                if !idles(idle) {
                    let step = (random % 65) as i64 - 32;
                    // A pull to the centre keeps the walk believable over days.
                    self.state += step * i64::from(quantum) + (center - self.state) / 16;
                    self.state -= self.state % i64::from(quantum);
                }
                decimal(self.state, scale)
            }
            Shape::Bucket { group, share } => {
                self.state += observed(group, round) as i64 * i64::from(share) / 1000;
                self.state as f64
            }
            Shape::Sum { group } => {
                self.state += observed(group, round) as i64 * 40 + (mix(u64::from(group) + round) % 40) as i64;
                decimal(self.state, 3)
            }
        }
    }
}

/// How many observations histogram `group` had in `round`: the same for all its series, and often none.
fn observed(group: u32, round: u64) -> u64 {
    let random = mix(u64::from(group) << 32 ^ round);
    // A third of all histograms is asked seldom.
    if group.is_multiple_of(3) { (random % 20).saturating_sub(17) } else { random % 40 }
}

fn decimal(state: i64, scale: u8) -> f64 {
    const TENS: [f64; 10] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
    state as f64 / TENS.get(usize::from(scale)).copied().unwrap_or(1.0)
}

/// SplitMix64's output function: a number that looks random, the same each time.
pub(crate) fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

#[cfg(test)]
mod tests;

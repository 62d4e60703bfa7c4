//! Of samples that are wanted over steps only the last before each step counts: the others are dropped where they are decoded,
//! before anything copies or merges them. Over a day at 15 s and six minutes a step that is 23 of 24.
//!
//! Of one list after the other: what is last of several is last of its own. Histograms are left alone, since what they say of
//! resets is about the one before.

/// The steps before each of which the last sample is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lasts {
    /// The first step, in milliseconds since the Unix epoch.
    pub start: i64,
    /// Milliseconds from one to the next; 0 is taken for 1.
    pub step: i64,
    /// How many there are.
    pub count: usize,
}

// === impl Lasts ===

impl Lasts {
    /// Drops the floats that are not the last at or before any step: of timestamps that rise, values, and starts, where they are
    /// known. Where there are few samples to a step all may stay.
    pub fn keep(&self, timestamps: &mut Vec<i64>, values: &mut Vec<f64>, starts: &mut Vec<i64>) {
        let all = timestamps.len();
        let (Some(&first), Some(&last)) = (timestamps.first(), timestamps.last()) else { return };
        // Finding them would take longer than to leave them.
        let within = usize::try_from(last.saturating_sub(first) / self.step.max(1)).unwrap_or(usize::MAX);
        if within.min(self.count) > all / 2 {
            return;
        }
        let (mut kept, mut read, mut stride) = (0, 0, 1);
        let mut n = self.before(first);
        while n < self.count && read < all {
            let time = self.start.saturating_add(self.step.max(1).saturating_mul(i64::try_from(n).unwrap_or(i64::MAX)));
            let after = first_after(timestamps, read, stride, time);
            if after > read {
                take(timestamps, after - 1, kept);
                take(values, after - 1, kept);
                take(starts, after - 1, kept);
                kept += 1;
                (stride, read) = (after - read, after);
            }
            // Steps without a sample have the same last one.
            let next = timestamps.get(read).map_or(self.count, |next| self.before(*next));
            n = next.max(n + 1);
        }
        timestamps.truncate(kept);
        values.truncate(kept);
        starts.truncate(kept);
    }

    /// How many of so many samples stay at most.
    pub fn at_most(&self, samples: usize) -> usize {
        // With more steps than half of the samples all stay.
        samples.min(self.count.saturating_mul(2).saturating_add(1))
    }

    /// How many steps are before a time.
    fn before(&self, time: i64) -> usize {
        let since = time.saturating_sub(self.start);
        if since <= 0 {
            return 0;
        }
        usize::try_from((since - 1) / self.step.max(1) + 1).unwrap_or(usize::MAX)
    }
}

/// The place of the first sample after a time, from `from` on. Samples come at regular intervals mostly: it is looked for a
/// stride further first.
fn first_after(timestamps: &[i64], from: usize, stride: usize, time: i64) -> usize {
    let guess = from.saturating_add(stride);
    let before = guess.checked_sub(1).and_then(|last| timestamps.get(last));
    if before.is_some_and(|last| *last <= time) && timestamps.get(guess).is_none_or(|next| *next > time) {
        return guess.min(timestamps.len());
    }
    from + timestamps.get(from..).unwrap_or_default().partition_point(|t| *t <= time)
}

/// Puts what is at one place to another, which is not after it. A list that ends before has neither.
fn take<T: Copy>(list: &mut [T], from: usize, to: usize) {
    if let Some(&value) = list.get(from)
        && let Some(place) = list.get_mut(to)
    {
        *place = value;
    }
}

#[cfg(test)]
mod tests;

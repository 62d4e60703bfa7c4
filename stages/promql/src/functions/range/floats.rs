//! All windows of a series at once, where it has floats only: what most series are, most of the time.
//!
//! The values are bit for bit those of [`RangeFunction::eval`](super::RangeFunction) window by window; what is saved is the
//! way there. A function without a form of its own here is called window by window.

use super::Window;

/// A series of floats, and the windows of its steps.
#[derive(Clone, Copy, Debug)]
pub struct Floats<'a> {
    /// When the samples are, strictly increasing.
    pub timestamps: &'a [i64],
    /// As long as `timestamps`.
    pub values: &'a [f64],
    /// For each step where its samples begin, and where they end; neither goes back, and both are places of `timestamps`.
    pub windows: &'a [(u32, u32)],
    /// Where the first window ends.
    pub end: i64,
    /// From the end of one window to the end of the next, in milliseconds.
    pub step: i64,
    /// The length of a window, in milliseconds.
    pub range: i64,
}

/// The value of each step.
#[derive(Debug)]
pub struct Places<'a> {
    /// As many as there are windows.
    pub values: &'a mut [f64],
    /// As long as `values`: whether there is one. All false before.
    pub valid: &'a mut [bool],
}

/// What a function makes of all windows of a series at once.
pub type OfFloats = fn(&Floats<'_>, Places<'_>);

// === impl Floats ===

impl<'a> Floats<'a> {
    /// Puts `value` of each window that is not empty in its place: of its samples, and how many steps are before it.
    pub(super) fn each(&self, places: Places<'_>, mut value: impl FnMut(&'a [f64], usize) -> Option<f64>) {
        let steps = self.windows.iter().zip(places.values).zip(places.valid);
        for (step, ((&(from, to), place), valid)) in steps.enumerate() {
            let Some(values) = self.values.get(from as usize..to as usize).filter(|values| !values.is_empty()) else {
                continue;
            };
            if let Some(value) = value(values, step) {
                (*place, *valid) = (value, true);
            }
        }
    }

    /// The window of a step, which is not empty.
    pub(super) fn window(&self, step: usize) -> Option<Window<'a>> {
        let &(from, to) = self.windows.get(step)?;
        let end = self.end.saturating_add(self.step.saturating_mul(step as i64));
        Some(Window {
            timestamps: self.timestamps.get(from as usize..to as usize)?,
            values: self.values.get(from as usize..to as usize)?,
            start: end.saturating_sub(self.range),
            end,
            ..Window::default()
        })
    }

    /// Of each window the value that is further than all others: NaN is further than none, and of equal ones the first
    /// counts. Looks at each sample twice, however long windows are.
    pub(super) fn extreme(&self, places: Places<'_>, further: impl Fn(f64, f64) -> bool) {
        // The samples that may still be the answer of a window, each further than all after it.
        let mut waiting: Vec<u32> = Vec::with_capacity(64);
        let (mut head, mut seen) = (0, 0);
        self.each_range(places, |from, to| {
            seen = seen.max(from);
            while seen < to {
                let value = self.value(seen);
                if !value.is_nan() {
                    while waiting.len() > head && waiting.last().is_some_and(|&last| further(value, self.value(last))) {
                        waiting.pop();
                    }
                    waiting.push(seen);
                }
                seen += 1;
            }
            while waiting.get(head).is_some_and(|&first| first < from) {
                head += 1;
            }
            if head > 1024 {
                waiting.drain(..head);
                head = 0;
            }
            // Where all are NaN, the last.
            waiting.get(head).map_or_else(|| self.value(to.saturating_sub(1)), |&first| self.value(first))
        });
    }

    fn each_range(&self, places: Places<'_>, mut value: impl FnMut(u32, u32) -> f64) {
        for ((&(from, to), place), valid) in self.windows.iter().zip(places.values).zip(places.valid) {
            if from < to {
                (*place, *valid) = (value(from, to), true);
            }
        }
    }

    fn value(&self, index: u32) -> f64 {
        self.values.get(index as usize).copied().unwrap_or(f64::NAN)
    }

    /// Whether no value is below the one before it. NaN is not.
    pub(super) fn never_falls(&self) -> bool {
        !self
            .values
            .iter()
            .zip(self.values.iter().skip(1))
            .fold(false, |falls, (before, after)| falls | (after < before))
    }
}

#[cfg(test)]
mod tests;

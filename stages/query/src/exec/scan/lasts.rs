//! Of a selector over steps only the last sample before each step counts: the others are dropped where they are read, before
//! anything copies or merges them. Over a day at 15 s and six minutes a step that is 23 of 24.
//!
//! Of one run after the other: what is last of several is last of its own. Histograms are left alone, since what they say of
//! resets is about the one before.

use crate::exec::source::Run;
use crate::exec::steps::Steps;

/// Drops the floats of a run that are not the last at or before any step.
pub(super) fn keep(steps: &Steps, run: &mut Run) {
    let all = run.timestamps.len();
    let (Some(&first), Some(&last)) = (run.timestamps.first(), run.timestamps.last()) else { return };
    let step = steps.step.max(1);
    // Few samples to a step: finding them takes longer than to leave them.
    let within = usize::try_from(last.saturating_sub(first) / step).unwrap_or(usize::MAX);
    if within.min(steps.count) > all / 2 {
        return;
    }
    let (mut kept, mut read, mut stride) = (0, 0, 1);
    let mut n = steps_before(steps, first);
    while n < steps.count && read < all {
        let time = steps.time(n);
        let after = first_after(&run.timestamps, read, stride, time);
        if after > read {
            move_to(run, after - 1, kept);
            kept += 1;
            (stride, read) = (after - read, after);
        }
        // Steps without a sample have the same last one.
        let next = run.timestamps.get(read).map_or(steps.count, |next| steps_before(steps, *next));
        n = next.max(n + 1);
    }
    run.timestamps.truncate(kept);
    run.values.truncate(kept);
    run.starts.truncate(kept);
}

/// How many steps are before a time.
fn steps_before(steps: &Steps, time: i64) -> usize {
    let since = time.saturating_sub(steps.start);
    if since <= 0 {
        return 0;
    }
    let step = steps.step.max(1);
    usize::try_from((since - 1) / step + 1).unwrap_or(usize::MAX)
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

fn move_to(run: &mut Run, from: usize, to: usize) {
    let last = |list: usize| from < list && to <= from;
    if last(run.timestamps.len()) && last(run.values.len()) {
        run.timestamps.swap(from, to);
        run.values.swap(from, to);
    }
    if last(run.starts.len()) {
        run.starts.swap(from, to);
    }
}

#[cfg(test)]
mod tests;

//! What replicas of one scraper have, as one series.
//!
//! One replica leads as long as it has samples; where it has a gap, another leads at once. Whoever leads is followed to the
//! end: changing more often would only mix clocks. A counter is the same behind all replicas, so what looks like a reset
//! because the new leader's clock or scrape is behind is passed over. A reset is one that a replica saw between two samples of
//! its own; one that the leader before saw, too, a little earlier or later, counts once.

/// The floats of one replica, in order of time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Replica<'a> {
    /// When.
    pub(super) timestamps: &'a [i64],
    /// As long as `timestamps`.
    pub(super) values: &'a [f64],
    /// Since when each counts, 0 for unknown: as long as `timestamps`, or empty where none is known. Scrapers hear of it from what they
    /// scrape, so that it is the same behind all of them.
    pub(super) starts: &'a [i64],
}

/// The floats of all replicas, as [`Replica`] has those of one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Merged {
    pub(super) timestamps: Vec<i64>,
    pub(super) values: Vec<f64>,
    pub(super) starts: Vec<i64>,
}

/// How many intervals without a sample are a gap.
const GAP: f64 = 1.5;

/// A sample of a replica.
struct Taken {
    time: i64,
    value: f64,
    start: i64,
    /// Whether the replica saw a reset before it.
    resets: bool,
}

/// Where a replica is read.
struct Cursor<'a> {
    replica: Replica<'a>,
    next: usize,
    /// The usual time between two samples.
    interval: i64,
    /// How many resets are still to come that were counted already.
    behind: usize,
    /// Whether it saw a reset that was not counted yet.
    ahead: bool,
}

/// The samples of all replicas as one series, strictly rising in time. `is_counter` says whether resets matter.
pub(super) fn merge(replicas: &[Replica<'_>], is_counter: bool) -> Merged {
    let mut cursors: Vec<Cursor<'_>> = replicas.iter().map(|replica| Cursor::new(*replica)).collect();
    let longest = replicas.iter().map(|replica| replica.timestamps.len()).max().unwrap_or_default();
    let have_starts = replicas.iter().any(|replica| !replica.starts.is_empty());
    let (timestamps, values) = (Vec::with_capacity(longest), Vec::with_capacity(longest));
    let mut out = Merged { timestamps, values, starts: Vec::new() };
    // Of replicas that begin about together the first leads.
    let Some(mut leader) = first(&cursors) else { return out };
    loop {
        let last = out.timestamps.last().copied();
        if let Some(last) = last {
            cursors.iter_mut().for_each(|cursor| cursor.pass(last));
            match successor(&cursors, leader, last) {
                None => return out,
                Some(next) if next != leader => {
                    hand_over(&mut cursors, leader, next, last);
                    leader = next;
                }
                Some(_) => {}
            }
        }
        let Some(cursor) = cursors.get_mut(leader) else { return out };
        let Some(Taken { time, value, start, resets }) = cursor.take() else {
            match last {
                Some(_) => continue,
                None => return out,
            }
        };
        let falls = out.values.last().is_some_and(|before| value < *before);
        if is_counter && (cursor.behind > 0 || falls && !resets) {
            // Its clock is behind: it counts on from what was counted before.
            continue;
        }
        out.timestamps.push(time);
        out.values.push(value);
        if have_starts {
            out.starts.push(start);
        }
    }
}

/// The replica that begins first; of those that begin within an interval of it, the first in the list.
fn first(cursors: &[Cursor<'_>]) -> Option<usize> {
    let earliest = cursors.iter().filter_map(|cursor| Some((cursor.peek()?, cursor.interval))).min()?;
    let limit = earliest.0.saturating_add(earliest.1);
    cursors.iter().position(|cursor| cursor.peek().is_some_and(|time| time <= limit))
}

/// Who goes on after `last`: the leader, unless its next sample leaves a gap that another one fills.
fn successor(cursors: &[Cursor<'_>], leader: usize, last: i64) -> Option<usize> {
    let leading = cursors.get(leader)?;
    let next = leading.peek();
    let gap = |time: i64| (time.saturating_sub(last)) as f64 > leading.interval as f64 * GAP;
    if next.is_some_and(|time| !gap(time)) {
        return Some(leader);
    }
    // What is nearer than half an interval is the scrape that the leader had last, once more.
    let soon = last.saturating_add(leading.interval / 2);
    let others = cursors.iter().enumerate().filter_map(|(i, cursor)| Some((cursor.peek_after(soon)?, i)));
    let Some((time, other)) = others.min() else { return next.map(|_| leader) };
    match next {
        // What is left of the gap is less than what the other would mend.
        Some(own) if own.saturating_sub(time) < leading.interval / 2 => Some(leader),
        _ => Some(other),
    }
}

/// Another one leads after `last`. The clocks of both may be up to two intervals apart: resets that only one of them saw in
/// that time are those that the other is about to see, or saw before.
fn hand_over(cursors: &mut [Cursor<'_>], from: usize, to: usize, last: i64) {
    let resets = |cursor: &Cursor<'_>| cursor.resets_after(last.saturating_sub(cursor.interval.saturating_mul(2)));
    let old = cursors.get(from).map_or(0, resets);
    let Some(new) = cursors.get_mut(to) else { return };
    new.pass(last.saturating_add(new.interval / 2));
    let own = resets(new);
    (new.behind, new.ahead) = (old.saturating_sub(own), own > old);
}

// === impl Cursor ===

impl<'a> Cursor<'a> {
    fn new(replica: Replica<'a>) -> Self {
        Self { replica, next: 0, interval: interval(replica.timestamps), behind: 0, ahead: false }
    }

    /// The time of the next sample after `time`.
    fn peek_after(&self, time: i64) -> Option<i64> {
        let rest = self.replica.timestamps.get(self.next..)?;
        rest.get(rest.partition_point(|own| *own <= time)).copied()
    }

    /// How many resets it has seen so far later than `time`.
    fn resets_after(&self, time: i64) -> usize {
        let falls = |i: &usize| match (
            i.checked_sub(1).and_then(|i| self.replica.values.get(i)),
            self.replica.values.get(*i),
        ) {
            (Some(before), Some(after)) => after < before,
            _ => false,
        };
        let later = |i: &usize| self.replica.timestamps.get(*i).is_some_and(|own| *own > time);
        (0..self.next).rev().take_while(later).filter(falls).count()
    }

    fn peek(&self) -> Option<i64> {
        self.replica.timestamps.get(self.next).copied()
    }

    /// Passes over what is not after `time`.
    fn pass(&mut self, time: i64) {
        while self.peek().is_some_and(|own| own <= time) {
            self.next += 1;
        }
    }

    /// The next sample.
    fn take(&mut self) -> Option<Taken> {
        let (time, value) = (self.peek()?, self.replica.values.get(self.next).copied()?);
        let start = self.replica.starts.get(self.next).copied().unwrap_or_default();
        let before = self.next.checked_sub(1).and_then(|before| self.replica.values.get(before));
        let falls = before.is_some_and(|before| value < *before);
        let counted = falls && self.behind > 0;
        self.behind -= usize::from(counted);
        let resets = (falls && !counted) || std::mem::take(&mut self.ahead);
        self.next += 1;
        Some(Taken { time, value, start, resets })
    }
}

/// The usual time between two samples: the median, so that gaps do not count.
fn interval(timestamps: &[i64]) -> i64 {
    let mut between: Vec<i64> = timestamps.windows(2).filter_map(|pair| Some(pair.last()? - pair.first()?)).collect();
    let middle = between.len() / 2;
    if between.is_empty() { 0 } else { *between.select_nth_unstable(middle).1 }
}

#[cfg(test)]
mod tests;

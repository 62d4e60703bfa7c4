//! What changed since somebody looked: from which time on answers of before may be wrong.
//!
//! A change is a time: no sample before it came or went. Of the changes of a tenant those are kept that are later than all
//! that came after them, rounded down to seconds, so that what live samples leave is one for each second. Tenants of which
//! nobody asks cost nothing.
//!
//! A cut, a merge on disk and an upload of this store's own change nothing: the samples are the same. Blocks that others
//! commit to the bucket, and those that leave it, do.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use weir_pipeline::{Changes, Tenant};

use crate::catalog::Snapshot;

/// Changes are rounded down to this, in milliseconds.
const ROUND: i64 = 1_000;

/// So many changes of a tenant are kept apart.
const MARKS: usize = 1_024;

/// Of so many tenants it is known what changed.
const TENANTS: usize = 10_000;

/// What changed, by tenant.
#[derive(Debug)]
pub struct ChangeLog(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    /// That of the last change, or of the last tenant that was new here.
    number: u64,
    tenants: HashMap<Tenant, Marks>,
}

#[derive(Debug)]
struct Marks {
    /// The number at which it was new: nothing is known of changes before.
    begun: u64,
    /// Changes by their numbers. Both rise.
    marks: VecDeque<(u64, i64)>,
    /// The blocks of the bucket when they were looked at last.
    catalog: Option<Snapshot>,
}

// === impl ChangeLog ===

impl ChangeLog {
    /// Nothing is known. Numbers begin above `first`, which is above all of earlier lives.
    pub fn new(first: u64) -> Self {
        Self(Mutex::new(Inner { number: first, tenants: HashMap::new() }))
    }

    /// Samples came that are not earlier than this. They are there for readers already.
    pub fn note(&self, tenant: &Tenant, earliest: i64) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Inner { number, tenants } = &mut *inner;
        if let Some(marks) = tenants.get_mut(tenant) {
            marks.note(number, earliest);
        }
    }

    /// What changed since the answer of a number, where the bucket's blocks are these now. `own` is who commits for this store, empty
    /// where nobody does.
    pub fn of(&self, tenant: &Tenant, since: Option<u64>, catalog: Option<Snapshot>, own: &str) -> Changes {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Inner { number, tenants } = &mut *inner;
        if !tenants.contains_key(tenant) {
            if tenants.len() >= TENANTS {
                tenants.clear();
            }
            *number += 1;
            let marks = Marks { begun: *number, marks: VecDeque::new(), catalog: None };
            tenants.insert(tenant.clone(), marks);
        }
        let Some(marks) = tenants.get_mut(tenant) else { return Changes { number: *number, lowest: i64::MIN } };
        if let Some(now) = catalog {
            let before = marks.catalog.replace(now.clone());
            if let Some(lowest) = before.and_then(|before| changed(&before, &now, own)) {
                marks.note(number, lowest);
            }
        }
        Changes { number: *number, lowest: since.map_or(i64::MIN, |since| marks.since(since)) }
    }
}

// === impl Marks ===

impl Marks {
    fn note(&mut self, number: &mut u64, earliest: i64) {
        let earliest = earliest.div_euclid(ROUND).saturating_mul(ROUND);
        *number += 1;
        while self.marks.back().is_some_and(|(_, later)| *later >= earliest) {
            self.marks.pop_back();
        }
        self.marks.push_back((*number, earliest));
        // The second of the oldest counts as early as the first.
        if self.marks.len() > MARKS
            && let Some((_, first)) = self.marks.pop_front()
            && let Some((_, second)) = self.marks.front_mut()
        {
            *second = first;
        }
    }

    /// The least of the changes after a number; the greatest time where there is none.
    fn since(&self, number: u64) -> i64 {
        if number < self.begun {
            return i64::MIN;
        }
        let later = self.marks.partition_point(|(of, _)| *of <= number);
        self.marks.get(later).map_or(i64::MAX, |(_, lowest)| *lowest)
    }
}

/// The first time of what others added between two looks, and of what went.
fn changed(before: &Snapshot, now: &Snapshot, own: &str) -> Option<i64> {
    if before.version() == now.version() {
        return None;
    }
    let added = now.entries().filter(|entry| before.get(&entry.block).is_none() && !entry.is_of(own));
    let gone = before.entries().filter(|entry| now.get(&entry.block).is_none());
    added.chain(gone).map(|entry| entry.min_ts).min()
}

#[cfg(test)]
mod tests;

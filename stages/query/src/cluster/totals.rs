//! What the recent series of a cluster are made of, from what its members count, each for itself.
//!
//! Members whose replica sets are the same have the same series: of these the one with most counts, and such sets are added
//! up. Where each partition picks its own members a series is with `factor` of all, so that their sum is divided by that. The
//! values of a label are in several sets at once, and nobody knows which are the same: the most that one member has counts,
//! which is what there is at least.

use std::collections::{BTreeMap, BTreeSet};

use weir_pipeline::Cardinality;
use weir_pipeline::query::Most;

use super::epochs::Needed;

/// Members that share replica sets, as far as they were heard.
struct Group<'a> {
    heard: Vec<&'a Cardinality>,
    /// How many members there are.
    members: usize,
    /// How many of them have a series.
    copies: usize,
}

/// What one kind of counts says of each name.
type Entries = fn(&Cardinality) -> &[(String, u64)];

/// What members count together, the `limit` largest of each kind.
pub(super) fn of(sets: &[Needed], answers: &BTreeMap<String, Cardinality>, limit: usize) -> Cardinality {
    let groups = groups(sets, answers);
    let sum = |count: fn(&Cardinality) -> u64| {
        groups
            .iter()
            .map(|group| group.count(group.heard.iter().map(|found| count(found))))
            .fold(0, u64::saturating_add)
    };
    let list = |entries: Entries| largest(added(&groups, entries), limit);
    let times = answers.values().filter_map(|found| found.times);
    Cardinality {
        series: sum(|found| found.series),
        label_pairs: answers.values().map(|found| found.label_pairs).max().unwrap_or(0),
        chunks: sum(|found| found.chunks),
        times: times.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))),
        by_metric: list(|found| &found.by_metric),
        values_by_label: largest(most(answers, |found| &found.values_by_label), limit),
        bytes_by_label: list(|found| &found.bytes_by_label),
        by_pair: list(|found| &found.by_pair),
    }
}

fn groups<'a>(sets: &[Needed], answers: &'a BTreeMap<String, Cardinality>) -> Vec<Group<'a>> {
    let mut groups: Vec<(BTreeSet<&str>, usize)> = Vec::new();
    for needed in sets {
        let mut names: BTreeSet<&str> = needed.set.members.iter().map(|member| member.name.as_str()).collect();
        groups.retain(|(group, _)| {
            let is_apart = group.is_disjoint(&names);
            if !is_apart {
                names.extend(group);
            }
            is_apart
        });
        groups.push((names, needed.set.members.len()));
    }
    let group = |(names, copies): (BTreeSet<&str>, usize)| {
        let heard = names.iter().filter_map(|name| answers.get(*name)).collect();
        Group { heard, members: names.len(), copies }
    };
    groups.into_iter().map(group).collect()
}

/// How many there are of each name, all groups added up.
fn added(groups: &[Group<'_>], entries: Entries) -> BTreeMap<String, u64> {
    let mut all: BTreeMap<String, u64> = BTreeMap::new();
    for group in groups {
        let mut counts: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for (name, count) in group.heard.iter().flat_map(|found| entries(found)) {
            counts.entry(name).or_default().push(*count);
        }
        for (name, counts) in counts {
            let total = all.entry(name.to_owned()).or_default();
            *total = total.saturating_add(group.count(counts.into_iter()));
        }
    }
    all
}

/// The most that a member has of each name.
fn most(answers: &BTreeMap<String, Cardinality>, entries: Entries) -> BTreeMap<String, u64> {
    let mut all: BTreeMap<String, u64> = BTreeMap::new();
    for (name, count) in answers.values().flat_map(entries) {
        let most = all.entry(name.clone()).or_default();
        *most = (*most).max(*count);
    }
    all
}

fn largest(all: BTreeMap<String, u64>, limit: usize) -> Vec<(String, u64)> {
    let mut most = Most::new(limit);
    all.into_iter().for_each(|(name, count)| most.offer(count, || name));
    most.into_vec()
}

// === impl Group ===

impl Group<'_> {
    /// How many series there are where members that were heard have so many each.
    fn count(&self, each: impl Iterator<Item = u64>) -> u64 {
        if self.members == self.copies {
            return each.max().unwrap_or(0);
        }
        let sum: u128 = each.map(u128::from).sum();
        // Those that were not heard have as many as others.
        let all = sum * self.members as u128 / self.heard.len().max(1) as u128;
        u64::try_from(all.div_ceil(self.copies.max(1) as u128)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests;

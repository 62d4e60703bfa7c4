//! What has changed on members: each is asked since it was asked last, and what they say is one list of changes.
//!
//! A batch is acknowledged once a quorum has it, and as many members are asked as must be heard for samples: one of them at
//! least knows of each. What a member uploads to the bucket counts as a change when it is there, as it may be another's.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use weir_blocks::ChangeLog;
use weir_blocks::catalog::Snapshot;
use weir_pipeline::{Ask, Changes, Clock, Query, Result, Tenant};

use super::epochs::Needed;
use super::known::Poll;

/// Of so many tenants it is known what members said last.
const TENANTS: usize = 10_000;

/// What members told of changes.
pub(super) struct Changed {
    log: ChangeLog,
    /// For each tenant the number that each member told last.
    numbers: Mutex<HashMap<Tenant, BTreeMap<String, u64>>>,
}

// === impl Changed ===

impl Changed {
    /// Nothing was told yet.
    pub(super) fn new(clock: &Clock) -> Self {
        // As those of a store: above all that were told before.
        let first = clock.now().max(0).unsigned_abs() << 16;
        Self { log: ChangeLog::new(first), numbers: Mutex::default() }
    }

    /// What each member told last.
    fn numbers(&self, tenant: &Tenant) -> BTreeMap<String, u64> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned().unwrap_or_default()
    }

    /// Asks members what has changed; `None` where too few answer.
    ///
    /// # Errors
    /// A member that does not know the question.
    pub(super) async fn hear(&self, poll: Poll, sets: &[Needed]) -> Result<Option<BTreeMap<String, Changes>>> {
        let numbers = self.numbers(&poll.query.tenant);
        let ask = |poll: Poll, member: weir_stages::ring::Member| {
            let since = numbers.get(&member.name).copied();
            async move {
                let query = Query { ask: Ask::Changes { since }, ..(*poll.query).clone() };
                poll.reader.changes(&member, &query).await
            }
        };
        let (answers, missing) = poll.poll(sets, ask).await?;
        // One that can't tell may know of what no other does.
        let told = |(member, changes): (String, Option<Changes>)| Some((member, changes?));
        Ok(if missing.is_empty() { answers.into_iter().map(told).collect() } else { None })
    }

    /// Notes what members told, and says what changed since the answer of a number.
    pub(super) fn of(
        &self,
        tenant: &Tenant,
        since: Option<u64>,
        told: BTreeMap<String, Changes>,
        catalog: Option<Snapshot>,
    ) -> Changes {
        // From here on changes of this tenant are kept.
        self.log.of(tenant, None, None, "");
        let mut all = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= TENANTS && !all.contains_key(tenant) {
            all.clear();
        }
        let numbers = all.entry(tenant.clone()).or_default();
        for (member, Changes { number, lowest }) in told {
            if lowest < i64::MAX {
                self.log.note(tenant, lowest);
            }
            numbers.insert(member, number);
        }
        self.log.of(tenant, since, catalog, "")
    }
}

#[cfg(test)]
mod tests;

//! Hinted hand-off: what a member can't take goes to another of the ring, which keeps it on disk until that one is back.
//!
//! This makes no quorum: a query does not ask who holds what for whom. It brings back the copy that a member has missed.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use weir_pipeline::{Batch, Context, Error, Next, Rest, Result, Write};
use xxhash_rust::xxh3::Xxh3;

use crate::ring::{Member, OpenRing, ReplicaSet};

/// How many other members are asked to keep a batch.
const TRIES: usize = 3;

/// Below `replicate`: the member that a batch is for, where another is to keep it for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HintFor(pub Member);

/// Hands on what members of a set can't take.
pub(super) struct Hands {
    ring: Arc<OpenRing>,
    set: Arc<ReplicaSet>,
    rest: Rest<Write>,
    context: Context,
    /// What is on its way to others, and how much may be, in bytes.
    under_way: AtomicU64,
    limit: u64,
    /// The ways that were built, by for whom and to whom.
    ways: Mutex<HashMap<(String, Member), Next<Write>>>,
}

// === impl Hands ===

impl Hands {
    pub(super) fn new(
        ring: Arc<OpenRing>,
        set: Arc<ReplicaSet>,
        rest: Rest<Write>,
        context: &Context,
        limit: u64,
    ) -> Self {
        let (under_way, ways, context) = (AtomicU64::new(0), Mutex::default(), context.clone());
        Self { ring, set, rest, context, under_way, limit, ways }
    }

    /// Has another member keep a batch for `owner`. False where none does.
    pub(super) async fn hand(&self, owner: &str, batch: Batch) -> bool {
        let bytes = batch.byte_size() as u64;
        let before = self.under_way.fetch_add(bytes, Relaxed);
        let is_kept = before + bytes <= self.limit && self.ask(owner, batch).await;
        self.under_way.fetch_sub(bytes, Relaxed);
        is_kept
    }

    async fn ask(&self, owner: &str, batch: Batch) -> bool {
        let Some(owner) = self.set.members.iter().find(|member| member.name == owner) else { return false };
        for holder in self.holders(owner).into_iter().take(TRIES) {
            let sent = match self.way(owner, &holder) {
                Ok(way) => way.send(batch.clone()).await,
                Err(error) => Err(error),
            };
            match sent {
                Ok(_) => return true,
                Err(error) => self.refused(owner, &holder, &error),
            }
        }
        false
    }

    fn refused(&self, owner: &Member, holder: &Member, error: &Error) {
        let (member, by) = (&owner.name, &holder.name);
        tracing::debug!(member, by, error = error.report(), "a member keeps nothing for another");
    }

    /// The members outside the set, the best first: of a zone that none of the others of the set is of, as far as there are any.
    fn holders(&self, owner: &Member) -> Vec<Member> {
        let layout = self.ring.current();
        let others = || self.set.members.iter().filter(|member| member.name != owner.name);
        let zones: HashSet<&str> = others().map(|member| member.zone.as_str()).collect();
        let score = |member: &Member| {
            let mut hash = Xxh3::new();
            hash.update(owner.name.as_bytes());
            hash.update(&[0]);
            hash.update(member.name.as_bytes());
            hash.digest()
        };
        let outside = |member: &&Member| self.set.members.iter().all(|own| own.name != member.name);
        let mut holders: Vec<Member> = layout.members().iter().filter(outside).cloned().collect();
        holders.sort_by_cached_key(|member| (zones.contains(member.zone.as_str()), score(member)));
        holders
    }

    /// The way to a member that is to keep something for another.
    fn way(&self, owner: &Member, holder: &Member) -> Result<Next<Write>> {
        let mut ways = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (owner.name.clone(), holder.clone());
        if let Some(way) = ways.get(&key) {
            return Ok(way.clone());
        }
        let context = self.context.with(Arc::new(holder.clone())).with(Arc::new(HintFor(owner.clone())));
        let way = self.rest.branch(&context, &format!("{}-for-{}", holder.name, owner.name))?;
        // Those to members that the ring no longer has go.
        let layout = self.ring.current();
        ways.retain(|(_, holder), _| layout.members().contains(holder));
        ways.insert(key, way.clone());
        Ok(way)
    }
}

#[cfg(test)]
mod tests;

//! Which replica sets must be heard: those of the ring, of the epochs that it says were before, and of those that it had
//! not long ago.

use std::sync::Arc;
use std::time::Duration;

use weir_pipeline::{Result, Tenant};
use weir_stages::replicate::Quorum;
use weir_stages::ring::{Layout, Member, OpenRing, ReplicaSet};

/// The epochs of a ring whose members may have what is nowhere else.
pub(super) struct Epochs {
    ring: Arc<OpenRing>,
    /// How long that may be so once the ring says nothing of it any more.
    span: Duration,
}

/// A replica set, and how many of its members must be heard.
#[derive(Clone, Debug)]
pub(super) struct Needed {
    pub(super) set: Arc<ReplicaSet>,
    pub(super) members: usize,
    /// Whether one counts also where it came empty in the place of another.
    pub(super) also_new: bool,
}

// === impl Epochs ===

impl Epochs {
    /// The ring's epoch now, and those that come.
    pub(super) fn new(ring: Arc<OpenRing>, span: Duration) -> Self {
        ring.remember(span);
        Self { ring, span }
    }

    /// The replica sets that have series of a tenant, of all epochs, each once.
    ///
    /// # Errors
    /// The quorum is more than the ring's factor.
    pub(super) fn sets(&self, tenant: &Tenant, quorum: Quorum) -> Result<Vec<Needed>> {
        let recent = self.ring.recent(self.span);
        // The newest first: a member that goes on elsewhere is asked where it is now.
        let layouts = recent.iter().flat_map(|layout| std::iter::once(layout).chain(layout.previous()));
        let mut sets = sets_of(layouts, tenant, quorum)?;
        // What was written to other sets of the same members is with some of these: all of them have all of it, where no
        // more have left than may be lost.
        if self.ring.is_new(self.span) {
            let members = self.ring.current().members().to_vec();
            let (count, set) = (members.len(), ReplicaSet { name: "all members".to_owned(), members });
            sets.push(Needed { set: Arc::new(set), members: count, also_new: true });
        }
        Ok(sets)
    }

    /// All members of all epochs, each once, as a set of which all must be heard.
    pub(super) fn everyone(&self) -> Needed {
        let recent = self.ring.recent(self.span);
        // The newest first: a member that goes on elsewhere is asked where it is now.
        let layouts = recent.iter().flat_map(|layout| std::iter::once(layout).chain(layout.previous()));
        let mut members: Vec<Member> = Vec::new();
        for member in layouts.flat_map(|layout| layout.members()) {
            if !members.iter().any(|known| known.name == member.name) {
                members.push(member.clone());
            }
        }
        let (count, set) = (members.len(), ReplicaSet { name: "all members".to_owned(), members });
        Needed { set: Arc::new(set), members: count, also_new: true }
    }

    /// Why there may be members that are not known, if that is so.
    pub(super) fn doubt(&self) -> Option<String> {
        self.ring.doubt()
    }

    /// The replica sets of the epoch now, to which all of a tenant is written.
    ///
    /// # Errors
    /// The quorum is more than the ring's factor.
    pub(super) fn current(&self, tenant: &Tenant, quorum: Quorum) -> Result<Vec<Needed>> {
        sets_of(std::iter::once(&self.ring.current()), tenant, quorum)
    }
}

/// The replica sets that have series of a tenant, of these epochs, each once.
fn sets_of<'a>(layouts: impl Iterator<Item = &'a Arc<Layout>>, tenant: &Tenant, quorum: Quorum) -> Result<Vec<Needed>> {
    let mut sets: Vec<Needed> = Vec::new();
    for layout in layouts {
        let members = layout.factor() + 1 - quorum.of(layout.factor())?;
        let places = layout.shard_of(tenant).sets();
        for set in places.into_iter().filter_map(|place| layout.sets().get(place)) {
            let names = |set: &ReplicaSet| set.members.iter().map(|m: &Member| m.name.clone()).collect::<Vec<_>>();
            if !sets.iter().any(|known| names(&known.set) == names(set)) {
                sets.push(Needed { set: set.clone(), members, also_new: false });
            }
        }
    }
    Ok(sets)
}

// === impl Needed ===

impl Needed {
    /// How many members had written a batch when it was acknowledged.
    pub(super) fn quorum(&self) -> usize {
        (self.set.members.len() + 1).saturating_sub(self.members)
    }
}

#[cfg(test)]
mod tests;

//! Which replica sets must be heard: those of the ring, of the epochs that it says were before, and of those seen since the
//! start.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch::Receiver;
use weir_pipeline::Result;
use weir_stages::replicate::Quorum;
use weir_stages::ring::{Layout, Member, OpenRing, ReplicaSet};

/// The epochs of a ring that were seen.
pub(super) struct Epochs(Mutex<Seen>);

struct Seen {
    changes: Receiver<Arc<Layout>>,
    layouts: Vec<Arc<Layout>>,
}

/// A replica set, and how many of its members must be heard.
#[derive(Clone, Debug)]
pub(super) struct Needed {
    pub(super) set: Arc<ReplicaSet>,
    pub(super) members: usize,
}

// === impl Epochs ===

impl Epochs {
    /// The ring's epoch now, and those that come.
    pub(super) fn new(ring: &OpenRing) -> Self {
        let changes = ring.changes();
        let layouts = vec![changes.borrow().clone()];
        Self(Mutex::new(Seen { changes, layouts }))
    }

    /// The replica sets of all epochs, each once.
    ///
    /// # Errors
    /// The quorum is more than the ring's factor.
    pub(super) fn sets(&self, quorum: Quorum) -> Result<Vec<Needed>> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = seen.changes.borrow_and_update().clone();
        if seen.layouts.last().is_none_or(|last| last.epoch() != now.epoch()) {
            seen.layouts.push(now);
        }
        let mut sets: Vec<Needed> = Vec::new();
        // A member that goes on elsewhere is asked where it is now.
        let all = seen.layouts.iter().rev().flat_map(|layout| std::iter::once(layout).chain(layout.previous()));
        for layout in all {
            let members = layout.factor() + 1 - quorum.of(layout.factor())?;
            for set in layout.sets() {
                let names = |set: &ReplicaSet| set.members.iter().map(|m: &Member| m.name.clone()).collect::<Vec<_>>();
                if !sets.iter().any(|known| names(&known.set) == names(set)) {
                    sets.push(Needed { set: set.clone(), members });
                }
            }
        }
        Ok(sets)
    }
}

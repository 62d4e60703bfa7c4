//! What a node keeps for members that can't be reached: a queue on disk for each, which sends on once they are back.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use weir_pipeline::units::{Bytes, Span, above_zero, some_path};
use weir_pipeline::{Ack, Batch, Context, Error, Next, Result, Sink, Stage, Write};

use crate::peer::Peer;
use crate::queue::Queue;
use crate::ring::Member;

/// For so many members something is kept.
const MAX_OWNERS: usize = 256;

/// What the file is called that says where a member is; before it stands the member's name.
const ADDRESS: &str = ".address";

/// What a node keeps for other members.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hints {
    /// The directory, made where there is none. Nothing else may have it.
    #[serde(deserialize_with = "some_path")]
    pub path: PathBuf,
    /// What batches for one member may take on disk. Default 1GiB.
    #[serde(default = "default_bytes", deserialize_with = "above_zero")]
    pub bytes: Bytes,
    /// How old a batch may become before it is given up: not more than stores take late. Default 2h.
    #[serde(default = "default_max_age", deserialize_with = "above_zero")]
    pub max_age: Span,
    /// How it speaks to members, as in the sink `peer`.
    #[serde(default)]
    pub peer: Peer,
}

/// Keeps batches for other members.
pub(super) struct Holder {
    hints: Hints,
    context: Context,
    owners: Mutex<BTreeMap<String, Owner>>,
}

/// Somebody for whom batches are kept.
struct Owner {
    queue: Next<Write>,
    way: Way,
}

/// The way to a member that may move.
#[derive(Clone)]
struct Way(Arc<Mutex<(String, Next<Write>)>>);

fn default_bytes() -> Bytes {
    Bytes::mib(1024)
}

fn default_max_age() -> Span {
    Span::from_secs(2 * 3600)
}

// === impl Holder ===

impl Holder {
    /// Goes on with what is there.
    ///
    /// # Errors
    /// The directory can't be had.
    pub(super) fn open(hints: Hints, context: &Context) -> Result<Self> {
        let known = known(&hints.path).map_err(|e| lost(&hints.path, e))?;
        let holder = Self { hints, context: context.clone(), owners: Mutex::default() };
        for member in &known {
            holder.queue_for(member)?;
        }
        Ok(holder)
    }

    /// Keeps a batch for a member. It is on disk with the answer.
    ///
    /// # Errors
    /// There is no room, or the disk fails.
    pub(super) async fn keep(self: Arc<Self>, owner: Member, batch: Batch) -> Result<Ack> {
        let failed = |e| Error::internal("expected to open a queue").with_source(e);
        let queue = tokio::task::spawn_blocking(move || self.queue_for(&owner)).await.map_err(failed)??;
        queue.send(batch).await
    }

    /// The queue of what is kept for a member.
    fn queue_for(&self, member: &Member) -> Result<Next<Write>> {
        let mut owners = self.owners();
        if let Some(owner) = owners.get(&member.name) {
            if owner.way.address() != member.address {
                self.write_address(member)?;
                owner.way.lead_to(member.address.clone(), self.peer(member)?);
            }
            return Ok(owner.queue.clone());
        }
        if owners.len() >= MAX_OWNERS {
            return Err(Error::unavailable(format!("expected to keep something for at most {MAX_OWNERS} members")));
        }
        self.write_address(member)?;
        let way = Way(Arc::new(Mutex::new((member.address.clone(), self.peer(member)?))));
        // No member's name makes this a place outside of the directory.
        let path = self.hints.path.join(format!("for-{}", member.name));
        let queue = Queue::on_disk(path, self.hints.bytes, self.hints.max_age);
        let place = format!("{}.hints.{}", self.context.place, member.name);
        let queue = queue.wrap(&self.context.at(&self.context.pipeline, place), way.clone().next())?;
        owners.insert(member.name.clone(), Owner { queue: queue.clone(), way });
        Ok(queue)
    }

    fn peer(&self, member: &Member) -> Result<Next<Write>> {
        self.hints.peer.clone().open(&self.context.with(Arc::new(member.clone())))
    }

    /// Notes where a member is, for the next start. A batch that is kept is found without it once somebody else names it.
    fn write_address(&self, member: &Member) -> Result<()> {
        let path = self.hints.path.join(format!("{}{ADDRESS}", member.name));
        let new = self.hints.path.join(format!("{}.new", member.name));
        let write = || {
            fs::write(&new, &member.address)?;
            fs::File::open(&new)?.sync_all()?;
            fs::rename(&new, &path)?;
            fs::File::open(&self.hints.path)?.sync_all()
        };
        write().map_err(|e| lost(&path, e))
    }

    fn owners(&self) -> MutexGuard<'_, BTreeMap<String, Owner>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The members for which something may be kept in a directory, which is made where there is none.
fn known(path: &Path) -> io::Result<Vec<Member>> {
    fs::create_dir_all(path)?;
    let mut members = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().and_then(|name| name.strip_suffix(ADDRESS)) else { continue };
        let address = fs::read_to_string(entry.path())?;
        match Member::new(name.to_owned(), address, None, String::new()) {
            Ok(member) => members.push(member),
            Err(error) => tracing::warn!(file = %entry.path().display(), error, "it is not known where a member is"),
        }
    }
    Ok(members)
}

fn lost(path: &Path, error: io::Error) -> Error {
    Error::unavailable(format!("{}: can't be had", path.display())).with_source(error)
}

// === impl Way ===

impl Way {
    fn address(&self) -> String {
        self.locked().0.clone()
    }

    fn lead_to(&self, address: String, next: Next<Write>) {
        *self.locked() = (address, next);
    }

    fn next(self) -> Next<Write> {
        Next::from_fn(move |batch: Batch| {
            let next = self.locked().1.clone();
            async move { next.send(batch).await }
        })
    }

    fn locked(&self) -> MutexGuard<'_, (String, Next<Write>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;

//! The loop around a commit: try, look what came in between, try again.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use delta_kernel::SnapshotRef;
use tokio::time::sleep;
use ulid::Ulid;
use weir_pipeline::{Error, Result};

use super::Version;
use super::entry::BlockId;
use super::kernel::{Attempt, Attempted};
use super::log;
use super::row::Row;
use super::table::{State, Table};

/// So often it is tried. Each time that somebody else wins one commit is done, so that this takes many at one time.
const ATTEMPTS: u32 = 100;

/// So often the bucket may fail at it; the bucket itself has repeated its requests by then.
const FAILURES: u32 = 3;

/// The first and the longest pause between attempts.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(500));

/// A change to one table.
pub(super) struct Wanted<R> {
    pub(super) add: Vec<R>,
    pub(super) remove: Vec<BlockId>,
    pub(super) transaction: Option<(String, i64)>,
    pub(super) data_change: bool,
    /// Whether what is there already need not come and what is gone need not go.
    pub(super) loose: bool,
}

/// Where a change stands.
enum Standing<R> {
    Done(Version),
    Open { add: Vec<R>, remove: Vec<Arc<R>> },
}

// === impl Table ===

impl<R: Row> Table<R> {
    /// Makes a change.
    pub(super) async fn commit(&self, wanted: &Wanted<R>) -> Result<Version> {
        let mut committing = self.committing.lock().await;
        let mark = Ulid::generate().to_string();
        self.state.lock().await.own = Some((mark.clone(), None));
        let mut failures = 0;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                sleep(pause(attempt)).await;
            }
            let (snapshot, standing) = self.prepare(&mut committing, wanted).await?;
            let (add, remove) = match standing {
                Standing::Done(version) => return Ok(version),
                Standing::Open { add, remove } => (add, remove),
            };
            let files = Attempt {
                add: add.iter().map(Row::to_file).collect::<Result<_>>()?,
                remove: remove.iter().map(|row| row.to_file()).collect::<Result<_>>()?,
                transaction: wanted.transaction.clone(),
                data_change: wanted.data_change,
                mark: mark.clone(),
            };
            match self.kernel.commit(snapshot, files).await? {
                Attempted::Done(version, snapshot) => {
                    *committing = snapshot;
                    self.settle(version, add, &remove, wanted).await;
                    self.keep(&mut committing, version).await;
                    return Ok(version);
                }
                Attempted::Conflict => {}
                // Whether it happened shows at the next look, by the mark.
                Attempted::Unclear if failures < FAILURES => failures += 1,
                Attempted::Unclear => {
                    let mut state = self.state.lock().await;
                    self.refresh(&mut state).await?;
                    return match state.own.take() {
                        Some((_, Some(version))) => Ok(version),
                        _ => Err(Error::unavailable("the bucket fails at commits to the catalog")),
                    };
                }
            }
        }
        let message =
            format!("expected to commit to the catalog within {ATTEMPTS} attempts, others were faster each time");
        Err(Error::unavailable(message))
    }

    /// Whether a change is done already, or can't be done any more.
    pub(super) async fn is_done(&self, wanted: &Wanted<R>) -> Result<Option<Version>> {
        let mut committing = self.committing.lock().await;
        self.state.lock().await.own = None;
        match self.prepare(&mut committing, wanted).await?.1 {
            Standing::Done(version) => Ok(Some(version)),
            Standing::Open { .. } => Ok(None),
        }
    }

    /// Looks at the newest version, and what a change is against it.
    async fn prepare(
        &self,
        committing: &mut Option<SnapshotRef>,
        wanted: &Wanted<R>,
    ) -> Result<(SnapshotRef, Standing<R>)> {
        let mut state = self.state.lock().await;
        self.refresh(&mut state).await?;
        while state.next == 0 {
            let first = R::SHAPE.first_commit(self.clock.now());
            // If somebody else has made the table meanwhile, theirs is as good.
            self.objects.put_if_absent(&self.log.clone().join(log::commit_file(0)), Bytes::from(first)).await?;
            self.refresh(&mut state).await?;
        }
        let version = state.next - 1;
        let newest = [state.loaded.take(), committing.take()].into_iter().flatten().max_by_key(|s| s.version());
        let snapshot = self.kernel.at(newest, version).await?;
        *committing = Some(snapshot.clone());
        let recorded = self.recorded(&mut state, &snapshot, wanted).await?;
        Ok((snapshot, standing(&state, wanted, recorded)?))
    }

    /// The number of the last transaction of the change's name.
    async fn recorded(&self, state: &mut State<R>, snapshot: &SnapshotRef, wanted: &Wanted<R>) -> Result<Option<i64>> {
        let Some((app, _)) = &wanted.transaction else { return Ok(None) };
        if let Some(known) = state.transactions.get(app) {
            return Ok(*known);
        }
        if state.complete {
            return Ok(None);
        }
        let number = self.kernel.transaction(snapshot.clone(), app.clone()).await?;
        state.remember(app.clone(), number);
        Ok(number)
    }

    /// Takes one's own commit, unless it was read meanwhile.
    async fn settle(&self, version: Version, add: Vec<R>, remove: &[Arc<R>], wanted: &Wanted<R>) {
        let mut state = self.state.lock().await;
        state.own = None;
        if state.next != version {
            return;
        }
        let rows = Arc::make_mut(&mut state.rows);
        for row in remove {
            rows.remove(&row.block());
        }
        rows.extend(add.into_iter().map(|row| (row.block(), Arc::new(row))));
        if let Some((app, number)) = &wanted.transaction {
            state.remember(app.clone(), Some(*number));
        }
        state.next = version + 1;
    }
}

fn standing<R: Row>(state: &State<R>, wanted: &Wanted<R>, recorded: Option<i64>) -> Result<Standing<R>> {
    let now = state.next - 1;
    if let Some((_, Some(version))) = &state.own {
        return Ok(Standing::Done(*version));
    }
    if wanted.transaction.as_ref().is_some_and(|(_, number)| recorded.is_some_and(|recorded| recorded >= *number)) {
        return Ok(Standing::Done(now));
    }
    let is_live = |block: &BlockId| state.rows.contains_key(block);
    let (there, missing): (Vec<_>, Vec<_>) = wanted.add.iter().cloned().partition(|row| is_live(&row.block()));
    let remove: Vec<_> = wanted.remove.iter().filter_map(|block| state.rows.get(block).cloned()).collect();
    if wanted.loose {
        let done = missing.is_empty() && remove.is_empty();
        return Ok(if done { Standing::Done(now) } else { Standing::Open { add: missing, remove } });
    }
    // Names of blocks are unique: what has come with these names can only be this change.
    if missing.is_empty() && remove.is_empty() && !there.is_empty() {
        return Ok(Standing::Done(now));
    }
    if let Some(gone) = wanted.remove.iter().find(|block| !is_live(block)) {
        let message = format!("expected block `{gone}` in the catalog: somebody else has removed it");
        return Err(Error::unprocessable(message));
    }
    if let Some(row) = there.first() {
        let message = format!("expected block `{}` not to be in the catalog yet", row.block());
        return Err(Error::unprocessable(message));
    }
    Ok(Standing::Open { add: missing, remove })
}

/// A random part of a time that doubles: those who met do not meet again.
fn pause(attempt: u32) -> Duration {
    let longest = PAUSES.0.saturating_mul(1 << attempt.min(10)).min(PAUSES.1);
    longest * ((Ulid::generate().random() % 1000) as u32) / 1000
}

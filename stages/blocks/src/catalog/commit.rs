//! The loop around a commit: try, look what came in between, try again.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use delta_kernel::SnapshotRef;
use delta_kernel::schema::StructField;
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
    /// Columns that the table gets where it does not have them.
    pub(super) columns: Vec<StructField>,
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
                Standing::Done(version) => return self.sure(version, failures).await,
                Standing::Open { add, remove } => (add, remove),
            };
            let files = Attempt {
                add: add.iter().map(Row::to_file).collect::<Result<_>>()?,
                remove: remove.iter().map(|row| row.to_file()).collect::<Result<_>>()?,
                transaction: wanted.transaction.clone(),
                data_change: wanted.data_change,
                columns: wanted.columns.clone(),
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
                        Some((_, Some(version))) => self.sure(version, failures).await,
                        _ => Err(Error::unavailable("the bucket fails at commits to the catalog")),
                    };
                }
            }
        }
        let message =
            format!("expected to commit to the catalog within {ATTEMPTS} attempts, others were faster each time");
        Err(Error::unavailable(message))
    }

    /// A version that is there although putting it failed may not be synced: to put it again, which it is too late for,
    /// syncs it.
    async fn sure(&self, version: Version, failures: u32) -> Result<Version> {
        let file = self.log.clone().join(log::commit_file(version));
        let mut result = Ok(true);
        for attempt in 1..=failures.min(1) * FAILURES {
            result = self.objects.put_if_absent(&file, Bytes::new()).await;
            if result.is_ok() {
                break;
            }
            sleep(pause(attempt)).await;
        }
        result.map(|_| version)
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

    /// Looks at the newest version, and what a change is against it. Who reads meanwhile may see a later one already: then
    /// the attempt that follows meets that, and this is called again.
    async fn prepare(
        &self,
        committing: &mut Option<SnapshotRef>,
        wanted: &Wanted<R>,
    ) -> Result<(SnapshotRef, Standing<R>)> {
        let app = wanted.transaction.as_ref().map(|(app, _)| app.clone());
        let (version, newest, known) = {
            let mut state = self.state.lock().await;
            self.refresh(&mut state).await?;
            while state.next == 0 {
                let first = R::SHAPE.first_commit(self.clock.now());
                // If somebody else has made the table meanwhile, theirs is as good.
                self.objects.put_if_absent(&self.log.clone().join(log::commit_file(0)), Bytes::from(first)).await?;
                self.refresh(&mut state).await?;
            }
            let newest = [state.loaded.take(), committing.take()].into_iter().flatten().max_by_key(|s| s.version());
            let known = app.as_ref().is_none_or(|app| state.complete || state.transactions.contains_key(app));
            (state.next - 1, newest, known)
        };
        let asked = app.clone().filter(|_| !known);
        let (snapshot, number) = match self.look(newest, version, asked.clone()).await {
            // The commits below an older snapshot may have been cleaned away.
            Err(error) if !error.kind().is_retryable() => self.look(None, version, asked).await?,
            looked => looked?,
        };
        *committing = Some(snapshot.clone());
        let mut state = self.state.lock().await;
        let recorded = app.and_then(|app| match state.transactions.get(&app) {
            Some(seen) => *seen,
            None => {
                // Of a later version this would not be the last word.
                if state.next == version + 1 {
                    state.remember(app, number);
                }
                number
            }
        });
        Ok((snapshot, standing(&state, wanted, recorded)?))
    }

    /// The kernel's view of a version, and the number of the last transaction of a name.
    async fn look(
        &self,
        old: Option<SnapshotRef>,
        version: Version,
        app: Option<String>,
    ) -> Result<(SnapshotRef, Option<i64>)> {
        let snapshot = self.kernel.at(old, version).await?;
        let number = match app {
            Some(app) => self.kernel.transaction(snapshot.clone(), app).await?,
            None => None,
        };
        Ok((snapshot, number))
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

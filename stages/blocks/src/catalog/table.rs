//! One table: what it has, followed commit by commit.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use delta_kernel::SnapshotRef;
use futures_util::future::join_all;
use object_store::ObjectStore;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use tokio::sync::Mutex;
use tokio::time::Instant;
use weir_pipeline::{Clock, Kind, Result};

use super::Version;
use super::delta::Settings;
use super::entry::{BlockId, Entry};
use super::kernel::Kernel;
use super::known::Known;
use super::log::{self, LAST_CHECKPOINT, LOG};
use super::row::{File, Row};
use crate::bucket::objects::Objects;

/// How many commits are asked for at a time, at most.
const AHEAD: u64 = 16;

/// Who has not looked for so long can't be sure that the commits it has not seen are still there one by one.
const STALE: Duration = Duration::from_secs(300);

/// So many transactions are remembered; others are looked up in the log.
const TRANSACTIONS: usize = 4096;

/// The blocks of a tenant and a resolution at a moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    next: Version,
    entries: Arc<BTreeMap<BlockId, Arc<Entry>>>,
}

/// A table.
pub(super) struct Table<R> {
    pub(super) objects: Arc<Objects>,
    pub(super) kernel: Kernel,
    /// The table's directory as the kernel sees it.
    root: Arc<dyn ObjectStore>,
    pub(super) log: Path,
    pub(super) clock: Clock,
    pub(super) settings: Settings,
    pub(super) state: Mutex<State<R>>,
    /// The kernel's snapshot. Who commits holds it: of one process one commits at a time.
    pub(super) committing: Mutex<Option<SnapshotRef>>,
}

/// What is known of a table.
pub(super) struct State<R> {
    /// The first version that is not known; 0 is a table that is not there, as far as is known.
    pub(super) next: Version,
    /// The file of a version that was looked for last: mostly it is looked for again.
    sought: Option<(Version, Path)>,
    pub(super) rows: Arc<BTreeMap<BlockId, Arc<R>>>,
    /// The last transactions by name.
    pub(super) transactions: HashMap<String, Option<i64>>,
    /// Whether there are no other transactions.
    pub(super) complete: bool,
    /// The last checkpoint, if whoever committed that version wrote one.
    pub(super) checkpoint: Version,
    /// The commit that is under way, and the version that it has turned out to be.
    pub(super) own: Option<(String, Option<Version>)>,
    /// The kernel's view of what it loaded last.
    pub(super) loaded: Option<SnapshotRef>,
    /// When the last look at the end of the log began.
    verified: Option<Instant>,
}

// === impl Snapshot ===

impl Snapshot {
    pub(crate) fn new(next: Version, entries: Arc<BTreeMap<BlockId, Arc<Entry>>>) -> Self {
        Self { next, entries }
    }

    /// The last commit that is in it; `None` where there was none.
    pub fn version(&self) -> Option<Version> {
        self.next.checked_sub(1)
    }

    /// The blocks, by the time at which they were made.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Arc<Entry>> {
        self.entries.values()
    }

    /// A block.
    pub fn get(&self, block: &BlockId) -> Option<&Arc<Entry>> {
        self.entries.get(block)
    }
}

// === impl Table ===

impl<R: Row> Table<R> {
    /// The table in a directory; nothing is asked yet.
    pub(super) fn new(objects: Arc<Objects>, directory: &Path, clock: Clock, settings: Settings) -> Self {
        let root: Arc<dyn ObjectStore> = Arc::new(PrefixStore::new(objects.store(), directory.clone()));
        let kernel = Kernel::new(root.clone());
        let state = State {
            next: 0,
            sought: None,
            rows: Arc::default(),
            transactions: HashMap::new(),
            complete: true,
            checkpoint: 0,
            own: None,
            loaded: None,
            verified: None,
        };
        let log = directory.clone().join(LOG);
        Self { objects, kernel, root, log, clock, settings, state: Mutex::new(state), committing: Mutex::default() }
    }

    /// What it has now.
    pub(super) async fn read(&self) -> Result<(Version, Arc<BTreeMap<BlockId, Arc<R>>>)> {
        let asked = Instant::now();
        let mut state = self.state.lock().await;
        // Who waited for others needs no look of its own, if theirs began after it asked.
        if state.verified.is_none_or(|begun| begun <= asked) {
            self.refresh(&mut state).await?;
        }
        Ok((state.next, state.rows.clone()))
    }

    /// Follows the log to its end.
    ///
    /// Cancel safety: what is known stays whole, commit by commit.
    pub(super) async fn refresh(&self, state: &mut State<R>) -> Result<()> {
        let begun = Instant::now();
        if state.verified.is_none() {
            self.load(state).await?;
        }
        let mut ahead = [1, 1, 2, 4, 8].into_iter().chain(std::iter::repeat(AHEAD));
        loop {
            let versions = state.next..state.next + ahead.next().unwrap_or(AHEAD);
            let files = versions.map(|version| state.commit_file(&self.log, version));
            let commits = join_all(files.map(|file| async move { (self.objects.find(&file).await, file) })).await;
            let mut end = false;
            for (bytes, file) in commits {
                let Some(bytes) = bytes? else {
                    end = true;
                    break;
                };
                self.apply(state, &file, &bytes)?;
            }
            if end && !(state.is_stale() && self.load(state).await?) {
                state.verified = Some(begun);
                return Ok(());
            }
        }
    }

    /// Takes what a checkpoint knows, if it knows more; says whether it does.
    async fn load(&self, state: &mut State<R>) -> Result<bool> {
        let Some(bytes) = self.objects.find(&self.log.clone().join(LAST_CHECKPOINT)).await? else { return Ok(false) };
        let checkpoint = log::last_checkpoint(&bytes);
        if checkpoint.is_some_and(|checkpoint| checkpoint < state.next) {
            return Ok(false);
        }
        let (snapshot, files) = self.open(checkpoint, bytes).await?;
        let version = snapshot.version();
        if version < state.next {
            return Ok(false);
        }
        let rows = files.iter().map(|file| R::from_file(file).map(|row| (row.block(), Arc::new(row))));
        state.rows = Arc::new(rows.collect::<Result<_>>()?);
        state.next = version + 1;
        state.transactions.clear();
        state.complete = false;
        state.checkpoint = checkpoint.map_or(version, |checkpoint| checkpoint.min(version));
        state.loaded = Some(snapshot);
        Ok(true)
    }

    /// A checkpoint of which `told` is told. Where its file is not there any more, the log is listed for what is.
    async fn open(&self, checkpoint: Option<Version>, told: Bytes) -> Result<(SnapshotRef, Vec<File>)> {
        if let Some(version) = checkpoint
            && let Some(file) = self.objects.head(&self.log.clone().join(log::checkpoint_file(version))).await?
        {
            match Kernel::load_known(Known::new(self.root.clone(), told, file), version).await {
                // What can't be read in that way the kernel may find in its own.
                Err(error) if error.kind() == Kind::Internal => {
                    tracing::debug!(log = %self.log, error = error.report(), "a checkpoint is looked for by a listing")
                }
                result => return result,
            }
        }
        self.kernel.load(checkpoint).await
    }

    /// Takes the next commit.
    fn apply(&self, state: &mut State<R>, file: &Path, bytes: &[u8]) -> Result<()> {
        let commit = log::parse(file, bytes)?;
        let add = commit.add.iter().map(R::from_file).collect::<Result<Vec<_>>>()?;
        let rows = Arc::make_mut(&mut state.rows);
        if !commit.remove.is_empty() {
            let gone: HashSet<&str> = commit.remove.iter().map(|(path, _)| path.as_str()).collect();
            rows.retain(|_, row| row.to_file().map_or(true, |file| !gone.contains(file.path.as_str())));
        }
        rows.extend(add.into_iter().map(|row| (row.block(), Arc::new(row))));
        for (app, number) in commit.transactions {
            state.remember(app, Some(number));
        }
        match &mut state.own {
            Some((mark, version)) if commit.mark.as_ref() == Some(mark) => *version = Some(state.next),
            // Whoever committed it writes the checkpoint.
            _ if state.next.is_multiple_of(self.settings.checkpoint_every) => state.checkpoint = state.next,
            _ => {}
        }
        state.next += 1;
        Ok(())
    }
}

// === impl State ===

impl<R> State<R> {
    /// The file of a commit, in the `directory` of the log.
    fn commit_file(&mut self, directory: &Path, version: Version) -> Path {
        match &self.sought {
            Some((sought, file)) if *sought == version => file.clone(),
            _ => {
                let file = directory.clone().join(log::commit_file(version));
                self.sought = Some((version, file.clone()));
                file
            }
        }
    }

    fn is_stale(&self) -> bool {
        self.verified.is_some_and(|at| at.elapsed() > STALE)
    }

    /// Notes a transaction, or that there is none of that name.
    pub(super) fn remember(&mut self, app: String, number: Option<i64>) {
        if self.transactions.len() >= TRANSACTIONS {
            self.transactions.clear();
            self.complete = false;
        }
        self.transactions.insert(app, number);
    }
}

//! A file system in memory that tells what was written from what was synced.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Append, Fs, Held};

/// A file system in memory. A clone is the same file system.
#[derive(Clone, Default)]
pub struct SimFs {
    state: Arc<Mutex<State>>,
    /// The life of the process that has it; `None` for who looks on from outside, and never dies.
    life: Option<u64>,
}

/// What can be told to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// [`Fs::create`].
    Create,
    /// A write to a file.
    Write,
    /// [`Append::sync`].
    Sync,
    /// [`Fs::sync_dir`].
    SyncDir,
    /// [`Fs::remove`].
    Remove,
    /// A read of a file.
    Read,
}

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The disk is full.
    Full,
    /// The disk is broken.
    Broken,
    /// A write takes only so many bytes, and says so. Other operations ignore it.
    Short(usize),
}

#[derive(Default)]
struct State {
    files: BTreeMap<PathBuf, Arc<Mutex<Inode>>>,
    /// The names as of the last `sync_dir` of their directory.
    durable: BTreeMap<PathBuf, Arc<Mutex<Inode>>>,
    dirs: BTreeSet<PathBuf>,
    locks: BTreeSet<PathBuf>,
    /// Counts crashes. Handles, locks and processes of an earlier life are dead.
    life: u64,
    faults: VecDeque<(Op, u32, Fault)>,
    capacity: Option<u64>,
}

#[derive(Default)]
struct Inode {
    data: Vec<u8>,
    synced: usize,
    /// Ranges whose sync failed: no later sync makes them durable.
    lost: Vec<Range<usize>>,
}

struct Handle {
    fs: SimFs,
    inode: Arc<Mutex<Inode>>,
}

struct Reader {
    fs: SimFs,
    inode: Arc<Mutex<Inode>>,
    at: usize,
}

struct Lock {
    fs: SimFs,
    path: PathBuf,
}

/// A small generator of numbers from a seed (splitmix64).
#[derive(Clone, Debug)]
pub struct Dice(pub u64);

// === impl Dice ===

impl Dice {
    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 where `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 { 0 } else { self.roll() % n }
    }
}

// === impl SimFs ===

impl SimFs {
    /// The same file system for a process that starts now, and dies with the next crash: whatever it still does then fails.
    #[must_use]
    pub fn process(&self) -> Self {
        Self { state: self.state.clone(), life: Some(self.state().life) }
    }

    /// The `after + 1`-th `op` from now fails.
    pub fn inject(&self, op: Op, after: u32, fault: Fault) {
        self.state().faults.push_back((op, after, fault));
    }

    /// How many injected faults have not struck yet.
    pub fn pending_faults(&self) -> usize {
        self.state().faults.len()
    }

    /// All files together take at most so many bytes.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().capacity = bytes;
    }

    /// The power goes: names that were not synced may be gone, bytes that were not synced may be gone, zeroes or
    /// rubbish, as `seed` decides. Handles and locks of before are dead.
    pub fn crash(&self, seed: u64) {
        let mut dice = Dice(seed);
        let mut state = self.state();
        state.life += 1;
        state.locks.clear();
        state.faults.clear();
        let mut files = state.durable.clone();
        for (path, inode) in &state.files {
            if !files.contains_key(path) && dice.below(2) == 0 {
                files.insert(path.clone(), inode.clone());
            }
        }
        let removed: Vec<_> = files.keys().filter(|path| !state.files.contains_key(*path)).cloned().collect();
        for path in removed {
            if dice.below(2) == 0 {
                files.remove(&path);
            }
        }
        for inode in files.values() {
            crash_inode(&mut lock(inode), &mut dice);
        }
        state.durable = files.clone();
        state.files = files;
    }

    /// The bytes of a file as a reader sees them now.
    pub fn bytes(&self, path: &Path) -> Option<Vec<u8>> {
        self.state().files.get(path).map(|inode| lock(inode).data.clone())
    }

    /// Puts a durable file there.
    pub fn put(&self, path: &Path, data: Vec<u8>) {
        let inode = Arc::new(Mutex::new(Inode { synced: data.len(), data, lost: Vec::new() }));
        let mut state = self.state();
        state.files.insert(path.to_owned(), inode.clone());
        state.durable.insert(path.to_owned(), inode);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The state, as long as nothing else happens: no crash comes between the look at it and what is done.
    fn alive(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.state();
        if self.life.is_none_or(|life| life == state.life) { Ok(state) } else { Err(broken()) }
    }
}

// === impl State ===

impl State {
    fn inode(&self, path: &Path) -> io::Result<Arc<Mutex<Inode>>> {
        self.files.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Counts `op` down and returns the fault that strikes it.
    fn strike(&mut self, op: Op) -> Option<Fault> {
        let at = self.faults.iter().position(|(o, after, _)| *o == op && *after == 0);
        for (o, after, _) in &mut self.faults {
            if *o == op {
                *after = after.saturating_sub(1);
            }
        }
        at.and_then(|i| self.faults.remove(i)).map(|(_, _, fault)| fault)
    }

    fn fail(&mut self, op: Op) -> io::Result<()> {
        match self.strike(op) {
            Some(Fault::Full) => Err(io::ErrorKind::StorageFull.into()),
            Some(Fault::Broken) => Err(broken()),
            Some(Fault::Short(_)) | None => Ok(()),
        }
    }

    fn free(&self) -> u64 {
        let Some(capacity) = self.capacity else { return u64::MAX };
        let used: u64 = self.files.values().map(|inode| lock(inode).data.len() as u64).sum();
        capacity.saturating_sub(used)
    }
}

impl Fs for SimFs {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.alive()?.dirs.extend(dir.ancestors().map(Path::to_owned));
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.alive()?;
        if !state.dirs.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = state.files.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Append>> {
        let mut state = self.alive()?;
        state.fail(Op::Create)?;
        if state.files.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = Arc::<Mutex<Inode>>::default();
        state.files.insert(path.to_owned(), inode.clone());
        // A file that is open does not outlive a crash, whoever opened it.
        let fs = Self { state: self.state.clone(), life: Some(state.life) };
        Ok(Box::new(Handle { fs, inode }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        let inode = self.alive()?.inode(path)?;
        Ok(Box::new(Reader { fs: self.clone(), inode, at: 0 }))
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        let inode = self.alive()?.inode(path)?;
        let len = lock(&inode).data.len();
        Ok(len as u64)
    }

    fn truncate(&self, path: &Path, len: u64) -> io::Result<()> {
        let state = self.alive()?;
        let inode = state.inode(path)?;
        let mut inode = lock(&inode);
        inode.data.truncate(len as usize);
        inode.synced = inode.data.len();
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.alive()?;
        let inode = state.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.files.insert(to.to_owned(), inode);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.alive()?;
        state.fail(Op::Remove)?;
        state.files.remove(path).map(|_| ()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.alive()?;
        state.fail(Op::SyncDir)?;
        state.durable.retain(|path, _| path.parent() != Some(dir));
        let now: Vec<_> = state.files.iter().filter(|(path, _)| path.parent() == Some(dir)).collect();
        let now: Vec<_> = now.into_iter().map(|(path, inode)| (path.clone(), inode.clone())).collect();
        state.durable.extend(now);
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Held>> {
        let mut state = self.alive()?;
        if !state.locks.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let fs = Self { state: self.state.clone(), life: Some(state.life) };
        Ok(Box::new(Lock { fs, path: path.to_owned() }))
    }
}

/// What of a file survives.
fn crash_inode(inode: &mut Inode, dice: &mut Dice) {
    let tail = inode.data.len() - inode.synced;
    let keep = inode.synced + dice.below(tail as u64 + 1) as usize;
    let synced = inode.synced;
    inode.data.truncate(keep);
    match dice.below(4) {
        0 => inode.data[synced..].fill(0),
        1 if keep > synced => {
            let at = synced + dice.below((keep - synced) as u64) as usize;
            inode.data[at] ^= 1 << dice.below(8);
        }
        _ => {}
    }
    for lost in std::mem::take(&mut inode.lost) {
        let end = lost.end.min(inode.data.len());
        if let Some(bytes) = inode.data.get_mut(lost.start..end) {
            bytes.fill(0);
        }
    }
    inode.synced = inode.data.len();
}

fn broken() -> io::Error {
    io::Error::other("input/output error")
}

/// The data of a mutex, also where a holder panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl Handle ===

impl Write for Handle {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.fs.alive()?;
        let limit = match state.strike(Op::Write) {
            Some(Fault::Full) => return Err(io::ErrorKind::StorageFull.into()),
            Some(Fault::Broken) => return Err(broken()),
            Some(Fault::Short(limit)) => limit.max(1),
            None => usize::MAX,
        };
        let free = usize::try_from(state.free()).unwrap_or(usize::MAX);
        if free == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let taken = bytes.len().min(limit).min(free);
        lock(&self.inode).data.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Append for Handle {
    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.fs.alive()?;
        let failed = state.fail(Op::Sync);
        let mut inode = lock(&self.inode);
        if failed.is_err() {
            let doubtful = inode.synced..inode.data.len();
            inode.lost.push(doubtful);
        } else {
            inode.synced = inode.data.len();
        }
        failed
    }
}

// === impl Reader ===

impl Read for Reader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut state = self.fs.alive()?;
        state.fail(Op::Read)?;
        let inode = lock(&self.inode);
        let rest = inode.data.get(self.at..).unwrap_or(&[]);
        let taken = rest.len().min(out.len());
        out[..taken].copy_from_slice(&rest[..taken]);
        self.at += taken;
        Ok(taken)
    }
}

// === impl Lock ===

impl Held for Lock {}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Ok(mut state) = self.fs.alive() {
            state.locks.remove(&self.path);
        }
    }
}

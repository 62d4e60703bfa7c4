//! From a declaration to a store, with what the log remembers.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};

use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Duration, Instant};
use weir_pipeline::{Batch, Context, Error, Resource, Result};

use super::bounds::{self, TenantLimits};
use super::changes::ChangeLog;
use super::exemplars::{Exemplars, Source};
use super::identity::Identity;
use super::known::Notes;
use super::measure::Measures;
use super::metrics::KnownMetrics;
use super::shelf::Shelf;
use super::view::View;
use super::{Declaration, State, Store, cut, sweep, upload};
use crate::block::{BlockShelf, Memory};
use crate::bucket::objects::Objects;
use crate::depot::Depot;
use crate::head::Head;
use crate::log::{Hold, Log, Replay};
use crate::seam::{Fs, Held, RealFs};

/// How often a long replay says where it is.
const PROGRESS: Duration = Duration::from_secs(5);

/// The memory for blocks on disk.
const MEMORY: Memory = Memory::mib(64, 64);

/// So many records are read ahead of the head.
const AHEAD: usize = 2;

impl Resource for Declaration {
    const NAME: &'static str = "store";
    type Opened = Store;

    fn directories(&self) -> Vec<PathBuf> {
        vec![self.path.clone()]
    }

    async fn open(self, context: &Context) -> Result<Arc<Store>> {
        let depot = context.resource::<Depot>(self.bucket.name())?;
        let objects = Arc::new(Objects::local(&self.path.join("blocks"))?);
        let shelf = BlockShelf::new(objects, context.clock.clone(), MEMORY).measured(&context.metrics);
        let store = Store::open(self, context, Arc::new(RealFs), Arc::new(shelf), Some(depot)).await?;
        let tasks = [
            tokio::spawn(cut::run(&store)),
            tokio::spawn(upload::run(&store)),
            tokio::spawn(sweep::run(&store)),
            tokio::spawn(bounds::run(&store)),
        ];
        let closing = store.clone();
        context.on_close(async move {
            // What is dropped has changed nothing, or is found again.
            for task in tasks {
                task.abort();
                let _ = task.await;
            }
            closing.close().await
        });
        Ok(Arc::new(store))
    }
}

// === impl Store ===

impl Store {
    /// Opens a store on a file system, a shelf for its blocks, and where they go from there: lists the blocks, replays the log, and cuts meanwhile where the log
    /// is more than memory takes. Nothing cuts on its own afterwards.
    ///
    /// # Errors
    /// Another process has the directory, a newer program wrote the log, or a disk or the bucket fails.
    pub async fn open(
        settings: Declaration,
        context: &Context,
        fs: Arc<dyn Fs>,
        shelf: Arc<dyn Shelf>,
        depot: Option<Arc<Depot>>,
    ) -> Result<Self> {
        let path = settings.path.clone();
        let held = claim(&*fs, &path)?;
        let identity = Identity::next(&*fs, &path, context.clock.now())?;
        shelf.begin(identity.life);
        let (measures, limits) = (Measures::new(&context.metrics), TenantLimits::new(&settings, context)?);
        let mut view = View::default();
        for (tenant, block) in shelf.list().await? {
            view.replace(&tenant, &[], &[block]);
        }
        measures.blocks(&view);
        let metrics = KnownMetrics::new(settings.head.max_metrics);
        let exemplars = Exemplars::new(settings.head.max_exemplars);
        let notes = Notes::open(fs.clone(), &path, |batch| {
            metrics.note(batch.tenant(), batch.metadata());
            exemplars.note(batch, Source::Notes);
        })?;
        // A life begins later than the one before made numbers: those count changes, of which there is fewer than 65536 each
        // millisecond.
        let changes = ChangeLog::new(context.clock.now().max(0).unsigned_abs() << 16);
        let head = Head::default();
        let dir = path.join("log");
        let replay = Replay::new(fs.clone(), dir.clone())?;
        let (disk, me, clock) = (fs.clone(), identity.clone(), context.clock.clone());
        let replay = replay.on_loss(move || me.renew(&*disk, &path, clock.now()));
        let in_flight = Arc::new(Semaphore::new((settings.head.in_flight.get() / 1024).min(1 << 28) as usize));
        let log = Log::new(fs, dir, settings.log.segment.get(), replay.segments(), Arc::new(measures.clone()));
        let store = Self(Arc::new(State {
            settings,
            limits,
            clock: context.clock.clone(),
            head,
            log,
            identity,
            shelf,
            depot,
            view: RwLock::new(view),
            leaving: Mutex::default(),
            in_flight,
            holds: Mutex::default(),
            cutting: tokio::sync::Mutex::default(),
            moving: tokio::sync::Mutex::default(),
            waiting: Mutex::default(),
            pressed: Arc::default(),
            metrics,
            exemplars,
            notes,
            changes,
            measures,
            held: Mutex::new(Some(held)),
        }));
        store.replay(replay).await?;
        Ok(store)
    }

    async fn replay(&self, mut replay: Replay) -> Result<()> {
        let begin = Instant::now();
        let (sender, mut records) = mpsc::channel::<(Batch, Hold)>(AHEAD);
        let reader = tokio::task::spawn_blocking(move || {
            while let Some(record) = replay.read()? {
                if sender.blocking_send(record).is_err() {
                    break;
                }
            }
            Ok::<_, Error>((replay.damage(), replay.bytes()))
        });
        let (mut samples, mut collisions, mut last) = (0, 0, begin);
        while let Some((batch, hold)) = records.recv().await {
            samples += batch.sample_count();
            let places = self.0.head.resolve(&batch);
            collisions += places.collisions().count();
            self.insert(&batch, Source::Log, batch.metadata(), &places, &[hold]);
            if self.is_pressed() {
                self.write(self.0.head.freeze()).await?;
            }
            if last.elapsed() >= PROGRESS {
                last = Instant::now();
                tracing::info!(samples, series = self.0.head.usage().series, "replaying the log");
            }
        }
        let (damage, bytes) = reader.await.map_err(cut::lost)??;
        self.0.measures.replayed(&damage, begin.elapsed());
        self.0.measures.observe(&self.0.head.usage());
        if !damage.is_none() || collisions > 0 {
            tracing::warn!(?damage, collisions, "the log was damaged; what could be read was");
        }
        self.write_known().await?;
        self.0.log.reclaim().await?;
        tracing::info!(samples, bytes, took = ?begin.elapsed(), "replayed the log");
        Ok(())
    }
}

/// Creates and locks the directory.
fn claim(fs: &dyn Fs, path: &Path) -> Result<Box<dyn Held>> {
    let wrong = |what: &str, error: io::Error| {
        Error::invalid(format!("the store directory `{}` can't be {what}", path.display())).with_source(error)
    };
    fs.create_dir_all(&path.join("log")).map_err(|error| wrong("created", error))?;
    fs.lock(&path.join("lock")).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => {
            Error::invalid(format!("the store directory `{}` is in use by another process", path.display()))
        }
        _ => wrong("locked", error),
    })
}

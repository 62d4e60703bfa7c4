//! When a Weir cut its head, and merged blocks, by its own metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hyper::Method;
use hyper::body::Bytes;

use crate::Result;
use crate::http::Connection;

/// How often it is looked.
const EACH: Duration = Duration::from_millis(50);

/// What a store does beside taking samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Work {
    /// Writes its head as blocks.
    Cut,
    /// Merges small blocks, after a cut.
    Merge,
}

/// When something was under way, to what can be seen from outside: never less than it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) work: Work,
    pub(super) begin: Instant,
    pub(super) end: Instant,
    /// How long it took by its own account, where it says that.
    pub(super) took: Duration,
}

/// What the metrics say so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counts {
    pub(super) cuts: f64,
    pub(super) cut_seconds: f64,
    pub(super) merges: f64,
}

/// Looks at the metrics again and again, until it is stopped.
pub(super) struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Vec<Window>>>,
}

/// Windows from one look to the next.
#[derive(Debug)]
pub(super) struct Log {
    seen: Counts,
    looked: Instant,
    pub(super) windows: Vec<Window>,
}

// === impl Counts ===

impl Counts {
    /// Reads a page of metrics.
    pub(super) fn read(page: &str) -> Self {
        let value = |name: &str| {
            let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.and_then(|text| text.parse().ok()).unwrap_or(0.0)
        };
        Self {
            cuts: value("prometheus_tsdb_compaction_duration_seconds_count"),
            cut_seconds: value("prometheus_tsdb_compaction_duration_seconds_sum"),
            merges: value("weir_store_merges_total"),
        }
    }
}

// === impl Watch ===

impl Watch {
    /// Begins to look at `url`.
    pub(super) fn start(url: String) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(look(&url, &stopped))
        });
        Self { stop, thread }
    }

    /// All that was seen.
    pub(super) fn stop(self) -> Result<Vec<Window>> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| "the watch of cuts failed")?
    }
}

async fn look(url: &str, stop: &AtomicBool) -> Result<Vec<Window>> {
    let mut connection = Connection::new(url)?;
    let mut log = Log::new(Instant::now());
    while !stop.load(Ordering::Relaxed) {
        let asked = Instant::now();
        let reply = connection.send(Method::GET, &[], Bytes::new()).await?;
        log.note(Counts::read(&reply.text), asked, Instant::now());
        tokio::time::sleep(EACH).await;
    }
    Ok(log.windows)
}

// === impl Log ===

impl Log {
    pub(super) fn new(start: Instant) -> Self {
        Self { seen: Counts::default(), looked: start, windows: Vec::new() }
    }

    /// Takes what was asked for at one time, and answered at another.
    pub(super) fn note(&mut self, counts: Counts, asked: Instant, answered: Instant) {
        if counts.cuts > self.seen.cuts {
            // It ended since the last look, and may have ended right after that.
            let took = Duration::try_from_secs_f64(counts.cut_seconds - self.seen.cut_seconds).unwrap_or_default();
            let begin = self.looked.checked_sub(took).unwrap_or(self.looked);
            self.windows.push(Window { work: Work::Cut, begin, end: answered, took });
        }
        if counts.merges > self.seen.merges {
            // A store merges after a cut, one merge after the other.
            let begin = self.windows.last().map_or(self.looked, |window| window.end.min(self.looked));
            self.windows.push(Window { work: Work::Merge, begin, end: answered, took: Duration::ZERO });
        }
        (self.seen, self.looked) = (counts, asked);
    }
}

//! A ring whose members are in a file that is looked at now and then.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use serde::Deserialize;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use weir_pipeline::config::Mistake;
use weir_pipeline::{Clock, Context, Error, Result, Tenant};

use super::layout::Earlier;
use super::telemetry::Telemetry;
use super::{Layout, Member, OpenRing, Shape, Shards};
use crate::settings_file::{read, understand};

/// What the file has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    /// The number of this membership, from 1 on; greater than the one before.
    epoch: u64,
    members: Vec<Member>,
    /// Earlier ones, whose members still have what is nowhere else.
    #[serde(default)]
    previous: Vec<Earlier>,
    /// How many members keep the series of a tenant; 0 for all.
    #[serde(default)]
    shuffle_shard_size: usize,
    /// How many those of some tenants.
    #[serde(default)]
    shuffle_shard_sizes: BTreeMap<Tenant, usize>,
}

/// How fast a change is followed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// How often the file is looked at.
    pub(super) poll: Duration,
    /// How long after that batches go by what it says.
    pub(super) write_after: Duration,
}

/// Looks at the file.
pub(super) struct Watch {
    path: PathBuf,
    shape: Shape,
    pace: Pace,
    ring: Arc<OpenRing>,
    /// What comes, and when; the next one first.
    coming: VecDeque<(Instant, Arc<Layout>)>,
    /// What the file said last, good or bad.
    seen: Result<String, String>,
    telemetry: Telemetry,
}

// === impl Watch ===

impl Watch {
    /// Reads the file, and goes on to look at it.
    pub(super) async fn open(path: PathBuf, shape: Shape, pace: Pace, context: &Context) -> Result<Arc<OpenRing>> {
        let seen = read(&path).await;
        let layout = layout(&path, shape, seen.as_deref()).map_err(Error::invalid)?;
        let telemetry = Telemetry::new(context);
        // So that the first failure is a rise.
        ["ok", "error"].into_iter().for_each(|result| _ = telemetry.reload(result));
        let (newest, age) = (Arc::new(layout), age(&path, &context.clock).await);
        let left = pace.write_after.saturating_sub(age);
        // What has just changed others need not know yet.
        let before = newest.previous().first().filter(|_| !left.is_zero()).cloned();
        let ring = Arc::new(OpenRing::fixed(before.clone().unwrap_or_else(|| newest.clone())));
        telemetry.follows(&ring.current());
        let mut coming = VecDeque::new();
        if let Some(before) = before {
            let (from, to) = (before.epoch(), newest.epoch());
            tracing::info!(file = %path.display(), from, to, ?left, "the ring has changed just now");
            ring.announce(newest.clone());
            coming.push_back((Instant::now() + left, newest));
        }
        let watch = Self { path, shape, pace, ring: ring.clone(), coming, seen, telemetry };
        tokio::spawn(watch.run(context.shutdown.clone()));
        Ok(ring)
    }

    async fn run(mut self, shutdown: CancellationToken) {
        let mut look = Instant::now() + self.pace.poll;
        loop {
            let due = self.coming.front().map_or(look, |(due, _)| *due);
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = sleep_until(due.min(look)) => {}
            }
            if Instant::now() >= look {
                self.look().await;
                look = Instant::now() + self.pace.poll;
            }
            while let Some((_, next)) = self.coming.pop_front_if(|(due, _)| *due <= Instant::now()) {
                self.telemetry.follows(&next);
                self.ring.change(next);
            }
        }
    }

    /// Will follow the file where it changed for the better; says once what is wrong with it otherwise.
    async fn look(&mut self) {
        let now = read(&self.path).await;
        if now == self.seen {
            return;
        }
        self.seen = now;
        let before = self.ring.newest();
        let next = layout(&self.path, self.shape, self.seen.as_deref()).and_then(|next| self.follow(&before, next));
        let file = self.path.display();
        match next {
            Ok(None) => {}
            Ok(Some(next)) => {
                let (epoch, members) = (next.epoch(), next.members().len());
                let write_after = self.pace.write_after;
                tracing::info!(%file, epoch, members, ?write_after, "the ring changes");
                self.telemetry.reload("ok").inc();
                let next = Arc::new(next);
                self.ring.announce(next.clone());
                self.coming.push_back((Instant::now() + write_after, next));
            }
            Err(error) => {
                tracing::warn!(error, epoch = before.epoch(), "the ring stays as it is");
                self.telemetry.reload("error").inc();
            }
        }
    }

    /// What to go on with: nothing where only the text differs.
    fn follow(&self, before: &Layout, next: Layout) -> Result<Option<Layout>, String> {
        if next == *before {
            return Ok(None);
        }
        let (old, new, file) = (before.epoch(), next.epoch(), self.path.display());
        if new <= old {
            return Err(format!("{file}: expected an `epoch` greater than `{old}` with other members, got `{new}`"));
        }
        Ok(Some(next))
    }
}

/// How long ago the file was written; nothing where that is not known.
async fn age(path: &Path, clock: &Clock) -> Duration {
    let written = tokio::fs::metadata(path).await.and_then(|metadata| metadata.modified());
    let written = written.ok().and_then(|written| written.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let now = u64::try_from(clock.now()).unwrap_or_default();
    Duration::from_millis(now).saturating_sub(written)
}

/// The layout that the file describes.
fn layout(path: &Path, shape: Shape, text: Result<&str, &String>) -> Result<Layout, String> {
    let file = path.display().to_string();
    let (listed, node): (Listed, _) = understand(path, text.map_err(Clone::clone)?)?;
    let Listed { epoch, members, previous, shuffle_shard_size: size, shuffle_shard_sizes: tenants } = listed;
    let key = if epoch == 0 { "epoch" } else { "members" };
    let at = node.get(key).map_or(node.at, |value| value.at);
    let mistake = |message| Mistake { file, at, path: key.into(), message };
    Layout::new(shape, epoch, members)
        .and_then(|layout| layout.sharded(Shards { size, tenants })?.after(previous))
        .map_err(|message| mistake(message).to_string())
}

#[cfg(test)]
mod tests;

//! Follows what names say, once they have said the same for long enough.
//!
//! Each node looks by itself, and no node knows what another saw. So what one writes by, those who query must go by before:
//! batches go by what was said at every look for all of `settle`; queries go by whatever was said twice, half of `settle` apart,
//! though something else was said meanwhile. Where a change comes to all nodes within half of `settle`, that is earlier.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use weir_pipeline::{Context, Error, Result};

use super::super::telemetry::Telemetry;
use super::super::{Layout, Member, OpenRing, Shape, Shards};
use crate::dns::Unknown;

/// How fast a change is followed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// How often names are looked up.
    pub(super) interval: Duration,
    /// For how long they must say the same.
    pub(super) settle: Duration,
}

/// Knows who is there.
pub(super) trait Lookup: Send + Sync + 'static {
    /// Who is there now, in an order that does not hang on how that is known.
    ///
    /// # Errors
    /// Nobody, or it is not known.
    fn members(&self) -> impl Future<Output = Result<Vec<Member>, Unknown>> + Send;
}

/// Looks names up.
pub(super) struct Watch<L> {
    lookup: L,
    pace: Pace,
    shape: (Shape, Shards),
    telemetry: Telemetry,
    /// What was said not long ago.
    said: Vec<Said>,
    /// When somebody told last.
    told: Instant,
    /// What is wrong; it is logged once.
    trouble: Option<String>,
}

/// Something that names said.
struct Said {
    layout: Arc<Layout>,
    first: Instant,
    last: Instant,
    /// Since when nothing else was said.
    steady: Option<Instant>,
}

// === impl Watch ===

impl<L: Lookup> Watch<L> {
    /// Waits until names say the same for long enough, and goes on to look.
    pub(super) async fn open(
        lookup: L,
        pace: Pace,
        shape: (Shape, Shards),
        context: &Context,
    ) -> Result<Arc<OpenRing>> {
        let telemetry = Telemetry::new(context);
        // So that the first failure is a rise.
        ["ok", "wrong", "error"].into_iter().for_each(|result| _ = telemetry.lookup(result));
        let (said, told) = (Vec::new(), Instant::now());
        let mut watch = Self { lookup, pace, shape, telemetry, said, told, trouble: None };
        let layout = tokio::select! {
            layout = watch.begin() => layout,
            () = context.shutdown.cancelled() => return Err(Error::closed()),
        };
        watch.telemetry.follows(&layout);
        let ring = Arc::new(OpenRing::learned(layout, pace.settle.saturating_mul(2)));
        tokio::spawn(watch.run(ring.clone(), context.shutdown.clone()));
        Ok(ring)
    }

    /// What the ring begins with.
    async fn begin(&mut self) -> Arc<Layout> {
        let settle = self.pace.settle;
        tracing::info!(?settle, "the ring begins once the names of its members say the same for a while");
        loop {
            if let Some(said) = self.look(0).await.filter(|said| said.is_settled(settle)) {
                return said.layout.clone();
            }
            sleep(self.pace.interval).await;
        }
    }

    async fn run(mut self, ring: Arc<OpenRing>, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = sleep(self.pace.interval) => {}
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.follow(&ring) => {}
            }
        }
    }

    /// Looks, and has the ring follow.
    async fn follow(&mut self, ring: &OpenRing) {
        let (current, settle) = (ring.current(), self.pace.settle);
        let Some(said) = self.look(current.epoch()).await else {
            ring.expect(None);
            // Others may know of members that this node does not.
            let silent = self.told.elapsed();
            let doubt = self.trouble.as_ref().filter(|_| silent >= settle / 2 && !silent.is_zero());
            ring.doubt_it(
                doubt.map(|why| format!("the ring's members are not known for {} s: {why}", silent.as_secs())),
            );
            return;
        };
        let layout = said.layout.clone();
        let (is_settled, is_expected) = (said.is_settled(settle), said.last - said.first >= settle / 2);
        ring.doubt_it(None);
        if layout.members() == current.members() {
            ring.expect(None);
        } else if is_settled {
            let next = Arc::new(layout.as_epoch(current.epoch().saturating_add(1)));
            let (epoch, members) = (next.epoch(), next.members().len());
            tracing::info!(epoch, members, "the ring changes");
            ring.expect(Some(layout));
            self.telemetry.follows(&next);
            ring.change(next);
        } else {
            ring.expect(is_expected.then_some(layout));
        }
    }

    /// What names say now, where that makes a ring; `epoch` is that before it.
    async fn look(&mut self, epoch: u64) -> Option<&Said> {
        let found = self.lookup.members().await;
        let now = Instant::now();
        if !matches!(found, Err(Unknown::Silent(_))) {
            self.told = now;
        }
        let result = if self.told == now { "wrong" } else { "error" };
        let layout = found.map_err(|unknown| unknown.to_string()).and_then(|members| {
            let known = self.said.iter().find(|said| said.layout.members() == members);
            let (shape, shards) = &self.shape;
            let new = || Layout::new(*shape, epoch.saturating_add(1), members.clone())?.sharded(shards.clone());
            known.map_or_else(|| new().map(Arc::new), |said| Ok(said.layout.clone()))
        });
        let layout = layout.inspect_err(|why| self.tell(why, result)).ok();
        self.note(layout?, now)
    }

    /// Says once what is wrong.
    fn tell(&mut self, why: &str, result: &'static str) {
        self.telemetry.lookup(result).inc();
        if self.trouble.as_deref() != Some(why) {
            tracing::warn!(error = why, "the ring stays as it is");
        }
        self.trouble = Some(why.to_owned());
        self.said.iter_mut().for_each(|said| said.steady = None);
    }

    /// Notes what was said at a time.
    fn note(&mut self, layout: Arc<Layout>, now: Instant) -> Option<&Said> {
        self.telemetry.lookup("ok").inc();
        self.trouble = None;
        let long_ago = self.pace.settle.saturating_mul(2);
        self.said.retain(|said| Arc::ptr_eq(&said.layout, &layout) || now - said.last <= long_ago);
        for said in &mut self.said {
            if Arc::ptr_eq(&said.layout, &layout) {
                said.last = now;
                said.steady = said.steady.or(Some(now));
            } else {
                said.steady = None;
            }
        }
        if !self.said.iter().any(|said| Arc::ptr_eq(&said.layout, &layout)) {
            self.said.push(Said { layout: layout.clone(), first: now, last: now, steady: Some(now) });
        }
        self.said.iter().find(|said| Arc::ptr_eq(&said.layout, &layout))
    }
}

// === impl Said ===

impl Said {
    fn is_settled(&self, settle: Duration) -> bool {
        self.steady.is_some_and(|since| self.last - since >= settle)
    }
}

#[cfg(test)]
mod tests;

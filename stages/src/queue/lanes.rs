//! The senders of a queue: each has series of its own and sends one request at a time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use weir_pipeline::batch::Series;
use weir_pipeline::units::Span;
use weir_pipeline::{Batch, Clock, Error, Kind, Next, SeriesId, Write};

use super::telemetry::Telemetry;
use crate::outage::Outage;
use crate::random::Random;

/// The longest pause that the rest may ask for.
const LONGEST: Duration = Duration::from_secs(300);

/// How a queue sends on.
pub(super) struct Sending {
    pub(super) next: Next<Write>,
    pub(super) senders: usize,
    /// How many samples are sent together.
    pub(super) together: usize,
    /// The first pause after a failure, and the longest.
    pub(super) backoff: (Duration, Duration),
    pub(super) max_age: Option<Span>,
    pub(super) clock: Clock,
    pub(super) telemetry: Telemetry,
    /// Whether the rest fails.
    pub(super) outage: Outage,
    pub(super) runtime: Handle,
}

/// The senders. What is given to them they send, in the order of each series.
pub(super) struct Lanes {
    parts: Arc<[mpsc::UnboundedSender<Part>]>,
    /// Cancelled where nothing new is to be begun: what is not under way comes back.
    hurry: CancellationToken,
    /// Cancelled where nothing is to go on at all.
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Told when a batch has come to an end.
pub(super) trait Ended: Send + Sync {
    /// The queue has stopped before so many samples of a batch were sent.
    fn kept(&self, samples: u64);

    /// All parts of the batch `number` have come to an end: at the rest, or lost. With `kept` some have not, and the queue
    /// has stopped.
    fn ended(&self, number: u64, kept: bool);
}

/// A batch under way. The last of its parts tells.
struct Ticket {
    number: u64,
    kept: AtomicBool,
    to: Arc<dyn Ended>,
}

/// What one sender sends of a batch.
struct Part {
    batch: Batch,
    /// When the batch was accepted, in milliseconds since the Unix epoch; of several, the oldest.
    accepted: i64,
    tickets: Vec<Arc<Ticket>>,
}

/// One sender.
struct Lane {
    sending: Arc<Sending>,
    parts: mpsc::UnboundedReceiver<Part>,
    /// What came and does not go together with what is sent now.
    held: Option<Part>,
    hurry: CancellationToken,
    stop: CancellationToken,
    random: Random,
}

// === impl Lanes ===

impl Lanes {
    /// Starts the senders.
    pub(super) fn start(sending: Sending) -> Self {
        let (sending, tasks) = (Arc::new(sending), TaskTracker::new());
        let (hurry, stop) = (CancellationToken::new(), CancellationToken::new());
        let start = |i: usize| {
            let (sender, parts) = mpsc::unbounded_channel();
            let random = Random::new(sending.clock.now().unsigned_abs().wrapping_mul(i as u64 * 2 + 3));
            let (hurry, stop) = (hurry.clone(), stop.clone());
            let lane = Lane { sending: sending.clone(), parts, held: None, hurry, stop, random };
            tasks.spawn_on(lane.run(), &sending.runtime);
            sender
        };
        Self { parts: (0..sending.senders).map(start).collect(), hurry, stop, tasks }
    }

    /// Gives a batch to the senders. Without any the queue has stopped, and the batch has come to an end.
    pub(super) fn send(&self, batch: Batch, accepted: i64, number: u64, to: Arc<dyn Ended>) {
        let ticket = Arc::new(Ticket { number, kept: AtomicBool::new(false), to });
        for (lane, batch) in split(batch, self.parts.len()) {
            let part = Part { batch, accepted, tickets: vec![ticket.clone()] };
            match self.parts.get(lane).map(|lane| lane.send(part)) {
                Some(Ok(())) => {}
                Some(Err(mpsc::error::SendError(part))) => part.keep(),
                None => ticket.kept.store(true, Ordering::Relaxed),
            }
        }
    }

    /// Has the senders begin nothing new, and gives them `patience` to end what is under way.
    pub(super) async fn keep(&self, patience: Duration) {
        self.hurry.cancel();
        self.end(patience).await;
    }

    /// Waits until everything is sent, for at most `patience`. Nothing may be given to the senders any more.
    pub(super) async fn drain(self, patience: Duration) {
        let Self { parts, hurry, stop, tasks } = self;
        drop(parts);
        Self { parts: Arc::new([]), hurry, stop, tasks }.end(patience).await;
    }

    async fn end(&self, patience: Duration) {
        self.tasks.close();
        if timeout(patience, self.tasks.wait()).await.is_err() {
            self.stop.cancel();
            self.tasks.wait().await;
        }
    }
}

/// What each sender has to do with `batch`: every series belongs to one of them.
fn split(batch: Batch, lanes: usize) -> Vec<(usize, Batch)> {
    let lane = |id: SeriesId| ((id.as_u128() >> 64) as u64 % lanes.max(1) as u64) as usize;
    let route: Vec<usize> = batch.iter().map(|series| lane(series.id)).collect();
    let first = route.first().copied().unwrap_or(0);
    if route.iter().all(|lane| *lane == first) {
        return vec![(first, batch)];
    }
    let is_empty = |part: &Batch| part.is_empty() && part.exemplar_count() == 0;
    let parts: Vec<_> =
        batch.split(&route, lanes).into_iter().enumerate().filter(|(_, part)| !is_empty(part)).collect();
    // Series without samples, and what is said of metrics: that is told as a whole.
    if parts.is_empty() { vec![(first, batch)] } else { parts }
}

// === impl Ticket ===

impl Drop for Ticket {
    fn drop(&mut self) {
        self.to.ended(self.number, self.kept.load(Ordering::Relaxed));
    }
}

// === impl Part ===

impl Part {
    /// Says that it was not sent.
    fn keep(self) {
        self.tickets.iter().for_each(|ticket| ticket.kept.store(true, Ordering::Relaxed));
        if let Some(ticket) = self.tickets.first() {
            ticket.to.kept(self.batch.sample_count() as u64);
        }
    }

    /// These parts, which are of one tenant, as one: each series once, with all of its samples in their order.
    fn together(parts: Vec<Self>) -> Option<Self> {
        let mut parts = parts.into_iter();
        let (first, others) = (parts.next()?, parts.as_slice());
        if others.is_empty() {
            return Some(first);
        }
        let all = || std::iter::once(&first).chain(others);
        let (mut places, mut runs) = (HashMap::new(), Vec::<Vec<Series<'_>>>::new());
        for series in all().flat_map(|part| part.batch.iter()) {
            let place = *places.entry(series.labels.encoded()).or_insert(runs.len());
            match runs.get_mut(place) {
                Some(run) => run.push(series),
                None => runs.push(vec![series]),
            }
        }
        let mut out = Batch::builder(first.batch.tenant().clone());
        for run in &runs {
            run.first().into_iter().for_each(|series| _ = out.series(series.labels));
            run.iter().for_each(|series| _ = out.samples_of(*series));
        }
        all().flat_map(|part| part.batch.metadata()).for_each(|said| _ = out.metadata(said.clone()));
        let accepted = all().map(|part| part.accepted).min().unwrap_or(first.accepted);
        let tickets = all().flat_map(|part| part.tickets.iter().cloned()).collect();
        Some(Self { batch: out.build(), accepted, tickets })
    }
}

// === impl Lane ===

impl Lane {
    async fn run(mut self) {
        while !self.hurry.is_cancelled() {
            let first = match self.held.take() {
                Some(held) => Some(held),
                None => tokio::select! {
                    biased;
                    () = self.hurry.cancelled() => break,
                    part = self.parts.recv() => part,
                },
            };
            let Some(first) = first else { return };
            let Some(part) = self.gather(first) else { continue };
            if !self.deliver(&part).await {
                part.keep();
            }
        }
        // Nothing new is begun: what is left is kept.
        self.parts.close();
        self.held.take().into_iter().for_each(Part::keep);
        while let Some(part) = self.parts.recv().await {
            part.keep();
        }
    }

    /// A part with those that wait behind it, as far as they go together.
    fn gather(&mut self, first: Part) -> Option<Part> {
        let (mut samples, mut parts) = (first.batch.sample_count(), vec![first]);
        while let Ok(part) = self.parts.try_recv() {
            samples = samples.saturating_add(part.batch.sample_count());
            let same = parts.first().is_some_and(|first| first.batch.tenant() == part.batch.tenant());
            if !same || samples > self.sending.together {
                self.held = Some(part);
                break;
            }
            parts.push(part);
        }
        Part::together(parts)
    }

    /// Sends a part until it is taken or lost. False where the queue stopped before.
    async fn deliver(&mut self, part: &Part) -> bool {
        let samples = part.batch.sample_count() as u64;
        let (mut pause, longest) = self.sending.backoff;
        let mut request = self.sending.outage.request();
        loop {
            let sent = tokio::select! {
                biased;
                sent = self.sending.next.send(part.batch.clone()) => sent,
                () = self.stop.cancelled() => return false,
            };
            let error = match sent {
                Ok(_) => {
                    self.sending.telemetry.sent(samples);
                    request.worked();
                    return true;
                }
                Err(error) => error,
            };
            // The rest may close before the queue does; the batch has nothing to do with it.
            if !error.kind().is_retryable() && error.kind() != Kind::Closed {
                self.lose(samples, error.kind().as_str(), &error);
                return true;
            }
            if self.is_too_old(part) {
                self.lose(samples, "max_age", &error);
                return true;
            }
            self.sending.telemetry.retried(&error);
            if error.kind() != Kind::Closed {
                request.failed(&error);
            }
            let wait = self.random.around(pause).max(asked(error.kind()));
            pause = (2 * pause).min(longest);
            tokio::select! {
                biased;
                () = self.hurry.cancelled() => return false,
                () = self.stop.cancelled() => return false,
                () = sleep(wait) => {}
            }
        }
    }

    fn is_too_old(&self, part: &Part) -> bool {
        let age = self.sending.clock.now().saturating_sub(part.accepted);
        self.sending.max_age.is_some_and(|most| age > most.as_millis())
    }

    fn lose(&self, samples: u64, reason: &'static str, error: &Error) {
        self.sending.telemetry.lost(samples, reason);
        tracing::warn!(samples, reason, error = error.report(), "samples that the queue had accepted are lost");
    }
}

/// How long the rest asks to be left alone.
fn asked(kind: Kind) -> Duration {
    match kind {
        Kind::Unavailable { retry_after } | Kind::Overloaded { retry_after } => {
            retry_after.unwrap_or_default().min(LONGEST)
        }
        _ => Duration::ZERO,
    }
}

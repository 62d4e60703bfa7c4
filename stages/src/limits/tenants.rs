//! What each tenant may still do.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use weir_pipeline::ack::reason;
use weir_pipeline::{Error, Kind, Result, SeriesId, Tenant};

/// Samples a second, and at once.
pub(super) type Rate = (u64, u64);

/// The most tenants that are known at a time.
const MAX_TENANTS: usize = 100_000;

/// All tenants.
pub(super) struct Tenants {
    /// How long a series is active, in milliseconds.
    active_for: i64,
    all: Mutex<HashMap<Tenant, Arc<Mutex<State>>>>,
    /// What all may send together.
    together: Mutex<Option<Credit>>,
    /// The active series of all.
    active: AtomicU64,
    /// When those were last looked for that are not active any more, in milliseconds since the Unix epoch.
    swept: AtomicI64,
}

/// One tenant while a batch of it is looked at.
pub(crate) struct Held<'a> {
    state: &'a mut State,
    before: usize,
    /// The active series of all tenants.
    active: &'a AtomicU64,
}

struct State {
    /// What it may send; `None` where nothing was sent yet.
    credit: Option<Credit>,
    /// When it was looked at last, in milliseconds since the Unix epoch.
    at: i64,
    /// The series that were seen since `turned`, and those that were seen in the time before that alone.
    young: HashSet<SeriesId>,
    old: HashSet<SeriesId>,
    turned: i64,
}

/// What may be sent.
#[derive(Clone, Copy)]
struct Credit {
    /// Now, in samples; below 0 after a batch that was larger than a burst.
    samples: f64,
    /// When that was so, in milliseconds since the Unix epoch.
    at: i64,
}

// === impl Tenants ===

impl Tenants {
    pub(super) fn new(active_for: i64) -> Self {
        let (active, swept) = (AtomicU64::new(0), AtomicI64::new(0));
        Self { active_for, all: Mutex::default(), together: Mutex::default(), active, swept }
    }

    /// Looks at `tenant` with `look`.
    ///
    /// # Errors
    /// There are too many tenants, or what `look` finds.
    pub(super) fn with<T>(
        &self,
        tenant: &Tenant,
        now: i64,
        look: impl FnOnce(&mut Held<'_>) -> Result<T>,
    ) -> Result<T> {
        let state = self.state(tenant, now)?;
        let mut state = lock(&state);
        let before = state.active();
        state.at = now;
        state.turn(now, self.active_for);
        self.active.fetch_sub((before - state.active()) as u64, Relaxed);
        look(&mut Held { state: &mut state, before, active: &self.active })
    }

    /// Forgets the series of tenants that have sent nothing for so long that none of them is active, and says how many those are.
    /// It looks as rarely as series end.
    pub(super) fn sweep(&self, now: i64) -> u64 {
        let swept = self.swept.load(Relaxed);
        let is_due = now.saturating_sub(swept) >= self.active_for;
        if !is_due || self.swept.compare_exchange(swept, now, Relaxed, Relaxed).is_err() {
            return 0;
        }
        // Nobody waits for all of them, nor holds one while waiting for the rest.
        let all: Vec<_> = lock(&self.all).values().cloned().collect();
        let ended: u64 = all.iter().map(|state| lock(state).end(now, self.active_for) as u64).sum();
        self.active.fetch_sub(ended, Relaxed);
        ended
    }

    /// Takes `samples` off what all tenants may send.
    ///
    /// # Errors
    /// `Unavailable`, with the time after which they may.
    pub(super) fn spend_of_all(&self, samples: u64, now: i64, rate: Option<Rate>) -> Result<()> {
        let mut together = lock(&self.together);
        let Some(rate) = rate else {
            *together = None;
            return Ok(());
        };
        together.get_or_insert(Credit::new(rate, now)).spend(samples, now, rate).map_err(|after| {
            let kind = Kind::Unavailable { retry_after: Some(after) };
            Error::new(kind, format!("all tenants together may send {} samples a second", rate.0))
        })
    }

    /// Takes it back.
    pub(super) fn give_back(&self, samples: u64) {
        if let Some(credit) = &mut *lock(&self.together) {
            credit.samples += samples as f64;
        }
    }

    fn state(&self, tenant: &Tenant, now: i64) -> Result<Arc<Mutex<State>>> {
        let mut all = lock(&self.all);
        if let Some(state) = all.get(tenant) {
            return Ok(state.clone());
        }
        if all.len() >= MAX_TENANTS {
            // Those that are counted as active go with the next sweep.
            all.retain(|_, state| {
                let state = lock(state);
                state.active() > 0 || now.saturating_sub(state.at) < self.active_for.saturating_mul(2)
            });
        }
        if all.len() >= MAX_TENANTS {
            return Err(Error::unavailable(format!("expected at most {MAX_TENANTS} tenants at a time")).of_tenant());
        }
        let state = State { credit: None, at: now, young: HashSet::new(), old: HashSet::new(), turned: now };
        let state = Arc::new(Mutex::new(state));
        all.insert(tenant.clone(), state.clone());
        Ok(state)
    }
}

/// The data of a mutex, also where a holder panicked: none of these hold half-made states.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl Held ===

impl Held<'_> {
    /// Takes `samples` off what the tenant may send.
    ///
    /// # Errors
    /// `Overloaded`, with the time after which it may.
    pub(super) fn spend(&mut self, samples: u64, now: i64, rate: Option<Rate>, tenant: &Tenant) -> Result<()> {
        let Some(rate) = rate else {
            self.state.credit = None;
            return Ok(());
        };
        self.state.credit.get_or_insert(Credit::new(rate, now)).spend(samples, now, rate).map_err(|after| {
            let kind = Kind::Overloaded { retry_after: Some(after) };
            Error::new(kind, format!("tenant `{tenant}` may send {} samples a second", rate.0))
        })
    }

    /// Which limit a series is beyond that is not one of at most `most` of its tenant that are active, and of at most
    /// `most_of_all` of all tenants; 0 is no limit. One that is stays so from now on.
    pub(crate) fn refuses(&mut self, id: SeriesId, most: u64, most_of_all: u64) -> Option<&'static str> {
        let state = &mut *self.state;
        if most == 0 && most_of_all == 0 || state.young.contains(&id) {
            return None;
        }
        if !state.old.remove(&id) {
            if most > 0 && state.active() as u64 >= most {
                return Some(reason::SERIES_LIMIT);
            }
            let one_more = |active: u64| (most_of_all == 0 || active < most_of_all).then_some(active + 1);
            if self.active.fetch_update(Relaxed, Relaxed, one_more).is_err() {
                return Some(reason::GLOBAL_SERIES_LIMIT);
            }
        }
        state.young.insert(id);
        None
    }

    /// How many active series there are more than before, or less.
    pub(super) fn changed(&self) -> i64 {
        self.state.active() as i64 - self.before as i64
    }
}

// === impl State ===

impl State {
    fn active(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Forgets all series where none is active any more, and says how many those are.
    fn end(&mut self, now: i64, active_for: i64) -> usize {
        if now.saturating_sub(self.at) < active_for {
            return 0;
        }
        let ended = self.active();
        (self.young, self.old) = (HashSet::new(), HashSet::new());
        ended
    }

    /// Forgets the series that are not active any more.
    fn turn(&mut self, now: i64, active_for: i64) {
        let since = now.saturating_sub(self.turned);
        if since < active_for {
            return;
        }
        self.old = std::mem::take(&mut self.young);
        if since >= active_for.saturating_mul(2) {
            self.old.clear();
        }
        self.turned = now;
    }
}

// === impl Credit ===

impl Credit {
    fn new((_, burst): Rate, now: i64) -> Self {
        Self { samples: burst as f64, at: now }
    }

    /// Takes `samples` off, or says after which time that may be.
    fn spend(&mut self, samples: u64, now: i64, (rate, burst): Rate) -> Result<(), Duration> {
        let since = now.saturating_sub(self.at).max(0) as f64 / 1000.0;
        self.at = now;
        self.samples = (self.samples + since * rate as f64).min(burst as f64);
        let missing = samples.min(burst) as f64 - self.samples;
        if samples > 0 && missing > 0.0 {
            // Not at once, and not earlier than there is enough.
            return Err(Duration::from_secs_f64((missing / rate as f64).clamp(0.001, 3600.0)));
        }
        self.samples -= samples as f64;
        Ok(())
    }
}

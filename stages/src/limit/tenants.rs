//! What each tenant may still do.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use weir_pipeline::{Error, Kind, Result, SeriesId, Tenant};

use super::Reason;

/// The most tenants that are known at a time.
const MAX_TENANTS: usize = 100_000;

/// All tenants.
pub(super) struct Tenants {
    /// Samples a second, and at once.
    rate: Option<(u64, u64)>,
    series: Option<u64>,
    /// How long a series is active, in milliseconds.
    active_for: i64,
    all: Mutex<HashMap<Tenant, Arc<Mutex<State>>>>,
}

/// One tenant while a batch of it is looked at.
pub(super) struct Held<'a> {
    of: &'a Tenants,
    state: &'a mut State,
    before: usize,
}

struct State {
    /// What it may send now, in samples; below 0 after a batch that was larger than a burst.
    credit: f64,
    /// When it was looked at last, in milliseconds since the Unix epoch.
    at: i64,
    /// The series that were seen since `turned`, and those that were seen in the time before that alone.
    young: HashSet<SeriesId>,
    old: HashSet<SeriesId>,
    turned: i64,
}

// === impl Tenants ===

impl Tenants {
    pub(super) fn new(rate: Option<(u64, u64)>, series: Option<u64>, active_for: i64) -> Self {
        Self { rate, series, active_for, all: Mutex::default() }
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
        state.turn(now, self.active_for);
        look(&mut Held { of: self, state: &mut state, before })
    }

    fn state(&self, tenant: &Tenant, now: i64) -> Result<Arc<Mutex<State>>> {
        let mut all = lock(&self.all);
        if let Some(state) = all.get(tenant) {
            return Ok(state.clone());
        }
        if all.len() >= MAX_TENANTS {
            all.retain(|_, state| now.saturating_sub(lock(state).at) < self.active_for.saturating_mul(2));
        }
        if all.len() >= MAX_TENANTS {
            return Err(Error::unavailable(format!("expected at most {MAX_TENANTS} tenants at a time")));
        }
        let credit = self.rate.map_or(0.0, |(_, burst)| burst as f64);
        let state = State { credit, at: now, young: HashSet::new(), old: HashSet::new(), turned: now };
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
    pub(super) fn spend(&mut self, samples: u64, now: i64, tenant: &Tenant) -> Result<()> {
        let since = now.saturating_sub(self.state.at).max(0) as f64 / 1000.0;
        self.state.at = now;
        let Some((rate, burst)) = self.of.rate else { return Ok(()) };
        let state = &mut *self.state;
        state.credit = (state.credit + since * rate as f64).min(burst as f64);
        let missing = samples.min(burst) as f64 - state.credit;
        if samples > 0 && missing > 0.0 {
            // Not at once, and not earlier than there is enough.
            let after = Duration::from_secs_f64((missing / rate as f64).clamp(0.001, 3600.0));
            let kind = Kind::Overloaded { retry_after: Some(after) };
            return Err(Error::new(kind, format!("tenant `{tenant}` may send {rate} samples a second")));
        }
        state.credit -= samples as f64;
        Ok(())
    }

    /// Why a series is refused. One that is not is active from now on.
    pub(super) fn refuses(&mut self, id: SeriesId) -> Option<Reason> {
        let most = self.of.series?;
        let state = &mut *self.state;
        if state.young.contains(&id) {
            return None;
        }
        if !state.old.remove(&id) && state.active() as u64 >= most {
            return Some("series_limit");
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

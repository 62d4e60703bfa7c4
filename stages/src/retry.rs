//! `retry`: repeats requests that failed and may succeed later.
//!
//! ```yaml
//! retry: { attempts: 3 }
//! ```
//!
//! All settings: `retry: { attempts: 3, backoff: { initial: 100ms, max: 10s }, budget: { window: 10s, min_per_second: 10,
//! percent: 20 } }`.
//!
//! Shape: requests and answers pass untouched. Serves both paths.
//!
//! Errors: what the rest says of a request for good (invalid, unprocessable, closed, internal) passes at once; timed out,
//! unavailable and overloaded after the last attempt, or when the budget is spent, as the rest's last error. Of failures that are
//! repeated the first is logged, one a minute while that goes on, and that it is over.
//!
//! Order: above what fails now and then, below `timeout` if all attempts share one time, above it if each has its own. A
//! batch that timed out may have been written: the store merges what comes twice. An answer is never repeated, also
//! where it rejects samples.
//!
//! Source: `tower::retry` with its `TpsBudget` and `ExponentialBackoff`.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join};
use serde::Deserialize;
use tower::retry::Policy;
use tower::retry::backoff::{Backoff as _, ExponentialBackoff, ExponentialBackoffMaker, MakeBackoff};
use tower::retry::budget::{Budget as _, TpsBudget};
use tower::util::rng::Rng;
use weir_pipeline::units::Span;
use weir_pipeline::{Context, Error, Kind, Next, Path, Result, Stage};

use crate::outage::{Attempts, Outage};

/// Repeats requests that failed and may succeed later.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Retry(Fields);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    /// How often a request is sent at most, the first time included; 1 to 100.
    attempts: u32,
    /// How long to wait between attempts.
    #[serde(default)]
    backoff: Backoff,
    /// How many attempts beyond the first all requests have together.
    #[serde(default)]
    budget: Budget,
}

/// How long to wait between attempts: twice as long each time, up to `max`, and a random part of that more. A failure
/// that says when to come back is heeded up to `max`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Backoff {
    /// After the first attempt. Default `100ms`.
    initial: Span,
    /// At most; above 0. Default `10s`.
    max: Span,
}

/// How many attempts beyond the first all requests have together, so that a rest that is down is not kept there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Budget {
    /// For how long an answer counts; `1s` to `60s`. Default `10s`.
    window: Span,
    /// So many a second in any case; up to 1,000,000. Default 10.
    min_per_second: u32,
    /// For each 100 answers so many more; up to 1000. Default 20.
    percent: u16,
}

/// Whether and when to send again; a clone for each request.
#[derive(Clone)]
struct Again {
    left: u32,
    max: Duration,
    backoff: ExponentialBackoff<Dice>,
    budget: Arc<TpsBudget>,
    request: Attempts,
}

/// Random numbers that differ between clones: tower's own would make all requests wait equally long.
#[derive(Clone, Debug, Default)]
struct Dice {
    hash: RandomState,
    thrown: Arc<AtomicU64>,
}

// === impl Retry ===

impl TryFrom<Fields> for Retry {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let Fields { attempts, backoff: Backoff { initial, max }, budget: Budget { window, min_per_second, percent } } =
            &fields;
        let seconds = window.get().as_secs_f64();
        let wrong = if !(1..=100).contains(attempts) {
            format!("expected `attempts` of 1 to 100, got `{attempts}`")
        } else if max.get().is_zero() {
            format!("expected `backoff.max` above 0, got `{max}`")
        } else if initial > max {
            format!("expected `backoff.initial` of at most `{max}`, which is `backoff.max`, got `{initial}`")
        } else if !(1.0..=60.0).contains(&seconds) {
            format!("expected `budget.window` of 1s to 1m, got `{window}`")
        } else if *min_per_second > 1_000_000 {
            format!("expected `budget.min_per_second` of at most 1000000, got `{min_per_second}`")
        } else if *percent > 1000 {
            format!("expected `budget.percent` of at most 1000, got `{percent}`")
        } else {
            return Ok(Self(fields));
        };
        Err(wrong)
    }
}

impl<P: Path> Stage<P> for Retry {
    const NAME: &'static str = "retry";

    fn wrap(self, context: &Context, next: Next<P>) -> Result<Next<P>> {
        let Fields { attempts, backoff, budget } = self.0;
        let (initial, max) = (backoff.initial.get(), backoff.max.get());
        let mut maker = ExponentialBackoffMaker::new(initial, max, 1.0, Dice::default())
            .map_err(|error| Error::internal("expected a backoff that tower takes").with_source(error))?;
        let ratio = f32::from(budget.percent) / 100.0;
        let budget = TpsBudget::new(budget.window.get(), budget.min_per_second, ratio);
        let (left, request) = (attempts - 1, Outage::new(context.place.clone()).request());
        let again = Again { left, max, backoff: maker.make_backoff(), budget: Arc::new(budget), request };
        Ok(Next::new(tower::retry::Retry::new(again, next)))
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self { initial: Span::from_millis(100), max: Span::from_secs(10) }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self { window: Span::from_secs(10), min_per_second: 10, percent: 20 }
    }
}

// === impl Again ===

impl<Request: Clone, Response> Policy<Request, Response, Error> for Again {
    type Future = BoxFuture<'static, ()>;

    fn retry(&mut self, _: &mut Request, result: &mut Result<Response>) -> Option<Self::Future> {
        let Err(error) = result else {
            self.budget.deposit();
            self.request.worked();
            return None;
        };
        if !error.kind().is_retryable() || self.left == 0 || !self.budget.withdraw() {
            return None;
        }
        self.left -= 1;
        self.request.failed(error);
        let asked = match error.kind() {
            Kind::Unavailable { retry_after } | Kind::Overloaded { retry_after } => retry_after.unwrap_or_default(),
            _ => Duration::ZERO,
        };
        let asked = tokio::time::sleep(asked.min(self.max));
        Some(join(self.backoff.next_backoff(), asked).map(|_| ()).boxed())
    }

    fn clone_request(&mut self, request: &Request) -> Option<Request> {
        Some(request.clone())
    }
}

// === impl Dice ===

impl Rng for Dice {
    fn next_u64(&mut self) -> u64 {
        // tower divides this by 2^64 and takes no zero.
        self.hash.hash_one(self.thrown.fetch_add(1, Ordering::Relaxed)) | (1 << 11)
    }
}

#[cfg(test)]
mod tests;

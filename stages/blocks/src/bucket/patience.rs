//! How long requests to a bucket may take, and how often they are repeated.
//!
//! Repeated is what may pass: answers with status 5xx, 429 and 408, connections that can't be made or break, and requests
//! without an answer in time (also puts: they are the same however often they come; [`Exact`](super::exact) sees to those
//! that are conditional). The content of an object that breaks off is fetched from there on. Not repeated are answers that
//! would be the same again, and requests to remove an object that had no answer in time.

use std::time::Duration;

use object_store::{BackoffConfig, ClientOptions, HeaderValue, RetryConfig};
use serde::Deserialize;
use weir_pipeline::units::Span;

use super::exact::Pauses;

/// How long requests may take, and how often they are repeated.
#[derive(Clone, Debug)]
pub(super) struct Patience {
    /// For one attempt, with its answer.
    pub(super) timeout: Span,
    /// For making a connection.
    pub(super) connect_timeout: Span,
    /// How requests are repeated.
    pub(super) retry: Retry,
}

/// How requests that fail are repeated. The defaults bridge some seconds, as a restart of a gateway or a request to slow
/// down: whoever asked has waits of its own for what lasts longer (a cut is repeated, a query has a time limit).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Retry {
    /// How often a request is sent at most, the first time included; 1 to 100. Default 6.
    attempts: u32,
    /// After this time no attempt begins; up to `5m`, because an attempt is signed like the first one and signatures expire.
    /// Default `1m`: two attempts that time out.
    within: Span,
    /// How long to wait between attempts.
    backoff: Backoff,
}

/// How long to wait between attempts: each time up to twice as long as the time before, at random, up to `max`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Backoff {
    /// After the first attempt, and at least; above 0. Default `100ms`.
    initial: Span,
    /// At most; up to `1m`. Default `5s`.
    max: Span,
}

// === impl Patience ===

impl Patience {
    /// The same, if it makes sense.
    ///
    /// # Errors
    /// What is expected of the first setting that makes none.
    pub(super) fn checked(self) -> Result<Self, String> {
        let Self { timeout, connect_timeout, retry: Retry { attempts, within, backoff: Backoff { initial, max } } } =
            &self;
        let wrong = if !(1..=3_600_000).contains(&timeout.as_millis()) {
            format!("expected `timeout` above 0 and up to 1h, got `{timeout}`")
        } else if connect_timeout.get().is_zero() || connect_timeout > timeout {
            format!(
                "expected `connect_timeout` above 0 and up to `{timeout}`, which is `timeout`, got `{connect_timeout}`"
            )
        } else if !(1..=100).contains(attempts) {
            format!("expected `retry.attempts` of 1 to 100, got `{attempts}`")
        } else if *within > Span::from_secs(300) {
            format!("expected `retry.within` of at most 5m, got `{within}`")
        } else if initial.get().is_zero() {
            format!("expected `retry.backoff.initial` above 0, got `{initial}`")
        } else if initial > max {
            format!(
                "expected `retry.backoff.initial` of at most `{max}`, which is `retry.backoff.max`, got `{initial}`"
            )
        } else {
            return Ok(self);
        };
        Err(wrong)
    }

    /// What a request and all its repetitions may take.
    pub(super) fn longest(&self) -> Duration {
        self.retry.within.get() + self.retry.backoff.max.get() + self.timeout.get()
    }

    /// The pauses between attempts.
    pub(super) fn pauses(&self) -> Pauses {
        Pauses::new(self.retry.attempts, self.retry.backoff.initial.get(), self.retry.backoff.max.get())
    }

    pub(super) fn to_retry(&self) -> RetryConfig {
        let Retry { attempts, within, backoff } = &self.retry;
        RetryConfig {
            backoff: BackoffConfig { init_backoff: backoff.initial.get(), max_backoff: backoff.max.get(), base: 2.0 },
            max_retries: *attempts as usize - 1,
            retry_timeout: within.get(),
        }
    }

    pub(super) fn to_client(&self) -> ClientOptions {
        ClientOptions::new()
            .with_timeout(self.timeout.get())
            .with_connect_timeout(self.connect_timeout.get())
            .with_user_agent(HeaderValue::from_static(concat!("weir/", env!("CARGO_PKG_VERSION"))))
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self { timeout: Span::from_secs(30), connect_timeout: Span::from_secs(5), retry: Retry::default() }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 6, within: Span::from_secs(60), backoff: Backoff::default() }
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self { initial: Span::from_millis(100), max: Span::from_secs(5) }
    }
}

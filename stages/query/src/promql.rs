//! `promql` answers queries from a store.
//!
//! ```yaml
//! sink:
//!   promql: { store: central }
//! ```
//!
//! Shape: a sink of the read path. Always ready: queries beyond `concurrency` wait for their turn, which counts towards
//! their `timeout`.
//!
//! Errors: those of [`Engine::query`].
//!
//! Order: last. What splits, caches or limits queries stands before it.

use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, de::Error as _};
use weir_blocks::Store;
use weir_pipeline::units::{Bytes, Ref, Span};
use weir_pipeline::{Context, Next, Query, Read, Result, Sink};

use crate::engine::{Engine, Limits};
use crate::exec::source::Stored;

/// The sink's settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promql {
    /// The store that has the samples.
    pub store: Ref<Store>,
    /// What one query may take in memory; default 256MiB, at least 1MiB. All queries together take at most this times
    /// `concurrency`. A query that needs more fails.
    #[serde(default = "memory", deserialize_with = "some_memory")]
    pub memory: Bytes,
    /// How far an instant selector looks back, where the query does not say; default 5m, at least 1ms.
    #[serde(default = "lookback", deserialize_with = "some_time")]
    pub lookback: Span,
    /// How long a query may take, its wait included, where it does not ask for less; default 2m, at least 1ms.
    #[serde(default = "timeout", deserialize_with = "some_time")]
    pub timeout: Span,
    /// How many samples a query may load; default 50000000, at least 1. A query that needs more fails.
    #[serde(default = "max_samples")]
    pub max_samples: NonZeroU64,
    /// How many queries run at once; default 8, at least 1. Others wait.
    #[serde(default = "concurrency")]
    pub concurrency: NonZeroUsize,
}

fn memory() -> Bytes {
    Bytes::mib(256)
}

fn lookback() -> Span {
    Span::from_secs(5 * 60)
}

fn timeout() -> Span {
    Span::from_secs(2 * 60)
}

fn max_samples() -> NonZeroU64 {
    NonZeroU64::MIN.saturating_add(49_999_999)
}

fn concurrency() -> NonZeroUsize {
    NonZeroUsize::MIN.saturating_add(7)
}

fn some_memory<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    let memory = Bytes::deserialize(deserializer)?;
    if memory < Bytes::mib(1) {
        return Err(D::Error::custom(format!("expected at least 1MiB, got `{memory}`")));
    }
    Ok(memory)
}

fn some_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    let time = Span::deserialize(deserializer)?;
    if time.get().is_zero() {
        return Err(D::Error::custom("expected at least 1ms, got `0s`"));
    }
    Ok(time)
}

// === impl Promql ===

impl Promql {
    /// What a query may use.
    pub fn limits(&self) -> Limits {
        Limits {
            memory: self.memory.get(),
            lookback: self.lookback.get(),
            timeout: self.timeout.get(),
            max_samples: self.max_samples.get(),
            concurrency: self.concurrency.get(),
        }
    }
}

impl Sink<Read> for Promql {
    const NAME: &'static str = "promql";

    fn open(self, context: &Context) -> Result<Next<Read>> {
        let store = context.resource::<Store>(self.store.name())?;
        let source = Arc::new(Stored::new((*store).clone()));
        let engine = Arc::new(Engine::new(source, self.limits()).on_threads()?);
        Ok(Next::new(tower::service_fn(move |query: Query| {
            let engine = engine.clone();
            async move { engine.query(query).await }
        })))
    }
}

#[cfg(test)]
mod tests;

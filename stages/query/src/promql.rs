//! `promql`: answers queries from a store, or from all stores of a cluster, in PromQL and in SQL.
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

use std::collections::BTreeMap;
use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, de::Error as _};
use weir_blocks::Store;
use weir_pipeline::units::{Bytes, Ref, Span};
use weir_pipeline::{Context, Next, Query, Read, Result, Sink, Tenant};

use crate::cluster::OpenCluster;
use crate::engine::{Engine, Limits, MetricsSource, Replicas};
use crate::exec::source::Stored;

/// The sink's settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Promql {
    /// What has the samples.
    pub of: Of,
    /// What a query may use.
    pub limits: Limits,
    /// The labels in which replicas differ.
    pub replicas: Replicas,
}

/// What has the samples.
#[derive(Clone, Debug)]
pub enum Of {
    /// A store of this process.
    Store(Ref<Store>),
    /// The members of a ring.
    Cluster(Ref<OpenCluster>),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    /// The store that has the samples. Either this or `cluster`.
    #[serde(default)]
    store: Option<Ref<Store>>,
    /// The cluster that has the samples.
    #[serde(default)]
    cluster: Option<Ref<OpenCluster>>,
    /// What one query may take in memory; default 256MiB, at least 1MiB. All queries together take at most this times
    /// `concurrency`. A query that needs more fails.
    #[serde(default = "memory", deserialize_with = "some_memory")]
    memory: Bytes,
    /// What all queries of one tenant may take in memory together; default 1GiB, at least 1MiB. A query that needs more fails.
    #[serde(default = "tenant_memory", deserialize_with = "some_memory")]
    tenant_memory: Bytes,
    /// How many queries of one tenant run at once, at least 1; others wait. Default: as many as of all tenants.
    #[serde(default)]
    tenant_concurrency: Option<NonZeroUsize>,
    /// How many series a selector of a query may find; default 3000000, at least 1. A query that finds more fails.
    #[serde(default = "max_series")]
    max_series: NonZeroUsize,
    /// How far an instant selector looks back, where the query does not say; default 5m, at least 1ms.
    #[serde(default = "lookback", deserialize_with = "some_time")]
    lookback: Span,
    /// How long a query may take, its wait included, where it does not ask for less; default 2m, at least 1ms.
    #[serde(default = "timeout", deserialize_with = "some_time")]
    timeout: Span,
    /// How many samples a query may read, all together, of which few are in memory at a time; default 1000000000, at least 1. A query
    /// that reads more fails.
    #[serde(default = "max_samples")]
    max_samples: NonZeroU64,
    /// How many queries run at once; default 8, at least 1. Others wait.
    #[serde(default = "concurrency")]
    concurrency: NonZeroUsize,
    /// The labels in which the replicas of one scraper differ, such as `[prometheus_replica]`: their series become one.
    /// Default: none. A query may name others (`replicaLabels[]`), or none (`dedup=false`).
    #[serde(default)]
    replica_labels: Vec<String>,
    /// The same for tenants with labels of their own.
    #[serde(default)]
    tenant_replica_labels: BTreeMap<Tenant, Vec<String>>,
}

fn memory() -> Bytes {
    Bytes::mib(256)
}

fn tenant_memory() -> Bytes {
    Bytes::mib(1024)
}

fn max_series() -> NonZeroUsize {
    NonZeroUsize::MIN.saturating_add(2_999_999)
}

fn lookback() -> Span {
    Span::from_secs(5 * 60)
}

fn timeout() -> Span {
    Span::from_secs(2 * 60)
}

fn max_samples() -> NonZeroU64 {
    NonZeroU64::MIN.saturating_add(999_999_999)
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

impl TryFrom<Fields> for Promql {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let of = match (fields.store, fields.cluster) {
            (Some(store), None) => Of::Store(store),
            (None, Some(cluster)) => Of::Cluster(cluster),
            (Some(_), Some(_)) => return Err("expected one of `store` and `cluster`, got both".into()),
            (None, None) => return Err("expected one of `store` and `cluster`, got neither".into()),
        };
        let limits = Limits {
            memory: fields.memory.get(),
            tenant_memory: fields.tenant_memory.get(),
            tenant_concurrency: fields.tenant_concurrency.unwrap_or(fields.concurrency).get(),
            max_series: fields.max_series.get(),
            lookback: fields.lookback.get(),
            timeout: fields.timeout.get(),
            max_samples: fields.max_samples.get(),
            concurrency: fields.concurrency.get(),
        };
        let replicas = Replicas::new(fields.replica_labels, fields.tenant_replica_labels);
        Ok(Self { of, limits, replicas })
    }
}

impl Sink<Read> for Promql {
    const NAME: &'static str = "promql";

    fn open(self, context: &Context) -> Result<Next<Read>> {
        let source: Arc<dyn MetricsSource> = match self.of {
            Of::Store(store) => Arc::new(Stored::new((*context.resource::<Store>(store.name())?).clone())),
            Of::Cluster(cluster) => context.resource::<OpenCluster>(cluster.name())?,
        };
        let engine = Arc::new(Engine::new(source, self.limits).with_replicas(self.replicas).on_threads()?);
        Ok(Next::new(tower::service_fn(move |query: Query| {
            let engine = engine.clone();
            async move { engine.query(query).await }
        })))
    }
}

#[cfg(test)]
mod tests;

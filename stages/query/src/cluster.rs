//! `cluster`: what all store nodes of a ring have, as one.
//!
//! ```yaml
//! all:
//!   cluster: { ring: central, bucket: main }
//! ```
//!
//! All settings: `cluster: { ring: central, bucket: main, quorum: majority, timeout: 30s, connect_timeout: 2s, hedge: 500ms,
//! memory: 256MiB, uploaded_after: 3h, founded_within: 1m, tls_config: { … }, bearer_token_file: token }`, in the place of a token
//! `basic_auth: { username: node, password_file: password }`. `quorum` is that of the ring's writers (`replicate`).
//!
//! Shape: each question goes to the `read_address` of as many members of each replica set as must be heard, so that every
//! acknowledged sample is with one of them: of `factor` N and `quorum` W these are N−W+1. Where one of them fails, or
//! takes longer than `hedge`, the others are asked too. With a `bucket` the members answer only what is not in it yet; its
//! catalog is read after they have answered, so that what they upload meanwhile is not missed. What replicas have in common
//! is kept once; samples are merged exactly, by series and timestamp.
//!
//! Errors: where fewer members can be heard the answer is partial, and says so in its warnings; with
//! `partial_response=false` it is an error (`Unavailable`). A question whose samples take more than `memory` fails.
//!
//! A node that came empty in the place of another has not what that one acknowledged. What it has is taken; it counts as
//! heard where the question begins after it came, or once it is there for `uploaded_after` and with that all from before in
//! the `bucket`. Members of a set that came within `founded_within` of each other, and none before, are a new set, and count.
//!
//! Exemplars, and what members know of metrics, are united: all are asked, and answer for those that don't where as many as must be heard do. What
//! recent series are made of is added up over replica sets, of which the member with most counts (with `rendezvous` it is the sum
//! of all members by `factor`), and the values of a label are those of the member that has most of them.
//!
//! What has changed since a result was kept (`cache`) is asked of as many members as must be heard, each since it was asked last.
//!
//! What there is of tenants is added up over all members, so that copies count, with what is in the `bucket` once. That a tenant
//! be deleted is said to all members, also of earlier epochs; where one can't be told, or does not allow it (`samples.admin`), it is
//! an error, and to be said again. What a router or another member still holds back for a member comes in afterwards: stop
//! its senders first.
//!
//! With shuffle sharding the questions of a tenant go to the sets of its shard alone.
//!
//! A ring that changes: members of earlier epochs, those that the ring names as `previous` and those that it had less than
//! `uploaded_after` ago, are asked as well, and each epoch's replica sets must be heard: what was written to them is still
//! only there. Where a ring's members are looked up in DNS nobody tells of earlier ones: for `uploaded_after` after the start all
//! members must be heard, and while no name server answers every answer is partial.

mod changes;
mod epochs;
mod hear;
mod known;
mod telemetry;
mod tenants;
mod totals;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use weir_blocks::extras::{beside, join};
use weir_blocks::{Depot, Selection};
use weir_pipeline::batch::Metadata;
use weir_pipeline::query::TenantUsage;
use weir_pipeline::units::{Bytes, Ref, Span, above_zero};
use weir_pipeline::{
    Ask, Cardinality, Changes, Clock, Context, Error, Query, Resource, Result, SeriesExemplars, Tenant,
};
use weir_stages::node::NodeReader;
use weir_stages::outbound::BasicAuth;
use weir_stages::replicate::Quorum;
use weir_stages::ring::OpenRing;
use weir_stages::tls::TlsClient;

use crate::exec::source::{Found, Known, MetricsSource, Selected, Wanted};
use changes::Changed;
use epochs::Epochs;
use hear::{Heard, Hearing, Newness};
use known::Poll;
use telemetry::Telemetry;

/// How many times more entries members are asked for: what is large in all is not the largest in each.
const MORE: usize = 4;

/// The settings of a cluster.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Whose members are asked.
    pub ring: Ref<OpenRing>,
    /// The bucket that the members share. Without it they are asked for all that they have.
    #[serde(default)]
    pub bucket: Option<Ref<Depot>>,
    /// How many members must have written a batch before it is acknowledged, as the ring's writers have it. Default
    /// `majority`.
    #[serde(default)]
    pub quorum: Quorum,
    /// How long a member may take to answer to the end. Default 30s.
    #[serde(default = "default_timeout", deserialize_with = "above_zero")]
    pub timeout: Span,
    /// How long it may take to connect. Default 2s.
    #[serde(default = "default_connect_timeout", deserialize_with = "above_zero")]
    pub connect_timeout: Span,
    /// After how long the members that were not asked yet are asked too. Default 500ms.
    #[serde(default = "default_hedge")]
    pub hedge: Span,
    /// What the samples of one question may take in memory, compressed. Default 256MiB.
    #[serde(default = "default_memory", deserialize_with = "above_zero")]
    pub memory: Bytes,
    /// How long after a sample was acknowledged it is in the bucket, at the latest: more than `head.cut_after`,
    /// `upload.after` and `upload.take_over` of the stores together, and longer than a store or the bucket is away.
    /// Default 3h.
    #[serde(default = "default_uploaded_after")]
    pub uploaded_after: Span,
    /// Members of a replica set that started for the first time within so long are the first ones. Default 1m.
    #[serde(default = "default_founded_within")]
    pub founded_within: Span,
    /// TLS of the connections to members. Default: none, the network is the cluster's own.
    #[serde(default)]
    pub tls_config: Option<TlsClient>,
    /// The file whose first line is the token that it shows, where the members' `auth` asks for one; read again when it
    /// changes. Default none.
    #[serde(default)]
    pub bearer_token_file: Option<PathBuf>,
    /// A name and its password, instead; `password_file` is read again when it changes. Default none.
    #[serde(default)]
    pub basic_auth: Option<BasicAuth>,
}

/// A cluster that can be asked.
pub struct OpenCluster {
    epochs: Epochs,
    depot: Option<Arc<Depot>>,
    settings: Cluster,
    reader: NodeReader,
    clock: Clock,
    telemetry: Telemetry,
    changed: Changed,
}

fn default_timeout() -> Span {
    Span::from_secs(30)
}

fn default_connect_timeout() -> Span {
    Span::from_secs(2)
}

fn default_hedge() -> Span {
    Span::from_millis(500)
}

fn default_uploaded_after() -> Span {
    Span::from_secs(3 * 3600)
}

fn default_founded_within() -> Span {
    Span::from_secs(60)
}

fn default_memory() -> Bytes {
    Bytes::mib(256)
}

// === impl Cluster ===

impl Resource for Cluster {
    const NAME: &'static str = "cluster";
    type Opened = OpenCluster;

    async fn open(self, context: &Context) -> Result<Arc<OpenCluster>> {
        let ring = context.resource::<OpenRing>(self.ring.name())?;
        // Also what it is to become.
        let (layout, known) = (ring.current(), ring.recent(Duration::ZERO));
        let layouts = known.iter().flat_map(|layout| std::iter::once(layout).chain(layout.previous()));
        let mut members = layouts.flat_map(|layout| layout.members());
        if let Some(member) = members.find(|member| member.read_address.is_empty()) {
            let (ring, member) = (self.ring.name(), &member.name);
            return Err(Error::invalid(format!("expected a `read_address` of member `{member}` of ring `{ring}`")));
        }
        self.quorum.of(layout.factor())?;
        let reader = NodeReader::new(self.connect_timeout.get(), self.tls_config.as_ref())?;
        let reader = reader.with_auth(self.basic_auth.as_ref(), self.bearer_token_file.as_deref())?;
        let telemetry = Telemetry::new(context);
        let depot = self.bucket.as_ref().map(|bucket| context.resource::<Depot>(bucket.name())).transpose()?;
        let epochs = Epochs::new(ring, self.uploaded_after.get());
        let clock = context.clock.clone();
        let changed = Changed::new(&clock);
        Ok(Arc::new(OpenCluster { epochs, depot, settings: self, reader, clock, telemetry, changed }))
    }
}

// === impl OpenCluster ===

impl OpenCluster {
    /// Asks the members, and hears as many as must be.
    async fn hear(&self, wanted: Wanted<'_>) -> Result<Heard> {
        let Wanted { tenant, matchers, start, end, labels_only, partial } = wanted;
        let bucket = self.bucket().await;
        let ask = Ask::Samples { matchers: matchers.to_vec(), start, end, labels_only, bucket };
        let timeout = Some(self.settings.timeout.get());
        let query = Query { timeout, partial, kinds: labels_only, ..Query::new(tenant.clone(), ask) };
        let hearing = Hearing {
            reader: self.reader.clone(),
            query: Arc::new(query),
            timeout: self.settings.timeout.get(),
            hedge: self.settings.hedge.get(),
            memory: self.settings.memory,
            newness: self.newness(start),
            telemetry: self.telemetry.clone(),
        };
        let sets = self.epochs.sets(tenant, self.settings.quorum)?;
        hearing.hear(&sets).await
    }

    /// The bucket that is read here. Members of another one, and all where it is not known which one it is, answer with what is
    /// in theirs too.
    async fn bucket(&self) -> Option<Arc<str>> {
        match &self.depot {
            Some(depot) => depot.identity().await,
            None => None,
        }
    }

    /// How members are asked for what they know.
    fn poll(&self, tenant: &Tenant, ask: Ask) -> Poll {
        let timeout = self.settings.timeout.get();
        Poll {
            reader: self.reader.clone(),
            query: Arc::new(Query { timeout: Some(timeout), ..Query::new(tenant.clone(), ask) }),
            timeout,
            hedge: self.settings.hedge.get(),
            memory: self.settings.memory,
            telemetry: self.telemetry.clone(),
        }
    }

    /// Counts an answer that lacks something.
    fn count<T>(&self, known: Known<T>) -> Known<T> {
        if !known.missing.is_empty() {
            self.telemetry.partial.inc();
        }
        known
    }

    fn newness(&self, start: i64) -> Newness {
        let Cluster { uploaded_after, founded_within, .. } = &self.settings;
        let settled = match self.depot {
            Some(_) => self.clock.now().saturating_sub(uploaded_after.as_millis()),
            // What is not with a member is nowhere.
            None => i64::MIN,
        };
        Newness { start, settled, together: founded_within.as_millis() }
    }
}

impl fmt::Debug for OpenCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenCluster({})", self.settings.ring.name())
    }
}

#[async_trait]
impl MetricsSource for OpenCluster {
    async fn select(&self, wanted: Wanted<'_>) -> Result<Arc<dyn Selected>> {
        let Wanted { tenant, matchers, start, end, partial, .. } = wanted;
        let Heard { answers, mut missing } = self.hear(wanted).await?;
        missing.extend(self.epochs.doubt());
        // After the members: what they have uploaded meanwhile is there.
        let bucket = match &self.depot {
            Some(depot) => depot.look(tenant, start, end).await,
            None => Default::default(),
        };
        missing.extend(bucket.missing);
        if !missing.is_empty() {
            self.telemetry.partial.inc();
        }
        let selection = Selection::join(answers, &bucket.blocks, matchers, start, end).await?;
        Ok(Arc::new(Found::new(selection, missing, partial)?))
    }

    async fn exemplars(&self, wanted: Wanted<'_>) -> Result<Known<Vec<SeriesExemplars>>> {
        let Wanted { tenant, matchers, start, end, .. } = wanted;
        let sets = self.epochs.sets(tenant, self.settings.quorum)?;
        let (selectors, bucket) = (vec![matchers.to_vec()], self.bucket().await);
        let poll = self.poll(tenant, Ask::Exemplars { selectors, start, end, bucket });
        let mut known = poll.exemplars(&sets).await?.lacking(self.epochs.doubt());
        // After the members: what they have uploaded meanwhile is there.
        if let Some(depot) = &self.depot {
            let Known { found, missing } = depot.exemplars(tenant, matchers, start, end).await?;
            known = Known { found: join(known.found.into_iter().chain(found)), ..known }.lacking(missing);
        }
        Ok(self.count(known))
    }

    async fn metadata(&self, tenant: &Tenant, metric: Option<&str>) -> Result<Known<Vec<Metadata>>> {
        let sets = self.epochs.sets(tenant, self.settings.quorum)?;
        let ask = Ask::Metadata { metric: metric.map(str::to_owned), bucket: self.bucket().await };
        let mut known = self.poll(tenant, ask).metadata(&sets).await?.lacking(self.epochs.doubt());
        if let Some(depot) = &self.depot {
            let Known { found, missing } = depot.metrics(tenant).await;
            known = Known { found: beside(known.found, found, metric), ..known }.lacking(missing);
        }
        Ok(self.count(known))
    }

    async fn cardinality(&self, tenant: &Tenant, limit: usize) -> Result<Option<Known<Cardinality>>> {
        // Recent series are with the members of now; those of an earlier epoch would count twice.
        let sets = self.epochs.current(tenant, self.settings.quorum)?;
        let poll = self.poll(tenant, Ask::Cardinality { limit: limit.saturating_mul(MORE) });
        Ok(Some(self.count(poll.cardinality(&sets, limit).await?)))
    }

    async fn tenants(&self, only: Option<&Tenant>) -> Result<Option<Known<Vec<TenantUsage>>>> {
        // Whose the question is does not matter.
        let asker = only.cloned().unwrap_or_default();
        let poll = self.poll(&asker, Ask::Tenants { only: only.cloned() });
        let mut known = poll.tenants(self.epochs.everyone(), self.depot.is_some()).await?;
        known.missing.extend(self.epochs.doubt());
        Ok(Some(self.count(known)))
    }

    async fn delete_tenant(&self, tenant: &Tenant) -> Result<Option<TenantUsage>> {
        let timeout = self.settings.timeout.get().max(tenants::DELETION);
        let poll = self.poll(tenant, Ask::DeleteTenant { tenant: tenant.clone() });
        let query = Arc::new(Query { timeout: Some(timeout), ..(*poll.query).clone() });
        let poll = Poll { timeout, query, ..poll };
        let mut known = poll.tenants(self.epochs.everyone(), self.depot.is_some()).await?;
        known.missing.extend(self.epochs.doubt());
        tenants::deleted(tenant, known).map(Some)
    }

    async fn changes(&self, tenant: &Tenant, since: Option<u64>) -> Result<Option<Changes>> {
        let sets = self.epochs.sets(tenant, self.settings.quorum)?;
        if self.epochs.doubt().is_some() {
            return Ok(None);
        }
        // Nobody is waited for where enough have answered.
        let poll = Poll { hedge: Duration::ZERO, ..self.poll(tenant, Ask::Changes { since: None }) };
        let Some(told) = self.changed.hear(poll, &sets).await? else { return Ok(None) };
        let catalog = match &self.depot {
            Some(depot) => match depot.snapshot(tenant).await {
                Some(snapshot) => Some(snapshot),
                None => return Ok(None),
            },
            None => None,
        };
        Ok(Some(self.changed.of(tenant, since, told, catalog)))
    }
}

#[cfg(test)]
mod tests;

//! `replicate`: writes each batch to every member of a replica set, and answers once a quorum of them has written it.
//!
//! ```yaml
//! replicate: { factor: 3, quorum: majority }
//! ```
//!
//! All settings: `replicate: { factor: 3, quorum: majority, patience: 2s, keep_trying: 1m, pending: 64MiB, backoff: {
//! initial: 100ms, max: 1s }, hand_off: false }`.
//!
//! Shape: one branch per member, each of which gets the whole batch (its buffers are shared, not copied). The answer is
//! the ack of the quorum's member that wrote least. What the other members are still doing goes on after the answer, for
//! `keep_trying`; a member that did not get a batch in that time has missed it, which is counted, and is repaired by
//! reading from a quorum.
//!
//! With `hand_off: true` what a member did not get in that time, or found no memory to wait in, goes to another member of the ring
//! that is not of the set: first to one of a zone that lacks a copy. That one keeps it on disk (`hints` of `peers`) and sends it on
//! once the member is back. It counts for no quorum: queries do not ask who keeps what for whom. It saves the copy, so that
//! the next member may be lost, too. Only where nobody keeps it it is missed.
//!
//! Errors: a member that fails and may recover is asked again, with growing pauses that all requests share; a request
//! fails once so many members refuse it for good, or have failed for all of `patience`, that no quorum is left, with the
//! kind of error that the members gave. A member that is too old for a batch (`peers.version`) fails with that one alone: others
//! go on to it meanwhile. What a member answers about the tenant alone, that it has what it may have or is being deleted, is
//! no failure: the request hears it at once, the requests of others are sent on and never hear it.
//!
//! Order: below `shard`, which says which members a partition has. Ready when a quorum of its branches is: a member that is
//! slow does not slow down the others.

mod branch;
mod gate;
mod hands;
mod pending;
mod quorum;
mod telemetry;

use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use futures_util::FutureExt;
use serde::Deserialize;
use tower::Service;
use weir_pipeline::units::{Bytes, Span};
use weir_pipeline::{Batch, Context, Error, Fanout, Next, Reply, Rest, Result, Write};

use crate::ring::{Member, OpenRing, ReplicaSet};
use branch::{Branch, Handle};
use hands::Hands;
pub use hands::HintFor;
use pending::Pending;
use quorum::{Size, Writing};

/// Writes each batch to every member of a replica set, and answers once a quorum of them has written it.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Replicate(Fields);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    /// How many members a replica set has. Default: as many as the ring says; where both say it, they must agree.
    #[serde(default)]
    factor: Option<usize>,
    /// How many members must have written a batch before it is acknowledged: `majority`, or a number. Default `majority`.
    #[serde(default)]
    quorum: Quorum,
    /// How long a request waits for members that fail, where it needs them for its quorum. Default `2s`.
    #[serde(default = "default_patience")]
    patience: Span,
    /// How long a member that was not part of the quorum is asked again. Default `1m`.
    #[serde(default = "default_keep_trying")]
    keep_trying: Span,
    /// The memory that batches may take which were acknowledged and still wait for a member, for each member. Default
    /// `64MiB`.
    #[serde(default = "default_pending")]
    pending: Bytes,
    /// How long to wait before a member that failed is asked again.
    #[serde(default)]
    backoff: Backoff,
    /// Whether other members of the ring keep what a member did not get. Default `false`.
    #[serde(default)]
    hand_off: bool,
}

/// How many members must have written a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Quorum {
    /// More than half.
    #[default]
    Majority,
    /// So many.
    Members(usize),
}

/// How long to wait before a member that failed is asked again: twice as long each time, up to `max`, half of it by chance.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Backoff {
    /// After the first failure. Default `100ms`.
    initial: Span,
    /// At most; above 0, and at most `patience`, so that every request sees the member asked. Default `1s`.
    max: Span,
}

fn default_patience() -> Span {
    Span::from_secs(2)
}

fn default_keep_trying() -> Span {
    Span::from_secs(60)
}

fn default_pending() -> Bytes {
    Bytes::mib(64)
}

/// The branches as one service. A clone has handles of its own.
struct Replicas {
    handles: Vec<Handle>,
    quorum: usize,
    patience: std::time::Duration,
    pending: Pending,
}

// === impl Replicate ===

impl TryFrom<Fields> for Replicate {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let Fields { factor, quorum, patience, backoff: Backoff { initial, max }, .. } = &fields;
        if *factor == Some(0) {
            return Err("expected `factor` of at least 1, got `0`".into());
        }
        match (factor, quorum) {
            (_, Quorum::Members(0)) => return Err("expected `quorum` of at least 1, got `0`".into()),
            (Some(factor), Quorum::Members(n)) if n > factor => {
                return Err(format!("expected `quorum` of at most `{factor}`, which is `factor`, got `{n}`"));
            }
            _ => {}
        }
        if max > patience {
            return Err(format!("expected `backoff.max` of at most `{patience}`, which is `patience`, got `{max}`"));
        }
        if max.get().is_zero() {
            return Err(format!("expected `backoff.max` above 0, got `{max}`"));
        }
        if initial > max {
            return Err(format!(
                "expected `backoff.initial` of at most `{max}`, which is `backoff.max`, got `{initial}`"
            ));
        }
        Ok(Self(fields))
    }
}

impl Fanout<Write> for Replicate {
    const NAME: &'static str = "replicate";

    fn split(self, context: &Context, rest: Rest<Write>) -> Result<Next<Write>> {
        let Fields { factor, quorum, patience, keep_trying, pending, backoff, hand_off } = self.0;
        let set = context.value::<ReplicaSet>();
        let set = set.ok_or_else(|| Error::invalid("expected `shard` above, which says which members there are"))?;
        let members = set.members.len();
        if let Some(factor) = factor.filter(|factor| *factor != members) {
            return Err(Error::invalid(format!("expected the ring to have the factor `{factor}`, got `{members}`")));
        }
        let quorum = quorum.of(members)?;
        let telemetry = telemetry::Telemetry::new(context);
        let branch = |member: &Member| {
            let next = rest.branch(&context.with(Arc::new(member.clone())), &member.name)?;
            let seen = telemetry.member(&member.name);
            Ok(Handle::new(Arc::new(Branch::new(&member.name, next, (backoff.initial.get(), backoff.max.get()), seen))))
        };
        let handles = set.members.iter().map(branch).collect::<Result<Vec<_>>>()?;
        let hands = |ring| Arc::new(Hands::new(ring, set.clone(), rest.clone(), context, pending.get()));
        let hands = context.value::<OpenRing>().filter(|_| hand_off).map(hands);
        let pending = Pending::new(pending.get(), keep_trying.get(), hands);
        context.on_close(pending.clone().close());
        Ok(Next::new(Replicas { handles, quorum, patience: patience.get(), pending }))
    }
}

// === impl Quorum ===

impl Quorum {
    /// How many of so many members.
    ///
    /// # Errors
    /// None, or more than there are.
    pub fn of(self, members: usize) -> Result<usize> {
        match self {
            Self::Majority => Ok(members / 2 + 1),
            Self::Members(0) => Err(Error::invalid("expected a quorum of at least one member, got `0`")),
            Self::Members(n) if n > members => {
                Err(Error::invalid(format!("expected a quorum of at most `{members}` members, got `{n}`")))
            }
            Self::Members(n) => Ok(n),
        }
    }
}

impl TryFrom<String> for Quorum {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "majority" {
            return Ok(Self::Majority);
        }
        text.parse().map(Self::Members).map_err(|_| format!("expected `majority` or a number of members, got `{text}`"))
    }
}

// === impl Backoff ===

impl Default for Backoff {
    fn default() -> Self {
        Self { initial: Span::from_millis(100), max: Span::from_secs(1) }
    }
}

// === impl Replicas ===

impl Clone for Replicas {
    fn clone(&self) -> Self {
        Self {
            handles: self.handles.clone(),
            quorum: self.quorum,
            patience: self.patience,
            pending: self.pending.clone(),
        }
    }
}

impl Service<Batch> for Replicas {
    type Response = weir_pipeline::Ack;
    type Error = Error;
    type Future = Reply<Write>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<()>> {
        let ready = self.handles.iter_mut().filter_map(|handle| handle.poll_ready(cx).is_ready().then_some(())).count();
        if ready >= self.quorum { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn call(&mut self, batch: Batch) -> Reply<Write> {
        let writes = self.handles.iter_mut().map(|handle| handle.write(batch.clone())).collect();
        let size = Size::of(&batch);
        let batch = self.pending.hands_off().then_some(batch);
        Writing::new(writes, self.quorum, self.patience, size, batch).run(self.pending.clone()).boxed()
    }
}

#[cfg(test)]
mod tests;

//! `route`: sends each series down the branch that it matches.
//!
//! ```yaml
//! route:
//!   branches:
//!     - { name: billing, tenants: ["billing", "billing-*"], to: billing }
//!     - { name: slow, match: ['{job="batch"}', '{__name__=~"slow_.*"}'] }
//! ```
//!
//! All settings: `route: { branches: [ { name: …, tenants: [], match: [], continue: false, to: … } ], otherwise: pass }`.
//!
//! Shape: a branch matches the series of its tenants that one of its selectors selects; without tenants those of all, without
//! selectors all series. A series goes to the first branch that it matches, and on to others as long as those say `continue`. A
//! branch with `to` leads to a [`link`](crate::link), and so into another pipeline with stages and a sink of its own; below one
//! without it the rest of this pipeline exists once more, under the branch's name: a queue or a limit of its own. What matches no
//! branch goes down the rest as branch `otherwise`, or with `otherwise: drop` and `otherwise: reject` does not: reason `no_route`.
//! A series that goes to two branches counts twice: its samples are created for each branch but the first.
//!
//! Errors: those of the branches. Where one branch fails the request fails, also if others have written their part: sent again,
//! that part is merged. An error that may pass comes before one that will not.
//!
//! Order: anywhere above what differs. Ready when all its branches are: any batch may need any of them.

use std::collections::HashSet;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use futures_util::FutureExt;
use futures_util::future::join_all;
use serde::Deserialize;
use tower::Service;
use weir_pipeline::ack::{Counts, reason};
use weir_pipeline::units::Ref;
use weir_pipeline::{
    Ack, Batch, Context, Error, Fanout, Labels, Next, Outcome, Reply, Rest, Result, Selector, Tenant, Write,
};

use crate::glob::Glob;
use crate::link::OpenLink;
use crate::shard::merge;

/// The branch of what matches no other.
const OTHERWISE: &str = "otherwise";

/// The most branches: those of a series are bits of a number.
const MAX_BRANCHES: usize = 63;

/// Sends each series down the branch that it matches.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Route(Arc<Fields>);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    /// The branches, of which the first that matches counts; 1 to 63.
    #[serde(default)]
    branches: Vec<Branch>,
    /// What becomes of series that match none: `pass`, `drop` or `reject`. Default `pass`.
    #[serde(default)]
    otherwise: Otherwise,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Branch {
    /// The branch's name, as in places and metrics.
    name: String,
    /// The tenants whose series match, with `*` for any characters. Default: all.
    #[serde(default)]
    tenants: Vec<Glob>,
    /// Selectors, of which one must select a series. Default: all series match.
    #[serde(default, rename = "match")]
    selectors: Vec<Selector>,
    /// Whether series that match go on to later branches too. Default false.
    #[serde(default, rename = "continue")]
    goes_on: bool,
    /// The link that the branch leads to. Default: down the rest of the pipeline.
    #[serde(default)]
    to: Option<Ref<OpenLink>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Otherwise {
    #[default]
    Pass,
    Drop,
    Reject,
}

/// The branches as one service. A clone has handles of its own.
struct Routed {
    settings: Arc<Fields>,
    /// For each branch, the one for the others last, a handle, and whether it is ready.
    handles: Vec<(Next<Write>, bool)>,
}

// === impl Route ===

impl TryFrom<Fields> for Route {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let count = fields.branches.len();
        if !(1..=MAX_BRANCHES).contains(&count) {
            return Err(format!("expected 1 to {MAX_BRANCHES} branches, got {count}"));
        }
        let mut names = HashSet::from([OTHERWISE]);
        for Branch { name, .. } in &fields.branches {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            if name.is_empty() || !name.chars().all(is_plain) {
                return Err(format!("expected letters, digits, `-` and `_` as the name of a branch, got `{name}`"));
            }
            if !names.insert(name) {
                return Err(format!("expected each branch once and none called `{OTHERWISE}`, got `{name}`"));
            }
        }
        Ok(Self(Arc::new(fields)))
    }
}

impl Fanout<Write> for Route {
    const NAME: &'static str = "route";

    fn split(self, context: &Context, rest: Rest<Write>) -> Result<Next<Write>> {
        let branch = |branch: &Branch| match &branch.to {
            Some(link) => Ok(context.resource::<OpenLink>(link.name())?.next()),
            None => rest.branch(context, &branch.name),
        };
        let mut nexts = self.0.branches.iter().map(branch).collect::<Result<Vec<_>>>()?;
        if self.0.otherwise == Otherwise::Pass {
            nexts.push(rest.branch(context, OTHERWISE)?);
        }
        let handles = nexts.into_iter().map(|next| (next, false)).collect();
        Ok(Next::new(Routed { settings: self.0, handles }))
    }
}

// === impl Branch ===

impl Branch {
    fn is_for(&self, tenant: &Tenant) -> bool {
        self.tenants.is_empty() || self.tenants.iter().any(|glob| glob.is_match(tenant.as_str()))
    }

    fn selects(&self, labels: Labels<'_>) -> bool {
        self.selectors.is_empty() || self.selectors.iter().any(|selector| selector.selects(labels))
    }
}

// === impl Routed ===

impl Clone for Routed {
    fn clone(&self) -> Self {
        let handles = self.handles.iter().map(|(next, _)| (next.clone(), false)).collect();
        Self { settings: self.settings.clone(), handles }
    }
}

impl Routed {
    /// The branches of each series, as bits.
    fn routes(&self, batch: &Batch) -> Vec<u64> {
        let branches: Vec<(u64, &Branch)> =
            (0..).map(|i| 1 << i).zip(&self.settings.branches).filter(|(_, b)| b.is_for(batch.tenant())).collect();
        let otherwise = if self.settings.otherwise == Otherwise::Pass { 1 << self.settings.branches.len() } else { 0 };
        let route = |labels: Labels<'_>| {
            let mut bits = 0;
            for (bit, branch) in branches.iter().filter(|(_, branch)| branch.selects(labels)) {
                bits |= bit;
                if !branch.goes_on {
                    return bits;
                }
            }
            if bits == 0 { otherwise } else { bits }
        };
        batch.iter().map(|series| route(series.labels)).collect()
    }

    /// What is known already: samples without a branch, and those that go to several.
    fn account(&self, batch: &Batch, routes: &[u64]) -> Ack {
        let (mut ack, mut lost) = (Ack::default(), Counts::default());
        for (series, bits) in batch.iter().zip(routes) {
            match u64::from(bits.count_ones()) {
                0 => lost = lost.and(Counts::of_series(&series)),
                n => ack.created += (n - 1) * series.sample_count() as u64,
            }
        }
        match self.settings.otherwise {
            Otherwise::Reject if lost != Counts::default() => {
                let detail = format!("series of tenant `{}` match no branch", batch.tenant());
                ack.reject_all(reason::NO_ROUTE, detail, lost);
            }
            _ => ack.add(Outcome::Dropped, reason::NO_ROUTE, lost.samples()),
        }
        ack
    }
}

impl Service<Batch> for Routed {
    type Response = Ack;
    type Error = Error;
    type Future = Reply<Write>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<()>> {
        for (next, is_ready) in self.handles.iter_mut().filter(|(_, is_ready)| !is_ready) {
            ready!(next.poll_ready(cx))?;
            *is_ready = true;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, batch: Batch) -> Reply<Write> {
        let mut routes = self.routes(&batch);
        if routes.is_empty() {
            // What is said of metrics alone goes where the others do.
            routes.push(1 << self.settings.branches.len());
        }
        let mut ack = self.account(&batch, &routes);
        let mut replies = Vec::new();
        for (i, (next, is_ready)) in self.handles.iter_mut().enumerate() {
            let bit = 1u64 << i;
            if routes.iter().all(|bits| bits & bit == 0) {
                continue;
            }
            let mut bits = routes.iter();
            let part = batch.filter(|_| bits.next().is_some_and(|bits| bits & bit != 0));
            *is_ready = false;
            replies.push(next.call(part));
        }
        drop(batch);
        async move {
            ack.merge(merge(join_all(replies).await)?);
            Ok(ack)
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;

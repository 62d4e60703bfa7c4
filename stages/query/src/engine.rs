//! The PromQL engine: from a [`Query`] to an [`Answer`], over any [`MetricsSource`].
//!
//! Each query has a session of its own: its memory pool, its share of what may be loaded, its time. A query that needs
//! more than it may fails with a clear error, and nothing else does. Dropping the future of [`Engine::query`] cancels: what
//! computes looks every few milliseconds whether it is still wanted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::displayable;
use futures_util::TryStreamExt;
use tokio::sync::Semaphore;
use weir_pipeline::{Answer, Ask, Data, Error, Kind, Query, QueryTimings, Result, Tenant};

mod answer;
mod error;
mod executor;
pub mod fuzz;
mod names;
mod nothing;
mod pool;
mod samples;
mod session;
mod sql;
mod stack;
mod stats;
mod unite;

use crate::exec::context::{Bounds, QueryContext};
use crate::exec::counts::{SampleCounts, Scope};
pub use crate::exec::source::{Lasts, MetricsSource, Run, Selected, Wanted};
use crate::exec::steps::Steps;
use crate::plan::{self, Asked, Planned, Planner};
use crate::syntax;
use crate::syntax::ast::Expr;
pub(crate) use answer::truncate;
use answer::{Points, Rows};
pub(crate) use error::innermost;
use executor::Executor;
use pool::{QueryPool, Tenants};
use session::{Plans, Session};
use stack::Need;
pub(crate) use stack::deep;
use stats::Stopwatch;

/// The step of subqueries that do not say one, in milliseconds: Prometheus' default of how often rules are evaluated.
const SUBQUERY_STEP: i64 = 60_000;

/// What a query may use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Bytes of memory for one query.
    pub memory: u64,
    /// Bytes of memory for all queries of one tenant.
    pub tenant_memory: u64,
    /// How many queries of one tenant run at once; others wait.
    pub tenant_concurrency: usize,
    /// How far an instant selector looks back, where the query does not say.
    pub lookback: Duration,
    /// How long a query may take, where it does not ask for less.
    pub timeout: Duration,
    /// How many samples a query may read, all together. What of them is in memory at a time `memory` bounds.
    pub max_samples: u64,
    /// How many series a selector of a query may find.
    pub max_series: usize,
    /// How many queries run at once; others wait.
    pub concurrency: usize,
}

/// The labels in which the replicas of one scraper differ, by whose samples they are.
#[derive(Clone, Debug, Default)]
pub struct Replicas {
    all: Arc<Vec<String>>,
    of_tenants: Arc<BTreeMap<Tenant, Vec<String>>>,
}

/// Answers queries. A clone is the same engine.
#[derive(Clone, Debug)]
pub struct Engine {
    replicas: Replicas,
    source: Arc<dyn MetricsSource>,
    limits: Limits,
    sessions: Arc<session::Sessions>,
    sql: Arc<crate::sql::session::Sessions>,
    gate: Arc<Semaphore>,
    tenants: Arc<Tenants>,
    executor: Executor,
}

/// A PromQL text, what it says, and when to evaluate it.
struct Evaluation {
    text: Arc<str>,
    expr: Expr,
    start: i64,
    end: i64,
    steps: Steps,
    instant: bool,
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 256 << 20,
            tenant_memory: 1 << 30,
            tenant_concurrency: 20,
            max_series: 3_000_000,
            lookback: Duration::from_secs(5 * 60),
            timeout: Duration::from_secs(2 * 60),
            max_samples: 1_000_000_000,
            concurrency: 20,
        }
    }
}

impl Limits {
    /// What the operators of one query may take. Of its memory a quarter is for scans to read more at once than they must: the
    /// operators above them hold what they get, and could not do with less.
    fn bounds(&self) -> Bounds {
        let ahead = usize::try_from(self.memory / 4).unwrap_or(usize::MAX);
        Bounds { samples: self.max_samples, series: self.max_series, ahead }
    }
}

// === impl Replicas ===

impl Replicas {
    /// Labels for all tenants but those that have their own.
    pub fn new(labels: Vec<String>, of_tenants: BTreeMap<Tenant, Vec<String>>) -> Self {
        Self { all: Arc::new(labels), of_tenants: Arc::new(of_tenants) }
    }

    /// The labels for a query.
    fn of<'a>(&'a self, query: &'a Query) -> &'a [String] {
        match &query.replica_labels {
            Some(labels) => labels,
            None => self.of_tenants.get(&query.tenant).unwrap_or(&self.all),
        }
    }
}

// === impl Engine ===

impl Engine {
    /// An engine over `source`, which uses all cores.
    pub fn new(source: Arc<dyn MetricsSource>, limits: Limits) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self::with_partitions(source, limits, cores)
    }

    /// An engine over `source` whose plans have `partitions`, at least 2.
    pub fn with_partitions(source: Arc<dyn MetricsSource>, limits: Limits, partitions: usize) -> Self {
        let gate = Arc::new(Semaphore::new(limits.concurrency.clamp(1, Semaphore::MAX_PERMITS)));
        let sessions = Arc::new(session::Sessions::new(partitions.max(2)));
        let sql = Arc::new(crate::sql::session::Sessions::new(partitions.max(2)));
        let tenants = Arc::new(Tenants::new(limits.tenant_memory, limits.tenant_concurrency));
        let replicas = Replicas::default();
        Self { replicas, source, limits, sessions, sql, gate, tenants, executor: Executor::default() }
    }

    /// The same engine, for which series that differ in these labels only are one.
    #[must_use]
    pub fn with_replicas(self, replicas: Replicas) -> Self {
        Self { replicas, ..self }
    }

    /// The same engine, which computes on threads of its own. Within a tokio runtime; one of a single thread it shares.
    ///
    /// # Errors
    /// The system gives no threads.
    pub fn on_threads(self) -> Result<Self> {
        Ok(Self { executor: Executor::start()?, ..self })
    }

    /// Answers a query.
    ///
    /// # Errors
    /// [`Kind::Invalid`]: the text is not PromQL. [`Kind::Unprocessable`]: it can't be answered, is not supported yet,
    /// or needs more than it may. [`Kind::TimedOut`]: it took longer than it may.
    pub async fn query(&self, query: Query) -> Result<Answer> {
        if let Ask::Sql { text, form } = &query.ask {
            let (text, form) = (text.clone(), *form);
            return self.sql(query, text, form).await;
        }
        if let Ask::Changes { since } = query.ask {
            return Ok(Data::Changes(self.source.changes(&query.tenant, since).await?).into());
        }
        let timeout = query.timeout.map_or(self.limits.timeout, |timeout| timeout.min(self.limits.timeout));
        let (engine, limit, evaluation) = (self.clone(), query.limit, Evaluation::of(&query.ask)?);
        let need = evaluation.as_ref().map_or(Need::Little, Evaluation::need);
        let answer = self.executor.run(need, async move {
            let mut watch = Stopwatch::start();
            // Held until the work has ended, also where nobody waits for it any more.
            let tenant = engine.tenants.of(&query.tenant);
            let _of_tenant = tenant.gate.acquire().await.map_err(|_| Error::closed())?;
            let _of_all = engine.gate.acquire().await.map_err(|_| Error::closed())?;
            let queue = watch.lap();
            let mut answer = engine.answer(&query, evaluation).await?;
            if let Some(stats) = &mut answer.stats {
                (stats.timings.queue, stats.timings.total) = (queue, watch.total());
            }
            Ok(answer)
        });
        let late = |_| Error::new(Kind::TimedOut, "query timed out in expression evaluation");
        let mut answer = tokio::time::timeout(timeout, answer).await.map_err(late)??;
        truncate(&mut answer, limit);
        Ok(answer)
    }

    /// The plan of a PromQL query, logical and physical, as DataFusion shows it.
    ///
    /// # Errors
    /// As [`Engine::query`], but for what happens while a query runs.
    pub async fn explain(&self, ask: &Ask) -> Result<String> {
        let Some(evaluation) = Evaluation::of(ask)? else {
            return Err(Error::invalid("expected a PromQL query"));
        };
        let (engine, query) = (self.clone(), Query::new(Tenant::default(), ask.clone()));
        self.executor.run(evaluation.need(), async move { engine.explain_here(&query, &evaluation).await }).await
    }

    async fn explain_here(&self, query: &Query, evaluation: &Evaluation) -> Result<String> {
        let logical = match self.plan(evaluation, query)?.0 {
            Planned::Vector(plan) | Planned::Matrix { plan, .. } => plan,
            Planned::Scalar(number) => evaluation.planner(self.lookback(None), &[]).number_plan(&number)?,
            Planned::Text(text) => return Ok(format!("a text: {text:?}\n")),
        };
        let session = self.session(query, evaluation, false)?;
        let Plans { rules, logical, physical } = session.plan(logical).await?;
        let physical = displayable(physical.as_ref()).indent(false).to_string();
        let rules = if rules.is_empty() { String::new() } else { format!("rules: {}\n\n", rules.join(", ")) };
        Ok(format!("{rules}logical plan\n{}\n\nphysical plan\n{physical}", logical.display_indent()))
    }

    async fn answer(&self, query: &Query, evaluation: Option<Evaluation>) -> Result<Answer> {
        match evaluation {
            Some(evaluation) => self.evaluate(query, &evaluation).await,
            None => names::answer(&*self.source, query, self.limits.max_series).await,
        }
    }

    async fn evaluate(&self, query: &Query, evaluation: &Evaluation) -> Result<Answer> {
        let session = self.session(query, evaluation, false)?;
        let answer = self.evaluate_in(&session, query, evaluation).await;
        if !session.query().is_in_doubt() {
            return answer;
        }
        // What a rule left out may have been an error.
        self.evaluate_in(&self.session(query, evaluation, true)?, query, evaluation).await
    }

    async fn evaluate_in(&self, session: &Arc<Session>, query: &Query, evaluation: &Evaluation) -> Result<Answer> {
        let mut watch = Stopwatch::start();
        let (planned, ordered) = self.plan(evaluation, query)?;
        let mut timings = QueryTimings { preparation: watch.lap(), ..QueryTimings::default() };
        let (instant, start) = (evaluation.instant, evaluation.start);
        let mut stored = false;
        let in_order: Box<dyn FnOnce() -> Data + Send> = match planned {
            Planned::Text(text) => Box::new(move || Data::String(start, text)),
            Planned::Matrix { plan, after, until, stored: is_stored } => {
                stored = is_stored;
                let rows = self.run(session, plan, Points::Samples { after, until }, false).await?;
                Box::new(move || rows.matrix())
            }
            Planned::Vector(plan) => {
                let rows = self.run(session, plan, Points::Steps(evaluation.steps), instant && ordered).await?;
                Box::new(move || if instant { rows.vector(start) } else { rows.matrix() })
            }
            Planned::Scalar(number) => {
                let plan = evaluation.planner(self.lookback(query.lookback), &[]).number_plan(&number)?;
                let rows = self.run(session, plan, Points::Steps(evaluation.steps), false).await?;
                Box::new(move || if instant { rows.scalar(start) } else { rows.matrix() })
            }
        };
        timings.inner = watch.lap();
        let data = in_order();
        (timings.sorting, timings.evaluation) = (watch.lap(), watch.total());
        let context = session.query();
        let stats = stats::of(context, stored.then_some(&data), timings);
        let (warnings, infos) = context.take_annotations().render(&evaluation.text);
        Ok(Answer { data, warnings, infos, stats })
    }

    /// The plan of a query, and whether its rows come in an order that was asked for.
    fn plan(&self, evaluation: &Evaluation, query: &Query) -> Result<(Planned, bool)> {
        let Evaluation { expr, .. } = evaluation;
        let planned = evaluation.planner(self.lookback(query.lookback), self.replicas.of(query)).query(expr)?;
        let unfit = match &planned {
            Planned::Text(_) => "string",
            Planned::Matrix { .. } => "range vector",
            _ => return Ok((planned, plan::is_ordered(expr))),
        };
        if evaluation.instant {
            return Ok((planned, false));
        }
        let text = format!("invalid expression type {unfit:?} for range query, must be Scalar or instant Vector");
        Err(Error::invalid(text))
    }

    fn lookback(&self, lookback: Option<Duration>) -> i64 {
        let lookback = lookback.filter(|lookback| !lookback.is_zero()).unwrap_or(self.limits.lookback);
        i64::try_from(lookback.as_millis()).unwrap_or(i64::MAX)
    }

    /// A session for a query; `exact` where only exact rules may change its plan.
    fn session(&self, query: &Query, evaluation: &Evaluation, exact: bool) -> Result<Arc<Session>> {
        let Query { tenant, partial, stats, .. } = query;
        let context = QueryContext::new(self.source.clone(), tenant.clone(), *partial, self.limits.bounds());
        let context = context.with_counts(SampleCounts::new(*stats, evaluation.steps));
        let pool = Arc::new(QueryPool::new(self.limits.memory, self.tenants.of(tenant)));
        self.sessions.open(Arc::new(context), pool, evaluation.steps.count, exact)
    }

    /// Runs a plan, and collects its rows.
    async fn run(&self, session: &Arc<Session>, logical: LogicalPlan, points: Points, ordered: bool) -> Result<Rows> {
        let to_error = |error| session.error(error);
        let mut batches = session.start(logical, self.executor.is_deep()).await?;
        let mut rows = Rows::new(points, ordered, session.memory("answer"));
        while let Some(batch) = batches.try_next().await.map_err(to_error)? {
            rows.add(&batch).map_err(to_error)?;
        }
        rows.finish()
    }
}

// === impl Evaluation ===

impl Evaluation {
    /// What to evaluate, and when; `None` where what is asked is not PromQL.
    fn of(ask: &Ask) -> Result<Option<Self>> {
        let (text, start, end, step, instant) = match ask {
            Ask::Instant { expr, time } => (expr, *time, *time, 1, true),
            Ask::Range { expr, start, end, step } => (expr, *start, *end, *step, false),
            _ => return Ok(None),
        };
        if step <= 0 {
            return Err(Error::invalid("expected a step above 0"));
        }
        let length = end.checked_sub(start).filter(|length| *length >= 0);
        let Some(length) = length else { return Err(Error::invalid("expected an end that is not before the start")) };
        let Some(count) = usize::try_from(length / step).ok().and_then(Steps::checked_count) else {
            return Err(Error::invalid("expected fewer steps: increase the step"));
        };
        let steps = Steps { start, step, count };
        let (text, expr) = (text.clone(), syntax::parse(text)?);
        Ok(Some(Self { text, expr, start, end, steps, instant }))
    }

    /// How much stack it needs.
    fn need(&self) -> Need {
        Need::of(self.expr.depth())
    }

    fn planner<'a>(&'a self, lookback: i64, replica_labels: &'a [String]) -> Planner<'a> {
        let asked = Asked { start: self.start, end: self.end, step: if self.instant { 0 } else { self.steps.step } };
        Planner {
            text: &self.text,
            asked,
            steps: self.steps,
            until: self.end,
            lookback,
            subquery_step: SUBQUERY_STEP,
            replica_labels,
            scope: Scope::Steps,
        }
    }
}

#[cfg(test)]
mod tests;

//! What members know beside samples: all are asked, and what they say is united.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use futures_util::TryStreamExt;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};
use weir_blocks::extras::join;
use weir_pipeline::batch::Metadata;
use weir_pipeline::units::Bytes;
use weir_pipeline::{Batch, Cardinality, Error, Exemplar, Kind, LabelSet, Query, Result, SeriesExemplars};
use weir_stages::node::NodeReader;
use weir_stages::ring::Member;

use super::epochs::Needed;
use super::telemetry::Telemetry;
use super::totals;
use crate::exec::source::Known;

/// How members are asked. A clone is the same.
#[derive(Clone)]
pub(super) struct Poll {
    pub(super) reader: NodeReader,
    pub(super) query: Arc<Query>,
    pub(super) timeout: Duration,
    /// After so long those that did not answer are no longer waited for, where enough did.
    pub(super) hedge: Duration,
    pub(super) memory: Bytes,
    pub(super) telemetry: Telemetry,
}

/// What members answered, by their names.
type Answers<T> = BTreeMap<String, Result<T>>;

// === impl Poll ===

impl Poll {
    /// What any member knows of metrics, sorted by their names: where members say different things of one, all of these.
    ///
    /// # Errors
    /// It takes more than `memory`.
    pub(super) async fn metadata(self, sets: &[Needed]) -> Result<Known<Vec<Metadata>>> {
        let used = Arc::new(AtomicU64::new(0));
        let ask = |poll: Self, member| poll.metadata_of(member, used.clone());
        let (answers, missing) = self.poll(sets, ask).await?;
        let mut all: BTreeMap<String, Vec<Metadata>> = BTreeMap::new();
        for said in answers.into_values().flatten() {
            let of_metric = all.entry(said.metric.clone()).or_default();
            if !of_metric.contains(&said) {
                of_metric.push(said);
            }
        }
        Ok(Known { found: all.into_values().flatten().collect(), missing })
    }

    /// The exemplars of all members, sorted by series and time; one that several have is there once.
    ///
    /// # Errors
    /// They take more than `memory`.
    pub(super) async fn exemplars(self, sets: &[Needed]) -> Result<Known<Vec<SeriesExemplars>>> {
        let used = Arc::new(AtomicU64::new(0));
        let ask = |poll: Self, member| poll.exemplars_of(member, used.clone());
        let (answers, missing) = self.poll(sets, ask).await?;
        let all = answers.into_values().flatten().map(|(series, exemplars)| SeriesExemplars { series, exemplars });
        Ok(Known { found: join(all), missing })
    }

    /// What the recent series of all members are made of, the `limit` largest of each kind.
    pub(super) async fn cardinality(self, sets: &[Needed], limit: usize) -> Result<Known<Cardinality>> {
        let ask = |poll: Self, member| async move { poll.reader.cardinality(&member, &poll.query).await };
        let (answers, missing) = self.poll(sets, ask).await?;
        Ok(Known { found: totals::of(sets, &answers, limit), missing })
    }

    /// What one member knows of metrics.
    async fn metadata_of(self, member: Member, used: Arc<AtomicU64>) -> Result<Vec<Metadata>> {
        let mut all = Vec::new();
        self.batches(&member, &used, |batch| all.extend_from_slice(batch.metadata())).await?;
        Ok(all)
    }

    /// The exemplars that one member has; a series may be there more than once.
    async fn exemplars_of(self, member: Member, used: Arc<AtomicU64>) -> Result<Vec<(LabelSet, Vec<Exemplar>)>> {
        let mut all = Vec::new();
        let take = |batch: Batch| all.extend(batch.iter().map(|one| (one.labels.to_set(), one.exemplars.to_vec())));
        self.batches(&member, &used, take).await?;
        Ok(all)
    }

    /// Takes the batches that a member answers with.
    async fn batches(&self, member: &Member, used: &AtomicU64, mut take: impl FnMut(Batch)) -> Result<()> {
        let mut batches = pin!(self.reader.read(member, &self.query).await?.batches);
        while let Some(batch) = batches.try_next().await? {
            let more = Batch::byte_size(&batch) as u64;
            if used.fetch_add(more, Relaxed) + more > self.memory.get() {
                let limit = self.memory;
                let text = format!("what the cluster's members know takes more than `{limit}` in memory");
                return Err(Error::unprocessable(text));
            }
            take(batch);
        }
        Ok(())
    }

    /// Asks all members, and waits for them; after `hedge` only so long as too few of a set have answered. Returns what they
    /// answered, and which sets could not be heard enough.
    pub(super) async fn poll<T, F>(
        &self,
        sets: &[Needed],
        ask: impl Fn(Self, Member) -> F,
    ) -> Result<(BTreeMap<String, T>, Vec<String>)>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let (until, mut asked) = (Instant::now() + self.timeout, JoinSet::new());
        let mut hedge = pin!(sleep_until(Instant::now() + self.hedge));
        let members = sets.iter().flat_map(|needed| &needed.set.members);
        // The first of a name is the newest.
        let mut all: BTreeMap<&str, &Member> = BTreeMap::new();
        members.for_each(|member| _ = all.entry(&member.name).or_insert(member));
        for member in all.into_values() {
            asked.spawn(self.clone().ask(member.name.clone(), until, ask(self.clone(), member.clone())));
        }
        let (mut answers, mut hedged) = (Answers::new(), false);
        while !(asked.is_empty() || hedged && sets.iter().all(|needed| heard(needed, &answers) >= needed.members)) {
            tokio::select! {
                Some(ended) = asked.join_next() => match ended {
                    Ok((_, Err(error))) if error.kind() == Kind::Unprocessable => return Err(error),
                    Ok((member, answer)) => _ = answers.insert(member, answer),
                    Err(error) => return Err(Error::internal("a question to a member failed").with_source(error)),
                },
                () = hedge.as_mut(), if !hedged => hedged = true,
            }
        }
        let missing = sets.iter().filter(|needed| heard(needed, &answers) < needed.members);
        let missing = missing.map(|needed| why(needed, &answers)).collect();
        let told = answers.into_iter().filter_map(|(member, answer)| Some((member, answer.ok()?)));
        Ok((told.collect(), missing))
    }

    /// Waits for the answer of one member.
    async fn ask<T>(
        self,
        member: String,
        until: Instant,
        answer: impl Future<Output = Result<T>>,
    ) -> (String, Result<T>) {
        let begin = Instant::now();
        let late = |_| Err(Error::new(Kind::TimedOut, format!("no answer within {:?}", self.timeout)));
        let answer = timeout_at(until, answer).await.unwrap_or_else(late);
        match &answer {
            Ok(_) => self.telemetry.heard(&member, 0, begin.elapsed()),
            Err(error) => {
                tracing::debug!(member, error = error.report(), "a member does not say what it knows");
                self.telemetry.failed(&member);
            }
        }
        (member, answer)
    }
}

/// How many members of a set answered.
fn heard<T>(needed: &Needed, answers: &Answers<T>) -> usize {
    needed.set.members.iter().filter(|member| answers.get(&member.name).is_some_and(Result::is_ok)).count()
}

/// Why a set is not heard.
fn why<T>(needed: &Needed, answers: &Answers<T>) -> String {
    let why = needed.set.members.iter().filter_map(|member| match answers.get(&member.name) {
        Some(Err(error)) => Some(format!("`{}`: {}", member.name, error.report())),
        _ => None,
    });
    let why: Vec<String> = why.collect();
    let (heard, set, members) = (heard(needed, answers), &needed.set.name, needed.members);
    format!("heard {heard} of the {members} members of `{set}` that must be heard ({})", why.join("; "))
}

//! One question to many members: whom to ask, when to ask more, when enough is heard.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use futures_util::TryStreamExt;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};
use weir_blocks::{Gather, Gathered};
use weir_pipeline::units::Bytes;
use weir_pipeline::{Error, Kind, Query, Result};
use weir_stages::node::NodeReader;
use weir_stages::ring::Member;

use super::epochs::Needed;
use super::telemetry::Telemetry;

/// How one question is asked.
#[derive(Clone)]
pub(super) struct Hearing {
    pub(super) reader: NodeReader,
    pub(super) query: Arc<Query>,
    pub(super) timeout: Duration,
    pub(super) hedge: Duration,
    pub(super) memory: Bytes,
    pub(super) telemetry: Telemetry,
}

/// What was heard.
pub(super) struct Heard {
    pub(super) answers: Vec<Gathered>,
    /// Which replica sets could not be heard enough, and why.
    pub(super) missing: Vec<String>,
}

/// What a member answered.
struct Answer {
    member: String,
    /// All of it, or what came before it failed.
    gathered: Gathered,
    result: Result<()>,
}

/// Where the question to a member is.
enum State {
    NotAsked,
    Asked,
    Heard,
    Failed(Error),
}

/// All members of all replica sets, by name.
struct Members<'a>(BTreeMap<&'a str, (&'a Member, State)>);

// === impl Hearing ===

impl Hearing {
    /// Asks as many members of each set as must be heard, and others where that is not enough. Dropping this future takes
    /// all questions back.
    pub(super) async fn hear(self, sets: &[Needed]) -> Result<Heard> {
        let until = Instant::now() + self.timeout;
        let (mut members, mut asked, mut answers) = (Members::of(sets), JoinSet::new(), Vec::new());
        let used = Arc::new(AtomicU64::new(0));
        let ask = |asked: &mut JoinSet<_>, member: &Member| {
            asked.spawn(self.clone().ask(member.clone(), used.clone(), until));
        };
        for needed in sets {
            members.ask(needed, false, |member| ask(&mut asked, member));
        }
        let mut hedge = pin!(sleep_until(Instant::now() + self.hedge));
        let mut hedged = false;
        while !sets.iter().all(|needed| members.is_heard(needed)) {
            let ended = tokio::select! {
                ended = asked.join_next() => ended,
                () = hedge.as_mut(), if !hedged => {
                    hedged = true;
                    for needed in sets {
                        members.ask(needed, true, |member| {
                            self.telemetry.hedged();
                            ask(&mut asked, member);
                        });
                    }
                    continue;
                }
            };
            match ended {
                Some(Ok(Answer { member, gathered, result: Ok(()) })) => {
                    members.set(&member, State::Heard);
                    answers.push(gathered);
                }
                // Too much for this node, whoever answers.
                Some(Ok(Answer { result: Err(error), .. })) if error.kind() == Kind::Unprocessable => {
                    return Err(error);
                }
                Some(Ok(Answer { member, gathered, result: Err(error) })) => {
                    tracing::debug!(member, error = error.report(), "a member can't be heard to the end");
                    members.set(&member, State::Failed(error));
                    // What it said is right, as far as it goes.
                    answers.push(gathered);
                    for needed in sets {
                        members.ask(needed, hedged, |member| {
                            self.telemetry.hedged();
                            ask(&mut asked, member);
                        });
                    }
                }
                Some(Err(error)) => return Err(Error::internal("a question to a member failed").with_source(error)),
                None => break,
            }
        }
        let missing = sets.iter().filter(|needed| !members.is_heard(needed)).map(|needed| members.missing(needed));
        Ok(Heard { answers, missing: missing.collect() })
    }

    /// Asks one member, and takes its whole answer.
    async fn ask(self, member: Member, used: Arc<AtomicU64>, until: Instant) -> Answer {
        let begin = Instant::now();
        let late = |_| Err(Error::new(Kind::TimedOut, format!("no answer within {:?}", self.timeout)));
        let mut gather = Gather::new();
        let result = timeout_at(until, self.read(&member, &used, &mut gather)).await.unwrap_or_else(late);
        match &result {
            Ok(samples) => self.telemetry.heard(&member.name, *samples, begin.elapsed()),
            Err(_) => self.telemetry.failed(&member.name),
        }
        Answer { member: member.name, gathered: gather.finish(), result: result.map(drop) }
    }

    /// Adds a member's answer to what is gathered, and says how many samples it has.
    async fn read(&self, member: &Member, used: &AtomicU64, gather: &mut Gather) -> Result<u64> {
        let mut batches = pin!(self.reader.read(member, &self.query).await?);
        let (mut samples, mut bytes) = (0, 0);
        while let Some(batch) = batches.try_next().await? {
            samples += batch.sample_count() as u64;
            // A batch takes about a millisecond.
            gather.add(&batch);
            tokio::task::consume_budget().await;
            let more = gather.byte_size() as u64 - bytes;
            bytes += more;
            if used.fetch_add(more, Relaxed) + more > self.memory.get() {
                let limit = self.memory;
                let text = format!("the samples of the cluster's members take more than `{limit}` in memory");
                return Err(Error::unprocessable(text));
            }
        }
        Ok(samples)
    }
}

// === impl Members ===

impl<'a> Members<'a> {
    fn of(sets: &'a [Needed]) -> Self {
        let mut all = BTreeMap::new();
        for member in sets.iter().flat_map(|needed| &needed.set.members) {
            // The first is the newest.
            all.entry(member.name.as_str()).or_insert((member, State::NotAsked));
        }
        Self(all)
    }

    fn set(&mut self, name: &str, state: State) {
        if let Some((_, place)) = self.0.get_mut(name) {
            *place = state;
        }
    }

    /// How many members of a set are in a state.
    fn count(&self, needed: &Needed, is: impl Fn(&State) -> bool) -> usize {
        needed.set.members.iter().filter(|m| self.0.get(m.name.as_str()).is_some_and(|(_, state)| is(state))).count()
    }

    fn is_heard(&self, needed: &Needed) -> bool {
        self.count(needed, |state| matches!(state, State::Heard)) >= needed.members
    }

    /// Asks members of a set: as many as are still needed, or `all` where it is not heard.
    fn ask(&mut self, needed: &Needed, all: bool, mut ask: impl FnMut(&Member)) {
        if self.is_heard(needed) {
            return;
        }
        let mut hopes = self.count(needed, |state| matches!(state, State::Heard | State::Asked));
        for member in &needed.set.members {
            let Some((member, state @ State::NotAsked)) = self.0.get_mut(member.name.as_str()) else { continue };
            if !all && hopes >= needed.members {
                break;
            }
            *state = State::Asked;
            hopes += 1;
            ask(member);
        }
    }

    /// Why a set is not heard.
    fn missing(&self, needed: &Needed) -> String {
        let heard = self.count(needed, |state| matches!(state, State::Heard));
        let why: Vec<String> = needed.set.members.iter().filter_map(|m| self.failure(&m.name)).collect();
        let (set, members) = (&needed.set.name, needed.members);
        format!("heard {heard} of the {members} members of `{set}` that must be heard ({})", why.join("; "))
    }

    fn failure(&self, name: &str) -> Option<String> {
        match self.0.get(name) {
            Some((_, State::Failed(error))) => Some(format!("`{name}`: {}", error.report())),
            _ => None,
        }
    }
}

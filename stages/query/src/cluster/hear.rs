//! One question to many members: whom to ask, when to ask more, when enough is heard.
//!
//! A member that came empty in the place of another has not what that one acknowledged. So it is not counted where a question
//! reaches back before it came, unless what was there before is in the bucket by now, or the whole set is new: of as many
//! members as acknowledge a batch at least one has not lost what it had, and if none of these came earlier there was nothing.

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
use weir_pipeline::{Error, Kind, Query, Result, Since};
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
    pub(super) newness: Newness,
    pub(super) telemetry: Telemetry,
}

/// From when on a member has what one question asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Newness {
    /// The first time that is asked for, in milliseconds since the Unix epoch.
    pub(super) start: i64,
    /// Of members that came by then, in milliseconds since the Unix epoch, all that those before them had is in the bucket.
    pub(super) settled: i64,
    /// Members that came within so many milliseconds came together.
    pub(super) together: i64,
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
    since: Option<Since>,
    /// All of it, or what came before it failed.
    gathered: Gathered,
    result: Result<()>,
}

/// Where the question to a member is.
enum State {
    NotAsked,
    Asked,
    Heard(Option<Since>),
    Failed(Error),
}

/// All members of all replica sets, by name.
struct Members<'a> {
    all: BTreeMap<&'a str, (&'a Member, State)>,
    newness: Newness,
}

// === impl Hearing ===

impl Hearing {
    /// Asks as many members of each set as must be heard, and others where that is not enough. Dropping this future takes
    /// all questions back.
    pub(super) async fn hear(self, sets: &[Needed]) -> Result<Heard> {
        let until = Instant::now() + self.timeout;
        let (mut members, mut asked, mut answers) = (Members::of(sets, self.newness), JoinSet::new(), Vec::new());
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
            tokio::select! {
                ended = asked.join_next() => match ended {
                    Some(Ok(answer)) => answers.push(members.take(answer)?),
                    Some(Err(error)) => {
                        return Err(Error::internal("a question to a member failed").with_source(error));
                    }
                    None => break,
                },
                () = hedge.as_mut(), if !hedged => hedged = true,
            }
            // Where one fails, is late, or does not count, others are asked.
            for needed in sets {
                members.ask(needed, hedged, |member| {
                    self.telemetry.hedged();
                    ask(&mut asked, member);
                });
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
        let mut since = None;
        let read = self.read(&member, &used, &mut since, &mut gather);
        let result = timeout_at(until, read).await.unwrap_or_else(late);
        match &result {
            Ok(samples) => self.telemetry.heard(&member.name, *samples, begin.elapsed()),
            Err(_) => self.telemetry.failed(&member.name),
        }
        Answer { member: member.name, since, gathered: gather.finish(), result: result.map(drop) }
    }

    /// Adds a member's answer to what is gathered, and says how many samples it has.
    async fn read(
        &self,
        member: &Member,
        used: &AtomicU64,
        since: &mut Option<Since>,
        gather: &mut Gather,
    ) -> Result<u64> {
        let told = self.reader.read(member, &self.query).await?;
        *since = told.since;
        let mut batches = pin!(told.batches);
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

// === impl Newness ===

impl Newness {
    /// Whether a member has all that was acknowledged in its name, as far as that is asked for and not in the bucket.
    fn is_whole(&self, since: Option<Since>) -> bool {
        // An older node does not say.
        since.is_none_or(|since| self.start >= since.from || since.began <= self.settled)
    }
}

// === impl Members ===

impl<'a> Members<'a> {
    fn of(sets: &'a [Needed], newness: Newness) -> Self {
        let mut all = BTreeMap::new();
        for member in sets.iter().flat_map(|needed| &needed.set.members) {
            // The first is the newest.
            all.entry(member.name.as_str()).or_insert((member, State::NotAsked));
        }
        Self { all, newness }
    }

    /// Notes how a member answered. Returns what it said, which is right as far as it goes.
    ///
    /// # Errors
    /// It is too much for this node, whoever answers.
    fn take(&mut self, Answer { member, since, gathered, result }: Answer) -> Result<Gathered> {
        let state = match result {
            Ok(()) => State::Heard(since),
            Err(error) if error.kind() == Kind::Unprocessable => return Err(error),
            Err(error) => {
                tracing::debug!(member, error = error.report(), "a member can't be heard to the end");
                State::Failed(error)
            }
        };
        if let Some((_, place)) = self.all.get_mut(member.as_str()) {
            *place = state;
        }
        Ok(gathered)
    }

    fn states(&self, needed: &Needed) -> impl Iterator<Item = (&str, &State)> {
        let states = needed.set.members.iter().filter_map(|member| self.all.get(member.name.as_str()));
        states.map(|(member, state)| (member.name.as_str(), state))
    }

    /// When the first member of a set came, where so many have told that it is new if all of these are.
    fn beginning(&self, needed: &Needed) -> Option<i64> {
        let told = self.states(needed).filter_map(|(_, state)| match state {
            State::Heard(since) => Some(since.map_or(i64::MIN, |since| since.began)),
            _ => None,
        });
        let told: Vec<i64> = told.collect();
        if told.len() < needed.quorum() { None } else { told.into_iter().min() }
    }

    /// Whether a member that was heard has what was asked.
    fn counts(&self, since: Option<Since>, beginning: Option<i64>) -> bool {
        let founded =
            |since: Since| beginning.is_some_and(|at| since.began.saturating_sub(self.newness.together) <= at);
        self.newness.is_whole(since) || since.is_some_and(founded)
    }

    /// How many members of a set were heard and have what was asked.
    fn heard(&self, needed: &Needed) -> usize {
        let beginning = self.beginning(needed);
        let counts = |since: &Option<Since>| needed.also_new || self.counts(*since, beginning);
        self.states(needed).filter(|(_, state)| matches!(state, State::Heard(since) if counts(since))).count()
    }

    fn is_heard(&self, needed: &Needed) -> bool {
        self.heard(needed) >= needed.members
    }

    /// How many members of a set were heard, or may be by those that are asked.
    fn hopes(&self, needed: &Needed) -> usize {
        let count = |is: fn(&State) -> bool| self.states(needed).filter(|(_, state)| is(state)).count();
        let (asked, told) = (count(|s| matches!(s, State::Asked)), count(|s| matches!(s, State::Heard(_))));
        // Whether all are new is not known before as many have told.
        let open = told < needed.quorum() && told + asked >= needed.quorum();
        asked + if open { told } else { self.heard(needed) }
    }

    /// Asks members of a set: as many as are still needed, or `all` where it is not heard.
    fn ask(&mut self, needed: &Needed, all: bool, mut ask: impl FnMut(&Member)) {
        if self.is_heard(needed) {
            return;
        }
        let mut hopes = self.hopes(needed);
        for member in &needed.set.members {
            let Some((member, state @ State::NotAsked)) = self.all.get_mut(member.name.as_str()) else { continue };
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
        let (heard, beginning) = (self.heard(needed), self.beginning(needed));
        let why = |(name, state): (&str, &State)| match state {
            State::Failed(error) => Some(format!("`{name}`: {}", error.report())),
            State::Heard(since) if !self.counts(*since, beginning) => Some(format!("`{name}`: it came empty since")),
            _ => None,
        };
        let why: Vec<String> = self.states(needed).filter_map(why).collect();
        let (set, members) = (&needed.set.name, needed.members);
        format!("heard {heard} of the {members} members of `{set}` that must be heard ({})", why.join("; "))
    }
}

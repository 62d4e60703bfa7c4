//! Components that the tests of the framework put into pipelines.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt;
use serde::Deserialize;
use tower::service_fn;

use crate::config::{Env, Mistake};
use crate::plan::{Document, Plan};
use crate::query::Data;
use crate::units::{Bytes, Ref, Span};
use crate::{
    Ack, Answer, Batch, Context, Error, Fanout, Next, Outcome, Read, Registry, Resource, Result, Sink, Source, Stage,
    Transform, Write, testing,
};

/// What files of tests may name.
pub(crate) fn registry() -> Registry {
    let mut registry = Registry::default();
    registry.resource::<Shelf>();
    registry.source::<Write, Pulse>().source::<Write, Door>().source::<Read, Desk>();
    registry.stage::<Write, Pass>().stage::<Read, Pass>().transform::<Thin>().transform::<Rules>();
    registry.stage::<Write, Lossy>().fanout::<Write, Deal>().stage::<Read, Clerk>();
    registry.sink::<Write, Keep>().sink::<Read, Echo>();
    registry
}

/// A plan of files that are called `a.yaml`, `b.yaml` and so on. The environment has `HOME_DIR` and an empty `EMPTY`.
pub(crate) fn plan(texts: &[&str]) -> Result<Plan, Vec<Mistake>> {
    let name = |i: usize| format!("{}.yaml", (b'a' + i as u8) as char);
    let document = |(i, text): (usize, &&str)| Document { name: name(i), text: (*text).to_owned() };
    let documents: Vec<Document> = texts.iter().enumerate().map(document).collect();
    let env = Env::from_fn(|name| match name {
        "HOME_DIR" => Some("/home".into()),
        "EMPTY" => Some(String::new()),
        _ => None,
    });
    Plan::read(&documents, &registry(), &env)
}

thread_local! {
    /// What components did. A test with its runtime is one thread.
    static JOURNAL: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Notes what a component did.
pub(crate) fn note(what: impl Into<String>) {
    JOURNAL.with_borrow_mut(|journal| journal.push(what.into()));
}

/// What components did since it was last asked.
pub(crate) fn journal() -> Vec<String> {
    JOURNAL.take()
}

/// A resource.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shelf {
    path: String,
    #[serde(default)]
    #[allow(dead_code, reason = "only its reading is of interest")]
    size: Option<Bytes>,
    #[serde(default)]
    beside: Vec<Ref<Self>>,
    #[serde(default)]
    fails: Fails,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fails {
    #[default]
    Never,
    Opening,
    Closing,
    Panicking,
}

/// A source: so many batches of one sample, one in each second.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pulse {
    #[serde(default)]
    batches: u32,
    #[serde(default)]
    then: Then,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Then {
    #[default]
    Waits,
    Ends,
    Fails,
    Panics,
    /// Does not heed the shutdown.
    Hangs,
}

/// A source that listens after a while, or says that it does and never will.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Door {
    #[serde(default)]
    after: Option<Span>,
    #[serde(default = "one")]
    addresses: u16,
    #[serde(default)]
    fails: Option<String>,
    #[serde(default)]
    ends: bool,
}

fn one() -> u16 {
    1
}

/// A source of the read path.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Desk {}

/// A stage for both paths.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pass {
    #[serde(default)]
    unbuildable: bool,
    /// Fails with this.
    #[serde(default)]
    error: Option<String>,
}

/// A stage of the read path.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Clerk {}

/// A transform: leaves out series of a metric.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Thin {
    metric: String,
}

/// A transform that changes nothing, with settings of every type.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only their reading is of interest")]
pub(crate) struct Rules {
    rules: Vec<Rule>,
    #[serde(default)]
    window: Option<Span>,
    #[serde(default)]
    limit: Option<Bytes>,
    #[serde(default)]
    ratio: Option<f64>,
    #[serde(default)]
    count: Option<u16>,
    #[serde(default)]
    on: bool,
    #[serde(default)]
    shelf: Option<Ref<Shelf>>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    spans: Vec<Span>,
    #[serde(default)]
    filled: Option<Filled>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only their reading is of interest")]
struct Rule {
    action: Action,
    label: String,
    #[serde(default)]
    to: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code, reason = "only their reading is of interest")]
enum Action {
    Keep,
    Replace,
    Hash { modulus: u64 },
    Every(Span),
}

/// At least one word.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Vec<Span>")]
struct Filled;

impl TryFrom<Vec<Span>> for Filled {
    type Error = &'static str;
    fn try_from(spans: Vec<Span>) -> Result<Self, &'static str> {
        if spans.is_empty() { Err("expected at least one duration") } else { Ok(Self) }
    }
}

/// A stage that breaks the law.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lossy {}

/// A fan-out: deals series to its branches by turns.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deal {
    to: Vec<String>,
}

/// A sink.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keep {
    #[serde(default)]
    shelf: Option<Ref<Shelf>>,
    /// How long it takes.
    #[serde(default)]
    takes: Option<Span>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    rejects: u64,
}

/// A sink of the read path.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Echo {
    #[serde(default)]
    #[allow(dead_code, reason = "only its reading is of interest")]
    shelf: Option<Ref<Shelf>>,
}

// === impl Shelf ===

impl Resource for Shelf {
    const NAME: &'static str = "shelf";
    type Opened = Self;

    async fn open(self, context: &Context) -> Result<Arc<Self>> {
        for beside in &self.beside {
            context.resource::<Self>(beside.name())?;
        }
        if self.fails == Fails::Opening {
            return Err(Error::unavailable("expected a disk"));
        }
        note(format!("open {}", self.path));
        let (path, fails) = (self.path.clone(), self.fails);
        context.on_close(async move {
            note(format!("close {path}"));
            match fails {
                Fails::Closing => Err(Error::unavailable("expected a disk at the end")),
                Fails::Panicking => panic!("at the end"),
                _ => Ok(()),
            }
        });
        Ok(Arc::new(self))
    }
}

// === impl Pulse ===

impl Source<Write> for Pulse {
    const NAME: &'static str = "pulse";

    async fn run(self, context: Context, next: Next<Write>) -> Result<()> {
        note(format!("start {}", context.place));
        for i in 0..self.batches {
            tokio::select! {
                () = context.shutdown.cancelled() => break,
                () = tokio::time::sleep(std::time::Duration::from_secs(1)) => {}
            }
            let answer = next.send(testing::batch(&format!("pulse {i} {}", context.clock.now()))).await;
            note(format!(
                "{}: {}",
                context.pipeline,
                answer.map_or_else(|e| e.to_string(), |ack| ack.total().to_string())
            ));
        }
        match self.then {
            Then::Waits => context.shutdown.cancelled().await,
            Then::Ends => {}
            Then::Fails => return Err(Error::unavailable("expected a pulse")),
            Then::Panics => panic!("no pulse"),
            Then::Hangs => {
                let _last = LastWords(context.pipeline.to_string());
                std::future::pending().await
            }
        }
        note(format!("stop {}", context.place));
        Ok(())
    }
}

struct LastWords(String);

impl Drop for LastWords {
    fn drop(&mut self) {
        note(format!("dropped {}", self.0));
    }
}

// === impl Door ===

impl Source<Write> for Door {
    const NAME: &'static str = "door";
    const LISTENS: bool = true;

    async fn run(self, context: Context, _: Next<Write>) -> Result<()> {
        if let Some(after) = self.after {
            tokio::time::sleep(after.get()).await;
        }
        if let Some(error) = self.fails {
            return Err(Error::invalid(error));
        }
        if self.ends {
            return Ok(());
        }
        for i in 0..self.addresses {
            context.listening(([127, 0, 0, 1], 1000 + i).into());
        }
        context.shutdown.cancelled().await;
        Ok(())
    }
}

// === impl Desk ===

impl Source<Read> for Desk {
    const NAME: &'static str = "desk";

    async fn run(self, context: Context, _: Next<Read>) -> Result<()> {
        note(format!("start {}", context.place));
        context.shutdown.cancelled().await;
        Ok(())
    }
}

// === impl Pass ===

impl Pass {
    fn fault<T>(error: Option<String>) -> Result<(), Result<T>> {
        error.map_or(Ok(()), |error| Err(Err(Error::unavailable(error))))
    }
}

impl Stage<Write> for Pass {
    const NAME: &'static str = "pass";

    fn wrap(self, _: &Context, next: Next<Write>) -> Result<Next<Write>> {
        if self.unbuildable {
            return Err(Error::invalid("expected something to build with"));
        }
        Ok(Next::new(service_fn(move |batch: Batch| {
            let (next, error) = (next.clone(), self.error.clone());
            async move {
                match Self::fault(error) {
                    Ok(()) => next.send(batch).await,
                    Err(error) => error,
                }
            }
        })))
    }
}

impl Stage<Read> for Pass {
    const NAME: &'static str = "pass";

    fn wrap(self, _: &Context, next: Next<Read>) -> Result<Next<Read>> {
        Ok(next)
    }
}

impl Stage<Read> for Clerk {
    const NAME: &'static str = "clerk";

    fn wrap(self, _: &Context, next: Next<Read>) -> Result<Next<Read>> {
        Ok(next)
    }
}

// === impl Thin ===

impl Transform for Thin {
    const NAME: &'static str = "thin";

    fn apply(&self, batch: Batch) -> Result<(Batch, Ack)> {
        let kept = batch.filter(|series| series.labels.metric() != self.metric);
        let gone = (batch.sample_count() - kept.sample_count()) as u64;
        Ok((kept, Ack::default().with(Outcome::Dropped, "thin", gone)))
    }
}

impl Transform for Rules {
    const NAME: &'static str = "rules";

    fn apply(&self, batch: Batch) -> Result<(Batch, Ack)> {
        Ok((batch, Ack::default()))
    }
}

// === impl Lossy ===

impl Stage<Write> for Lossy {
    const NAME: &'static str = "lossy";

    fn wrap(self, _: &Context, next: Next<Write>) -> Result<Next<Write>> {
        Ok(Next::new(service_fn(move |batch: Batch| {
            let mut first = true;
            let kept = batch.filter(|_| std::mem::take(&mut first));
            let next = next.clone();
            async move { next.send(kept).await }
        })))
    }
}

// === impl Deal ===

impl Fanout<Write> for Deal {
    const NAME: &'static str = "deal";

    fn split(self, _: &Context, rest: &mut dyn FnMut(&str) -> Result<Next<Write>>) -> Result<Next<Write>> {
        let branches = self.to.iter().map(|name| rest(name)).collect::<Result<Vec<_>>>()?;
        Ok(Next::new(service_fn(move |batch: Batch| {
            let branches = branches.clone();
            async move {
                let mut ack = Ack::default();
                for (turn, branch) in branches.iter().enumerate() {
                    let mut i = 0;
                    let dealt = batch.filter(|_| {
                        i += 1;
                        (i - 1) % branches.len() == turn
                    });
                    ack.merge(branch.send(dealt).await?);
                }
                Ok(ack)
            }
        })))
    }
}

// === impl Keep ===

impl Sink<Write> for Keep {
    const NAME: &'static str = "keep";

    fn open(self, context: &Context) -> Result<Next<Write>> {
        if let Some(shelf) = &self.shelf {
            context.resource::<Shelf>(shelf.name())?;
        }
        note(format!("sink {}", context.place));
        Ok(Next::new(service_fn(move |batch: Batch| {
            let Self { takes, error, rejects, .. } = self.clone();
            async move {
                if let Some(takes) = takes {
                    tokio::time::sleep(takes.get()).await;
                }
                match error {
                    Some(error) => Err(Error::unavailable(error)),
                    None => {
                        note(format!("keep {}", testing::text(&batch).trim_end().replace('\n', ", ")));
                        let (n, rejected) = (batch.sample_count() as u64, rejects.min(batch.sample_count() as u64));
                        let ack = Ack::written(n - rejected);
                        Ok(ack.with(Outcome::Rejected, "too_old", rejected))
                    }
                }
            }
            .boxed()
        })))
    }
}

impl Sink<Read> for Echo {
    const NAME: &'static str = "echo";

    fn open(self, _: &Context) -> Result<Next<Read>> {
        Ok(Next::new(service_fn(|_| async { Ok(Answer::from(Data::Names(Vec::new()))) })))
    }
}

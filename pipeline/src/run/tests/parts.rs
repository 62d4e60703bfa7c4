//! Components that tests of reloading put into pipelines.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tower::service_fn;

use crate::config::{Env, Mistake};
use crate::fixture::{self, note};
use crate::plan::{Document, Plan};
use crate::units::{Ref, Span};
use crate::{Ack, Batch, Context, Error, Next, Registry, Resource, Result, Sink, Source, Stage, Write, testing};

thread_local! {
    /// What is held: ports and directories. A test with its runtime is one thread.
    static HELD: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
    /// How often each batch came to a sink, by the batch, with the sinks.
    static TALLY: RefCell<BTreeMap<String, Vec<String>>> = const { RefCell::new(BTreeMap::new()) };
    /// The batches that were acknowledged.
    static ACKED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// A source that sends without end, in several lanes, each batch another one. What fails is sent again.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Flood {
    lanes: u32,
    /// Where it listens; nowhere without.
    #[serde(default)]
    port: Option<u16>,
    /// Keeps it from returning although it was told to go.
    #[serde(default)]
    lingers: Option<Span>,
}

/// A source that listens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Booth {
    port: u16,
    #[serde(default)]
    lingers: Option<Span>,
}

/// A sink that counts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tally {
    called: String,
    takes: Span,
    #[serde(default)]
    cabinet: Option<Ref<String>>,
}

/// A stage that has something to close.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tidy {
    #[serde(default)]
    unbuildable: bool,
}

/// A resource that has a directory of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cabinet {
    path: String,
    #[serde(default)]
    #[allow(dead_code, reason = "only that it differs is of interest")]
    size: u32,
    #[serde(default)]
    beside: Option<Ref<String>>,
    #[serde(default)]
    fails: bool,
}

/// Something that is held until this is dropped.
struct Hold(String);

pub(super) fn plan(texts: &[&str]) -> Result<Plan, Vec<Mistake>> {
    let mut registry: Registry = fixture::registry();
    registry.source::<Write, Flood>().source::<Write, Booth>().sink::<Write, Tally>();
    registry.stage::<Write, Tidy>().resource::<Cabinet>();
    let document = |(i, text): (usize, &&str)| Document { name: format!("{i}.yaml"), text: (*text).to_owned() };
    let documents: Vec<Document> = texts.iter().enumerate().map(document).collect();
    Plan::read(&documents, &registry, &Env::from_fn(|_| None))
}

/// How many batches were acknowledged, and of which sinks; that each came to a sink once is checked.
pub(super) fn tally() -> (usize, BTreeSet<String>) {
    let (tally, acked) = (TALLY.take(), ACKED.take());
    let lost: Vec<&String> = acked.iter().filter(|batch| !tally.contains_key(*batch)).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let twice: Vec<_> = tally.iter().filter(|(_, sinks)| sinks.len() > 1).collect();
    assert!(twice.is_empty(), "more than once: {twice:?}");
    (acked.len(), tally.into_values().flatten().collect())
}

impl Hold {
    fn new(what: String) -> Result<Self> {
        let error = Error::unavailable(format!("{what} is taken"));
        if HELD.with_borrow_mut(|held| held.insert(what.clone())) { Ok(Self(what)) } else { Err(error) }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        HELD.with_borrow_mut(|held| held.remove(&self.0));
    }
}

impl Source<Write> for Flood {
    const NAME: &'static str = "flood";

    async fn run(self, context: Context, next: Next<Write>) -> Result<()> {
        let hold = self.port.map(|port| Hold::new(format!("port {port}"))).transpose()?;
        note(format!("start {}", context.place));
        let lanes = (0..self.lanes).map(|lane| {
            let (context, next) = (context.clone(), next.clone());
            async move {
                for i in 0.. {
                    let text = format!("up{{lane=\"{lane}\"}} {i} {}", context.clock.now() + 1);
                    while let Err(error) = next.send(testing::batch(&text)).await {
                        note(format!("refused {error}"));
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                    ACKED.with_borrow_mut(|acked| acked.push(text));
                    if context.shutdown.is_cancelled() {
                        return;
                    }
                    // Of a batch there is one in each millisecond and lane.
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        });
        futures_util::future::join_all(lanes).await;
        drop(hold);
        if let Some(lingers) = self.lingers {
            tokio::time::sleep(lingers.get()).await;
        }
        note(format!("stop {}", context.place));
        Ok(())
    }
}

impl Source<Write> for Booth {
    const NAME: &'static str = "booth";
    const LISTENS: bool = true;

    async fn run(self, context: Context, _: Next<Write>) -> Result<()> {
        let hold = Hold::new(format!("port {}", self.port))?;
        context.listening(([127, 0, 0, 1], self.port).into());
        note(format!("listen {} {}", context.place, self.port));
        context.shutdown.cancelled().await;
        // As servers do: the address is free before the last request is answered.
        drop(hold);
        if let Some(lingers) = self.lingers {
            tokio::time::sleep(lingers.get()).await;
        }
        note(format!("left {} {}", context.place, self.port));
        Ok(())
    }
}

impl Sink<Write> for Tally {
    const NAME: &'static str = "tally";

    fn open(self, context: &Context) -> Result<Next<Write>> {
        let cabinet = self.cabinet.as_ref().map(|cabinet| context.resource::<String>(cabinet.name())).transpose()?;
        let shown = cabinet.map_or(String::new(), |cabinet| format!(" in {cabinet}"));
        let called = format!("{}{shown}", self.called);
        Ok(Next::new(service_fn(move |batch: Batch| {
            let (called, takes) = (called.clone(), self.takes.get());
            async move {
                tokio::time::sleep(takes).await;
                for line in testing::text(&batch).lines() {
                    TALLY.with_borrow_mut(|all| all.entry(line.to_owned()).or_default().push(called.clone()));
                }
                Ok(Ack::written(batch.sample_count() as u64))
            }
        })))
    }
}

impl Stage<Write> for Tidy {
    const NAME: &'static str = "tidy";

    fn wrap(self, context: &Context, next: Next<Write>) -> Result<Next<Write>> {
        let place = context.place.clone();
        context.on_close(async move {
            note(format!("tidied {place}"));
            Ok(())
        });
        if self.unbuildable { Err(Error::invalid("expected a duster")) } else { Ok(next) }
    }
}

impl Resource for Cabinet {
    const NAME: &'static str = "cabinet";
    type Opened = String;

    fn directories(&self) -> Vec<PathBuf> {
        vec![self.path.clone().into()]
    }

    async fn open(self, context: &Context) -> Result<Arc<String>> {
        let hold = Hold::new(format!("directory {}", self.path))?;
        if let Some(beside) = &self.beside {
            context.resource::<String>(beside.name())?;
        }
        if self.fails {
            return Err(Error::unavailable("expected a key"));
        }
        let shown = format!("{} of {}", self.path, self.size);
        note(format!("open {shown}"));
        let (closing, ends) = (shown.clone(), context.shutdown.clone());
        context.on_close(async move {
            assert!(ends.is_cancelled());
            drop(hold);
            note(format!("close {closing}"));
            Ok(())
        });
        Ok(Arc::new(shown))
    }
}

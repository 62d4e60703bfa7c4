//! Components that the tests of the framework put into pipelines.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::cell::RefCell;

use crate::config::{Env, Mistake};
use crate::plan::{Document, Plan};
use crate::{Read, Registry, Write};

mod ends;
mod sources;
mod stages;

pub(crate) use ends::{Echo, Keep, Shelf};
pub(crate) use sources::{Desk, Door, Pulse};
pub(crate) use stages::{Clerk, Deal, Lossy, Pass, Rules, Thin};

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

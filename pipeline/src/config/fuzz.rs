//! The fuzz target `yaml`: a pipeline file, read as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use tower::service_fn;

use super::Env;
use crate::plan::{Document, Plan};
use crate::units::{Bytes, Ref, Span};
use crate::{Ack, Batch, Context, Error, Next, Registry, Resource, Result, Sink, Source, Transform, Write};

/// Settings of every type, for every component of the target.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only their reading is of interest")]
struct Anything {
    list: Option<Vec<Self>>,
    map: Option<BTreeMap<String, Self>>,
    span: Option<Span>,
    size: Option<Bytes>,
    number: Option<f64>,
    count: Option<u32>,
    on: Option<bool>,
    text: Option<String>,
    pair: Option<(u8, i64)>,
    choice: Option<Choice>,
    resource: Option<Ref<()>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code, reason = "only their reading is of interest")]
enum Choice {
    Off,
    Every(Span),
    Sized { size: Bytes },
}

/// Reads `data` as a pipeline file and checks the laws: every mistake stands in the file, on one line; a plan can be
/// explained; and what is read twice is the same.
///
/// # Panics
/// Where a law does not hold.
pub fn fuzz(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let documents = [Document { name: "fuzz.yaml".into(), text: text.to_owned() }];
    let registry = Registry::default().with(register);
    let env = Env::from_fn(|name| (name == "SET").then(|| "set".to_owned()));
    let read = || Plan::read(&documents, &registry, &env).map(|plan| plan.explain(None));
    let first = read();
    if let Err(mistakes) = &first {
        assert!(!mistakes.is_empty(), "what is refused has a mistake");
        let lines = text.split(['\n', '\r']).count() + 1;
        for mistake in mistakes {
            let at = mistake.at;
            assert!((1..=lines).contains(&at.line) && at.column > 0, "it stands in the file: {mistake}");
            assert!(!mistake.message.is_empty(), "it says something: {mistake}");
        }
    }
    assert_eq!(first, read(), "what is read twice is the same");
}

fn register(registry: &mut Registry) {
    registry.source::<Write, Anything>().transform::<Anything>().sink::<Write, Anything>().resource::<Anything>();
}

// === impl Anything ===

impl Source<Write> for Anything {
    const NAME: &'static str = "anything";

    async fn run(self, _: Context, _: Next<Write>) -> Result<()> {
        Ok(())
    }
}

impl Transform for Anything {
    const NAME: &'static str = "anything";

    fn apply(&self, batch: Batch) -> Result<(Batch, Ack)> {
        Ok((batch, Ack::default()))
    }
}

impl Sink<Write> for Anything {
    const NAME: &'static str = "anything";

    fn open(self, _: &Context) -> Result<Next<Write>> {
        Ok(Next::new(service_fn(|_: Batch| async { Err(Error::closed()) })))
    }
}

impl Resource for Anything {
    const NAME: &'static str = "anything";
    type Opened = ();

    async fn open(self, _: &Context) -> Result<Arc<()>> {
        Ok(Arc::new(()))
    }
}

//! Tests of `outage`, and logs that tests look at.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fmt::{Debug, Write};
use std::sync::OnceLock;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, set_default};
use tracing::{Dispatch, Event, Metadata, Subscriber};

use super::*;

/// What this thread logs, as long as this lives.
pub(crate) struct Logged {
    lines: Lines,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

// === impl Logged ===

impl Logged {
    pub(crate) fn start() -> Self {
        // With one subscriber alone a line that another thread logs first would be switched off for all.
        static OTHER: OnceLock<Dispatch> = OnceLock::new();
        OTHER.get_or_init(|| Dispatch::new(Lines::default()));
        let lines = Lines::default();
        Self { lines: lines.clone(), _guard: set_default(lines) }
    }

    /// The lines of one level since the last time that somebody asked: `message field=value …`.
    pub(crate) fn take(&self, level: &str) -> Vec<String> {
        let mut all = self.lines.0.lock().unwrap();
        let (taken, left) = std::mem::take(&mut *all).into_iter().partition(|line| line.starts_with(level));
        *all = left;
        let texts = |line: String| line.strip_prefix(level).unwrap().trim_start().to_owned();
        Vec::into_iter(taken).map(texts).collect()
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("weir")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.0.lock().unwrap().push(format!("{} {}{}", event.metadata().level(), line.message, line.fields));
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => write!(self.message, "{value:?}").unwrap(),
            name => write!(self.fields, " {name}={value:?}").unwrap(),
        }
    }
}

fn outage() -> (Outage, Logged) {
    (Outage::new("p.stages[0]".into()), Logged::start())
}

fn down() -> Error {
    Error::unavailable("down")
}

async fn pass(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn the_first_failure_is_told_then_one_a_minute_and_that_it_is_over() {
    let (outage, log) = outage();
    let mut request = outage.request();
    request.failed(&down());
    let line = |failures: u64| {
        format!("a request failed, and is repeated place=p.stages[0] failures={failures} error=\"down\"")
    };
    assert_eq!(log.take("WARN"), [line(1)]);
    for _ in 0..59 {
        pass(1).await;
        request.failed(&down());
    }
    assert!(log.take("WARN").is_empty());
    pass(1).await;
    request.failed(&down());
    assert_eq!(log.take("WARN"), [line(60)]);
    assert!(log.take("INFO").is_empty());
    request.worked();
    assert_eq!(log.take("INFO"), ["requests work again place=p.stages[0] seconds=60"]);
    outage.request().worked();
    assert!(log.take("INFO").is_empty());
}

#[tokio::test(start_paused = true)]
async fn it_is_over_once_all_that_failed_have_ended() {
    let (outage, log) = outage();
    let (mut one, mut two, mut three) = (outage.request(), outage.request(), outage.request());
    one.failed(&down());
    two.failed(&down());
    two.failed(&down());
    one.worked();
    three.worked();
    assert!(log.take("INFO").is_empty());
    // It is given up: what it fails of is told elsewhere.
    drop(two);
    assert!(log.take("INFO").is_empty());
    three.worked();
    assert_eq!(log.take("INFO").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn failures_that_come_and_go_are_told_once_a_minute() {
    let (outage, log) = outage();
    for _ in 0..180 {
        let mut request = outage.request();
        request.failed(&down());
        request.worked();
        pass(1).await;
    }
    assert_eq!((log.take("WARN").len(), log.take("INFO").len()), (3, 3));
}

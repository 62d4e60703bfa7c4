//! The contract of sources.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use super::contract::run;
use super::recorder::Recorder;
use super::requests::Requests;
use crate::source::Source;

/// How long a source may do as it likes before it is told to stop.
const WHILE: Duration = Duration::from_secs(600);

/// How long a source may take to stop.
const LIMIT: Duration = Duration::from_secs(3600);

/// Checks that a source keeps what of the contract concerns it, in a tokio runtime of its own with paused time: it runs
/// until it is told to stop, then waits for what it sent down, and returns.
///
/// # Panics
/// It does not; the message is a sentence about how.
pub fn assert_source_contract<P: Requests, S: Source<P>>(source: S) {
    run(check_source_contract(source));
}

/// As [`assert_source_contract`], within a tokio runtime.
///
/// # Errors
/// A sentence about how the source breaks the contract.
pub async fn check_source_contract<P: Requests, S: Source<P>>(source: S) -> Result<(), String> {
    let broken = |how: &str| Err(format!("`{}` breaks the contract: {how}", S::NAME));
    let context = super::context();
    let rest = Recorder::<P>::default();
    rest.set_open(false);
    let mut running = pin!(source.run(context.clone(), rest.next()));
    if let Some(ended) = ends(WHILE, running.as_mut()).await {
        return broken(&format!("it ended before it was told to, with {ended:?}"));
    }
    let in_flight = rest.in_flight();
    context.shutdown.cancel();
    if in_flight > 0 {
        if ends(Duration::from_secs(1), running.as_mut()).await.is_some() {
            return broken("it returned before what it sent down was answered");
        }
        rest.set_open(true);
    }
    match ends(LIMIT, running).await {
        Some(Ok(())) if rest.in_flight() == 0 && rest.unready_calls() == 0 => Ok(()),
        Some(Ok(())) if rest.in_flight() > 0 => broken("it returned before what it sent down was answered"),
        Some(Ok(())) => broken("it called the rest before the rest was ready"),
        Some(Err(error)) => broken(&format!("it stopped with the error `{error:?}`")),
        None => broken("it does not return although it was told to stop"),
    }
}

/// What the future returns within that time.
async fn ends<T>(time: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(time, future).await.ok()
}

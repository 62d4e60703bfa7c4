//! The contract of stages and sinks.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{join, poll_fn};
use tower::Service;

use super::recorder::Recorder;
use super::requests::{Requests, request};
use crate::context::Context;
use crate::error::{Error, Kind, Result};
use crate::next::Next;
use crate::path::{Path, Write};
use crate::stage::Stage;
use crate::transform::Transform;

/// A stage whose contract is to be checked.
pub struct Subject<P: Path> {
    name: &'static str,
    build: Build<P>,
    ready_by_design: bool,
    carries_on: bool,
    answers_itself: bool,
}

type Build<P> = Box<dyn Fn(&Context, Next<P>) -> Result<Next<P>>>;

/// What is wrong.
type Fault = std::result::Result<(), String>;

/// How long anything may take. Time is paused, so that a stage that hangs costs nothing.
const LIMIT: Duration = Duration::from_secs(3600);

// === impl Subject ===

impl<P: Path> Subject<P> {
    /// A stage.
    pub fn stage<S: Stage<P>>(stage: S) -> Self {
        Self::service(S::NAME, move |context, next| stage.clone().wrap(context, next))
    }

    /// Whatever `build` puts before the rest.
    pub fn service(name: &'static str, build: impl Fn(&Context, Next<P>) -> Result<Next<P>> + 'static) -> Self {
        Self { name, build: Box::new(build), ready_by_design: false, carries_on: false, answers_itself: false }
    }

    /// The stage says in its docs that it is ready although the rest is not.
    #[must_use]
    pub fn ready_by_design(mut self) -> Self {
        self.ready_by_design = true;
        self
    }

    /// The stage says in its docs that it finishes what it began when its caller goes away.
    #[must_use]
    pub fn carries_on(mut self) -> Self {
        self.carries_on = true;
        self
    }

    /// The stage says in its docs that it answers before the rest does, and what becomes of the rest's errors.
    #[must_use]
    pub fn answers_itself(mut self) -> Self {
        self.answers_itself = true;
        self
    }

    fn over(&self, rest: &Recorder<P>) -> std::result::Result<Next<P>, String> {
        let built = (self.build)(&super::context(), rest.next());
        built.map_err(|error| format!("`{}` can't be built: {error}", self.name))
    }
}

impl Subject<Write> {
    /// A transform.
    pub fn transform<T: Transform>(transform: T) -> Self {
        let transform = crate::transform::Transformed::new(transform);
        Self::service(T::NAME, move |context, next| crate::registry::AnyStage::wrap(&transform, context, next))
    }
}

// === the contract of stages ===

/// Checks that a stage keeps the contract, in a tokio runtime of its own with paused time.
///
/// * The law: every sample that goes in is counted once, whatever the rest answers.
/// * Backpressure: it is ready only when the rest is, and never calls the rest before.
/// * Errors of the rest come back with their kind and place.
/// * Clones work alone and side by side.
/// * A caller who goes away harms nobody.
///
/// # Panics
/// It does not; the message is a sentence about how.
pub fn assert_contract<P: Requests>(subject: Subject<P>) {
    run(check_contract(&subject));
}

/// As [`assert_contract`], within a tokio runtime whose time is paused.
///
/// # Errors
/// A sentence about how the stage breaks the contract.
pub async fn check_contract<P: Requests>(subject: &Subject<P>) -> Fault {
    law(subject).await?;
    backpressure(subject).await?;
    errors(subject).await?;
    clones(subject).await?;
    cancellation(subject).await
}

pub(super) fn run(check: impl Future<Output = Fault>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let runtime = runtime.unwrap_or_else(|error| panic!("expected a tokio runtime: {error}"));
    if let Err(fault) = runtime.block_on(check) {
        panic!("{fault}");
    }
}

/// A rest that gives the `i`-th answer.
fn rest<P: Requests>(i: usize) -> Recorder<P> {
    Recorder::new(move |request| super::recorder::answer::<P>(request, i))
}

async fn within<T>(name: &str, what: &str, future: impl Future<Output = T>) -> std::result::Result<T, String> {
    tokio::time::timeout(LIMIT, future).await.map_err(|_| format!("`{name}` hangs: {what}"))
}

/// Sends `request`, which must be answered well.
async fn sends<P: Requests>(name: &str, what: &str, next: &Next<P>, request: P::Request) -> Fault {
    match within(name, what, next.send(request.clone())).await? {
        Ok(response) => P::fault(&request, &response).map_or(Ok(()), |fault| broken(name, what, &fault)),
        Err(error) => broken(name, what, &format!("expected an answer, got the error `{error:?}`")),
    }
}

fn broken(name: &str, what: &str, how: &str) -> Fault {
    Err(format!("`{name}` breaks the contract ({what}): {how}"))
}

async fn law<P: Requests>(subject: &Subject<P>) -> Fault {
    for (sent, request) in P::requests() {
        for (i, (answered, _)) in P::answers(&request).into_iter().enumerate() {
            let rest = rest(i);
            let next = subject.over(&rest)?;
            sends(subject.name, &format!("{sent}; {answered}"), &next, request.clone()).await?;
            if rest.unready_calls() > 0 {
                return broken(subject.name, sent, "it called the rest before the rest was ready");
            }
        }
    }
    Ok(())
}

/// Whether the service is ready after everyone had a turn.
async fn is_ready<P: Path>(next: &mut Next<P>) -> Result<bool> {
    for _ in 0..16 {
        let polled = poll_fn(|cx| Poll::Ready(next.poll_ready(cx))).await;
        if let Poll::Ready(ready) = polled {
            return ready.map(|()| true);
        }
        tokio::task::yield_now().await;
    }
    Ok(false)
}

async fn backpressure<P: Requests>(subject: &Subject<P>) -> Fault {
    let what = "the rest is not ready";
    let fails = |error| format!("`{}` breaks the contract ({what}): it failed with `{error:?}`", subject.name);
    let rest = rest(0);
    rest.set_ready(false);
    let mut next = subject.over(&rest)?;
    let ready = is_ready(&mut next).await.map_err(fails)?;
    if ready != subject.ready_by_design {
        let how = if ready { "it is ready all the same" } else { "it is not ready by design as it says" };
        return broken(subject.name, what, how);
    }
    if ready {
        return patience(subject, &rest, next).await;
    }
    rest.set_ready(true);
    within(subject.name, "the rest became ready", poll_fn(|cx| next.poll_ready(cx))).await?.map_err(fails)?;
    let request = request::<P>();
    let response = within(subject.name, "the rest became ready", next.call(request.clone())).await?.map_err(fails)?;
    P::fault(&request, &response).map_or(Ok(()), |fault| broken(subject.name, "the rest became ready", &fault))
}

/// A stage that is ready by design refuses the request so that it can be repeated, or keeps it until the rest is ready.
async fn patience<P: Requests>(subject: &Subject<P>, rest: &Recorder<P>, mut next: Next<P>) -> Fault {
    let what = "it was ready before the rest was";
    let request = request::<P>();
    let mut reply = pin!(next.call(request.clone()));
    for _ in 0..16 {
        if let Poll::Ready(result) = futures_util::poll!(reply.as_mut()) {
            return match result {
                Err(error) if error.kind().is_retryable() => Ok(()),
                Err(error) => broken(subject.name, what, &format!("it failed for good with `{error:?}`")),
                Ok(_) if rest.requests().is_empty() => Ok(()),
                Ok(_) => broken(subject.name, what, "it called the rest before the rest was ready"),
            };
        }
        tokio::task::yield_now().await;
    }
    rest.set_ready(true);
    match within(subject.name, what, reply).await? {
        Ok(response) => P::fault(&request, &response).map_or(Ok(()), |fault| broken(subject.name, what, &fault)),
        Err(error) if error.kind().is_retryable() => Ok(()),
        Err(error) => broken(subject.name, what, &format!("it failed for good with `{error:?}`")),
    }
}

/// Every kind of error.
fn kinds() -> [Kind; 9] {
    let retry_after = Some(Duration::from_secs(3));
    [
        Kind::Invalid,
        Kind::Unprocessable,
        Kind::TimedOut,
        Kind::Unavailable { retry_after: None },
        Kind::Unavailable { retry_after },
        Kind::Overloaded { retry_after: None },
        Kind::Overloaded { retry_after },
        Kind::Closed,
        Kind::Internal,
    ]
}

async fn errors<P: Requests>(subject: &Subject<P>) -> Fault {
    for kind in kinds() {
        let error = Error::new(kind, "the rest fails").at(&"test.stages[1].rest".into());
        let what = format!("the rest answers with the error `{}`", kind.as_str());
        let rest = rest::<P>(0);
        let next = subject.over(&rest)?;
        let failing = error.clone();
        rest.answer(move |_| Err(failing.clone()));
        let result = within(subject.name, &what, next.send(request::<P>())).await?;
        // A stage that lets nothing through has nothing to pass on.
        if !rest.requests().is_empty() && !subject.answers_itself {
            unharmed(subject.name, &what, result, &error)?;
        }
        rest.answer(|request| super::recorder::answer::<P>(request, 0));
        sends(subject.name, &format!("after {what}"), &next, request::<P>()).await?;

        let what = format!("the rest fails to become ready with the error `{}`", kind.as_str());
        rest.fail_ready(error.clone());
        let passes = rest.requests().len() > 1 && !subject.answers_itself;
        let result = within(subject.name, &what, next.send(request::<P>())).await?;
        if passes {
            unharmed(subject.name, &what, result, &error)?;
        }
        rest.set_ready(true);
        sends(subject.name, &format!("after {what}"), &next, request::<P>()).await?;
    }
    Ok(())
}

fn unharmed<R>(name: &str, what: &str, result: Result<R>, expect: &Error) -> Fault {
    match result {
        Ok(_) => broken(name, what, "it hides the error"),
        Err(error) if error.kind() != expect.kind() => {
            broken(name, what, &format!("it makes `{:?}` of it, which is another kind", error))
        }
        Err(error) if error.place() != expect.place() => {
            broken(name, what, &format!("it changes the place to `{}`", error.place().unwrap_or("")))
        }
        Err(_) => Ok(()),
    }
}

async fn clones<P: Requests>(subject: &Subject<P>) -> Fault {
    let rest = rest(0);
    let one = subject.over(&rest)?;
    let two = one.clone();
    let send = |next| sends(subject.name, "two clones at a time", next, request::<P>());
    let (first, second) = join(send(&one), send(&two)).await;
    first.and(second)?;
    drop(one);
    sends(subject.name, "the first clone is gone", &two, request::<P>()).await
}

async fn cancellation<P: Requests>(subject: &Subject<P>) -> Fault {
    let rest = rest(0);
    let next = subject.over(&rest)?;

    let mut idle = next.clone();
    let ready = is_ready(&mut idle).await.map_err(|error| format!("`{}` is not ready: {error:?}", subject.name))?;
    drop(idle);
    if !ready {
        return broken(subject.name, "the rest is ready", "it is not");
    }
    sends(subject.name, "a caller made it ready and went away", &next, request::<P>()).await?;

    for ready in [true, false] {
        rest.set_open(false);
        rest.set_ready(ready);
        {
            let mut reply = pin!(next.send(request::<P>()));
            for _ in 0..16 {
                if futures_util::poll!(reply.as_mut()).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        tokio::task::yield_now().await;
        if rest.in_flight() > 0 && !subject.carries_on {
            return broken(subject.name, "a caller went away while it waited", "the rest still works for it");
        }
        rest.set_ready(true);
        rest.set_open(true);
        sends(subject.name, "a caller went away while it waited", &next, request::<P>()).await?;
    }
    Ok(())
}

// === the contract of sinks ===

/// Checks that a sink keeps what of the contract concerns it: the law, clones, and callers who go away. It gets odd
/// batches and may reject their samples; it may not fail on them.
///
/// # Panics
/// It does not; the message is a sentence about how.
pub fn assert_sink_contract<P: Requests>(name: &str, open: impl FnOnce(&Context) -> Result<Next<P>>) {
    run(async {
        let sink = open(&super::context()).map_err(|error| format!("`{name}` can't be opened: {error}"))?;
        check_sink_contract(name, sink).await
    });
}

/// As [`assert_sink_contract`], within a tokio runtime.
///
/// # Errors
/// A sentence about how the sink breaks the contract.
pub async fn check_sink_contract<P: Requests>(name: &str, sink: Next<P>) -> Fault {
    for (sent, request) in P::requests() {
        sends(name, sent, &sink, request).await?;
    }
    let clone = sink.clone();
    let send = |next| sends(name, "two clones at a time", next, request::<P>());
    let (first, second) = join(send(&sink), send(&clone)).await;
    first.and(second)?;
    {
        let mut reply = pin!(sink.send(request::<P>()));
        let _ = futures_util::poll!(reply.as_mut());
    }
    drop(sink);
    sends(name, "a caller went away, and the first clone is gone", &clone, request::<P>()).await
}

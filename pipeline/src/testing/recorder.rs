//! A rest of the pipeline that records what it gets and does as the test says.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::watch;
use tower::Service;

use super::requests::Requests;
use crate::error::{Error, Result};
use crate::next::{Next, Reply};
use crate::path::Path;

/// A rest of the pipeline that records what it gets and does as the test says: it answers, fails, is not ready, or takes
/// its time. A clone is a handle.
pub struct Recorder<P: Path>(Arc<Shared<P>>);

struct Shared<P: Path> {
    state: Mutex<State<P>>,
    /// Answers wait until this is open.
    open: watch::Sender<bool>,
}

struct State<P: Path> {
    answer: Answering<P>,
    requests: Vec<P::Request>,
    ready: Readiness,
    wakers: Vec<Waker>,
    in_flight: usize,
    unready_calls: usize,
}

type Answering<P> = Arc<dyn Fn(&<P as Path>::Request) -> Result<<P as Path>::Response> + Send + Sync>;

enum Readiness {
    Ready,
    Busy,
    Fails(Error),
}

/// The service: each clone is made ready for itself.
struct Handle<P: Path> {
    shared: Arc<Shared<P>>,
    ready: bool,
}

/// Counts down when the answer is there or nobody waits for it any more.
struct InFlight<P: Path>(Arc<Shared<P>>);

// === impl Recorder ===

impl<P: Path> Recorder<P> {
    /// A rest that is ready and answers so.
    pub fn new(answer: impl Fn(&P::Request) -> Result<P::Response> + Send + Sync + 'static) -> Self {
        let state = State {
            answer: Arc::new(answer),
            requests: Vec::new(),
            ready: Readiness::Ready,
            wakers: Vec::new(),
            in_flight: 0,
            unready_calls: 0,
        };
        Self(Arc::new(Shared { state: Mutex::new(state), open: watch::Sender::new(true) }))
    }

    /// The service.
    pub fn next(&self) -> Next<P> {
        Next::new(Handle { shared: self.0.clone(), ready: false })
    }

    /// Answers so from now on.
    pub fn answer(&self, answer: impl Fn(&P::Request) -> Result<P::Response> + Send + Sync + 'static) {
        self.0.state().answer = Arc::new(answer);
    }

    /// Is ready from now on, or is not.
    pub fn set_ready(&self, ready: bool) {
        self.become_ready(if ready { Readiness::Ready } else { Readiness::Busy });
    }

    /// Fails to become ready from now on.
    pub fn fail_ready(&self, error: Error) {
        self.become_ready(Readiness::Fails(error));
    }

    /// Answers at once from now on, or lets callers wait until it may.
    pub fn set_open(&self, open: bool) {
        self.0.open.send_replace(open);
    }

    /// What it got so far.
    pub fn requests(&self) -> Vec<P::Request> {
        self.0.state().requests.clone()
    }

    /// How many requests wait for their answers.
    pub fn in_flight(&self) -> usize {
        self.0.state().in_flight
    }

    /// How many requests came through a handle that was not ready, which no tower service may do.
    pub fn unready_calls(&self) -> usize {
        self.0.state().unready_calls
    }

    fn become_ready(&self, ready: Readiness) {
        let mut state = self.0.state();
        state.ready = ready;
        state.wakers.drain(..).for_each(Waker::wake);
    }
}

/// A rest that is ready and gives the plainest answers.
impl<P: Requests> Default for Recorder<P> {
    fn default() -> Self {
        Self::new(|request| answer::<P>(request, 0))
    }
}

/// The `i`-th answer to `request`.
pub(super) fn answer<P: Requests>(request: &P::Request, i: usize) -> Result<P::Response> {
    let answer = P::answers(request).into_iter().nth(i);
    answer.map(|(_, answer)| answer).ok_or_else(|| Error::internal("there is no such answer"))
}

impl<P: Path> Clone for Recorder<P> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<P: Path> Shared<P> {
    fn state(&self) -> MutexGuard<'_, State<P>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Handle ===

impl<P: Path> Clone for Handle<P> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), ready: false }
    }
}

impl<P: Path> Service<P::Request> for Handle<P> {
    type Response = P::Response;
    type Error = Error;
    type Future = Reply<P>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let mut state = self.shared.state();
        match &state.ready {
            Readiness::Ready => {
                self.ready = true;
                Poll::Ready(Ok(()))
            }
            Readiness::Busy => {
                state.wakers.push(cx.waker().clone());
                Poll::Pending
            }
            Readiness::Fails(error) => Poll::Ready(Err(error.clone())),
        }
    }

    fn call(&mut self, request: P::Request) -> Reply<P> {
        let mut state = self.shared.state();
        state.unready_calls += usize::from(!std::mem::take(&mut self.ready));
        state.requests.push(request.clone());
        state.in_flight += 1;
        let answer = state.answer.clone();
        drop(state);
        let in_flight = InFlight(self.shared.clone());
        let mut open = self.shared.open.subscribe();
        Box::pin(async move {
            // The sender lives in `in_flight`: it can't be gone.
            let _ = open.wait_for(|open| *open).await;
            let response = answer(&request);
            drop(in_flight);
            response
        })
    }
}

// === impl InFlight ===

impl<P: Path> Drop for InFlight<P> {
    fn drop(&mut self) {
        self.0.state().in_flight -= 1;
    }
}

//! Where queries are computed: on threads of their own, so that a heavy one holds up neither the senders nor those who ask
//! whether the program is alive. What has little to read is done before another thread would come.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use futures_util::FutureExt;

use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};
use tokio_util::task::AbortOnDropHandle;
use weir_pipeline::{Error, Result};

use super::stack::{Need, STACK};

/// Where queries are computed. A clone is the same place.
#[derive(Clone, Debug)]
pub(super) enum Executor {
    /// Where they are waited for; what needs much stack on threads of its own, which start with the first that does.
    Here(Arc<OnceLock<Result<Threads>>>),
    /// On threads of their own, which end with the last clone.
    Threads(Arc<Threads>),
}

/// A runtime that may be dropped anywhere.
#[derive(Debug)]
pub(super) struct Threads(Option<Runtime>);

// === impl Executor ===

impl Executor {
    /// Threads of their own, as many as there are cores; none where the program has only one thread, as in tests.
    pub(super) fn start() -> Result<Self> {
        if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
            return Ok(Self::default());
        }
        Ok(Self::Threads(Arc::new(Threads::start()?)))
    }

    /// Whether what it runs has the stack that planning needs.
    pub(super) fn is_deep(&self) -> bool {
        matches!(self, Self::Threads(_))
    }

    /// The outcome of `work`. Dropping this future ends the work at its next turn. What needs little stack
    /// begins here, until it waits for something, or gives up its turn.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        need: Need,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let threads = match self {
            Self::Here(_) if need != Need::Much => return work.await,
            Self::Here(threads) => threads.get_or_init(Threads::start).as_ref().map_err(Error::clone)?,
            Self::Threads(threads) => threads,
        };
        let runtime = threads.0.as_ref().ok_or_else(Error::closed)?;
        let mut work = Box::pin(work);
        if need == Need::Little {
            // The tasks that it starts, and what it waits for, are over there.
            let _there = runtime.enter();
            match catch_unwind(AssertUnwindSafe(|| work.as_mut().now_or_never())) {
                Ok(Some(done)) => return done,
                Ok(None) => {}
                Err(_) => return Err(Error::internal("the query panicked")),
            }
        }
        match AbortOnDropHandle::new(runtime.spawn(work)).await {
            Ok(result) => result,
            Err(error) if error.is_panic() => Err(Error::internal("the query panicked")),
            Err(_) => Err(Error::closed()),
        }
    }
}

impl Default for Executor {
    fn default() -> Self {
        Self::Here(Arc::default())
    }
}

// === impl Threads ===

impl Threads {
    fn start() -> Result<Self> {
        let mut threads = Builder::new_multi_thread();
        let runtime = threads.thread_name("query").thread_stack_size(STACK).enable_all().build();
        let runtime = runtime.map_err(|e| Error::unavailable("no threads for queries").with_source(e))?;
        Ok(Self(Some(runtime)))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Waiting for them here would block whoever drops the last clone.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests;

//! Runs what the kernel waits for on threads of its own.
//!
//! The kernel blocks, waits within what it waits for, and brings executors that want a runtime of several threads or make
//! one. These threads use the runtime that is there, of either kind.

use std::future::Future;
use std::panic::resume_unwind;
use std::thread;

use delta_kernel::{KernelError, KernelResult};
use delta_kernel_default_engine::executor::TaskExecutor;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::runtime::{EnterGuard, Handle};

/// A thread for each thing that is waited for.
#[derive(Debug)]
pub(super) struct Threads(pub(super) Handle);

// === impl Threads ===

impl TaskExecutor for Threads {
    type Guard<'a> = EnterGuard<'a>;

    fn block_on<T>(&self, task: T) -> T::Output
    where
        T: Future + Send + 'static,
        T::Output: Send + 'static,
    {
        let handle = self.0.clone();
        thread::spawn(move || handle.block_on(task)).join().unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let handle = self.0.clone();
        drop(thread::spawn(move || handle.block_on(task)));
    }

    fn spawn_blocking<T, R>(&self, task: T) -> BoxFuture<'_, KernelResult<R>>
    where
        T: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let running = self.0.spawn_blocking(task);
        async move { running.await.map_err(KernelError::generic_err) }.boxed()
    }

    fn enter(&self) -> EnterGuard<'_> {
        self.0.enter()
    }
}

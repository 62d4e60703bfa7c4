//! Work on a thread of its own, where none of the runtime's will do.

use crate::error::{Error, Result};

/// The outcome of `work` on a new thread of this name, which has so many bytes of stack, or as many as threads have. What panics
/// there takes nothing else along.
///
/// # Errors
/// `Unavailable` where there is no thread to be had, `Internal` where the work panics, `Closed` at the program's end.
pub async fn apart<T: Send + 'static>(
    name: &'static str,
    stack: Option<usize>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    // Waiting in a blocking task holds a paused clock, which a mere thread would not.
    let waiting = tokio::task::spawn_blocking(move || {
        let thread = std::thread::Builder::new().name(name.to_owned());
        let thread = stack.into_iter().fold(thread, std::thread::Builder::stack_size);
        let no_thread = |e| Error::unavailable(format!("no thread for work on `{name}`")).with_source(e);
        let thread = thread.spawn(work).map_err(no_thread)?;
        thread.join().map_err(|_| Error::internal(format!("the thread `{name}` panicked")))
    });
    waiting.await.map_err(|_| Error::closed())?
}

#[cfg(test)]
mod tests;

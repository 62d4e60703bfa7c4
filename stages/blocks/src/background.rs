//! Where work is done that takes long and that nobody waits for: on threads that give way to all others.

use weir_pipeline::{Error, Result};

use crate::store::lost;

/// How much less than others the threads get where cores are short (`nice`): a tenth beside one other, all of a core that is idle.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// The outcome of `work`, which takes no lock that others wait for: on a busy machine it may stop for a while at any place.
pub(crate) async fn background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let thread = move || {
        give_way();
        work()
    };
    // Waiting in a blocking task holds a paused clock, which a mere thread would not. A thread can't take its priority back, and
    // the runtime's do other things, too.
    let waiting = tokio::task::spawn_blocking(move || {
        let thread = std::thread::Builder::new().name("background".to_owned()).spawn(thread);
        let thread = thread.map_err(|e| Error::unavailable("no thread for work in the background").with_source(e))?;
        thread.join().map_err(|_| Error::internal("work in the background panicked"))
    });
    waiting.await.map_err(lost)?
}

/// On Linux priorities are of threads, elsewhere of whole processes.
fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(%error, "work in the background is done as any other");
    }
}

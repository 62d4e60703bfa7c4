//! Where work is done that takes long and that nobody waits for: on threads that give way to all others.

use weir_pipeline::Result;
use weir_pipeline::thread::apart;

/// How much less than others the threads get where cores are short (`nice`): a tenth beside one other, all of a core that is idle.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// The outcome of `work`, which takes no lock that others wait for: on a busy machine it may stop for a while at any place.
pub(crate) async fn background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    // A thread can't take its priority back, and the runtime's do other things, too.
    apart("background", None, move || {
        give_way();
        work()
    })
    .await
}

/// On Linux priorities are of threads, elsewhere of whole processes.
fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(%error, "work in the background is done as any other");
    }
}

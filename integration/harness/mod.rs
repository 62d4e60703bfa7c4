//! Processes, ports and HTTP for the tests.

pub mod certificates;
pub mod cluster;
pub mod dns;
pub mod http;
pub mod language_server;
pub mod moto;
pub mod pages;
pub mod peers;
pub mod process;
pub mod proxy;
pub mod s3;
pub mod shared;
pub mod target;
pub mod weir;
pub mod writers;

use std::time::{Duration, Instant};

/// Calls `probe` every 50 ms until it yields something, for at most `limit`.
///
/// Tests of real processes wait for what they can observe, never for a guess of how long it takes.
pub fn wait_for<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(start.elapsed() < limit, "waited {limit:?} for {what}");
        pause(Duration::from_millis(50));
    }
}

/// How many times longer the phases of scenarios are than in CI: `WEIR_SOAK`, as `bench/soak.sh` sets it.
pub fn soak() -> u32 {
    std::env::var("WEIR_SOAK").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// Lets a phase of a scenario last, so long in CI.
pub fn phase(time: Duration) {
    pause(time * soak());
}

/// Lets real processes run for a while.
#[expect(clippy::disallowed_methods, reason = "there is no runtime here, and the processes waited for are real")]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// The wall clock, in milliseconds since the Unix epoch: what the real processes see.
#[expect(clippy::disallowed_methods, reason = "there is no context here, and the processes waited for are real")]
pub fn now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64
}

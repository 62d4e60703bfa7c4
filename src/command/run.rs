//! `weir run`: pipelines until told to stop.

use std::net::SocketAddr;

use tokio::signal::unix::{SignalKind, signal};
use weir_pipeline::error::Place;
use weir_pipeline::plan::Plan;
use weir_pipeline::run::{GRACE, Running};
use weir_pipeline::{Clock, Error, Metrics};

use super::{Exit, Pipelines, check};

/// Runs pipelines until SIGINT or SIGTERM, or until one of them fails.
pub(super) fn run(pipelines: &Pipelines) -> Exit {
    let plan = match pipelines.plan() {
        Ok(plan) => plan,
        Err(mistakes) => return check::report(&mistakes),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            eprintln!("weir: no runtime: {e}");
            return Exit::Failure;
        }
    };
    match runtime.block_on(serve(&plan)) {
        Ok(()) => Exit::Success,
        Err(errors) => {
            for error in errors {
                eprintln!("weir: {}", error.report());
            }
            Exit::Failure
        }
    }
}

async fn serve(plan: &Plan) -> Result<(), Vec<Error>> {
    let mut signals = Signals::new().map_err(|e| vec![e])?;
    let metrics = Metrics::default();
    metrics.info("weir_build", "The version that runs", &[("version", env!("CARGO_PKG_VERSION"))]);
    tracing::info!(pipelines = plan.names().join(", "), version = env!("CARGO_PKG_VERSION"), "starting");
    let mut running = tokio::select! {
        started = plan.start(Clock::system(), metrics) => started.map_err(|e| vec![e])?,
        () = signals.stop() => return Ok(()),
    };
    let ended = tokio::select! {
        ended = until_failure(&mut running) => ended,
        () = signals.stop() => Ok(()),
    };
    tracing::info!("stopping: sources first, then what they sent, then the log");
    let errors = tokio::select! {
        errors = running.shutdown(GRACE) => errors,
        // Asked twice: the log is fsynced before every ack, so nothing acknowledged is lost.
        () = signals.stop() => vec![Error::unavailable("stopped before everything had drained")],
    };
    match (ended, errors.is_empty()) {
        (Ok(()), true) => Ok(()),
        (Err(error), true) => Err(vec![error]),
        (_, false) => Err(errors),
    }
}

async fn until_failure(running: &mut Running) -> Result<(), Error> {
    let listeners = running.listeners().await;
    greet(&listeners);
    running.stopped().await
}

/// Says where to look. To standard output, so that it stands apart from the log.
#[expect(clippy::print_stdout, reason = "this is what a person who starts the program reads")]
fn greet(listeners: &[(Place, SocketAddr)]) {
    for (place, address) in listeners {
        let what = place.rsplit('.').next().unwrap_or_default();
        match what {
            "api" => {
                println!("{place} answers PromQL on http://{address}; try");
                println!("  http://{address}/api/v1/query?query=up");
                println!("  weir query --url http://{address} up");
            }
            "receive" => println!("{place} takes remote write on http://{address}/api/v1/receive"),
            _ => println!("{place} listens on {address}"),
        }
    }
}

/// What asks the program to stop.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

// === impl Signals ===

impl Signals {
    fn new() -> Result<Self, Error> {
        let listen = |kind| signal(kind).map_err(|e| Error::internal("can't listen to signals").with_source(e));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    async fn stop(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

//! `weir run`: pipelines until told to stop.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use weir_pipeline::error::Place;
use weir_pipeline::plan::Plan;
use weir_pipeline::run::{GRACE, Running};
use weir_pipeline::{Clock, Error, Metrics};

use super::{Exit, Pipelines, check, client};
use crate::logs::{LogFormat, last_words};
use crate::out::print;

/// How long the greeting waits for a query that has an answer, and how often it asks.
const FIRST_SCRAPES: Duration = Duration::from_secs(15);
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(100);

/// Runs pipelines until SIGINT or SIGTERM, or until one of them fails.
pub(super) fn run(pipelines: &Pipelines, format: LogFormat) -> Exit {
    let plan = match pipelines.plan() {
        Ok(plan) => plan,
        Err(mistakes) => return check::report(&mistakes),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            last_words(format, &format!("no runtime: {e}"));
            return Exit::Failure;
        }
    };
    match runtime.block_on(serve(&plan)) {
        Ok(()) => Exit::Success,
        Err(errors) => {
            for error in errors {
                last_words(format, &error.report());
            }
            Exit::Failure
        }
    }
}

async fn serve(plan: &Plan) -> Result<(), Vec<Error>> {
    let mut signals = Signals::new().map_err(|e| vec![e])?;
    let metrics = Metrics::default();
    metrics.info("weir_build", "The version that runs", &[("version", env!("CARGO_PKG_VERSION"))]);
    metrics.process();
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
    let scheme = |place: &Place| if running.speaks_tls(place) { "https" } else { "http" };
    let listeners: Vec<_> =
        listeners.into_iter().map(|(place, at)| (format!("{}://{at}", scheme(&place)), place)).collect();
    tokio::select! {
        biased;
        ended = running.stopped() => return ended,
        () = greet(&listeners) => {}
    }
    running.stopped().await
}

/// Says where to look. To standard output, so that it stands apart from the log.
async fn greet(listeners: &[(String, Place)]) {
    for (url, place) in listeners {
        match place.rsplit('.').next().unwrap_or_default() {
            "api" => print(&format!("{place} answers PromQL on {url}\n")),
            "receive" => print(&format!("{place} takes remote write on {url}/api/v1/receive\n")),
            _ => print(&format!("{place} listens on {url}\n")),
        }
    }
    for (url, _) in listeners.iter().filter(|(_, place)| place.ends_with(".api")) {
        let query = format!("{url}/api/v1/query?query=up");
        let note = if answers(&query).await { "it answers already" } else { "as soon as something is written" };
        print(&format!("try ({note}):\n  weir query --url {url} up\n  {query}\n"));
    }
}

/// Whether a query has an answer that is not empty, by now or within the time of the first scrapes.
async fn answers(query: &str) -> bool {
    let asked = async {
        loop {
            let answer = client::get(query, None).await;
            if answer.is_ok_and(|(_, body)| body.windows(7).any(|w| w == b"\"value\"")) {
                return;
            }
            tokio::time::sleep(BETWEEN_QUESTIONS).await;
        }
    };
    tokio::time::timeout(FIRST_SCRAPES, asked).await.is_ok()
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

//! `weir run`: pipelines until told to stop.

use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use weir_pipeline::error::Place;
use weir_pipeline::plan::Plan;
use weir_pipeline::run::{GRACE, Running};
use weir_pipeline::{Asked, Clock, Error, Metrics};

use super::watch::Watch;
use super::{Exit, Pipelines, check, client};
use crate::logs::{LogFormat, last_words};
use crate::out::print;

/// How long the greeting waits for a query that has an answer, and how often it asks.
const FIRST_SCRAPES: Duration = Duration::from_secs(15);
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(100);

/// Run pipelines until told to stop (SIGINT or SIGTERM).
///
/// With SIGHUP the files are read anew: what changed is exchanged while all else runs on, and no batch is lost. Files with
/// mistakes change nothing.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Run {
    #[command(flatten)]
    pipelines: Pipelines,
    /// Read the files anew whenever they change, too.
    #[arg(long)]
    watch: bool,
}

/// Why the program does something else than run.
enum Event {
    /// A source failed, or all have ended.
    Ended(Result<(), Error>),
    /// Somebody asks it to stop.
    Stop,
    /// The files are to be read anew; who asked for it wants to know what came of it.
    Reload(Option<tokio::sync::oneshot::Sender<Result<(), Error>>>),
}

/// Runs pipelines until SIGINT or SIGTERM, or until one of them fails.
pub(super) fn run(run: &Run, format: LogFormat) -> Exit {
    let watch = Watch::new(&run.pipelines);
    let plan = match run.pipelines.plan() {
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
    match runtime.block_on(serve(run, plan, watch)) {
        Ok(()) => Exit::Success,
        Err(errors) => {
            for error in errors {
                last_words(format, &error.report());
            }
            Exit::Failure
        }
    }
}

async fn serve(run: &Run, plan: Plan, watch: Watch) -> Result<(), Vec<Error>> {
    let mut signals = Signals::new().map_err(|e| vec![e])?;
    let metrics = Metrics::default();
    metrics.info("weir_build", "The version that runs", &[("version", env!("CARGO_PKG_VERSION"))]);
    metrics.process();
    tracing::info!(pipelines = plan.names().join(", "), version = env!("CARGO_PKG_VERSION"), "starting");
    let mut running = tokio::select! {
        started = plan.start(Clock::system(), metrics) => started.map_err(|e| vec![e])?,
        () = signals.stop() => return Ok(()),
    };
    drop(plan);
    let ended = until_stopped(run, &mut running, &mut signals, watch).await;
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

/// Runs, and reads the files anew as often as that is asked for.
async fn until_stopped(run: &Run, running: &mut Running, signals: &mut Signals, mut watch: Watch) -> Result<(), Error> {
    let mut asked = running.asked();
    let mut greeted = false;
    loop {
        let event = tokio::select! {
            ended = until_failure(running, &mut greeted) => Event::Ended(ended),
            event = signals.next() => event,
            () = watch.changed(), if run.watch => Event::Reload(None),
            Some(asked) = asked.recv() => match asked {
                Asked::Reload(reply) => Event::Reload(Some(reply)),
                Asked::Quit => Event::Stop,
            },
        };
        let reply = match event {
            Event::Ended(ended) => return ended,
            Event::Stop => return Ok(()),
            Event::Reload(reply) => reply,
        };
        watch.note();
        let outcome = tokio::select! {
            outcome = running.reload(run.pipelines.plan()) => outcome,
            () = signals.stop_twice() => return Err(Error::unavailable("stopped before the pipelines were exchanged")),
        };
        if let Some(reply) = reply {
            // Who asked may be gone.
            let _ = reply.send(outcome.map(drop));
        }
        if signals.are_heard() {
            return Ok(());
        }
    }
}

/// Waits until a source fails or all have ended, and says where to look, once.
async fn until_failure(running: &mut Running, greeted: &mut bool) -> Result<(), Error> {
    if *greeted {
        return running.stopped().await;
    }
    let listeners = running.listeners().await;
    let scheme = |place: &Place| if running.speaks_tls(place) { "https" } else { "http" };
    let listeners: Vec<_> =
        listeners.into_iter().map(|(place, at)| (format!("{}://{at}", scheme(&place)), place)).collect();
    tokio::select! {
        biased;
        ended = running.stopped() => return ended,
        () = greet(&listeners, greeted) => {}
    }
    running.stopped().await
}

/// Says where to look. To standard output, so that it stands apart from the log.
async fn greet(listeners: &[(String, Place)], greeted: &mut bool) {
    // Half of it is not said again.
    *greeted = true;
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
            let answer = client::get(query).await;
            if answer.is_ok_and(|(_, body)| body.windows(7).any(|w| w == b"\"value\"")) {
                return;
            }
            tokio::time::sleep(BETWEEN_QUESTIONS).await;
        }
    };
    tokio::time::timeout(FIRST_SCRAPES, asked).await.is_ok()
}

/// What asks the program to stop, or to read its files anew.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
    /// Whether it was asked to stop while it could not.
    stop: bool,
}

// === impl Signals ===

impl Signals {
    fn new() -> Result<Self, Error> {
        let listen = |kind| signal(kind).map_err(|e| Error::internal("can't listen to signals").with_source(e));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
            stop: false,
        })
    }

    /// What is asked next.
    async fn next(&mut self) -> Event {
        tokio::select! {
            _ = self.interrupt.recv() => Event::Stop,
            _ = self.terminate.recv() => Event::Stop,
            _ = self.hangup.recv() => Event::Reload(None),
        }
    }

    /// Waits for the second request to stop, and keeps the first.
    async fn stop_twice(&mut self) {
        self.stop().await;
        self.stop = true;
        self.stop().await;
    }

    /// Whether it was asked to stop while it could not.
    fn are_heard(&self) -> bool {
        self.stop
    }

    async fn stop(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

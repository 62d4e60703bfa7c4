//! Keeps a program running, and gives it one batch at a time.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use weir_pipeline::error::Place;
use weir_pipeline::{Batch, Context, Error, Kind, Result};

use super::fault::Fault;
use super::program::Program;
use super::telemetry::Telemetry;
use super::{Fields, rows};

/// A batch that is to be answered.
pub(super) struct Asked {
    pub(super) batch: Batch,
    pub(super) reply: oneshot::Sender<Result<Batch>>,
}

/// Keeps a program running.
pub(super) struct Keeper {
    settings: Fields,
    place: Place,
    telemetry: Telemetry,
    program: Option<Program>,
    /// The number of the next batch.
    number: u64,
    /// How often it has failed since it answered.
    failures: u32,
    /// Not to be started before this, and why.
    pause: Option<(Instant, String)>,
}

// === impl Keeper ===

impl Keeper {
    /// Starts the program for the first time. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// It can't be started.
    pub(super) fn start(settings: Fields, context: &Context) -> Result<Self> {
        let (place, telemetry) = (context.place.clone(), Telemetry::new(context));
        let mut keeper = Self { settings, place, telemetry, program: None, number: 0, failures: 0, pause: None };
        match Program::start(&keeper.settings, &keeper.place, || keeper.telemetry.started(false)) {
            Ok(program) => keeper.program = Some(program),
            Err(fault) => return Err(Error::unavailable(format!("{} {fault}", keeper.name()))),
        }
        Ok(keeper)
    }

    /// Has the program answer what is asked, until nobody asks any more or `stop` is cancelled, and ends it.
    pub(super) async fn run(mut self, mut asked: mpsc::Receiver<Asked>, stop: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                fault = idle(&mut self.program) => {
                    self.program = None;
                    self.failed(&fault);
                }
                next = asked.recv() => match next {
                    None => break,
                    // Whoever asked is gone.
                    Some(Asked { reply, .. }) if reply.is_closed() => {}
                    Some(Asked { batch, reply }) => {
                        let answer = self.answer(&batch).await;
                        // Whoever asked may be gone by now.
                        let _ = reply.send(answer);
                    }
                },
            }
        }
        // Those who wait hear that it is closed.
        drop(asked);
        if let Some(program) = self.program.take() {
            program.end().await;
        }
    }

    async fn answer(&mut self, batch: &Batch) -> Result<Batch> {
        let (number, limit) = (self.number, self.settings.max_frame);
        let size = rows::size(batch);
        if size > limit.get() {
            let samples = batch.sample_count();
            return Err(Error::invalid(format!(
                "expected a batch that takes at most `{limit}` as rows, which is `max_frame`, got one of {samples} samples \
                 that takes {size} bytes"
            )));
        }
        let unmade = |error| Error::internal("expected rows of a batch").with_source(error);
        let question = rows::question(batch, number).map_err(unmade)?;
        let mut program = self.running()?;
        self.number += 1;
        let begin = Instant::now();
        let said = program.ask(&question, self.settings.timeout.get()).await;
        let said = said.unwrap_or(Err(Fault::Late(self.settings.timeout)));
        let answer = said.and_then(|rows| rows::answer(&rows, batch, number).map_err(Fault::Answer));
        match answer {
            Ok(answer) => {
                self.telemetry.answered(begin.elapsed());
                self.failures = 0;
                self.program = Some(program);
                Ok(answer)
            }
            Err(fault) => {
                let fault = program.tell(fault).await;
                let retry_after = Some(self.failed(&fault));
                let kind = match fault {
                    Fault::Late(_) => Kind::TimedOut,
                    _ => Kind::Unavailable { retry_after },
                };
                Err(Error::new(kind, format!("{} {fault}", self.name())))
            }
        }
    }

    /// The program, started again where it does not run. To be given back once it has answered.
    fn running(&mut self) -> Result<Program> {
        if let Some(program) = self.program.take() {
            return Ok(program);
        }
        if let Some((until, why)) = &self.pause {
            let left = until.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                let kind = Kind::Unavailable { retry_after: Some(left) };
                let message = format!("{} is started again in {}ms: it {why}", self.name(), left.as_millis());
                return Err(Error::new(kind, message));
            }
        }
        let started = Program::start(&self.settings, &self.place, || self.telemetry.started(true));
        started.map_err(|fault| {
            let retry_after = Some(self.failed(&fault));
            Error::new(Kind::Unavailable { retry_after }, format!("{} {fault}", self.name()))
        })
    }

    /// Counts and tells a fault, and how long the program is left alone now.
    fn failed(&mut self, fault: &Fault) -> Duration {
        let pause = self.backoff();
        self.failures = self.failures.saturating_add(1);
        self.pause = Some((Instant::now() + pause, fault.to_string()));
        self.telemetry.failed(fault);
        tracing::warn!(place = %self.place, pause_ms = pause.as_millis() as u64, "{} {fault}", self.name());
        pause
    }

    /// How long to wait after this failure: between half of what doubles and all of it.
    fn backoff(&self) -> Duration {
        let (initial, max) = (self.settings.restart.initial.get(), self.settings.restart.max.get());
        let doubled = initial.saturating_mul(1u32.checked_shl(self.failures).unwrap_or(u32::MAX)).min(max);
        let chance = RandomState::new().hash_one(self.failures) >> 11;
        doubled.mul_f64(0.5 + chance as f64 / (1u64 << 54) as f64)
    }

    /// The program's name, for messages. Its arguments may be secrets.
    fn name(&self) -> String {
        format!("`{}`", self.settings.command.first().map_or("", String::as_str))
    }
}

/// Waits until the program has ended by itself, for ever where there is none.
async fn idle(program: &mut Option<Program>) -> Fault {
    match program {
        Some(program) => program.ended().await,
        None => std::future::pending().await,
    }
}

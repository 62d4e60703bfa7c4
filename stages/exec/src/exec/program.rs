//! A program that runs: its pipes, and one batch after the other through them.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::ipc::writer::StreamWriter;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::answers::Answers;
use super::fault::Fault;
use super::frame::{Frame, broken};
use super::telemetry::Running;
use super::{Fields, rows};

/// How long a program may take to end after its input has.
const TO_END: Duration = Duration::from_secs(5);

/// How long a program whose pipes are closed may take to say how it ended.
const TO_TELL: Duration = Duration::from_secs(1);

/// The longest line of a program's standard error that is logged as one, in bytes.
const MAX_LINE: usize = 8 << 10;

/// A program that runs. Killed when dropped, with all that it has started.
pub(super) struct Program {
    /// Goes first: as long as the program is not waited for nobody else can have its number.
    group: Group,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    questions: StreamWriter<Vec<u8>>,
    answers: Answers,
    max_frame: u64,
    errors: JoinHandle<()>,
    _running: Running,
}

/// The process group of a program: it, and what it has started that did not leave the group. All of it is killed when this is
/// dropped.
struct Group(Option<Pid>);

/// Real time passes where a program is waited for, also where a test has stopped tokio's: that goes on by itself once
/// nobody has anything to do, but not while a blocking task is under way, as this is until it is dropped.
struct RealTime(#[expect(dead_code, reason = "it is dropped")] mpsc::Sender<()>);

// === impl Program ===

impl Program {
    /// Starts the program. `place` is where the pipeline has it.
    ///
    /// # Errors
    /// The system does not.
    pub(super) fn start(settings: &Fields, place: &Arc<str>, running: impl FnOnce() -> Running) -> Result<Self, Fault> {
        let mut child = command(settings)
            .envs(settings.env.iter().map(|(name, value)| (name, value.reveal())))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // What stops Weir from a terminal does not stop it: it has batches to answer until the pipeline has
            // drained. And what it starts in its turn can be killed with it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(Fault::Start)?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(input), Some(output), Some(errors)) = pipes else {
            return Err(Fault::Start(std::io::Error::other("expected pipes")));
        };
        let questions = StreamWriter::try_new(Vec::new(), &rows::schema());
        Ok(Self {
            group: Group::of(&child),
            child,
            input,
            output: BufReader::new(output),
            questions: questions.map_err(|error| Fault::Start(std::io::Error::other(error)))?,
            answers: Answers::default(),
            max_frame: settings.max_frame.get(),
            errors: tokio::spawn(log(errors, place.clone())),
            _running: running(),
        })
    }

    /// Has the program answer rows. What fails, or is dropped half way, leaves it where nobody knows: it is to be
    /// dropped, too.
    pub(super) async fn ask(&mut self, question: &RecordBatch, within: Duration) -> Option<Result<RecordBatch, Fault>> {
        let _real = RealTime::new();
        timeout(within, self.exchange(question)).await.ok()
    }

    async fn exchange(&mut self, question: &RecordBatch) -> Result<RecordBatch, Fault> {
        if !self.output.buffer().is_empty() {
            return Err(Fault::answer("it said more than it was asked"));
        }
        self.questions.write(question).map_err(Fault::answer)?;
        let bytes = std::mem::take(self.questions.get_mut());
        let Self { child, input, output, answers, max_frame, .. } = self;
        let ask = async {
            input.write_all(&bytes).await.map_err(|error| broken(&error))?;
            input.flush().await.map_err(|error| broken(&error))
        };
        let listen = async {
            loop {
                let frame = Frame::read(output, *max_frame).await?;
                if let Some(rows) = answers.take(&frame)? {
                    return Ok(rows);
                }
            }
        };
        // It may begin to answer before it has read all.
        let exchange = async { tokio::try_join!(ask, listen).map(|((), rows)| rows) };
        let ended = async {
            let status = child.wait().await;
            // What it has said is read to the end, which does not come where something that it has started holds its pipes.
            tokio::time::sleep(TO_TELL).await;
            status.map_or_else(|error| broken(&error), |status| Fault::Ended(status.to_string()))
        };
        tokio::select! {
            biased;
            rows = exchange => rows,
            fault = ended => Err(fault),
        }
    }

    /// Waits until the program has ended by itself. Cancel safe.
    pub(super) async fn ended(&mut self) -> Fault {
        match self.child.wait().await {
            Ok(status) => Fault::Ended(status.to_string()),
            Err(error) => broken(&error),
        }
    }

    /// The fault, with how the program ended where it did.
    pub(super) async fn tell(mut self, fault: Fault) -> Fault {
        let _real = RealTime::new();
        match fault {
            Fault::Ended(how) => match timeout(TO_TELL, self.ended()).await {
                Ok(Fault::Ended(status)) => Fault::Ended(status),
                _ => Fault::Ended(how),
            },
            other => other,
        }
    }

    /// Closes the program's input and waits until it has ended, or kills it after a while.
    pub(super) async fn end(self) {
        let _real = RealTime::new();
        let Self { group, mut child, mut input, mut questions, output, errors, .. } = self;
        let ending = async {
            if questions.finish().is_ok() {
                // It may be gone already.
                let _ = input.write_all(questions.get_ref()).await;
            }
            drop((input, output));
            let _ = child.wait().await;
        };
        let has_ended = timeout(TO_END, ending).await.is_ok();
        drop(group);
        if !has_ended {
            let _ = child.kill().await;
        }
        // Its last words. Others may still have its standard error.
        let _ = timeout(TO_TELL, errors).await;
    }
}

/// The command that starts the program.
fn command(settings: &Fields) -> Command {
    let words = &settings.command;
    let limits = limits(settings);
    let (program, arguments) =
        words.split_first().map_or(("", words.as_slice()), |(first, rest)| (first.as_str(), rest));
    if limits.is_empty() {
        let mut command = Command::new(program);
        command.args(arguments);
        return command;
    }
    let mut command = Command::new("sh");
    // The words are arguments of the script, which it does not read.
    command.arg("-c").arg(format!("{limits}exec \"$@\"")).arg("weir").args(words);
    command
}

/// What a shell does to limit itself, and what it becomes.
fn limits(settings: &Fields) -> String {
    let memory = settings.memory.map(|memory| format!("ulimit -v {} && ", memory.get() >> 10));
    let cpu = settings.cpu.map(|cpu| format!("ulimit -t {} && ", cpu.get().as_secs()));
    [memory, cpu].into_iter().flatten().collect()
}

/// Logs what a program writes to its standard error, up to its end.
async fn log(errors: impl AsyncRead + Unpin, place: Arc<str>) {
    let mut errors = BufReader::new(errors);
    let mut line = Vec::new();
    loop {
        let (read, ends) = match errors.fill_buf().await {
            Ok([]) | Err(_) => break,
            Ok(some) => {
                let end = some.iter().position(|byte| *byte == b'\n');
                let part = some.get(..end.unwrap_or(some.len())).unwrap_or_default();
                line.extend_from_slice(part);
                (end.map_or(some.len(), |end| end + 1), end.is_some() || line.len() >= MAX_LINE)
            }
        };
        errors.consume(read);
        if ends {
            say(&place, &std::mem::take(&mut line));
        }
    }
    if !line.is_empty() {
        say(&place, &line);
    }
}

fn say(place: &str, line: &[u8]) {
    tracing::info!(%place, "{}", String::from_utf8_lossy(line).trim_end());
}

// === impl Group ===

impl Group {
    /// The group of a program that was started as its first.
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // It is an error where nobody is left.
        let _ = self.0.map(|group| kill_process_group(group, Signal::Kill));
    }
}

// === impl RealTime ===

impl RealTime {
    fn new() -> Self {
        let (end, ended) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || ended.recv());
        Self(end)
    }
}

//! `exec`: has a program in any language change batches, as Arrow over its standard input and output.
//!
//! ```yaml
//! exec: { command: [python3, plugins/python/add_label.py, env, prod] }
//! ```
//!
//! All settings: `exec: { command: […], env: { NAME: text }, timeout: 10s, restart: { initial: 100ms, max: 30s },
//! max_frame: 64MiB, memory: 512MiB, cpu: 1h }`.
//!
//! Shape: the program runs as long as the pipeline does. On its standard input it gets one stream of Arrow's IPC
//! format, and writes one to its standard output: for each record batch that it gets one record batch, before it gets
//! the next. `cat` is a program that changes nothing. A row is a sample:
//!
//! | column | type | |
//! |---|---|---|
//! | `batch` | uint64 | the number of the batch: an answer has the number of what it answers in every row |
//! | `tenant` | utf8 | whose sample it is; stays as it is |
//! | `labels` | `map<utf8, utf8>` | the metric's name is `__name__`; a label whose value is null or empty is absent |
//! | `timestamp` | int64 | milliseconds since the Unix epoch |
//! | `value` | float64 | staleness markers are the NaN with the bits 0x7ff0000000000002 |
//! | `start_timestamp` | int64 | as `timestamp`; null where it is not known |
//!
//! An answer has these columns by name, in any order, and may have others, which nobody looks at. Numbers may be of
//! another type where they fit, timestamps may be Arrow's, texts large. Rows one after the other with the same labels
//! are one series. What is known of metrics (type, help, unit) does not go through the program: it goes on as it came, and
//! so do native histograms and exemplars. A batch without floats goes past it. The batch goes on once the program has answered, and the ack is that of the
//! rest. Samples that do not come back are counted as dropped, reason `exec`, and those beyond as created. What the
//! program writes to its standard error is logged, line by line.
//!
//! Errors: a program that ends, or says what is no answer, makes the batch unavailable, and one that takes longer than
//! `timeout` makes it timed out: both may be repeated. The program is then killed and started again with the next
//! batch, after a pause that doubles with each failure in a row; what comes before that is unavailable, too. A batch on
//! which the program always fails comes again as long as its sender repeats it. A batch that is larger than `max_frame`
//! as a message is refused for good (invalid). Where the program can't be started in the first place, the pipeline is
//! not.
//!
//! Order: anywhere; below `filter`, so that the program sees only what stays. It gets one batch at a time, in their
//! order; others wait meanwhile. Where a caller goes away, the program's answer is thrown away.
//!
//! Limits: `memory` and `cpu` are those of the system for one process (`ulimit -v` and `-t`), which a POSIX shell sets
//! before it becomes the program. It is killed with all that it has started in its turn, but for what left its process
//! group, which also goes when the program ends by itself. It has Weir's rights, directory and environment. At the end
//! its input is closed, and it has five seconds to end.
//!
//! Source: the streaming format of Arrow's IPC, <https://arrow.apache.org/docs/format/Columnar.html>; Telegraf's
//! `execd`, with acks.

mod answers;
mod fault;
mod frame;
mod keeper;
mod program;
mod rows;
mod telemetry;

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use weir_pipeline::ack::reason;
use weir_pipeline::batch::Series;
use weir_pipeline::units::{Bytes, Secret, Span, above_zero, wordless};
use weir_pipeline::{Ack, Batch, Context, Error, Next, Outcome, Result, Stage, Write};

use keeper::{Asked, Keeper};

/// The least and the greatest `max_frame`, in bytes.
const FRAMES: (u64, u64) = (1 << 10, 1 << 30);

/// Has a program in any language change batches.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Exec(Fields);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    /// The program and its arguments. A name without `/` is looked for in the directories of `PATH`. Arguments are shown, by
    /// `weir explain`, by the API and by the system: a secret belongs into `env`.
    #[serde(deserialize_with = "some_program")]
    command: Vec<String>,
    /// Variables of its environment, beside those of Weir. Their values are shown nowhere. Default none.
    #[serde(default, deserialize_with = "wordless")]
    env: BTreeMap<String, Secret>,
    /// How long it may take for a batch; above 0. Default `10s`.
    #[serde(default = "default_timeout", deserialize_with = "above_zero")]
    timeout: Span,
    /// How long to wait before it is started again.
    #[serde(default)]
    restart: Restart,
    /// How large a message may be, either way; `1KiB` to `1GiB`. Default `64MiB`.
    #[serde(default = "default_max_frame")]
    max_frame: Bytes,
    /// How much address space it may have. What it asks for beyond that it does not get. Default: no limit.
    #[serde(default)]
    memory: Option<Bytes>,
    /// How much time of a CPU it may use until it is killed, and started again; at least `1s`. Default: no limit.
    #[serde(default)]
    cpu: Option<Span>,
}

/// How long to wait before the program is started again: twice as long after each failure in a row, up to `max`, and
/// between half of that and all. A batch that it answers ends the row.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Restart {
    /// After the first failure; above 0. Default `100ms`.
    #[serde(deserialize_with = "above_zero")]
    initial: Span,
    /// At most. Default `30s`.
    #[serde(deserialize_with = "above_zero")]
    max: Span,
}

fn default_timeout() -> Span {
    Span::from_secs(10)
}

fn default_max_frame() -> Bytes {
    Bytes::mib(64)
}

/// Reads a program and its arguments.
fn some_program<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let words = Vec::<String>::deserialize(deserializer)?;
    if words.first().is_none_or(String::is_empty) {
        return Err(D::Error::custom("expected a program, got none"));
    }
    if words.iter().any(|word| word.contains('\0')) {
        return Err(D::Error::custom("expected words without a zero byte"));
    }
    Ok(words)
}

// === impl Exec ===

impl TryFrom<Fields> for Exec {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let Restart { initial, max } = &fields.restart;
        if let Some(name) = fields.env.keys().find(|name| name.is_empty() || name.contains(['=', '\0'])) {
            return Err(format!("expected the name of a variable in `env`, got `{name}`"));
        }
        if fields.env.values().any(|value| value.reveal().contains('\0')) {
            return Err("expected values in `env` without a zero byte".into());
        }
        if initial > max {
            return Err(format!(
                "expected `restart.initial` of at most `{max}`, which is `restart.max`, got `{initial}`"
            ));
        }
        if !(FRAMES.0..=FRAMES.1).contains(&fields.max_frame.get()) {
            return Err(format!("expected a `max_frame` of 1KiB to 1GiB, got `{}`", fields.max_frame));
        }
        if let Some(memory) = fields.memory.filter(|memory| memory.get() < 1 << 20) {
            return Err(format!("expected a `memory` of at least 1MiB, got `{memory}`"));
        }
        if let Some(cpu) = fields.cpu.filter(|cpu| *cpu < Span::from_secs(1)) {
            return Err(format!("expected a `cpu` of at least 1s, got `{cpu}`"));
        }
        Ok(Self(fields))
    }
}

impl Stage<Write> for Exec {
    const NAME: &'static str = "exec";

    fn wrap(self, context: &Context, next: Next<Write>) -> Result<Next<Write>> {
        let runtime = Handle::try_current();
        let runtime = runtime.map_err(|_| Error::internal("expected a tokio runtime to start a program in"))?;
        let keeper = Keeper::start(self.0, context)?;
        // One that waits while another is with the program; all others wait for this place.
        let (sender, asked) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let keeping = runtime.spawn(keeper.run(asked, stop.clone()));
        context.on_close(async move {
            stop.cancel();
            keeping.await.map_err(|e| Error::internal("expected the program's keeper to end").with_source(e))
        });
        Ok(next.behind(move |batch, next| through(sender.clone(), batch, next)))
    }
}

/// Sends a batch through the program, and what comes back to the rest.
async fn through(keeper: mpsc::Sender<Asked>, batch: Batch, next: Next<Write>) -> Result<Ack> {
    if batch.float_count() == 0 {
        return next.pass(batch).await;
    }
    let sent = batch.float_count() as u64;
    let past = past(&batch);
    let (reply, answer) = oneshot::channel();
    keeper.send(Asked { batch, reply }).await.map_err(|_| Error::closed())?;
    let out = answer.await.unwrap_or_else(|_| Err(Error::closed()))?;
    let came = out.sample_count() as u64;
    let mut ack = Ack::default().with(Outcome::Dropped, reason::EXEC, sent.saturating_sub(came));
    ack.created = came.saturating_sub(sent);
    let out = match past {
        Some(past) => together(&out, &past),
        None => out,
    };
    if !out.is_empty() || out.exemplar_count() > 0 {
        ack.merge(next.pass(out).await?);
    }
    Ok(ack)
}

/// The native histograms and exemplars of a batch, which go past the program; `None` where there is none.
fn past(batch: &Batch) -> Option<Batch> {
    if batch.histogram_count() + batch.exemplar_count() == 0 {
        return None;
    }
    let mut out = Batch::builder(batch.tenant().clone());
    for series in batch.iter().filter(|series| !series.histograms.is_empty() || !series.exemplars.is_empty()) {
        out.push_series(series.labels, Series { timestamps: &[], values: &[], start_timestamps: &[], ..series });
    }
    Some(out.build())
}

/// Both batches as one.
fn together(one: &Batch, other: &Batch) -> Batch {
    let mut out = Batch::builder(one.tenant().clone());
    one.iter().chain(other.iter()).for_each(|series| _ = out.push_series(series.labels, series));
    one.metadata().iter().for_each(|metadata| _ = out.metadata(metadata.clone()));
    out.build()
}

impl Default for Restart {
    fn default() -> Self {
        Self { initial: Span::from_millis(100), max: Span::from_secs(30) }
    }
}

#[cfg(test)]
mod tests;

//! `weir query`: asks a running Weir and prints a table, a chart, CSV or JSON.

use clap::{Args, ValueEnum};
use hyper::StatusCode;
use serde_json::Value;
use weir_pipeline::Clock;
use weir_pipeline::units::Span;

use super::Exit;
use super::client::Server;
use crate::out::{print, tell};

mod show;

/// How many steps a range has at most where the step is not said: as many as a line has columns.
const STEPS: i64 = 60;

/// Ask a running Weir, or anything else with Prometheus' API.
#[derive(Debug, Args)]
pub(super) struct Query {
    /// The PromQL expression.
    promql: String,
    #[command(flatten)]
    server: Server,
    /// When, in Unix seconds or RFC 3339; now where absent.
    #[arg(long, conflicts_with_all = ["range", "start", "end", "step"], allow_hyphen_values = true)]
    time: Option<String>,
    /// A range query over so long a time up to now, as `1h`.
    #[arg(long, conflicts_with_all = ["start", "end"])]
    range: Option<Span>,
    /// The first step of a range query, in Unix seconds or RFC 3339.
    #[arg(long, requires = "end", allow_hyphen_values = true)]
    start: Option<String>,
    /// The end of a range query.
    #[arg(long, requires = "start", allow_hyphen_values = true)]
    end: Option<String>,
    /// The step of a range query, as `15s`. Default: 1m, and with `--range` a sixtieth of that.
    #[arg(long)]
    step: Option<String>,
    /// How to print the answer. Default: `chart` for a range query, else `table`.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// The same as `--format json`.
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// How long to wait, as `30s` or `2m`.
    #[arg(long, default_value = "2m")]
    timeout: Span,
}

/// How an answer is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line for each sample: the series, the value, the time.
    Table,
    /// A line for each series: its least, greatest and last value, and how it went.
    Chart,
    /// The answer as it came.
    Json,
    /// A line for each sample: time, value, labels, each label in a column.
    Csv,
}

// === impl Query ===

impl Query {
    /// Asks and prints.
    pub(super) fn run(&self) -> Exit {
        if self.step.is_some() && self.range.is_none() && self.start.is_none() {
            return fail(Exit::Usage, "`--step` needs `--range`, or `--start` and `--end`");
        }
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(e) => return fail(Exit::Failure, &format!("no runtime: {e}")),
        };
        let (wait, path) = (self.timeout.get(), self.path(Clock::system().now()));
        match runtime.block_on(async { tokio::time::timeout(wait, self.server.get(&path)).await }) {
            Err(_) => fail(Exit::Failure, &format!("{} did not answer within {}", self.server.url, self.timeout)),
            Ok(Err(message)) => fail(Exit::Failure, &message),
            Ok(Ok((status, body))) => self.show(status, &body),
        }
    }

    /// What is asked, where it is `now` in milliseconds since the Unix epoch.
    fn path(&self, now: i64) -> String {
        let times: Vec<(&str, String)> = match (self.range, &self.start, &self.end) {
            (Some(range), ..) => {
                let range = range.as_millis();
                // Whole seconds: what steps are looked at with.
                let step = self.step.clone().unwrap_or_else(|| format!("{}s", (range / 1000 / STEPS).max(1)));
                vec![("start", seconds(now.saturating_sub(range))), ("end", seconds(now)), ("step", step)]
            }
            (None, Some(start), Some(end)) => {
                let step = self.step.clone().unwrap_or_else(|| "1m".to_owned());
                vec![("start", start.clone()), ("end", end.clone()), ("step", step)]
            }
            _ => self.time.iter().map(|time| ("time", time.clone())).collect(),
        };
        let endpoint = if self.is_range() { "query_range" } else { "query" };
        let mut path = format!("/api/v1/{endpoint}?query={}", escape(&self.promql));
        for (name, value) in times {
            path.push_str(&format!("&{name}={}", escape(&value)));
        }
        path
    }

    fn is_range(&self) -> bool {
        self.range.is_some() || self.start.is_some()
    }

    fn format(&self) -> Format {
        let default = if self.is_range() { Format::Chart } else { Format::Table };
        if self.json { Format::Json } else { self.format.unwrap_or(default) }
    }

    fn show(&self, status: StatusCode, body: &[u8]) -> Exit {
        let Ok(answer) = serde_json::from_slice::<Value>(body) else {
            return fail(Exit::Failure, &self.server.unreadable(status));
        };
        if self.format() == Format::Json {
            print(&format!("{}\n", String::from_utf8_lossy(body)));
        }
        for note in ["warnings", "infos"].iter().filter_map(|n| answer[n].as_array()).flatten() {
            tell(note.as_str().unwrap_or_default());
        }
        if answer["status"] != "success" {
            let wrong = matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY);
            let message = answer["error"].as_str().unwrap_or("an error without a message");
            return fail(if wrong { Exit::Mistake } else { Exit::Failure }, message);
        }
        let series = show::series(&answer["data"]);
        if series.is_empty() {
            tell("weir: the answer is empty: no series has a value at that time");
        }
        match self.format() {
            Format::Json => {}
            Format::Table => print(&show::table(&series)),
            Format::Chart => print(&show::chart(&series)),
            Format::Csv => print(&show::csv(&series)),
        }
        Exit::Success
    }
}

pub(super) fn fail(exit: Exit, message: &str) -> Exit {
    tell(&format!("weir: {message}"));
    exit
}

/// Unix seconds.
fn seconds(milliseconds: i64) -> String {
    format!("{}.{:03}", milliseconds.div_euclid(1000), milliseconds.rem_euclid(1000))
}

/// Percent-encodes what is not plain.
pub(super) fn escape(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, b| {
        if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
        out
    })
}

#[cfg(test)]
mod tests;

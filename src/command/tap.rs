//! `weir tap`: what flows through a running Weir, as it comes to a stage, or how much of it.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use hyper::StatusCode;
use serde_json::Value;

use super::client::Who;
use super::query::{escape, fail};
use super::{Exit, table};
use crate::out::try_print;

mod follow;

use follow::{Ended, follow};

/// Clears a terminal.
const CLEAR: &str = "\x1b[2J\x1b[H";

/// The columns of rates: what the server calls them, and their heads.
const COLUMNS: [(&str, &str); 6] = [
    ("batches", "batches/s"),
    ("samples", "samples/s"),
    ("series", "series/s"),
    ("bytes", "bytes/s"),
    ("dropped", "dropped/s"),
    ("errors", "errors/s"),
];

/// Watch what flows through a running Weir.
///
/// Shows samples as they come: with the name of a pipeline what its source sends, with `PIPELINE.STAGE` what comes INTO
/// that stage. The process must have a resource for it, as `resources: { tap: { tap: {} } }`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  weir tap agent                           what the source of `agent` sends
  weir tap agent.filter                    what comes into its stage `filter`
  weir tap 'agent.stages[2]'               the same by its place, where there are several of a kind
  weir tap agent.sink --match 'up{job=\"a\"}'  what comes to its sink, of one series
  weir tap agent --format json --limit 10  ten samples as JSON
  weir tap --rate                          how much comes to all stages, each second")]
pub(super) struct Tap {
    /// A pipeline, or `PIPELINE.STAGE`. Only pipelines that take samples can be watched.
    #[arg(required_unless_present = "rate")]
    stage: Option<String>,
    /// Say how much comes instead, each second: batches, samples, series (one in two batches counts twice), bytes in
    /// memory, samples that the stage itself dropped or rejected, and requests that failed there. Of all stages, or
    /// those of PIPELINE.
    #[arg(long, visible_alias = "top", conflicts_with_all = ["matches", "tenant"])]
    rate: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// End after so many samples; with `--rate` after so many seconds.
    #[arg(long)]
    limit: Option<u64>,
    /// Only series that a selector selects, as `up{job=~"a.*"}`. May be given more than once: one of them must.
    #[arg(long = "match", value_name = "SELECTOR")]
    matches: Vec<String>,
    /// Only samples of this tenant.
    #[arg(long)]
    tenant: Option<String>,
    /// Where the resource `tap` listens.
    #[arg(long, env = "WEIR_TAP", default_value = "http://127.0.0.1:19691")]
    url: String,
    #[command(flatten)]
    who: Who,
}

/// How it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lines as an exposition has them, with milliseconds; rates as a table.
    Text,
    /// A line of JSON for each sample, or for each second.
    Json,
}

// === impl Tap ===

impl Tap {
    /// Asks, and prints what comes until it ends or nobody reads it any more.
    pub(super) fn run(&self) -> Exit {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(e) => return fail(Exit::Failure, &format!("no runtime: {e}")),
        };
        let clears = std::io::stdout().is_terminal();
        let show = |line: &str| try_print(&self.shown(line, clears));
        match runtime.block_on(follow(&self.uri(), &self.who, show)) {
            Ok(Ended::Wholly) => Exit::Success,
            Ok(Ended::Refused(status, message)) => self.refused(status, message.trim_end()),
            Err(message) => {
                let hint = "the process needs a resource for this, as `resources: { tap: { tap: {} } }`";
                fail(Exit::Failure, &format!("{message}\n{hint}"))
            }
        }
    }

    /// What is asked.
    fn uri(&self) -> String {
        let path = if self.rate { "/-/tap/rates" } else { "/-/tap" };
        let mut parameters: Vec<(&str, &str)> = Vec::new();
        parameters.extend(self.stage.as_deref().map(|stage| ("stage", stage)));
        parameters.extend(self.matches.iter().map(|selector| ("match[]", selector.as_str())));
        parameters.extend(self.tenant.as_deref().map(|tenant| ("tenant", tenant)));
        let limit = self.limit.map(|limit| limit.to_string());
        parameters.extend(limit.as_deref().map(|limit| ("limit", limit)));
        if self.format == Format::Json {
            parameters.push(("format", "json"));
        }
        let parameters: Vec<String> = parameters.iter().map(|(n, v)| format!("{}={}", escape(n), escape(v))).collect();
        format!("{}{path}?{}", self.url.trim_end_matches('/'), parameters.join("&"))
    }

    /// What is printed for a line of the answer.
    fn shown(&self, line: &str, clears: bool) -> String {
        if line.is_empty() {
            // It only says that the server is still there.
            return String::new();
        }
        if !self.rate || self.format == Format::Json {
            return format!("{line}\n");
        }
        let Ok(rates) = serde_json::from_str::<Value>(line) else { return format!("{line}\n") };
        let (before, after) = if clears { (CLEAR, "") } else { ("", "\n") };
        format!("{before}{}{after}", table::table(&rows(&rates), |column| column > 0))
    }

    fn refused(&self, status: StatusCode, message: &str) -> Exit {
        match status {
            StatusCode::BAD_REQUEST => fail(Exit::Usage, message),
            StatusCode::NOT_FOUND => fail(Exit::Failure, &format!("{} is no resource `tap`: {message}", self.url)),
            _ => fail(Exit::Failure, &format!("{} answered {status}: {message}", self.url)),
        }
    }
}

/// The cells of rates: a head, and a line for each stage.
fn rows(rates: &Value) -> Vec<Vec<String>> {
    let seconds = rates["seconds"].as_f64().filter(|seconds| *seconds > 0.0).unwrap_or(1.0);
    let head = std::iter::once("stage").chain(COLUMNS.iter().map(|(_, head)| *head)).map(str::to_owned).collect();
    let mut rows = vec![head];
    for stage in rates["stages"].as_array().into_iter().flatten() {
        let text = |name: &str| stage[name].as_str().unwrap_or_default().to_owned();
        let mut row = vec![format!("{}.{}", text("pipeline"), text("stage"))];
        row.extend(COLUMNS.iter().map(|(name, _)| {
            let rate = stage[name].as_f64().unwrap_or(0.0) / seconds;
            if *name == "bytes" { bytes(rate) } else { number(rate) }
        }));
        rows.push(row);
    }
    rows
}

/// A rate, with a decimal where it is small.
fn number(rate: f64) -> String {
    if rate == 0.0 || rate >= 100.0 { format!("{rate:.0}") } else { format!("{rate:.1}") }
}

/// Bytes with the unit that fits.
fn bytes(rate: f64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)].map(|(unit, bits)| (unit, f64::from(1u32 << bits)));
    match units.into_iter().find(|(_, size)| rate >= *size) {
        Some((unit, size)) => format!("{:.1}{unit}", rate / size),
        None => format!("{rate:.0}B"),
    }
}

#[cfg(test)]
mod tests;
